package gateway

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"lpipe/internal/emulator"
	"lpipe/internal/route"
)

// What AWS gives to an API.
const (
	account = "123456789012"
	apiID   = "lpipe"
)

// httpEvent is a request in payload format 2.0. An HTTP API decodes the path.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func httpEvent(r *http.Request, body []byte, m route.Match, id string, now time.Time) any {
	e := emulator.NewURLEvent(r, body, id, now)
	for name, values := range added(r) {
		e.Headers[strings.ToLower(name)] = values[0]
	}
	e.RawPath = decoded(e.RawPath)
	e.RouteKey, e.PathParameters = m.Key(), m.Parameters
	c := &e.RequestContext
	c.AccountID, c.APIID, c.RouteKey, c.Stage, c.HTTP.Path = account, apiID, e.RouteKey, m.Stage, e.RawPath
	return e
}

// restPayload is a request in payload format 1.0, of REST APIs and of HTTP APIs that ask for it. What there is none of is null.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
type restPayload struct {
	Version           string              `json:"version,omitempty"`
	Resource          string              `json:"resource"`
	Path              string              `json:"path"`
	Method            string              `json:"httpMethod"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters    map[string]string   `json:"pathParameters"`
	StageVariables    map[string]string   `json:"stageVariables"`
	RequestContext    restContext         `json:"requestContext"`
	Body              *string             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type restContext struct {
	AccountID         string       `json:"accountId"`
	APIID             string       `json:"apiId"`
	DomainName        string       `json:"domainName"`
	DomainPrefix      string       `json:"domainPrefix"`
	ExtendedRequestID string       `json:"extendedRequestId"`
	Method            string       `json:"httpMethod"`
	Identity          restIdentity `json:"identity"`
	Path              string       `json:"path"`
	Protocol          string       `json:"protocol"`
	RequestID         string       `json:"requestId"`
	RequestTime       string       `json:"requestTime"`
	RequestTimeEpoch  int64        `json:"requestTimeEpoch"` // milliseconds
	ResourceID        string       `json:"resourceId"`
	ResourcePath      string       `json:"resourcePath"`
	Stage             string       `json:"stage"`
}

// restIdentity is who sent the request, of whom nothing but the address is known: the rest is null, as without an authorizer.
type restIdentity struct {
	AccessKey                     *string `json:"accessKey"`
	AccountID                     *string `json:"accountId"`
	APIKey                        *string `json:"apiKey"`
	APIKeyID                      *string `json:"apiKeyId"`
	Caller                        *string `json:"caller"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	SourceIP                      string  `json:"sourceIp"`
	User                          *string `json:"user"`
	UserAgent                     string  `json:"userAgent"`
	UserARN                       *string `json:"userArn"`
}

// restEvent is a request to a REST API, which leaves the path as it came.
func restEvent(r *http.Request, body []byte, m route.Match, id string, now time.Time) any {
	return newRESTPayload(r, body, m, id, now)
}

// http1Event is a request to an HTTP API that sends payload format 1.0: the path is decoded, and has the stage.
func http1Event(r *http.Request, body []byte, m route.Match, id string, now time.Time) any {
	e := newRESTPayload(r, body, m, id, now)
	e.Version, e.Path = "1.0", decoded(r.URL.EscapedPath())
	e.RequestContext.Path = e.Path
	e.Resource, e.RequestContext.ResourcePath = m.Route.Path, m.Route.Path
	e.RequestContext.ResourceID = m.Key()
	return e
}

