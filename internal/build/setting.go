package build

import (
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/config"
	"lpipe/internal/project"
)

// settingOf returns the function that says where the configuration of the projects names a program: cargo's, or the
// environment that lpipe.toml gives to a build.
func settingOf(projects []*project.Project) func(program string) string {
	return func(program string) string {
		names := func(text string) bool { return text == program || path.Base(text) == program }
		for _, p := range projects {
			for _, s := range p.Plan.Workspace.Settings() {
				if names(s.Text) {
					return s.At() + ": " + strings.Join(s.Key, ".")
				}
			}
			for _, lambda := range p.Plan.Lambdas() {
				for _, name := range slices.Sorted(maps.Keys(lambda.Build.Env)) {
					if key := config.Key("build", "env", name); names(lambda.Build.Env[name]) {
						return p.Config.Origin(key).String() + ": " + key
					}
				}
			}
		}
		return ""
	}
}
