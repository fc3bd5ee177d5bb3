package solve

import (
	"bytes"
	"fmt"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/dockerfile"
	"lpipe/internal/progress"
)

// from is where a stage begins in a Dockerfile.
type from struct {
	line int32
	name string
}

// stagesOf returns the stages of a Dockerfile, in its order.
func stagesOf(text []byte) ([]from, error) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the Dockerfile: %w", err)
	}
	var all []from
	for _, s := range stages {
		all = append(all, from{int32(s.Location[0].Start.Line), s.Name})
	}
	return all, nil
}

// works is what the steps of stages do, for a terminal.
var works = map[string]progress.Work{
	dockerfile.StageStrata: progress.CompilesDependencies, dockerfile.StageDeps: progress.CompilesDependencies,
	dockerfile.StageLibs:  progress.CompilesLibraries,
	dockerfile.StageBuild: progress.CompilesLambda, dockerfile.StageTest: progress.RunsTests,
}

// known tells what the steps are that run a program, by the lines of the Dockerfile that they come from. dependencies says
// how many crates are compiled before those of the project, at most.
func known(d *pb.Definition, stages []from, dependencies int) map[digest.Digest]progress.Known {
	all := map[digest.Digest]progress.Known{}
	for _, def := range d.Def {
		var op pb.Op
		if op.UnmarshalVT(def) != nil || op.GetExec() == nil {
			continue
		}
		dgst, name := digest.FromBytes(def), ""
		for _, l := range d.Source.GetLocations()[string(dgst)].GetLocations() {
			for _, s := range stages {
				if len(l.Ranges) > 0 && s.line <= l.Ranges[0].Start.Line {
					name = s.name
				}
			}
		}
		if s, ok := dockerfile.StageOf(name); ok {
			all[dgst] = progress.Known{
				Stage: s.Name, Title: dockerfile.StepTitle(name), Speaks: s.Network, Cargo: s.Cargo,
				Short: s.Short, Work: works[s.Name], Most: dependencies,
			}
		}
	}
	return all
}
