package template

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// Lambda is what lpipe builds, as far as a template says something of it.
type Lambda struct {
	Name    string
	Arch    string // as Lambda names it
	Runtime string
	Zip     string // absolute and slash separated

	Memory, Timeout int // in MB and seconds, that lpipe deploy gives the function; 0 leaves what it has
}

// Agreement is a function of a template and the lambda that it is for.
type Agreement struct {
	Function string // as messages call it, with its line
	Lambda   string
}

// Built is what lpipe builds.
type Built struct {
	Lambdas []Lambda
	All     bool // of the workspace: a zip beside theirs is that of no lambda
}

// Checked is what a template has.
type Checked struct {
	Agree  []Agreement // the functions that were compared
	Notes  []string    // what cannot be known before it is deployed, or has no effect
	Nested []Nested    // the templates of its stacks, which are files
}

// Nested is a template that a stack of another one names.
type Nested struct {
	Stack string // as messages call it, with its line
	File  string // absolute and slash separated
}

const (
	defaultArch = "x86_64"
	handler     = "bootstrap" // the file in the zip
)

// Check compares the functions of a SAM or CloudFormation template, or of a plan of Terraform as terraform show -json writes it, with
// what lpipe builds. name is the file as messages call it, dir its folder, absolute. A function is for a lambda by the path of its zip,
// or by its name. The error joins every mistake, each a [fault.Error] of kind [fault.Usage] with its line.
func Check(name, dir string, data []byte, built Built) (Checked, error) {
	r, err := read(name, data)
	if err != nil {
		return Checked{}, err
	}
	c := &checker{reader: r, dir: dir, built: built}
	if plan := r.get(r.root, "planned_values"); plan != nil {
		c.plan(r.get(plan, "root_module"), 0)
	} else if r.get(r.root, "values", "root_module") != nil {
		return Checked{}, &fault.Error{
			Kind: fault.Usage, What: name + " is a state of Terraform, and no plan", Why: "it says what is there, and not what is to be",
			Fix: "write a plan: terraform plan -out PLAN, and terraform show -json PLAN",
		}
	} else {
		if err := r.findResources("name a template of these, or a plan: terraform show -json PLAN"); err != nil {
			return Checked{}, err
		}
		c.resources()
	}
	c.checked.Notes = r.notes
	return c.checked, r.mistakes.Err()
}

type checker struct {
	*reader
	dir     string
	built   Built
	checked Checked
}

// function is one of a template: values are nil where it does not say them, and at is where it begins.
type function struct {
	at                                            *yaml.Node
	label                                         string
	names                                         []string // that it may have a lambda's name by
	handler, runtime, arch, code, memory, timeout *yaml.Node
	keys                                          keys
	planned                                       bool   // by Terraform, whose paths start where it was run
	compiled                                      string // by what the code is made of the sources, "" where it is not
}

// keys are the names of the values, for messages.
type keys struct{ handler, runtime, arch, code, memory, timeout string }

// resources checks the functions of a SAM or CloudFormation template.
func (c *checker) resources() {
	c.each(c.reader.resources, func(key, resource *yaml.Node) {
		if strings.HasPrefix(key.Value, "Fn::") {
			c.note(key, key.Value+" makes resources that are known only when they are deployed, and are not compared")
			return
		}
		kind, _ := c.text(c.get(resource, "Type"))
		if nestedTypes[kind] != "" {
			c.nested(key, resource, nestedTypes[kind])
			return
		}
		if slices.Contains(functionTypes, kind) {
			properties := c.get(resource, "Properties")
			if c.open(properties) {
				c.note(key, "function "+key.Value+" has properties that are known only when it is deployed, and is not compared")
				return
			}
			value := func(name string) *yaml.Node { return c.get(properties, name) }
			code := "Code"
			if kind == "AWS::Serverless::Function" {
				value = func(name string) *yaml.Node { return c.globals(properties, "Function", name) }
				code = "CodeUri"
			}
			f := function{
				at: key, label: "function " + key.Value, names: []string{key.Value},
				handler: value("Handler"), runtime: value("Runtime"), arch: value("Architectures"), code: value(code), memory: value("MemorySize"), timeout: value("Timeout"),
				keys: keys{"Handler", "Runtime", "Architectures", code, "MemorySize", "Timeout"},
			}
			if p, _ := c.text(value("PackageType")); p == "Image" || value("ImageUri") != nil || c.get(f.code, "ImageUri") != nil {
				return
			}
			metadata := c.get(resource, "Metadata")
			if method, ok := c.text(c.get(metadata, "BuildMethod")); ok {
				f.compiled = method
			}
			for _, n := range []*yaml.Node{c.get(metadata, "BuildProperties", "Binary"), value("FunctionName")} {
				if t, ok := c.text(n); ok {
					f.names = append([]string{t}, f.names...)
				}
			}
			f.names = append(f.names, c.constructs(metadata)...)
			c.function(f)
		}
	})
}

