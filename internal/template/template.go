// Package template reads what deploys lambdas. Of a SAM or CloudFormation template it reads the routes: which function answers which
// HTTP requests, and through which service. And of these and of a plan of Terraform whether the functions are what lpipe builds.
//
// Routes are the events HttpApi and Api of SAM's functions, routes and methods of API Gateway, and rules of load balancers.
// Nothing is deployed or evaluated: a value that depends on more than the defaults of parameters is a note.
package template

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/route"
)

// Limit is the size of the largest template that CloudFormation takes, in bytes:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const Limit = 1 << 20

// PlanLimit is the size of the largest template or plan of Terraform that is checked, in bytes.
const PlanLimit = 32 << 20

// Found is what a template has for lambdas.
type Found struct {
	Routes route.Table
	URLs   map[string]*route.CORS // of lambdas whose URLs answer browsers of other origins
	Notes  []string               // on what cannot be served here
}

// Routes returns the routes of a template that lead to lambdas of these names. name is the file as messages call it. The error joins
// every mistake, each a [fault.Error] of kind [fault.Usage] with its line.
func Routes(name string, data []byte, lambdas []string) (Found, error) {
	r, err := read(name, data)
	if err != nil {
		return Found{}, err
	}
	if err := r.findResources("name one: --template FILE, or template in [serve] of lpipe.toml"); err != nil {
		return Found{}, err
	}
	r.functions(lambdas)
	r.events()
	r.gatewayRoutes()
	r.gatewayMethods()
	r.listenerRules()
	r.functionURLs()
	for _, clash := range r.routes.Clashes() {
		r.mistakes.Addf(name+": "+clash, "", "remove one of them")
	}
	if err := r.mistakes.Err(); err != nil {
		return Found{Notes: r.notes}, err
	}
	return Found{r.routes, r.urls, r.notes}, nil
}

// read parses a template.
func read(name string, data []byte) (*reader, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: name + " is neither YAML nor JSON", Why: syntax(err), Fix: "correct it; sam validate --lint and cfn-lint check templates",
		}
	}
	r := &reader{file: name, budget: 200_000}
	root := r.follow(&document)
	if root != nil && root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = r.follow(root.Content[0])
	}
	r.root = root
	return r, nil
}

// findResources refuses what is no template.
func (r *reader) findResources(fix string) error {
	r.resources = r.get(r.root, "Resources")
	if r.resources == nil || r.resources.Kind != yaml.MappingNode {
		return &fault.Error{Kind: fault.Usage, What: r.file + " has no Resources", Why: "so it is no template of SAM or CloudFormation", Fix: fix}
	}
	return nil
}

// syntax is the message of the YAML library without the name of the library.
func syntax(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(first, "yaml: ")
}

type reader struct {
	file            string
	root, resources *yaml.Node
	lambdas         map[string]string // by logical name of the function
	routes          route.Table
	urls            map[string]*route.CORS
	notes           []string
	mistakes        fault.List
	budget          int // nodes that may still be visited: aliases multiply them
}

func (r *reader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", r.file, n.Line) }

func (r *reader) mistake(n *yaml.Node, what, fix string) {
	r.mistakes.Addf(r.at(n)+": "+what, "", fix)
}

func (r *reader) note(n *yaml.Node, what string) {
	r.notes = append(r.notes, r.at(n)+": "+what)
}

// authorizer notes that what decides who may call is not emulated; auth is its name or kind, which may be missing or NONE.
func (r *reader) authorizer(n *yaml.Node, what string, auth *yaml.Node) {
	if auth == nil || strings.EqualFold(auth.Value, "NONE") {
		return
	}
	name, ok := r.text(auth)
	if !ok {
		name = "that is known only when it is deployed"
	}
	r.note(n, what+" has the authorizer "+name+", which is not emulated: every request gets through, and the event says nothing of who sent it")
}

// follow returns what an alias stands for; nil where that cannot be said.
func (r *reader) follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
		r.budget--
		if r.budget < 0 {
			return nil
		}
	}
	return n
}

// get returns the value at a path of keys, nil where there is none, or AWS::NoValue in its place.
func (r *reader) get(n *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		n = r.value(n, key)
	}
	n = r.follow(n)
	if n == nil {
		return nil
	}
	if function, value := r.function(n); function == "Ref" && value.Value == "AWS::NoValue" {
		return nil
	}
	return n
}

// value returns the value of a key of a mapping: its own, or one of those that a merge key adds.
func (r *reader) value(n *yaml.Node, key string) (found *yaml.Node) {
	r.pairs(n, func(k, value *yaml.Node) bool {
		if k.Value == key {
			found = value
		}
		return found == nil
	})
	return found
}

// pairs calls do for the keys and values of a mapping and, after them, for those of the mappings that merge keys (<<) name, until
// it returns false.
func (r *reader) pairs(n *yaml.Node, do func(key, value *yaml.Node) bool) bool {
	n = r.follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return true
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag != "!!merge" {
			if !do(key, value) {
				return false
			}
			continue
		}
		if list, ok := r.items(value); ok {
			merged = append(merged, list...)
		} else {
			merged = append(merged, value)
		}
	}
	for _, m := range merged {
		if r.budget--; r.budget < 0 {
			return true
		}
		if !r.pairs(m, do) {
			return false
		}
	}
	return true
}

// each calls do for the keys and values of a mapping.
func (r *reader) each(n *yaml.Node, do func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	r.pairs(n, func(key, value *yaml.Node) bool {
		if value = r.follow(value); value != nil && !seen[key.Value] {
			do(key, value)
		}
		seen[key.Value] = true
		return true
	})
}

