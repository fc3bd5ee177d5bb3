package solve

import (
	"github.com/moby/buildkit/solver/pb"

	"lpipe/internal/dockerfile"
	"lpipe/internal/progress"
)

// works is what the steps of stages do, for a terminal.
var works = map[string]progress.Work{
	dockerfile.StageStrata: progress.CompilesDependencies, dockerfile.StageDeps: progress.CompilesDependencies,
	dockerfile.StageLibs:  progress.CompilesLibraries,
	dockerfile.StageBuild: progress.CompilesLambda, dockerfile.StageTest: progress.RunsTests,
}

// known tells what a step is that runs a program, by the line of the Dockerfile that it comes from.
func known(at *pb.Locations, stages []dockerfile.From) (progress.Known, bool) {
	name := ""
	for _, l := range at.GetLocations() {
		for _, s := range stages {
			if len(l.Ranges) > 0 && s.Line <= int(l.Ranges[0].Start.Line) {
				name = s.Stage
			}
		}
	}
	s, ok := dockerfile.StageOf(name)
	return progress.Known{
		Stage: s.Name, Title: dockerfile.StepTitle(name), Speaks: s.Network, Cargo: s.Cargo, Short: s.Short, Work: works[s.Name],
	}, ok
}
