package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
)

const shop = `
-- repo/.git/HEAD --
-- repo/Cargo.toml --
[workspace]
members = ["orders", "users"]
resolver = "2"
-- repo/Cargo.lock --
version = 4

[[package]]
name = "orders"
version = "1.0.0"

[[package]]
name = "users"
version = "1.0.0"
-- repo/orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
edition = "2021"
-- repo/orders/src/main.rs --
fn main() {}
-- repo/users/Cargo.toml --
[package]
name = "users"
version = "1.0.0"
edition = "2021"
-- repo/users/src/main.rs --
fn main() {}
`

// function is a function of a template.
func function(name, lambda, memory, events string) string {
	return "  " + name + ":\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: target/lambda/" + lambda + "/bootstrap.zip\n      Handler: bootstrap\n      Runtime: provided.al2023\n" +
		"      Architectures: [x86_64]\n      MemorySize: " + memory + "\n" + events
}

const head = "Transform: AWS::Serverless-2016-10-31\nResources:\n"

// opened are the projects of files that are laid over the shop.
func opened(t *testing.T, files string, settings ...config.Setting) (*project.Here, []*project.Project) {
	t.Helper()
	top := t.TempDir()
	testparts.Unpack(t, top, shop+files)
	here := &project.Here{Dir: filepath.Join(top, "repo"), Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
	projects, err := here.Open(nil, true, settings)
	if err != nil {
		t.Fatal(err)
	}
	return here, projects
}

// TestTemplatesAreComparedWithWhatIsBuilt, and those of stacks in them.
func TestTemplatesAreComparedWithWhatIsBuilt(t *testing.T) {
	nested := "  Users:\n    Type: AWS::Serverless::Application\n    Properties:\n      Location: users.yaml\n"
	here, projects := opened(t, "-- repo/lpipe.toml --\ntemplate = [\"template.yaml\"]\n-- repo/template.yaml --\n"+head+function("Orders", "orders", "256", "")+nested)
	files := Files(projects)
	if len(files) != 1 || files[0].Path != filepath.Join(here.Dir, "template.yaml") || files[0].By != projects[0] {
		t.Fatalf("%+v", files)
	}
	agree, notes, err := Check(here, projects, files, true)
	if err != nil || len(agree) != 1 || agree[0].Lambda != "orders" || !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "users.yaml, which is not there") }) || !slices.Contains(notes, "no template has a function for users") {
		t.Errorf("%+v, %q, %v", agree, notes, err)
	}
	testparts.Unpack(t, here.Dir, "-- users.yaml --\n"+head+function("Users", "users", "64", ""))
	agree, notes, err = Check(here, projects, files, true)
	if err == nil || !strings.Contains(err.Error(), "users.yaml") || len(notes) > 0 {
		t.Errorf("%+v, %q, %v", agree, notes, err)
	}
	if len(files) != 1 {
		t.Errorf("the caller's files are others: %+v", files)
	}
}

// TestTemplatesOfAProjectAreWithinItsBound; the user may name any file.
func TestTemplatesOfAProjectAreWithinItsBound(t *testing.T) {
	here, projects := opened(t, "-- repo/lpipe.toml --\n-- outside.yaml --\n"+strings.ReplaceAll(head+function("Orders", "orders", "256", ""), "CodeUri: ", "CodeUri: repo/"))
	outside := filepath.Join(filepath.Dir(here.Dir), "outside.yaml")
	if _, _, err := Check(here, projects, []File{{Path: outside, By: projects[0]}}, true); err == nil || !strings.Contains(err.Error(), "reading the template") {
		t.Error(err)
	}
	if agree, _, err := Check(here, projects, []File{{Path: outside}}, true); err != nil || len(agree) != 1 {
		t.Errorf("%v, %v", agree, err)
	}
	if _, _, err := Check(here, projects, []File{{Path: outside + ".none"}}, true); err == nil || !strings.Contains(err.Error(), "reading the template") {
		t.Error(err)
	}
}

// TestRoutesAreThoseOfLpipeTomlAndTemplates, with what is wrong with them.
func TestRoutesAreThoseOfLpipeTomlAndTemplates(t *testing.T) {
	event := "      Events:\n        Get:\n          Type: HttpApi\n          Properties: {Path: /orders, Method: get}\n"
	template := "-- repo/template.yaml --\n" + head + function("Orders", "orders", "256", event)
	const served = "-- repo/lpipe.toml --\n[serve]\ntemplate = [\"template.yaml\"]\nroutes = [\"GET /users usres\"]\n"
	here, projects := opened(t, served+template)
	r, err := ReadRoutes(here, projects)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range r.Table {
		got = append(got, one.Method+" "+one.Path+" "+one.Lambda)
	}
	if want := []string{"GET /users usres", "GET /orders orders"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if want := []string{filepath.Join(here.Dir, "lpipe.toml"), filepath.Join(here.Dir, "template.yaml")}; !slices.Equal(r.Files, want) {
		t.Errorf("%q, want %q", r.Files, want)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "did you mean users?") {
		t.Errorf("%q", r.Notes)
	}

	here, projects = opened(t, served+template, config.Setting{Key: "serve.template", Values: []string{"none.yaml"}, Flag: "--template"})
	if _, err := ReadRoutes(here, projects); err == nil || !strings.Contains(err.Error(), "reading the template") {
		t.Error(err)
	}
	here, projects = opened(t, strings.ReplaceAll(served, "/users usres", "/orders users")+template)
	if _, err := ReadRoutes(here, projects); err == nil || !strings.Contains(err.Error(), "/orders") {
		t.Error(err)
	}
}