// items returns those of a list; ok is false for what is none, as an intrinsic function whose arguments are a list.
func (r *reader) items(n *yaml.Node) (all []*yaml.Node, ok bool) {
	n = r.follow(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil, false
	}
	if function, _ := r.function(n); function != "" {
		return nil, false
	}
	return n.Content, true
}

// open reports that a mapping is made, or added to, when it is deployed.
func (r *reader) open(n *yaml.Node) bool {
	if n == nil {
		return false
	}
	function, _ := r.function(n)
	return function != "" || r.value(n, "Fn::Transform") != nil
}

// ofType calls do for the resources of a type, with their properties, which may be nil.
func (r *reader) ofType(name string, do func(key, properties *yaml.Node)) {
	r.each(r.resources, func(key, resource *yaml.Node) {
		if t := r.get(resource, "Type"); t != nil && t.Value == name {
			do(key, r.get(resource, "Properties"))
		}
	})
}

// globals returns a value for a kind of resource that has none of its own.
func (r *reader) globals(properties *yaml.Node, kind, key string) *yaml.Node {
	if own := r.get(properties, key); own != nil {
		return own
	}
	return r.get(r.root, "Globals", kind, key)
}

var placeholder = pattern.Of(`\$\{([^}]*)\}`)

// text evaluates a value as far as the defaults of parameters go; ok is false where they do not.
func (r *reader) text(n *yaml.Node) (text string, ok bool) {
	n = r.follow(n)
	if n == nil {
		return "", false
	}
	switch function, value := r.function(n); {
	case function == "Ref":
		return r.parameter(value.Value)
	case function == "Sub" && value.Kind == yaml.ScalarNode:
		ok = true
		text = placeholder().ReplaceAllStringFunc(value.Value, func(s string) string {
			if literal, escaped := strings.CutPrefix(s, "${!"); escaped {
				return "${" + literal
			}
			v, known := r.parameter(s[2 : len(s)-1])
			ok = ok && known
			return v
		})
		return text, ok && !strings.Contains(text, dynamic)
	case function != "" || n.Kind != yaml.ScalarNode || strings.Contains(n.Value, dynamic):
		return "", false
	}
	return n.Value, true
}

// dynamic begins a reference to a value that CloudFormation reads as it deploys.
const dynamic = "{{resolve:"

// parameter is the default of a parameter. That of one that is read from Parameter Store is the name of what is read.
func (r *reader) parameter(name string) (string, bool) {
	p := r.get(r.root, "Parameters", name)
	if kind := r.get(p, "Type"); kind != nil && strings.HasPrefix(kind.Value, "AWS::SSM::Parameter::") {
		return "", false
	}
	if v := r.get(p, "Default"); v != nil && v.Kind == yaml.ScalarNode && !strings.Contains(v.Value, dynamic) {
		return v.Value, true
	}
	return "", false
}

// function returns the intrinsic function that a value is, without Fn::, and its argument; "" for other values.
func (r *reader) function(n *yaml.Node) (string, *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return n.Tag[1:], n
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		if key := n.Content[0].Value; key == "Ref" || strings.HasPrefix(key, "Fn::") {
			if value := r.follow(n.Content[1]); value != nil {
				return strings.TrimPrefix(key, "Fn::"), value
			}
		}
	}
	return "", nil
}

// references returns the logical names of all resources that a value refers to.
func (r *reader) references(n *yaml.Node) (names []string) {
	n = r.follow(n)
	if r.budget--; n == nil || r.budget < 0 {
		return nil
	}
	function, value := r.function(n)
	if function != "" && value.Kind == yaml.ScalarNode {
		switch function {
		case "Ref":
			return []string{value.Value}
		case "GetAtt":
			name, _, _ := strings.Cut(value.Value, ".")
			return []string{name}
		case "Sub":
			return substituted(value.Value)
		}
	}
	if function == "GetAtt" && value.Kind == yaml.SequenceNode && len(value.Content) > 0 {
		return []string{value.Content[0].Value}
	}
	if function == "Sub" && value.Kind == yaml.SequenceNode && len(value.Content) > 0 {
		names = substituted(value.Content[0].Value)
	}
	for _, child := range n.Content {
		names = append(names, r.references(child)...)
	}
	return names
}

// substituted returns the logical names that the text of a Sub has.
func substituted(text string) (names []string) {
	for _, match := range placeholder().FindAllStringSubmatch(text, -1) {
		name, _, _ := strings.Cut(match[1], ".")
		names = append(names, name)
	}
	return names
}

// refersTo returns the logical name of the first resource of these types that a value refers to, with its properties.
func (r *reader) refersTo(n *yaml.Node, types ...string) (string, *yaml.Node) {
	for _, name := range r.references(n) {
		if t := r.get(r.resources, name, "Type"); t != nil && slices.Contains(types, t.Value) {
			return name, r.get(r.resources, name, "Properties")
		}
	}
	return "", nil
}

// lambda returns the lambda that a value refers to by its function; "" where there is none here.
func (r *reader) lambda(n *yaml.Node) string {
	function, _ := r.refersTo(n, functionTypes...)
	return r.lambdas[function]
}

// add checks a route and puts it among the others.
func (r *reader) add(n *yaml.Node, added route.Route) {
	added.Origin = r.at(n)
	if why := added.Check(); why != "" {
		r.mistake(n, "the route "+fault.Quote(added.Method+" "+added.Path)+" is none: "+why, "correct it")
		return
	}
	r.routes = append(r.routes, added)
}
