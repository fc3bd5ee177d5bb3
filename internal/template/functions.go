package template

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

var functionTypes = []string{"AWS::Serverless::Function", "AWS::Lambda::Function"}

// functions finds the lambda of each function: by the binary that its metadata name, its name, its code's folder, its logical
// name, or because there is one of each.
func (r *reader) functions(lambdas []string) {
	r.lambdas = map[string]string{}
	var unknown []*yaml.Node
	count := 0
	for _, kind := range functionTypes {
		r.ofType(kind, func(key, properties *yaml.Node) {
			if t, ok := r.text(r.globals(properties, "Function", "Runtime")); ok && !strings.HasPrefix(t, "provided") {
				r.note(key, "function "+key.Value+" has the runtime "+t+", so its routes are not served")
				return
			}
			count++
			var candidates []string
			for _, value := range []*yaml.Node{
				r.get(r.resources, key.Value, "Metadata", "BuildProperties", "Binary"), r.get(properties, "FunctionName"), r.get(properties, "CodeUri"), r.get(properties, "Code"),
			} {
				if t, ok := r.text(value); ok {
					folder := strings.TrimSuffix(strings.TrimSuffix(t, "/"), "/bootstrap.zip")
					candidates = append(candidates, path.Base(folder))
				}
			}
			candidates = append(candidates, key.Value)
			for _, c := range candidates {
				if i := slices.IndexFunc(lambdas, func(name string) bool { return plain(name) == plain(c) }); i >= 0 {
					r.lambdas[key.Value] = lambdas[i]
					return
				}
			}
			unknown = append(unknown, key)
		})
	}
	for _, key := range unknown {
		if count == 1 && len(lambdas) == 1 {
			r.lambdas[key.Value] = lambdas[0]
			continue
		}
		r.note(key, "no lambda here is function "+key.Value+", so its routes are not served; BuildProperties: {Binary: NAME} in its Metadata names the lambda")
	}
}

// plain is a name without what differs between the habits of templates and of cargo: OrdersFunction is orders, and
// import_orders is import-orders.
func plain(name string) string {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	for _, suffix := range []string{"function", "lambda"} {
		if rest := strings.TrimSuffix(name, suffix); rest != "" {
			name = rest
		}
	}
	return name
}
