package build

import (
	"lpipe/internal/dockerfile"
	"lpipe/internal/pattern"
	"lpipe/internal/progress"
	"lpipe/internal/report"
)

// kept returns what the steps did that later builds need not do again; nil if that is nothing.
func kept(steps []progress.Step) *report.Kept {
	var k report.Kept
	compiled := map[string]bool{}
	for _, s := range steps {
		if s.Cached || s.Failed {
			continue
		}
		switch s.Stage {
		case dockerfile.StageToolchain:
			k.Toolchain = k.Toolchain || s.Now != "" // an image may have all that is needed
		case dockerfile.StageFetch:
			k.Crates += s.Crates
		case dockerfile.StageStrata, dockerfile.StageDeps:
			for _, m := range compiledCrate().FindAllStringSubmatch(s.Log, -1) {
				compiled[m[1]] = true
			}
		case "":
			k.BaseImage += s.Layers // those of an imported cache are of the steps that they are for
		}
	}
	k.Dependencies = len(compiled)
	if k == (report.Kept{}) {
		return nil
	}
	return &k
}

// compiledCrate is cargo's line about a crate that it compiles, unless that is of the project: then the line ends with
// a folder.
var compiledCrate = pattern.Of(`(?m)^ +Compiling (\S+ v\S+(?: \([^/].*\))?)$`)
