package build

import (
	"errors"
	"slices"
	"testing"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/solve"
)

// target is one with a base image and no more.
func target(name, base string) Target {
	l := &plan.Lambda{Name: name, Build: config.Build{Base: base}}
	return Target{Target: project.Target{Lambda: l}, Job: &solve.Job{Label: name}}
}

func TestResultsAreThoseOfTheTargets(t *testing.T) {
	d := digest.FromString("x")
	r := &Request{Targets: []Target{target("a", "rust:1"), target("b", "other")}}
	failed, full := errors.New("failed"), errors.New("full")
	got := r.result(&solve.Result{
		Outcomes: []solve.Outcome{{Engine: "tcp://a:1"}, {Err: failed}}, Warnings: []string{"careful"}, CacheErr: full,
		Bases: map[string]digest.Digest{"docker.io/library/rust:1": d},
	})
	if len(got.Built) != 2 || got.CacheErr != full || !slices.Equal(got.Warnings, []string{"careful"}) {
		t.Fatalf("%+v", got)
	}
	a, b := got.Built[0], got.Built[1]
	if a.Lambda.Name != "a" || a.Engine != "tcp://a:1" || a.Base != "docker.io/library/rust:1@"+d.String() || b.Lambda.Name != "b" || b.Err != failed || b.Base != "other" {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestAnEngineIsAskedForWhatTheRequestNeeds(t *testing.T) {
	plain := &Request{Targets: []Target{target("a", "rust:1")}}
	if n := plain.needs(); n.OCILayout || n.CacheExports != nil {
		t.Errorf("%+v", n)
	}
	more := &Request{Targets: []Target{target("a", "rust:1"), target("b", "oci-layout:///base")}}
	more.Targets[1].Job.Base = &solve.Layout{Dir: "/base"}
	more.solve.CacheTo = []client.CacheOptionsEntry{{Type: "registry"}, {Type: "inline"}}
	if n := more.needs(); !n.OCILayout || !slices.Equal(n.CacheExports, []string{"registry", "inline"}) {
		t.Errorf("%+v", n)
	}
}

func TestAFailedCacheExportIsAFaultWhereItWasAskedToBe(t *testing.T) {
	failed := errors.New("denied")
	for ignored, want := range map[string]bool{"true": false, "false": true, "": true} {
		r := &Request{}
		r.solve.CacheTo = []client.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ignore-error": ignored}}}
		if err := r.cacheFault(failed); (err != nil) != want {
			t.Errorf("ignore-error=%s: %v", ignored, err)
		}
		if err := r.cacheFault(nil); err != nil {
			t.Errorf("nothing failed: %v", err)
		}
	}
}
