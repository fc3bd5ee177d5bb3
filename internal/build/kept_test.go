package build

import (
	"reflect"
	"testing"

	"lpipe/internal/progress"
	"lpipe/internal/report"
)

func TestKeptIsWhatRan(t *testing.T) {
	const log = "   Compiling proc-macro2 v1.0.95\n   Compiling serde v1.0.219\nwarning: Compiling x v1\n" +
		"   Compiling greet v0.1.0 (https://example.com/greet.git#0a1b2c3d)\n   Compiling api v0.1.0 (/src/api)\n   Compiling serde v1.0.219\n    Finished"
	image := progress.Step{Layers: 412 << 20}
	toolchain := progress.Step{Stage: "toolchain", Now: "installing the packages musl-tools"}
	fetch := progress.Step{Stage: "fetch", Crates: 212}
	deps := progress.Step{Stage: "deps", Log: log}
	build := progress.Step{Stage: "build", Log: log, Crates: 3}
	cached := func(s progress.Step) progress.Step { s.Cached = true; return s }
	failed := func(s progress.Step) progress.Step { s.Failed = true; return s }
	for name, test := range map[string]struct {
		steps []progress.Step
		want  *report.Kept
	}{
		"a first build":            {[]progress.Step{image, toolchain, fetch, deps, build}, &report.Kept{BaseImage: 412 << 20, Toolchain: true, Crates: 212, Dependencies: 3}},
		"an image in a folder":     {[]progress.Step{{Layers: 1 << 20}, cached(toolchain)}, &report.Kept{BaseImage: 1 << 20}},
		"an image that has all":    {[]progress.Step{{Stage: "toolchain"}, build}, nil},
		"an edit of a lambda":      {[]progress.Step{cached(toolchain), cached(fetch), cached(deps), build}, nil},
		"a new dependency":         {[]progress.Step{cached(toolchain), fetch, deps, build}, &report.Kept{Crates: 212, Dependencies: 3}},
		"dependencies that failed": {[]progress.Step{image, toolchain, fetch, failed(deps)}, &report.Kept{BaseImage: 412 << 20, Toolchain: true, Crates: 212}},
	} {
		if got := kept(test.steps); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
