package doctor

import (
	"bytes"
	"strings"
	"testing"

	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
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
	checks := BaseImages([]*project.Project{bases("rust:1", "oci-layout:///no/such/folder"), bases("rust:1")})
	if len(checks) != 2 || checks[0].Err != nil || !strings.HasPrefix(checks[0].Detail, "rust:1, which") {
		t.Fatalf("%+v", checks)
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
