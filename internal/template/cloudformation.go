package template

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"lpipe/internal/route"
)

// gatewayRoutes adds the routes of HTTP APIs: AWS::ApiGatewayV2::Route to an integration to a function.
func (r *reader) gatewayRoutes() {
	r.ofType("AWS::ApiGatewayV2::Route", func(key, properties *yaml.Node) {
		_, integration := r.refersTo(r.get(properties, "Target"), "AWS::ApiGatewayV2::Integration")
		lambda := r.lambda(r.get(integration, "IntegrationUri"))
		if lambda == "" {
			return
		}
		routeKey, ok := r.text(r.get(properties, "RouteKey"))
		if !ok {
			r.note(key, "route "+key.Value+" has a key that is known only when it is deployed")
			return
		}
		r.authorizer(key, "route "+key.Value, r.get(properties, "AuthorizationType"))
		gateway, description := r.refersTo(r.get(properties, "ApiId"), "AWS::ApiGatewayV2::Api")
		api := route.API{Service: route.HTTP, Stage: route.HTTP.Stage(), CORS: r.httpCORS(r.get(description, "CorsConfiguration"))}
		if version, _ := r.text(r.get(integration, "PayloadFormatVersion")); strings.HasPrefix(version, "1") {
			api.Service = route.HTTP1
		}
		r.ofType("AWS::ApiGatewayV2::Stage", func(_, properties *yaml.Node) {
			of, _ := r.refersTo(r.get(properties, "ApiId"), "AWS::ApiGatewayV2::Api")
			if stage, ok := r.text(r.get(properties, "StageName")); ok && of == gateway {
				api.Stage = stage
			}
		})
		method, path, spaced := strings.Cut(routeKey, " ")
		if !spaced {
			method, path = route.Any, routeKey
		}
		r.add(key, route.Route{API: api, Method: methodOf(method), Path: path, Lambda: lambda})
	})
}

// gatewayMethods adds the methods of REST APIs: AWS::ApiGateway::Method of a resource with an integration to a function.
func (r *reader) gatewayMethods() {
	r.ofType("AWS::ApiGateway::Method", func(key, properties *yaml.Node) {
		lambda := r.lambda(r.get(properties, "Integration", "Uri"))
		if lambda == "" {
			return
		}
		method, ok := r.text(r.get(properties, "HttpMethod"))
		path, pathOK := r.resourcePath(r.get(properties, "ResourceId"))
		if !ok || !pathOK {
			r.note(key, "method "+key.Value+" has a path or method that is known only when it is deployed")
			return
		}
		r.authorizer(key, "method "+key.Value, r.get(properties, "AuthorizationType"))
		gateway, _ := r.refersTo(r.get(properties, "RestApiId"), "AWS::ApiGateway::RestApi")
		api := route.API{Service: route.REST, Stage: route.REST.Stage()}
		for _, kind := range []string{"AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"} {
			r.ofType(kind, func(_, properties *yaml.Node) {
				of, _ := r.refersTo(r.get(properties, "RestApiId"), "AWS::ApiGateway::RestApi")
				if stage, ok := r.text(r.get(properties, "StageName")); ok && of == gateway {
					api.Stage = stage
				}
			})
		}
		r.add(key, route.Route{API: api, Method: methodOf(method), Path: path, Lambda: lambda})
	})
}

// resourcePath joins the parts of a resource and of those above it.
func (r *reader) resourcePath(id *yaml.Node) (string, bool) {
	path := ""
	for range 100 { // deeper than any API, if it is no circle
		name, properties := r.refersTo(id, "AWS::ApiGateway::Resource")
		if name == "" {
			if path == "" {
				path = "/"
			}
			return path, true
		}
		part, ok := r.text(r.get(properties, "PathPart"))
		if !ok {
			return "", false
		}
		path, id = "/"+part+path, r.get(properties, "ParentId")
	}
	return "", false
}

// listenerRules adds the rules of load balancers that forward to functions, in the order of their priorities.
func (r *reader) listenerRules() {
	type ruled struct {
		priority int
		key      *yaml.Node
		routes   []route.Route
	}
	var rules []ruled
	r.ofType("AWS::ElasticLoadBalancingV2::ListenerRule", func(key, properties *yaml.Node) {
		_, group := r.refersTo(r.get(properties, "Actions"), "AWS::ElasticLoadBalancingV2::TargetGroup")
		lambda := r.lambda(r.get(group, "Targets"))
		if lambda == "" {
			return
		}
		api := route.API{Service: route.ALB}
		if r.attribute(group, "lambda.multi_value_headers.enabled") == "true" {
			api.Service = route.ALBMulti
		}
		paths, methods := []string{"*"}, []string{route.Any}
		if conditions, ok := r.items(r.get(properties, "Conditions")); ok {
			for _, c := range conditions {
				values := r.texts(c, "Values")
				field, _ := r.text(r.get(c, "Field"))
				switch field {
				case "path-pattern":
					paths = append(values, r.texts(r.get(c, "PathPatternConfig"), "Values")...)
				case "http-request-method":
					methods = append(values, r.texts(r.get(c, "HttpRequestMethodConfig"), "Values")...)
				default:
					r.note(key, "rule "+key.Value+" has the condition "+field+", which is not looked at")
				}
			}
		}
		if actions, ok := r.items(r.get(properties, "Actions")); ok {
			for _, action := range actions {
				if kind, _ := r.text(r.get(action, "Type")); strings.HasPrefix(kind, "authenticate-") {
					r.note(key, "rule "+key.Value+" has the action "+kind+", which is not emulated: every request gets through")
				}
			}
		}
		priority, _ := r.text(r.get(properties, "Priority"))
		n, _ := strconv.Atoi(priority)
		one := ruled{priority: n, key: key}
		for _, method := range methods {
			for _, path := range paths {
				one.routes = append(one.routes, route.Route{API: api, Method: methodOf(method), Path: path, Lambda: lambda})
			}
		}
		rules = append(rules, one)
	})
	slices.SortStableFunc(rules, func(a, b ruled) int { return cmp.Compare(a.priority, b.priority) })
	for _, rule := range rules {
		for _, added := range rule.routes {
			r.add(rule.key, added)
		}
	}
}

// attribute returns the value of an attribute of a target group.
func (r *reader) attribute(group *yaml.Node, name string) string {
	attributes, _ := r.items(r.get(group, "TargetGroupAttributes"))
	for _, a := range attributes {
		if key, _ := r.text(r.get(a, "Key")); key == name {
			value, _ := r.text(r.get(a, "Value"))
			return value
		}
	}
	return ""
}
