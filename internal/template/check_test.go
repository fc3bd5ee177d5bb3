package template

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

func built() []Lambda {
	return []Lambda{
		{Name: "orders", Arch: "arm64", Runtime: "provided.al2023", Zip: "/shop/target/lambda/orders/bootstrap.zip"},
		{Name: "import-jobs", Arch: "x86_64", Runtime: "provided.al2023", Zip: "/shop/target/lambda/import-jobs/bootstrap.zip"},
	}
}

// said is what is wrong, with the fix, in lines.
func said(err error) (lines []string) {
	for _, e := range fault.Parts(err) {
		var f *fault.Error
		if errors.As(e, &f) {
			lines = append(lines, f.What+" | "+f.Reason()+" | "+f.Fix)
		}
	}
	return lines
}

func TestTemplatesThatAgree(t *testing.T) {
	for name, text := range map[string]string{
		"CloudFormation": `
Resources:
  OrdersFunction:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64], Code: target/lambda/orders/bootstrap.zip, MemorySize: 128, Timeout: 900}
  Other:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Code: ./target/lambda/import-jobs/bootstrap.zip}
  orders:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: main.handler, Code: {ZipFile: "pass"}}
`, "SAM": `
Globals: {Function: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64], MemorySize: 10240}}
Parameters: {Name: {Default: import_jobs}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: makefile}
    Properties: {CodeUri: .}
  Else:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: target/lambda/import-jobs/bootstrap.zip, Architectures: [x86_64], FunctionName: !Ref Name}
`, "Terraform": `{"format_version":"1.2","planned_values":{"root_module":{"resources":[
{"address":"aws_lambda_function.jobs","type":"aws_lambda_function","values":{"filename":"../target/lambda/import-jobs/bootstrap.zip","function_name":"else","handler":"bootstrap","runtime":"provided.al2023","architectures":["x86_64"],"memory_size":128,"timeout":3}}],
"child_modules":[{"resources":[
{"address":"module.orders.aws_lambda_function.this[0]","type":"aws_lambda_function","values":{"filename":"./target/lambda/orders/bootstrap.zip","function_name":"orders","handler":"bootstrap","runtime":"provided.al2023","architectures":["arm64"],"memory_size":128,"timeout":3}}]}]}}}`,
	} {
		got, err := Check(name, "/shop", []byte(text), Built{Lambdas: built()})
		if err != nil || len(got.Notes) > 0 || len(got.Agree) != 2 {
			t.Errorf("%s: %v, %q", name, got, said(err))
		}
	}
}