// nestedTypes are the types of stacks in a stack, with the property that says where the template is.
var nestedTypes = map[string]string{"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}

// nested adds the template of a stack, if it is a file. An application of a repository, which Location describes, has no functions of ours.
func (c *checker) nested(key, resource *yaml.Node, property string) {
	at := c.get(resource, "Properties", property)
	if of, _ := c.text(c.get(resource, "Metadata", "aws:asset:property")); of == property { // as the CDK writes it
		at = c.get(resource, "Metadata", "aws:asset:path")
	}
	file, known := c.local(at)
	switch {
	case known && !path.IsAbs(file):
		file = path.Join(c.dir, file)
		fallthrough
	case known:
		c.checked.Nested = append(c.checked.Nested, Nested{c.at(key) + ": stack " + key.Value, file})
	case at != nil && c.get(at, "ApplicationId") == nil:
		c.note(key, "stack "+key.Value+" has its template where lpipe does not look, and its functions are not compared")
	}
}

// constructs are the names of the CDK's constructs that a resource is in, the innermost first, without the stack.
func (c *checker) constructs(metadata *yaml.Node) []string {
	at, _ := c.text(c.get(metadata, "aws:cdk:path"))
	names := strings.Split(strings.TrimSuffix(at, "/Resource"), "/")[1:]
	slices.Reverse(names)
	return names[:min(len(names), 2)]
}

// plan checks the functions of a module of Terraform's and of those in it.
func (c *checker) plan(module *yaml.Node, depth int) {
	list, _ := c.items(c.get(module, "resources"))
	for _, resource := range list {
		kind, _ := c.text(c.get(resource, "type"))
		mode, _ := c.text(c.get(resource, "mode"))
		values := c.get(resource, "values")
		if p, _ := c.text(c.get(values, "package_type")); kind != "aws_lambda_function" || mode == "data" || p == "Image" || values == nil {
			continue
		}
		address, _ := c.text(c.get(resource, "address"))
		f := function{
			at: values, label: address, planned: true,
			handler: c.planned(address, values, "handler"), runtime: c.planned(address, values, "runtime"), arch: c.get(values, "architectures"),
			code: c.get(values, "filename"), memory: c.planned(address, values, "memory_size"), timeout: c.planned(address, values, "timeout"),
			keys: keys{"handler", "runtime", "architectures", "filename", "memory_size", "timeout"},
		}
		if name, ok := c.text(c.get(values, "function_name")); ok {
			f.names = []string{name}
		}
		c.function(f)
	}
	const deepest = 50 // modules in modules
	if depth == deepest {
		return
	}
	list, _ = c.items(c.get(module, "child_modules"))
	for _, child := range list {
		c.plan(child, depth+1)
	}
}

// planned is a value of a planned resource; one that only its deployment says is there, and is no text. Not so architectures:
// where nobody names them, the provider says that they will be known.
func (c *checker) planned(address string, values *yaml.Node, key string) *yaml.Node {
	if found := c.get(values, key); found != nil {
		return found
	}
	changes, _ := c.items(c.get(c.root, "resource_changes"))
	for _, change := range changes {
		if of, _ := c.text(c.get(change, "address")); of != address {
			continue
		}
		if unknown, _ := c.text(c.get(change, "change", "after_unknown", key)); unknown == "true" {
			return values
		}
	}
	return nil
}

// function checks one function.
func (c *checker) function(f function) {
	code, known := c.local(f.code)
	found := c.of(f, code, known)
	if len(found) == 0 {
		if known && c.left(code) {
			c.note(f.code, f.label+" has its code in "+fault.Quote(code)+", where no lambda is built: what is there is from before")
		}
		return
	}
	runtime, runtimeKnown := c.text(f.runtime)
	if runtimeKnown && !strings.HasPrefix(runtime, "provided") && !known {
		return // of another language, and called like a lambda
	}
	l := found[0]
	arch, wrong := c.architecture(f)
	if i := slices.IndexFunc(found, func(l Lambda) bool { return l.Arch == arch }); i >= 0 {
		l = found[i]
	}
	c.checked.Agree = append(c.checked.Agree, Agreement{Function: c.at(f.at) + ": " + f.label, Lambda: l.Name})

	switch h, ok := c.text(f.handler); {
	case f.handler == nil || c.null(f.handler) || ok && h == "":
		c.wrong(f, f.at, " has no "+f.keys.handler, "Lambda wants one for a zip", f.set(f.keys.handler, handler))
	case ok && h != handler:
		c.note(f.handler, f.label+" has the handler "+h+", which has no effect: the program in the zip is "+handler)
	}
	switch {
	case wrong != "":
		c.wrong(f, f.arch, wrong, "Lambda takes a list of one", f.set(f.keys.arch, "["+f.quoted(l.Arch)+"]"))
	case arch != "" && arch != l.Arch:
		n := f.arch
		says := " is for " + arch
		if n == nil || c.null(n) {
			n, says = f.at, " has no "+f.keys.arch+", and so is for "+arch
		}
		c.wrong(f, n, says, "lpipe builds "+l.Name+" for "+l.Arch, f.set(f.keys.arch, "["+f.quoted(l.Arch)+"]")+"; or in lpipe.toml: arch = "+strconv.Quote(arch))
	case arch == "":
		c.note(f.arch, f.label+" has an architecture that is known only when it is deployed")
	}
	switch {
	case f.runtime == nil || c.null(f.runtime):
		c.wrong(f, f.at, " has no "+f.keys.runtime, "Lambda wants one for a zip", f.set(f.keys.runtime, l.Runtime))
	case !runtimeKnown:
		c.note(f.runtime, f.label+" has a runtime that is known only when it is deployed")
	case runtime != l.Runtime:
		c.wrong(f, f.runtime, " has the runtime "+runtime, "lpipe builds "+l.Name+" for "+l.Runtime, f.set(f.keys.runtime, l.Runtime))
	}
	c.code(f, l, code, known)
	c.between(f, f.memory, f.keys.memory, limits.LeastMemory, limits.MostMemory, l.Memory, "MB")
	c.between(f, f.timeout, f.keys.timeout, limits.LeastTimeout, limits.MostTimeout, l.Timeout, "seconds")
}

// wrong adds a mistake of a function.
func (c *checker) wrong(f function, n *yaml.Node, what, why, fix string) {
	c.mistakes.Addf(c.at(n)+": "+f.label+what, why, fix)
}

// set is how a value is written in the template.
func (f function) set(key, value string) string {
	if !f.planned {
		return "write " + key + ": " + value
	}
	if _, err := strconv.Atoi(value); err != nil && !strings.HasPrefix(value, "[") {
		value = strconv.Quote(value)
	}
	return "write " + key + " = " + value
}

func (f function) quoted(text string) string {
	if f.planned {
		return strconv.Quote(text)
	}
	return text
}

// null reports whether a value is there and says nothing, as plans have them.
func (c *checker) null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// local is the path of code on this machine, "" where it is none; known is set where it names one.
func (c *checker) local(n *yaml.Node) (file string, known bool) {
	file, ok := c.text(n)
	if !ok || c.null(n) || strings.Contains(file, "://") {
		return "", false
	}
	return file, true
}

// of are the lambdas that a function may be for: those with its zip or, where there is none, of its name.
func (c *checker) of(f function, code string, known bool) (found []Lambda) {
	pick := func(is func(Lambda) bool) []Lambda {
		return slices.DeleteFunc(slices.Clone(c.built.Lambdas), func(l Lambda) bool { return !is(l) })
	}
	if known {
		if found = pick(func(l Lambda) bool { return c.isZip(f, code, l) }); len(found) > 0 {
			return found
		}
	}
	names := f.names
	if known {
		names = append(slices.Clip(names), path.Base(strings.TrimSuffix(strings.TrimSuffix(path.Clean(code), "/bootstrap.zip"), "/bootstrap")))
	}
	for _, name := range names {
		if found = pick(func(l Lambda) bool { return plain(l.Name) == plain(name) }); len(found) > 0 {
			return found
		}
	}
	return nil
}

// isZip reports whether code is the zip of a lambda.
func (c *checker) isZip(f function, code string, l Lambda) bool {
	if !path.IsAbs(code) && f.planned {
		return strings.HasSuffix(l.Zip, "/"+strings.TrimLeft(path.Clean("/"+code), "/"))
	}
	if !path.IsAbs(code) {
		code = path.Join(c.dir, code)
	}
	return path.Clean(code) == l.Zip
}

// left reports whether code is a zip among those that are built, and of none of these lambdas.
func (c *checker) left(code string) bool {
	if !path.IsAbs(code) {
		code = path.Join(c.dir, code)
	}
	return c.built.All && slices.ContainsFunc(c.built.Lambdas, func(l Lambda) bool {
		return path.Base(code) == path.Base(l.Zip) && path.Dir(path.Dir(code)) == path.Dir(path.Dir(l.Zip))
	})
}

// code checks where the code is.
func (c *checker) code(f function, l Lambda, code string, known bool) {
	rel := l.Zip
	if below, ok := strings.CutPrefix(l.Zip, strings.TrimSuffix(c.dir, "/")+"/"); ok {
		rel = below
	}
	fix := f.set(f.keys.code, rel)
	switch {
	case f.compiled == "makefile":
		// Its Makefile calls lpipe.
	case f.compiled != "":
		c.wrong(f, f.at, " is built by "+f.compiled, "sam build then makes a program of its own, and not lpipe", fix+" in place of BuildMethod, or BuildMethod: makefile with a Makefile that calls lpipe")
	case f.code == nil || c.null(f.code):
		if !f.planned { // which may have it in a bucket
			c.wrong(f, f.at, " has no "+f.keys.code, "", fix)
		}
	case !known:
		c.note(f.code, f.label+" has its code where lpipe does not look")
	case !c.isZip(f, code, l):
		c.wrong(f, f.code, " has its code in "+fault.Quote(code), "lpipe build puts the zip elsewhere", fix)
	}
}

// architecture is that of a function; "" where only its deployment says it. wrong is what is the matter with how it is written.
func (c *checker) architecture(f function) (arch, wrong string) {
	if f.arch == nil || c.null(f.arch) {
		return defaultArch, ""
	}
	intrinsic, _ := c.reader.function(f.arch)
	list, ok := c.items(f.arch)
	switch {
	case intrinsic != "": // the default of a parameter may be a list with commas
		arch, _ = c.text(f.arch)
	case !ok:
		return "", " has " + f.keys.arch + " that are no list"
	case len(list) == 0:
		return defaultArch, ""
	case len(list) > 1:
		return "", fmt.Sprintf(" has %d architectures", len(list))
	default:
		if arch, ok = c.text(list[0]); ok && arch == "" {
			return "", " has " + f.keys.arch + " that say nothing"
		}
	}
	if strings.Contains(arch, ",") {
		return "", fmt.Sprintf(" has %d architectures", strings.Count(arch, ",")+1)
	}
	return arch, ""
}

// number reads a whole number, as YAML 1.1 writes it too: with _ in it, or in base 16.
func number(text string) (int, bool) {
	if n, err := strconv.ParseInt(text, 0, 32); err == nil {
		return int(n), true
	}
	f, err := strconv.ParseFloat(text, 64)
	return int(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31
}

// between checks a number, which has a default where it is missing. deployed is what lpipe deploy makes of it, 0 for nothing.
func (c *checker) between(f function, n *yaml.Node, key string, least, most, deployed int, unit string) {
	if n == nil || c.null(n) {
		if deployed != 0 {
			c.wrong(f, f.at, " has no "+key, fmt.Sprintf("[deploy] in lpipe.toml has %d %s", deployed, unit), f.set(key, strconv.Itoa(deployed)))
		}
		return
	}
	text, ok := c.text(n)
	if !ok {
		c.note(n, f.label+" has a "+key+" that is known only when it is deployed")
		return
	}
	number, ok := number(text)
	switch {
	case !ok || number < least || number > most:
		fix := f.set(key, strconv.Itoa(max(min(number, most), least)))
		switch {
		case deployed != 0:
			fix = f.set(key, strconv.Itoa(deployed))
		case !ok:
			fix = "write a whole number"
		}
		c.wrong(f, n, " has "+key+" "+fault.Quote(text), fmt.Sprintf("Lambda takes %d to %d %s", least, most, unit), fix)
	case deployed != 0 && number != deployed:
		c.wrong(f, n, " has "+key+" "+text, fmt.Sprintf("[deploy] in lpipe.toml has %d %s, and each would undo the other", deployed, unit), f.set(key, strconv.Itoa(deployed)))
	}
}
