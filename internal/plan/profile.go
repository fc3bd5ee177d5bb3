package plan

import (
	"fmt"
	"slices"
	"strings"

	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// OwnProfiles are the profiles that cargo has for programs, whether or not anything declares them.
var OwnProfiles = []string{"dev", "release"}

// profiles refuses those that nothing declares.
func (f *found) profiles() error {
	var l fault.List
	declared := f.Workspace.Profiles()
	known := append(slices.Clone(declared), append(OwnProfiles, "test", "bench")...)
	said := map[string]bool{}
	for _, lambda := range f.chosen {
		name := lambda.Build.Profile
		byVariable := false // as CARGO_PROFILE_NAME_INHERITS
		for variable := range lambda.Build.Env {
			byVariable = byVariable || strings.HasPrefix(variable, profileVariables(name))
		}
		if said[name] || byVariable || slices.Contains(known, name) {
			continue
		}
		said[name] = true
		fix := fmt.Sprintf("add [profile.%s] with inherits = \"release\" to %s", name, f.Workspace.Show(f.Workspace.Manifest.Path))
		if near := fault.Nearest(name, append(slices.Clone(declared), OwnProfiles...)); near != "" {
			fix = fmt.Sprintf("did you mean %q? Else %s", near, fix)
		}
		l.Addf(
			fmt.Sprintf("there is no profile %s (%s)", fault.Quote(name), f.Config.Origin(config.Key("lambda", lambda.Name, "profile")).String()),
			"neither the workspace's manifest nor cargo's configuration has a table for it", fix,
		)
	}
	return l.Err()
}

// profileVariables is how the variables begin that set something of a profile.
func profileVariables(name string) string {
	return "CARGO_PROFILE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_"
}

// usedProfiles are those of the lambdas that were chosen, and those that they inherit from.
func (f *found) usedProfiles() (all []string) {
	for _, lambda := range f.chosen {
		for name := lambda.Build.Profile; name != "" && !slices.Contains(all, name); {
			all = append(all, name)
			inherits := ""
			for _, t := range f.Workspace.Profile(name) {
				if from, ok := t["inherits"].(string); ok && inherits == "" {
					inherits = from
				}
			}
			name = inherits
		}
	}
	return all
}
