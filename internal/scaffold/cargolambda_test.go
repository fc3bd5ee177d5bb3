package scaffold

import (
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/config"
)

// table reads TOML.
func table(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := toml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSettingsOfCargoLambda(t *testing.T) {
	one := CargoLambda{Lambdas: []CargoLambdaBin{{Name: "mailer", Bin: "mailer", Package: "mailer", Metadata: table(t, `
env = { STAGE = "test" }
[build]
include = ["letters", "a.txt"]
target = "aarch64-unknown-linux-gnu.2.26"
features = ["x", "y"]
compiler = { type = "cargo" }
[deploy]
memory = 512
timeout = 60
env = { LEVEL = "info" }
tags = ["team=payments"]
layers = ["arn:aws:lambda:us-east-1:123456789012:layer:x:1"]
s3_bucket = "zips"
iam_role = "arn:aws:iam::1:role/x"
tracing = "active"
[watch]
invoke_port = 9001
`)}}}
	text, notes, err := one.Config(func(name string) bool { return name == "letters" }, config.Check)
	if err != nil {
		t.Fatal(err)
	}
	const want = `# What lpipe init --from cargo-lambda made of the settings of cargo-lambda.

[build]
arch = 'arm64'
features = ['x', 'y']
include = ['letters/**', 'a.txt']

[deploy]
layers = ['arn:aws:lambda:us-east-1:123456789012:layer:x:1']
memory = 512
s3-bucket = 'zips'
timeout = '60s'
[deploy.env]
LEVEL = 'info'
STAGE = 'test'
[deploy.tags]
team = 'payments'
`
	if string(text) != want {
		t.Errorf("it is\n%s", text)
	}
	wantNotes := []string{
		"package.metadata.lambda.build.compiler: lpipe compiles in the base image, in the profile release unless profile in [build] says otherwise, and makes the program and the zip",
		`package.metadata.lambda.build.target: lpipe links libc in, for musl; link = "dynamic" in [build] makes a program for gnu`,
		"package.metadata.lambda.deploy.iam_role: lpipe deploy --create --role makes a function with it, and leaves that of one that is there",
		"package.metadata.lambda.deploy.tracing: lpipe deploy leaves this as it is on AWS; the template that makes the function has it",
		"package.metadata.lambda.watch: [serve] and the flags of lpipe serve have what lpipe has of it",
	}
	if !slices.Equal(notes, wantNotes) {
		t.Errorf("it notes\n%s", strings.Join(notes, "\n"))
	}

	other := CargoLambda{Lambdas: []CargoLambdaBin{{Name: "x", Bin: "x", Package: "x", Metadata: table(t, `
[build]
extension = true
manifest_path = "Cargo.toml"
[deploy]
s3_key = "zips/x.zip"
binary_name = "y"
region = "eu-west-1"
dry = true
`)}}}
	text, notes, err = other.Config(func(string) bool { return false }, config.Check)
	if err != nil || !strings.HasSuffix(string(text), "\n[lambda.x]\nkind = 'extension'\n") {
		t.Errorf("%v\n%s", err, text)
	}
	for i, want := range []string{
		"build.extension: lpipe build makes the zip of the layer", "build.manifest_path: lpipe build and lpipe deploy take names", "deploy.binary_name: function in [lambda.NAME.deploy] names",
		"deploy.dry: lpipe deploy has it by --dry-run", "deploy.region: lpipe deploy finds the account", "deploy.s3_key: s3-key in [deploy]",
	} {
		if i >= len(notes) || !strings.HasPrefix(notes[i], "package.metadata.lambda."+want) {
			t.Errorf("it notes %q, and not %s", notes, want)
		}
	}

	many := CargoLambda{
		File:      []byte("[deploy]\nmemory = 128\n[build]\narm64 = true\n"),
		Workspace: table(t, "[deploy]\nmemory = 256\n[bin.b.deploy]\ntimeout = 5\n"),
		Lambdas: []CargoLambdaBin{
			{Name: "a", Bin: "a", Package: "a", Metadata: table(t, "[deploy]\nmemory = 512\n")},
			{Name: "b", Bin: "b", Package: "two", Metadata: table(t, "[bin.b.build]\ninclude = [\"x\"]\n[bin.c.build]\ninclude = [\"y\"]\n")},
			{Name: "c", Bin: "c", Package: "two", Metadata: table(t, "[bin.c.build]\ninclude = [\"y\"]\n")},
		},
	}
	text, notes, err = many.Config(func(string) bool { return false }, config.Check)
	if err != nil || len(notes) > 0 {
		t.Errorf("%v, %q", err, notes)
	}
	const wantMany = `# What lpipe init --from cargo-lambda made of the settings of cargo-lambda.

[build]
arch = 'arm64'

[deploy]
memory = 256

[lambda.b]
include = ['x']

[lambda.c]
include = ['y']

[lambda.a.deploy]
memory = 512

[lambda.b.deploy]
timeout = '5s'
`
	if string(text) != wantMany {
		t.Errorf("it is\n%s", text)
	}
	bad := CargoLambda{Lambdas: []CargoLambdaBin{{Name: "x", Bin: "x", Package: "x", Metadata: table(t, `
env = { "1" = "no name", STAGE = "test" }
[deploy]
memory = 64
timeout = 60
layers = ["arn:aws:lambda:us-east-1:xxxxxxxx:layers:layer1"]
name = "my function"
`)}}}
	text, notes, err = bad.Config(func(string) bool { return false }, config.Check)
	if err != nil || string(text) != "# What lpipe init --from cargo-lambda made of the settings of cargo-lambda.\n\n[deploy]\ntimeout = '60s'\n[deploy.env]\nSTAGE = 'test'\n" {
		t.Errorf("%v\n%s", err, text)
	}
	if len(notes) != 4 || notes[1] != `package.metadata.lambda.deploy.memory: it is left out: deploy.memory cannot be "64", because Lambda has 128 to 10240 MB` {
		t.Errorf("it notes\n%s", strings.Join(notes, "\n"))
	}
	if _, _, err := (CargoLambda{}).Config(nil, config.Check); err == nil {
		t.Error("nothing for cargo-lambda is no error")
	}
}

// FuzzCargoLambda: whatever somebody wrote for cargo-lambda, what comes out is an lpipe.toml.
func FuzzCargoLambda(f *testing.F) {
	f.Add("[build]\ninclude = [\"x\"]\n[deploy]\nenv = [\"A=B\"]\n", "a.b")
	f.Add("env = 1\n[bin.x]\nbuild = 2\n", "x")
	f.Fuzz(func(t *testing.T, text, name string) {
		var metadata map[string]any
		if toml.Unmarshal([]byte(text), &metadata) != nil || (Answers{Name: name}).CheckName() != nil {
			return
		}
		c := CargoLambda{File: []byte(text), Lambdas: []CargoLambdaBin{{Name: name, Bin: name, Metadata: metadata}, {Name: "other", Bin: "x", Metadata: metadata}}}
		out, _, err := c.Config(func(string) bool { return false }, config.Check)
		if err != nil {
			return
		}
		if err := config.Check(out); err != nil {
			t.Errorf("%q becomes\n%s\n%v", text, out, err)
		}
	})
}
