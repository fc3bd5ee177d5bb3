package template

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"lpipe/internal/route"
)

// anyMethod is every method in an OpenAPI document of API Gateway.
const anyMethod = "x-amazon-apigateway-any-method"

// events adds the routes of the events HttpApi and Api of SAM's functions.
func (r *reader) events() {
	r.ofType("AWS::Serverless::Function", func(function, properties *yaml.Node) {
		lambda := r.lambdas[function.Value]
		if lambda == "" {
			return
		}
		r.each(r.get(properties, "Events"), func(name, event *yaml.Node) {
			kind, _ := r.text(r.get(event, "Type"))
			var api route.API
			var auth *yaml.Node
			properties := r.get(event, "Properties")
			switch kind {
			case "HttpApi":
				api, auth = r.httpAPI(properties)
			case "Api":
				api, auth = r.restAPI(properties)
			default:
				return
			}
			if own := r.get(properties, "Auth", "Authorizer"); own != nil {
				auth = own
			}
			r.authorizer(name, "event "+name.Value+" of function "+function.Value, auth)
			pathNode, methodNode := r.get(properties, "Path"), r.get(properties, "Method")
			if kind == "HttpApi" && pathNode == nil && methodNode == nil {
				r.add(name, route.Route{API: api, Method: route.Any, Path: route.Default, Lambda: lambda})
				return
			}
			requestPath, pathOK := r.text(pathNode)
			method, methodOK := r.text(methodNode)
			switch {
			case pathNode == nil, methodNode == nil:
				r.mistake(name, "event "+name.Value+" of function "+function.Value+" has no Path and Method", "give both")
			case !pathOK || !methodOK:
				r.note(name, "event "+name.Value+" of function "+function.Value+" has a path or method that is known only when it is deployed")
			default:
				r.add(name, route.Route{API: api, Method: methodOf(method), Path: requestPath, Lambda: lambda})
			}
		})
	})
}

func methodOf(method string) string {
	if method = strings.ToUpper(method); method == "*" || method == strings.ToUpper(anyMethod) {
		return route.Any
	}
	return method
}

// httpAPI returns the API of an event, and its default authorizer.
func (r *reader) httpAPI(event *yaml.Node) (route.API, *yaml.Node) {
	_, properties := r.refersTo(r.get(event, "ApiId"), "AWS::Serverless::HttpApi")
	api := route.API{Service: route.HTTP, Stage: route.HTTP.Stage(), CORS: r.httpCORS(r.globals(properties, "HttpApi", "CorsConfiguration"))}
	if stage, ok := r.text(r.globals(properties, "HttpApi", "StageName")); ok {
		api.Stage = stage
	}
	if version, ok := r.text(r.get(event, "PayloadFormatVersion")); ok && strings.HasPrefix(version, "1") {
		api.Service = route.HTTP1
	}
	return api, r.get(r.globals(properties, "HttpApi", "Auth"), "DefaultAuthorizer")
}

// restAPI returns the API of an event, and its default authorizer.
func (r *reader) restAPI(event *yaml.Node) (route.API, *yaml.Node) {
	_, properties := r.refersTo(r.get(event, "RestApiId"), "AWS::Serverless::Api")
	api := route.API{Service: route.REST, Stage: route.REST.Stage(), CORS: r.restCORS(r.globals(properties, "Api", "Cors"))}
	if stage, ok := r.text(r.get(properties, "StageName")); ok {
		api.Stage = stage
	}
	return api, r.get(r.globals(properties, "Api", "Auth"), "DefaultAuthorizer")
}

// httpCORS reads true, or the lists of an HTTP API.
func (r *reader) httpCORS(n *yaml.Node) *route.CORS {
	switch {
	case n == nil || n.Kind == yaml.ScalarNode && n.Value != "true":
		return nil
	case n.Kind == yaml.ScalarNode:
		return &route.CORS{Origins: []string{"*"}}
	}
	c := &route.CORS{Origins: r.texts(n, "AllowOrigins"), Methods: r.texts(n, "AllowMethods"), Headers: r.texts(n, "AllowHeaders"), Expose: r.texts(n, "ExposeHeaders")}
	c.MaxAge, _ = r.text(r.get(n, "MaxAge"))
	credentials, _ := r.text(r.get(n, "AllowCredentials"))
	c.Credentials = credentials == "true"
	return c
}

// restCORS reads the values of headers in the quotes that SAM wants them in: "'*'", or AllowOrigin and others.
func (r *reader) restCORS(n *yaml.Node) *route.CORS {
	if n == nil {
		return nil
	}
	list := func(n *yaml.Node) (all []string) {
		text, _ := r.text(n)
		for item := range strings.SplitSeq(strings.Trim(text, "'"), ",") {
			if item = strings.TrimSpace(item); item != "" {
				all = append(all, item)
			}
		}
		return all
	}
	if n.Kind == yaml.ScalarNode {
		return &route.CORS{Origins: list(n)}
	}
	c := &route.CORS{Origins: list(r.get(n, "AllowOrigin")), Methods: list(r.get(n, "AllowMethods")), Headers: list(r.get(n, "AllowHeaders"))}
	if age := list(r.get(n, "MaxAge")); len(age) == 1 {
		c.MaxAge = age[0]
	}
	credentials, _ := r.text(r.get(n, "AllowCredentials"))
	c.Credentials = credentials == "true"
	return c
}

// texts reads a list of texts.
func (r *reader) texts(n *yaml.Node, key string) (all []string) {
	list, _ := r.items(r.get(n, key))
	for _, item := range list {
		if t, ok := r.text(item); ok {
			all = append(all, t)
		}
	}
	return all
}

// functionURLs finds the CORS of functions' URLs: FunctionUrlConfig of SAM's functions, and AWS::Lambda::Url.
func (r *reader) functionURLs() {
	r.urls = map[string]*route.CORS{}
	add := func(key *yaml.Node, lambda string, url *yaml.Node) {
		if lambda == "" {
			return
		}
		r.authorizer(key, "the URL of "+key.Value, r.get(url, "AuthType"))
		if c := r.httpCORS(r.get(url, "Cors")); c != nil {
			r.urls[lambda] = c
		}
	}
	r.ofType("AWS::Serverless::Function", func(key, properties *yaml.Node) {
		add(key, r.lambdas[key.Value], r.globals(properties, "Function", "FunctionUrlConfig"))
	})
	r.ofType("AWS::Lambda::Url", func(key, properties *yaml.Node) {
		add(key, r.lambda(r.get(properties, "TargetFunctionArn")), properties)
	})
}