func newRESTPayload(r *http.Request, body []byte, m route.Match, id string, now time.Time) restPayload {
	common := emulator.NewURLEvent(r, nil, id, now) // for what all services say of a request
	c := common.RequestContext
	e := restPayload{
		Resource: m.Route.Path, Path: m.Path, Method: r.Method, Headers: map[string]string{}, MultiValueHeaders: map[string][]string{},
		PathParameters: m.Parameters,
		RequestContext: restContext{
			AccountID: account, APIID: apiID, DomainName: c.DomainName, DomainPrefix: c.DomainPrefix, ExtendedRequestID: id, Method: r.Method,
			Identity: restIdentity{SourceIP: c.HTTP.SourceIP, UserAgent: c.HTTP.UserAgent},
			Path:     r.URL.EscapedPath(), Protocol: r.Proto, RequestID: id, RequestTime: c.Time, RequestTimeEpoch: c.TimeEpoch,
			ResourceID: apiID, ResourcePath: m.Route.Path, Stage: m.Stage,
		},
	}
	if !m.Staged {
		e.RequestContext.Path = "/" + m.Stage + m.Path
	}
	for name, values := range allHeaders(r) {
		e.Headers[name], e.MultiValueHeaders[name] = values[len(values)-1], values
	}
	for name, values := range emulator.Query(r.URL.RawQuery) {
		if e.Query == nil {
			e.Query, e.MultiValueQuery = map[string]string{}, map[string][]string{}
		}
		e.Query[name], e.MultiValueQuery[name] = values[len(values)-1], values
	}
	if len(body) > 0 {
		text := string(body)
		if e.IsBase64Encoded = !utf8.Valid(body); e.IsBase64Encoded {
			text = base64.StdEncoding.EncodeToString(body)
		}
		e.Body = &text
	}
	return e
}

// allHeaders are the headers of a request with those that a service adds, with their names as HTTP/1.1 writes them.
func allHeaders(r *http.Request) http.Header {
	all := r.Header.Clone()
	maps.Copy(all, added(r))
	return all
}

// added is what a service says of where a request comes from and goes to, whatever the request says itself, but that it may have passed others.
func added(r *http.Request) http.Header {
	bare := *r
	bare.Header = nil
	own := emulator.NewURLEvent(&bare, nil, "", time.Time{}).Headers
	all := http.Header{}
	for _, name := range []string{"Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port"} {
		all.Set(name, own[strings.ToLower(name)])
	}
	if before := r.Header.Values("X-Forwarded-For"); len(before) > 0 {
		all.Set("X-Forwarded-For", strings.Join(append(before, all.Get("X-Forwarded-For")), ", "))
	}
	return all
}

// albPayload is a request to a load balancer, whose event has single values or lists, never both.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
type albPayload struct {
	RequestContext    albContext          `json:"requestContext"`
	Method            string              `json:"httpMethod"`
	Path              string              `json:"path"`
	Query             map[string]string   `json:"queryStringParameters,omitzero"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters,omitzero"`
	Headers           map[string]string   `json:"headers,omitzero"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitzero"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type albContext struct {
	ELB struct {
		TargetGroupARN string `json:"targetGroupArn"`
	} `json:"elb"`
}

func albEvent(r *http.Request, body []byte, m route.Match, id string, now time.Time) any {
	e := newALBPayload(r, body, m)
	e.Headers, e.Query = map[string]string{}, map[string]string{}
	for name, values := range allHeaders(r) {
		e.Headers[strings.ToLower(name)] = values[len(values)-1]
	}
	for name, values := range rawQuery(r.URL.RawQuery) {
		e.Query[name] = values[len(values)-1]
	}
	return e
}

func albMultiEvent(r *http.Request, body []byte, m route.Match, id string, now time.Time) any {
	e := newALBPayload(r, body, m)
	e.MultiValueHeaders, e.MultiValueQuery = map[string][]string{}, rawQuery(r.URL.RawQuery)
	for name, values := range allHeaders(r) {
		e.MultiValueHeaders[strings.ToLower(name)] = values
	}
	return e
}

func newALBPayload(r *http.Request, body []byte, m route.Match) albPayload {
	e := albPayload{Method: r.Method, Path: m.Path, Body: string(body)}
	e.RequestContext.ELB.TargetGroupARN = "arn:aws:elasticloadbalancing:us-east-1:" + account + ":targetgroup/" + m.Lambda + "/0123456789abcdef"
	if e.IsBase64Encoded = len(body) > 0 && (r.Header.Get("Content-Encoding") != "" || !emulator.IsText(r.Header.Get("Content-Type"), body)); e.IsBase64Encoded {
		e.Body = base64.StdEncoding.EncodeToString(body)
	}
	return e
}

// rawQuery splits a query and leaves its escapes, as load balancers do.
func rawQuery(query string) map[string][]string {
	all := map[string][]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		all[name] = append(all[name], value)
	}
	return all
}

func decoded(path string) string {
	if d, err := url.PathUnescape(path); err == nil {
		return d
	}
	return path
}
