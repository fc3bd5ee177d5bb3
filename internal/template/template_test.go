package template

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/route"
)

// describe is a line for each route.
func describe(routes route.Table) (lines []string) {
	for _, r := range routes {
		line := fmt.Sprintf("%s %s %s", r.Service, r.Stage, r)
		if r.CORS != nil {
			line = strings.TrimRight(fmt.Sprintf("%s cors %s %s", line, strings.Join(r.CORS.Origins, ","), strings.Join(r.CORS.Methods, ",")), " ")
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRoutesOfTemplates(t *testing.T) {
	for file, c := range map[string]struct{ routes, notes []string }{
		"sam.yaml": {
			routes: []string{
				"http v1 GET /orders/{id} orders cors https://example.com,http://localhost:3000 GET,POST",
				"http v1 ANY /orders orders cors https://example.com,http://localhost:3000 GET,POST",
				"http-1.0 $default POST /import import-orders cors *",
				"http $default ANY $default import-orders cors *",
				"rest prod GET /users/{proxy+} users cors * GET,OPTIONS",
				"rest Prod DELETE /users users",
				"rest prod HEAD /users/{proxy+} users cors * GET,OPTIONS",
			},
			notes: []string{
				"sam.yaml:66: function Legacy has the runtime python3.13, so its routes are not served",
				"sam.yaml:74: no lambda here is function Elsewhere, so its routes are not served; BuildProperties: {Binary: NAME} in its Metadata names the lambda",
				"sam.yaml:49: event Computed of function ImportOrders has a path or method that is known only when it is deployed",
				"sam.yaml:61: event Get of function Accounts has the authorizer Pool, which is not emulated: every request gets through, and the event says nothing of who sent it",
				"sam.yaml:62: event Delete of function Accounts has the authorizer AWS_IAM, which is not emulated: every request gets through, and the event says nothing of who sent it",
			},
		},
		"cloudformation.json": {
			routes: []string{
				"http live GET /orders orders", "http live ANY $default orders",
				"rest beta POST /users/{id} users",
				"alb-multi-value  GET /admin/* users", "alb-multi-value  HEAD /admin/* users", "alb  ANY /shop/* orders", "alb  ANY /cart orders",
			},
			notes: []string{
				"cloudformation.json:9: route GetRoute has the authorizer JWT, which is not emulated: every request gets through, and the event says nothing of who sent it",
				"cloudformation.json:18: method PostUser has the authorizer COGNITO_USER_POOLS, which is not emulated: every request gets through, and the event says nothing of who sent it",
				"cloudformation.json:26: rule Shop has the condition host-header, which is not looked at",
				"cloudformation.json:26: rule Shop has the action authenticate-oidc, which is not emulated: every request gets through",
			},
		},
	} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		found, err := Routes(file, data, []string{"import-orders", "orders", "users"})
		if err != nil {
			t.Error(err)
		}
		if got := describe(found.Routes); !slices.Equal(got, c.routes) {
			t.Errorf("%s:\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(c.routes, "\n"))
		}
		if !slices.Equal(found.Notes, c.notes) {
			t.Errorf("%s:\n%s\nwant\n%s", file, strings.Join(found.Notes, "\n"), strings.Join(c.notes, "\n"))
		}
	}
}

const oneFunction = "Resources:\n  Main:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n"

func TestMistakesAreReportedAtOnceWithTheirLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":                      {"t.yaml has no Resources"},
		"[1, 2]":                {"t.yaml has no Resources"},
		"Resources: !Ref x":     {"t.yaml has no Resources"},
		"a: [":                  {"t.yaml is neither YAML nor JSON"},
		"Resources:\n\t- x: y":  {"t.yaml is neither YAML nor JSON"},
		"a: &a [*a]":            {"t.yaml has no Resources"},
		"Resources: {}\n---\nx": {},
		oneFunction + `        A: {Type: HttpApi, Properties: {Path: orders, Method: get}}
        B: {Type: Api, Properties: {Path: /a}}
        C: {Type: Api, Properties: {Path: "/{a+}/b", Method: get}}
        D: {Type: HttpApi, Properties: {Path: /x, Method: get}}
        E: {Type: HttpApi, Properties: {Path: /x, Method: GET}}
`: {"t.yaml:6: the route", "t.yaml:7: event B of function Main has no Path and Method", "t.yaml:8: the route", "t.yaml: GET /x any (t.yaml:9) and GET /x any (t.yaml:10)"},
	} {
		_, err := Routes("t.yaml", []byte(text), []string{"any"})
		parts := fault.Parts(err)
		if len(parts) != len(want) {
			t.Errorf("%s\n%v\nwant %q", text, err, want)
			continue
		}
		for i, e := range parts {
			if !strings.HasPrefix(e.Error(), want[i]) {
				t.Errorf("%s\n%v\nwant %q", text, e, want[i])
			}
		}
	}
}

// TestShortTagsOfAnyKind: what CloudFormation evaluates is left alone, wherever it stands.
func TestShortTagsOfAnyKind(t *testing.T) {
	const text = oneFunction + `        A: {Type: HttpApi, Properties: {Path: /a, Method: get}}
      Environment: !If [Cond, {Variables: {A: !Sub ["${x}", {x: !ImportValue y}]}}, !Ref AWS::NoValue]
      CodeUri: !Join ["/", [a, !Select [0, !Split [",", !FindInMap [M, !Ref AWS::Region, k]]]]]
      Tags: !Transform {Name: AWS::Include, Parameters: {Location: !Cidr [x, 1, 2]}}
      Role: !GetAtt [R, Arn]
Outputs:
  Url: {Value: !Sub "https://${Api}.${AWS::Region}", Condition: !Not [!Equals [a, b]]}
`
	found, err := Routes("t.yaml", []byte(text), []string{"any"})
	if got := describe(found.Routes); err != nil || len(found.Notes) > 0 || !slices.Equal(got, []string{"http $default GET /a any"}) {
		t.Errorf("%q, %q, %v", got, found.Notes, err)
	}
}

// TestURLsOfFunctions: what they answer browsers of other origins, and that nobody is asked who they are.
func TestURLsOfFunctions(t *testing.T) {
	const text = `Globals:
  Function: {FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["*"]}}}
Resources:
  Orders: {Type: AWS::Serverless::Function}
  Users:
    Type: AWS::Serverless::Function
    Properties: {FunctionUrlConfig: {AuthType: AWS_IAM, Cors: {AllowOrigins: ["https://a.example"], AllowMethods: [GET], AllowCredentials: true, MaxAge: 60}}}
  Plain: {Type: AWS::Lambda::Function}
  PlainUrl: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: !GetAtt Plain.Arn, Cors: {AllowOrigins: ["https://b.example"], ExposeHeaders: [x-a]}}}
  Other: {Type: AWS::Lambda::Function}
  OtherUrl: {Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: !Ref Other}}
`
	found, err := Routes("t.yaml", []byte(text), []string{"orders", "users", "plain", "other"})
	want := map[string]*route.CORS{
		"orders": {Origins: []string{"*"}},
		"users":  {Origins: []string{"https://a.example"}, Methods: []string{"GET"}, Credentials: true, MaxAge: "60"},
		"plain":  {Origins: []string{"https://b.example"}, Expose: []string{"x-a"}},
	}
	if err != nil || !reflect.DeepEqual(found.URLs, want) {
		t.Errorf("%v: %v", err, found.URLs)
	}
	if len(found.Notes) != 1 || !strings.HasPrefix(found.Notes[0], "t.yaml:5: the URL of Users has the authorizer AWS_IAM, which is not emulated") {
		t.Errorf("%q", found.Notes)
	}
}

func TestAliasesDoNotMultiply(t *testing.T) {
	var b strings.Builder
	b.WriteString("A0: &a0 [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "A%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	b.WriteString("Resources:\n  Main: {Type: AWS::Lambda::Function}\n  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {IntegrationUri: *a60}}\n" +
		"  R: {Type: AWS::ApiGatewayV2::Route, Properties: {Target: !Ref I, RouteKey: GET /}}\n")
	if found, err := Routes("t.yaml", []byte(b.String()), []string{"any"}); err != nil || len(found.Routes) > 0 {
		t.Error(found, err)
	}
}

// FuzzRoutes: no template stops lpipe, and each route of one leads to a lambda that there is.
func FuzzRoutes(f *testing.F) {
	for _, file := range []string{"sam.yaml", "cloudformation.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("Resources: &r\n  A: *r\n  <<: *r"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		found, err := Routes("t.yaml", data, []string{"orders", "users"})
		if err != nil && len(found.Routes) > 0 {
			t.Error("routes and mistakes")
		}
		for _, r := range found.Routes {
			if r.Lambda != "orders" && r.Lambda != "users" || r.Check() != "" || r.Origin == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
