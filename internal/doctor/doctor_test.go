package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/network"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
)

func TestEveryEngineThatIsNamedIsChecked(t *testing.T) {
	checks := Engines(t.Context(), engine.Options{Engine: "unxi://a,tcp://"})
	if len(checks) != 2 {
		t.Fatalf("%+v", checks)
	}
	for _, c := range checks {
		if c.Name != "engine" || fault.Worst(c.Err) != fault.Usage {
			t.Errorf("%+v", c)
		}
	}
}

func TestBaseImagesAreCheckedOnce(t *testing.T) {
	bases := func(all ...string) *project.Project {
		p := &project.Project{Plan: &plan.Plan{}}
		for _, base := range all {
			p.Plan.Variants = append(p.Plan.Variants, &plan.Variant{Base: base})
		}
		return p
	}
	var asked []string
	ask := func(_ context.Context, base string) (string, error) {
		asked = append(asked, base)
		return "sha256:1", nil
	}
	checks := BaseImages(t.Context(), []*project.Project{bases("rust:1", "oci-layout:///no/such/folder"), bases("rust:1")}, ask)
	if len(checks) != 2 || checks[0].Err != nil || checks[0].Detail != "rust:1, sha256:1" || len(asked) != 1 {
		t.Fatalf("%+v, %q", checks, asked)
	}
	none := errors.New("no such image")
	refused := BaseImages(t.Context(), []*project.Project{bases("rust:1")}, func(context.Context, string) (string, error) { return "", none })
	if refused[0].Detail != "rust:1" || !errors.Is(refused[0].Err, none) {
		t.Errorf("%+v", refused)
	}
	if unasked := BaseImages(t.Context(), []*project.Project{bases("rust:1")}, nil); !strings.Contains(unasked[0].Detail, "not asked") {
		t.Errorf("%+v", unasked)
	}
	if fault.Worst(checks[1].Err) != fault.Usage {
		t.Errorf("a folder without an image: %v", checks[1].Err)
	}
}

func TestWhatFailedIsSeenAndReturned(t *testing.T) {
	var out bytes.Buffer
	failed := &fault.Error{Kind: fault.Engine, What: "no engine", Fix: "start one"}
	err := Print(&out, []Check{{Name: "engine", Err: failed}, {Name: "ssh", Detail: "2 keys"}})
	if want := "FAILED  engine      see below\nok      ssh         2 keys\n"; out.String() != want || fault.Worst(err) != fault.Engine {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestWhatABuildWouldUseIsChecked, as far as it can be without what fails.
func TestWhatABuildWouldUseIsChecked(t *testing.T) {
	const single = "-- Cargo.toml --\n[package]\nname = \"orders\"\nversion = \"1.0.0\"\nedition = \"2021\"\n-- Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"orders\"\nversion = \"1.0.0\"\n-- src/main.rs --\nfn main() {}\n"
	none := func(*config.Config, network.Joined) (engine.Options, error) {
		return engine.Options{Engine: "unxi://a"}, nil
	}
	join := func(cfg *config.Config) (network.Joined, error) { return network.Join(cfg, map[string]string{}, "") }
	apart := func(*config.Config) (network.Joined, error) { return network.Joined{}, errors.New("no network") }
	for name, c := range map[string]struct {
		files string
		join  func(*config.Config) (network.Joined, error)
		want  []string // names, with ! for what failed
	}{
		"no project": {"", join, []string{"engine!", "project!"}},
		"no network": {single, apart, []string{"engine!", "registry!", "ssh!"}},
		"a project":  {single + "-- lpipe.toml --\npush = true\nimage = \"127.0.0.1:1/{{name}}\"\n", join, []string{"engine!", "base image", "image!"}},
	} {
		dir := t.TempDir()
		testparts.Unpack(t, dir, c.files)
		here := &project.Here{Dir: dir, Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
		var got []string
		for _, check := range Diagnose(t.Context(), here, nil, nil, Machine{Join: c.join, Engines: none, Log: func(string) {}}) {
			if check.Err != nil {
				check.Name += "!"
			}
			got = append(got, check.Name)
		}
		if len(got) < len(c.want) || !slices.Equal(got[:len(c.want)], c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
