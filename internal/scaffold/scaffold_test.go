package scaffold

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v4"

	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/require"
)

// TestEveryPackagePassesItsTests: whatever is answered, what is written compiles and passes its own tests.
func TestEveryPackagePassesItsTests(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	t.Setenv("CARGO_TARGET_DIR", t.TempDir()) // the crates that they share are compiled once
	t.Setenv("RUSTFLAGS", "--deny warnings")
	for _, a := range everyPackage() {
		t.Run(strings.TrimSuffix(a.EventFile(), ".json")+"-"+a.Runtime, func(t *testing.T) {
			dir := t.TempDir()
			files, err := Package(a, "")
			if err != nil {
				t.Fatal(err)
			}
			lock, err := NewLock(a)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, append(files, File{Name: "Cargo.lock", Data: lock}))
			cargo(t, dir, "test", "--locked")
		})
	}
}

// everyPackage are answers of all packages that differ.
func everyPackage() []Answers {
	var all []Answers
	for _, runtime := range []string{"none", "crate"} {
		all = append(all, Answers{Name: "my-" + runtime + "-http", HTTP: true, Runtime: runtime})
		for _, t := range eventTypes {
			all = append(all, Answers{Name: "my-" + runtime + "-" + t.name, EventType: t.name, Runtime: runtime})
		}
	}
	return all
}

// TestProjects keeps what is written around a package; -update rewrites it.
func TestProjects(t *testing.T) {
	systems := []string{"github", "gitlab", "buildkite", "codebuild"}
	for i, template := range []string{"cloudformation", "sam", "terraform", "cdk"} {
		a := Answers{Name: "my-orders", HTTP: true, Arch: "arm64", Template: template, CI: systems[i], SSH: true}
		files, err := Project(a, []Function{{"my-orders", Zip("my-orders")}, {"jobs", Zip("jobs")}})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range files {
			if ext := path.Ext(f.Name); ext == ".yml" || ext == ".yaml" || ext == ".json" {
				if err := yaml.Unmarshal(f.Data, new(yaml.Node)); err != nil {
					t.Errorf("%s: %v", f.Name, err)
				}
			}
			fmt.Fprintf(&b, "-- %s --\n%s", f.Name, f.Data)
		}
		golden.Check(t, "testdata/"+template+".golden", b.String())
	}
	files, err := Project(Answers{Template: "none", CI: "none", Arch: "x86_64"}, nil)
	if err != nil || len(files) != 2 {
		t.Errorf("without a template and CI there are %v, %v", files, err)
	}
}

// TestEventSources keeps what a type of events adds to each deployment template; -update rewrites it.
func TestEventSources(t *testing.T) {
	project := func(template, eventType string) []byte {
		a := Answers{Name: "my-orders", EventType: eventType, Arch: "arm64", Template: template, CI: "none"}
		files, err := Project(a, []Function{{"my-orders", Zip("my-orders")}})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, f := range files {
			if path.Ext(f.Name) == ".yaml" {
				if err := yaml.Unmarshal(f.Data, new(yaml.Node)); err != nil {
					t.Errorf("%s of %s: %v", f.Name, eventType, err)
				}
			}
			b.Write(f.Data)
		}
		return b.Bytes()
	}
	var b bytes.Buffer
	for _, template := range []string{"cloudformation", "sam", "terraform", "cdk"} {
		without := project(template, "json")
		for _, kind := range eventTypes {
			b.Write(diff.Diff(template+" json", without, template+" "+kind.name, project(template, kind.name)))
		}
	}
	golden.Check(t, "testdata/events.golden", b.String())

	// Another function of the project is sent nothing.
	files, err := Project(Answers{Name: "my-orders", EventType: "sqs", Template: "sam", CI: "none"}, []Function{{"jobs", Zip("jobs")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(string(f.Data), "QueueArn") {
			t.Errorf("%s has a queue", f.Name)
		}
	}
}
