package skeleton

import (
	"fmt"
	"path"
	"strings"
	"testing"
)

// TestLayouts compiles the library that a lambda shares in a step of its own, wherever the library lies and whatever the
// lambda's package holds: after it, the lambda's package is all that is compiled.
func TestLayouts(t *testing.T) {
	needCargo(t)
	const root = "[workspace]\nmembers = [%s]\nresolver = \"2\"\n%s"
	for name, l := range map[string]struct {
		workspace string // the manifest of a workspace at the top; none by default
		app, util string // folders
		build     bool   // the library is one of the build script
		profile   string
	}{
		"a member":              {workspace: fmt.Sprintf(root, `"app", "util"`, ""), app: "app", util: "util"},
		"excluded":              {workspace: fmt.Sprintf(root, `"app"`, "exclude = [\"util\"]\n"), app: "app", util: "util"},
		"a folder beside":       {app: "app", util: "util"},
		"above":                 {app: "lambdas/app", util: "."},
		"nested":                {app: ".", util: "util"},
		"panics abort":          {app: "app", util: "util", profile: "[profile.dev]\npanic = \"abort\"\n"},
		"for the build script":  {app: "app", util: "util", build: true},
		"a member for a script": {workspace: fmt.Sprintf(root, `"app", "util"`, ""), app: "app", util: "util", build: true},
	} {
		for _, lib := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/library=%t", name, lib), func(t *testing.T) {
				t.Parallel()
				at := l.app
				if l.workspace != "" {
					at = "."
				}
				deps, use, script := "dependencies", "util::hi()", ""
				if l.build {
					deps, use = "build-dependencies", `env!("HI")`
					script = "-- " + path.Join(l.app, "build.rs") + " --\nfn main() { println!(\"cargo:rustc-env=HI={}\", util::hi()); }\n"
				}
				to := strings.Repeat("../", strings.Count(path.Clean(l.app+"/x"), "/")) + l.util
				archive := fmt.Sprintf("root: %s\nbuild: app\ncompiles: app\nprints: hi 1\nedit: %s\nthen: hi 2\n", at, path.Join(l.app, "src/main.rs"))
				if lib {
					archive += "apart: app\n"
				}
				file := func(name, text string) { archive += "-- " + name + " --\n" + text }
				if l.workspace != "" {
					file("Cargo.toml", l.workspace)
				}
				file(path.Join(l.app, "Cargo.toml"), fmt.Sprintf("[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[%s]\nutil = { path = %q }\n%s", deps, to, l.profile))
				archive += script
				call := use
				if lib {
					file(path.Join(l.app, "src/lib.rs"), "pub fn hi() -> &'static str { "+use+" }\n#[test] fn t() { assert_eq!(hi(), \"hi\"); }\n")
					call = "app::hi()"
				}
				file(path.Join(l.app, "src/main.rs"), "fn main() { println!(\"{} 1\", "+call+"); }\n#[test] fn t() { assert_eq!("+call+", \"hi\"); }\n")
				file(path.Join(l.util, "Cargo.toml"), "[package]\nname = \"util\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
				file(path.Join(l.util, "src/lib.rs"), "pub fn hi() -> &'static str { \"hi\" }\n")
				file("edited/main.rs", "fn main() { println!(\"{} 2\", "+call+"); }\n")
				trap(t, archive)
			})
		}
	}
}
