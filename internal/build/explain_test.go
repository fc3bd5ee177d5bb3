package build

import (
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// TestAnotherAddressIsNoFailureOfTheServer: who has git take another address on this machine is told that a build does not.
func TestAnotherAddressIsNoFailureOfTheServer(t *testing.T) {
	f := &fault.Error{Why: "a git server asks for a login"}
	outside := func([]string) cargo.Outside {
		return cargo.Outside{Rewrites: []cargo.Rewrite{{At: "/home/me/.gitconfig:2", Repository: "github.com/x/y"}}}
	}
	explainRewrites(f, []*project.Project{{Plan: &plan.Plan{}}, {Plan: &plan.Plan{Project: plan.Project{Outside: outside}}}})
	const want = "a git server asks for a login\ninsteadOf of /home/me/.gitconfig:2 has no effect on github.com/x/y: a build fetches from the address in Cargo.lock"
	if f.Why != want {
		t.Errorf("%q", f.Why)
	}
}