func TestTemplatesThatDisagree(t *testing.T) {
	for _, c := range []struct {
		text        string
		want, notes []string
	}{
		{text: `
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2
      Architectures: [x86_64]
      Code: target/orders.zip
      MemorySize: 64
      Timeout: 1000
  ImportJobs:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties: {CodeUri: ./target/lambda/import-jobs/, Handler: rust.handler}
`, want: []string{
			"t.yaml:3: function Orders has no Handler | Lambda wants one for a zip | write Handler: bootstrap",
			`t.yaml:7: function Orders is for x86_64 | lpipe builds orders for arm64 | write Architectures: [arm64]; or in lpipe.toml: arch = "x86_64"`,
			"t.yaml:6: function Orders has the runtime provided.al2 | lpipe builds orders for provided.al2023 | write Runtime: provided.al2023",
			`t.yaml:8: function Orders has its code in "target/orders.zip" | lpipe build puts the zip elsewhere | write Code: target/lambda/orders/bootstrap.zip`,
			`t.yaml:9: function Orders has MemorySize "64" | Lambda takes 128 to 10240 MB | write MemorySize: 128`,
			`t.yaml:10: function Orders has Timeout "1000" | Lambda takes 1 to 900 seconds | write Timeout: 900`,
			"t.yaml:11: function ImportJobs has no Runtime | Lambda wants one for a zip | write Runtime: provided.al2023",
			"t.yaml:11: function ImportJobs is built by rust-cargolambda | sam build then makes a program of its own, and not lpipe | write CodeUri: target/lambda/import-jobs/bootstrap.zip in place of BuildMethod, or BuildMethod: makefile with a Makefile that calls lpipe",
		}, notes: []string{"t.yaml:14: function ImportJobs has the handler rust.handler, which has no effect: the program in the zip is bootstrap"}},
		{text: `
Parameters: {Arch: {Type: String}}
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Architectures: [!Ref Arch]
      Code: {S3Bucket: b, S3Key: k}
      MemorySize: !Ref Memory
`, notes: []string{
			"t.yaml:9: function Orders has an architecture that is known only when it is deployed",
			"t.yaml:10: function Orders has its code where lpipe does not look",
			"t.yaml:11: function Orders has a MemorySize that is known only when it is deployed",
		}},
		{
			text: `{"planned_values":{"root_module":{"resources":[
{"address":"aws_lambda_function.orders","type":"aws_lambda_function","values":{"filename":"orders.zip","function_name":"orders","handler":null,"runtime":"provided.al2023","architectures":null,"memory_size":"x"}}]}}}`,
			want: []string{
				"t.yaml:2: aws_lambda_function.orders has no handler | Lambda wants one for a zip | write handler = \"bootstrap\"",
				"t.yaml:2: aws_lambda_function.orders has no architectures, and so is for x86_64 | lpipe builds orders for arm64 | write architectures = [\"arm64\"]; or in lpipe.toml: arch = \"x86_64\"",
				"t.yaml:2: aws_lambda_function.orders has its code in \"orders.zip\" | lpipe build puts the zip elsewhere | write filename = \"target/lambda/orders/bootstrap.zip\"",
				"t.yaml:2: aws_lambda_function.orders has memory_size \"x\" | Lambda takes 128 to 10240 MB | write a whole number",
			},
		},
		{text: "Resources: {X: {Type: AWS::S3::Bucket}}\n"},
		{text: "x: 1\n", want: []string{"t.yaml has no Resources | so it is no template of SAM or CloudFormation | name a template of these, or a plan: terraform show -json PLAN"}},
	} {
		checked, err := Check("t.yaml", "/shop", []byte(c.text), Built{Lambdas: built()})
		notes := checked.Notes
		if got := said(err); !slices.Equal(got, c.want) {
			t.Errorf("it says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if !slices.Equal(notes, c.notes) {
			t.Errorf("it notes\n%s\nwant\n%s", strings.Join(notes, "\n"), strings.Join(c.notes, "\n"))
		}
	}
}

// TestWhatTemplatesMakeOfValues: what a template writes in another way is what it comes to, and what only its deployment decides is
// a note and no mistake.
func TestWhatTemplatesMakeOfValues(t *testing.T) {
	orders := func(properties string) string {
		return "Parameters: {Archs: {Type: CommaDelimitedList, Default: arm64}}\nResources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties: {Handler: bootstrap, " + properties + "}\n"
	}
	const (
		code     = "CodeUri: target/lambda/orders/bootstrap.zip"
		usual    = "Runtime: provided.al2023, " + code
		deployed = " that is known only when it is deployed"
	)
	for name, c := range map[string]struct {
		text        string
		wrong, note string // in what is said, "" for nothing
	}{
		"a merge key":            {text: "X: &x {Runtime: provided.al2023, Architectures: [arm64]}\n" + orders("<<: *x, "+code)},
		"merge keys":             {text: "X: &x {Runtime: provided.al2023}\nY: &y {Architectures: [arm64], Runtime: no}\n" + orders("<<: [*x, *y], "+code)},
		"a merged resource":      {text: "X: &x {Type: AWS::Serverless::Function}\nResources:\n  Orders: {<<: *x, Properties: {Handler: bootstrap, " + usual + "}}\n", wrong: "has no Architectures"},
		"a choice of lists":      {text: orders("Architectures: !If [Arm, [arm64], [x86_64]], " + usual), note: "has an architecture" + deployed},
		"a choice in a list":     {text: orders("Architectures: [!If [Arm, arm64, x86_64]], " + usual), note: "has an architecture" + deployed},
		"a list by default":      {text: orders("Architectures: !Ref Archs, " + usual)},
		"no value":               {text: orders("Architectures: !Ref AWS::NoValue, " + usual), wrong: "has no Architectures, and so is for x86_64"},
		"no list":                {text: orders("Architectures: arm64, " + usual), wrong: "has Architectures that are no list"},
		"two in the list":        {text: orders("Architectures: [arm64, x86_64], " + usual), wrong: "has 2 architectures"},
		"nothing in the list":    {text: orders("Architectures: [''], " + usual), wrong: "has Architectures that say nothing"},
		"chosen properties":      {text: "Resources: {Orders: {Type: AWS::Lambda::Function, Properties: {Fn::If: [A, {}, {}]}}}\n", note: "has properties that are known only when it is deployed"},
		"included properties":    {text: orders("Fn::Transform: {Name: AWS::Include}"), note: "has properties that are known only when it is deployed"},
		"functions of a loop":    {text: "Resources: {'Fn::ForEach::All': [A, [b], {}]}\n", note: "Fn::ForEach::All makes resources that are known only"},
		"an image":               {text: orders("ImageUri: registry/image")},
		"an image in the code":   {text: "Resources: {Orders: {Type: AWS::Lambda::Function, Properties: {Code: {ImageUri: x}}}}\n"},
		"numbers of YAML 1.1":    {text: orders("Architectures: [arm64], MemorySize: 0x100, Timeout: 30.0, " + usual)},
		"a large one":            {text: orders("Architectures: [arm64], Timeout: 1_000, " + usual), wrong: "Lambda takes 1 to 900 seconds | write Timeout: 900"},
		"no number":              {text: orders("Architectures: [arm64], Timeout: 30s, " + usual), wrong: "| write a whole number"},
		"no handler":             {text: strings.Replace(orders("Architectures: [arm64], "+usual), "bootstrap,", "'',", 1), wrong: "has no Handler"},
		"a state of Terraform":   {text: `{"format_version":"1.0","values":{"root_module":{}}}`, wrong: "is a state of Terraform, and no plan"},
		"what Terraform reads":   {text: `{"planned_values":{"root_module":{"resources":[{"mode":"data","type":"aws_lambda_function","values":{"function_name":"orders"}}]}}}`},
		"of Parameter Store":     {text: "Parameters: {Rt: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /runtime}}\n" + strings.TrimPrefix(orders("Runtime: !Ref Rt, Architectures: [arm64], "+code), "Parameters: {Archs: {Type: CommaDelimitedList, Default: arm64}}\n"), note: "has a runtime" + deployed},
		"a dynamic reference":    {text: orders("MemorySize: '{{resolve:ssm:/memory:1}}', Architectures: [arm64], " + usual), note: "has a MemorySize" + deployed},
		"one in another text":    {text: orders("MemorySize: !Sub '{{resolve:ssm:/memory:1}}', Architectures: [arm64], " + usual), note: "has a MemorySize" + deployed},
		"an escaped placeholder": {text: orders("FunctionName: !Sub '${!x}', Architectures: [arm64], " + usual)},
		"a construct of the CDK": {text: `{"Resources":{"OrdersA0B1C2D3":{"Type":"AWS::Lambda::Function","Metadata":{"aws:cdk:path":"Stack/Orders/Function/Resource"},
			"Properties":{"Handler":"bootstrap","Runtime":"provided.al2023","Code":{"S3Key":"x"}}}}}`, wrong: "function OrdersA0B1C2D3 has no Architectures, and so is for x86_64", note: "has its code where lpipe does not look"},
		"a construct alone":     {text: `{"Resources":{"A0B1C2D3":{"Type":"AWS::Lambda::Function","Metadata":{"aws:cdk:path":"orders/Other/Resource"},"Properties":{"Runtime":"provided.al2"}}}}`},
		"a stack elsewhere":     {text: "Resources: {N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://s3.amazonaws.com/b/t.yaml'}}}\n", note: "stack N has its template where lpipe does not look"},
		"a published stack":     {text: "Resources: {N: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: arn, SemanticVersion: 1.0.0}}}}\n"},
		"unknown for Terraform": {text: `{"planned_values":{"root_module":{"resources":[{"address":"a","type":"aws_lambda_function","values":{"function_name":"orders","handler":"bootstrap","architectures":["arm64"]}}]}},"resource_changes":[{"address":"a","change":{"after_unknown":{"runtime":true}}}]}`, note: "has a runtime" + deployed},
	} {
		checked, err := Check("t.yaml", "/shop", []byte(c.text), Built{Lambdas: built()})
		for what, pair := range map[string][2]string{"mistakes": {strings.Join(said(err), "\n"), c.wrong}, "notes": {strings.Join(checked.Notes, "\n"), c.note}} {
			if got, want := pair[0], pair[1]; !strings.Contains(got, want) || (got == "") != (want == "") || strings.Contains(got, "\n") {
				t.Errorf("%s: the %s are\n%s\nand not\n%s", name, what, got, want)
			}
		}
	}
}

// TestTemplatesAndDeployAgree: what lpipe deploy would set is what the template has.
func TestTemplatesAndDeployAgree(t *testing.T) {
	lambdas := built()[:1]
	lambdas[0].Memory, lambdas[0].Timeout = 512, 30
	const text = `
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64], Code: target/lambda/orders/bootstrap.zip,
      MemorySize: 256}
`
	_, err := Check("t.yaml", "/shop", []byte(text), Built{Lambdas: lambdas})
	if got, want := said(err), []string{
		"t.yaml:6: function Orders has MemorySize 256 | [deploy] in lpipe.toml has 512 MB, and each would undo the other | write MemorySize: 512",
		"t.yaml:3: function Orders has no Timeout | [deploy] in lpipe.toml has 30 seconds | write Timeout: 30",
	}; !slices.Equal(got, want) {
		t.Errorf("it says\n%s", strings.Join(got, "\n"))
	}
}

// TestALambdaForBothArchitectures: each function is compared with the one of its architecture.
func TestALambdaForBothArchitectures(t *testing.T) {
	const text = `
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64], Code: target/lambda/orders/arm64/bootstrap.zip}
  OrdersX:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, FunctionName: orders, Architectures: [x86_64], Code: {S3Bucket: b, S3Key: k}}
`
	got, err := Check("t.yaml", "/shop", []byte(text), Built{Lambdas: []Lambda{
		{Name: "orders", Arch: "x86_64", Runtime: "provided.al2023", Zip: "/shop/target/lambda/orders/x86_64/bootstrap.zip"},
		{Name: "orders", Arch: "arm64", Runtime: "provided.al2023", Zip: "/shop/target/lambda/orders/arm64/bootstrap.zip"},
	}})
	if err != nil || len(got.Agree) != 2 {
		t.Errorf("%v, %q", got, said(err))
	}
}

// TestStacksInStacks: the templates of stacks are named, whoever wrote them, and looked at by the caller.
func TestStacksInStacks(t *testing.T) {
	const text = `
Resources:
  Queue: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./queue/t.yaml}}
  App: {Type: AWS::Serverless::Application, Properties: {Location: /elsewhere/app.yaml}}
  Cdk: {Type: AWS::CloudFormation::Stack, Metadata: {aws:asset:path: x.nested.template.json, aws:asset:property: TemplateURL}, Properties: {TemplateURL: {Fn::Join: ["", [a]]}}}
`
	got, err := Check("t.yaml", "/shop/infra", []byte(text), Built{Lambdas: built()})
	want := []Nested{
		{"t.yaml:3: stack Queue", "/shop/infra/queue/t.yaml"}, {"t.yaml:4: stack App", "/elsewhere/app.yaml"}, {"t.yaml:5: stack Cdk", "/shop/infra/x.nested.template.json"},
	}
	if err != nil || !slices.Equal(got.Nested, want) || len(got.Notes) > 0 {
		t.Errorf("%v, %q", got, said(err))
	}
}

// TestAZipOfNoLambda: one that lies where lambdas are built, and is of none, is from before.
func TestAZipOfNoLambda(t *testing.T) {
	const text = `
Resources:
  Old: {Type: AWS::Lambda::Function, Properties: {Code: target/lambda/old/bootstrap.zip}}
  Other: {Type: AWS::Lambda::Function, Properties: {Code: dist/other.zip}}
`
	for _, all := range []bool{true, false} {
		got, err := Check("t.yaml", "/shop", []byte(text), Built{Lambdas: built(), All: all})
		var want []string
		if all {
			want = []string{`t.yaml:3: function Old has its code in "target/lambda/old/bootstrap.zip", where no lambda is built: what is there is from before`}
		}
		if err != nil || !slices.Equal(got.Notes, want) {
			t.Errorf("%v, %q", got, said(err))
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, file := range []string{"sam.yaml", "cloudformation.json"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"planned_values":{"root_module":{"resources":[{"type":"aws_lambda_function","values":{"filename":"x"}}],"child_modules":[{}]}}}`))
	f.Add([]byte("planned_values: &a {root_module: &b {child_modules: [*b, *b, *a]}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Check("t.yaml", "/shop", data, Built{Lambdas: built(), All: true})
		for _, e := range fault.Parts(err) {
			var one *fault.Error
			if !errors.As(e, &one) || one.Kind != fault.Usage || one.Fix == "" {
				t.Errorf("it says %v", e)
			}
		}
	})
}
