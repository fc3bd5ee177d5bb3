package build

import (
	"testing"

	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/config"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/solve"
)

func TestResolvedBase(t *testing.T) {
	d := digest.FromString("x")
	resolved := map[string]digest.Digest{"docker.io/library/rust:1": d}
	for base, want := range map[string]string{
		"rust:1":               "docker.io/library/rust:1@" + d.String(),
		"rust:1@" + d.String(): "rust:1@" + d.String(),
		"other":                "other",
		"oci-layout:///base:v": "oci-layout:///base:v@" + d.String(),
	} {
		target := Target{Target: project.Target{Lambda: &plan.Lambda{Build: config.Build{Base: base}}}, Job: &solve.Job{}}
		if _, ok := config.ParseLayout(base); ok {
			target.Job.Base = &solve.Layout{Digest: d}
		}
		if got := resolvedBase(target, resolved); got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
	}
}
