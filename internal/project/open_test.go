package project

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// monorepo has two projects of one package called handler, a workspace with a member for each of two lambdas and one
// excluded, a library, and folders in which nobody looks for projects.
const monorepo = `
-- .git/HEAD --
-- orders/Cargo.toml --
[package]
name = "handler"
version = "1.0.0"
-- orders/Cargo.lock --
version = 4
[[package]]
name = "handler"
version = "1.0.0"
-- orders/src/main.rs --
-- orders/tests/fixture/Cargo.toml --
broken
-- users/Cargo.toml --
[package]
name = "handler"
version = "1.0.0"
-- users/Cargo.lock --
version = 4
[[package]]
name = "handler"
version = "1.0.0"
-- users/src/main.rs --
-- jobs/night/Cargo.toml --
[workspace]
members = ["lambdas/*"]
exclude = ["tool"]
-- jobs/night/Cargo.lock --
version = 4
[[package]]
name = "sweep"
version = "1.0.0"
[[package]]
name = "import"
version = "1.0.0"
-- jobs/night/lambdas/sweep/Cargo.toml --
[package]
name = "sweep"
version = "1.0.0"
-- jobs/night/lambdas/sweep/src/main.rs --
-- jobs/night/lambdas/sweep/src/bin/sweep-api.rs --
-- jobs/night/lambdas/import/Cargo.toml --
[package]
name = "import"
version = "1.0.0"
-- jobs/night/lambdas/import/src/main.rs --
-- jobs/night/lambdas/README.md --
-- jobs/night/tool/Cargo.toml --
[package]
name = "tool"
version = "1.0.0"
-- jobs/night/tool/Cargo.lock --
version = 4
[[package]]
name = "tool"
version = "1.0.0"
-- jobs/night/tool/src/main.rs --
-- common/Cargo.toml --
[package]
name = "common"
version = "1.0.0"
-- common/src/lib.rs --
-- node_modules/x/Cargo.toml --
broken
-- target/x/Cargo.toml --
broken
-- .hidden/Cargo.toml --
broken
-- vendor/serde/Cargo.toml --
broken
-- vendor/serde/.cargo-checksum.json --
-- docs/README.md --
`

// monoDisk is the monorepo at /mono, with more files laid over it.
func monoDisk(more string) disk.Disk {
	return disk.Disk{FS: testparts.Files("mono", monorepo+more)}
}

// in is a folder below /mono of the monorepo.
func in(more, cwd string) *Here { return &Here{Dir: path.Join("/mono", cwd), Disk: monoDisk(more)} }

// selected are the labels of the lambdas, each with the folder of its project below /mono.
func selected(t *testing.T, more, cwd string, args ...string) ([]string, error) {
	t.Helper()
	all := slices.Contains(args, "--all")
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--all" })
	projects, err := in(more, cwd).Open(args, all, nil)
	if err != nil {
		return nil, err
	}
	var got []string
	for _, p := range Targets(projects) {
		got = append(got, fmt.Sprintf("%s in %s", p.Lambda.Label(), strings.TrimPrefix(p.Dir, "/mono/")))
	}
	return got, nil
}

func TestLambdasAreSelectedAcrossProjects(t *testing.T) {
	const (
		orders, users     = "orders/handler in orders", "users/handler in users"
		sweep, api, night = "sweep in jobs/night", "sweep-api in jobs/night", "import in jobs/night"
	)
	everything := []string{night, orders, sweep, api, users}
	for name, c := range map[string]struct {
		cwd  string
		args string
		want []string
	}{
		"all below a folder without a manifest":   {"", "", everything},
		"all of them":                             {"", "--all", everything},
		"a folder without a manifest":             {"jobs", "", []string{night, sweep, api}},
		"the folder of a project":                 {"users", "", []string{"handler in users"}},
		"a folder in it":                          {"users/src", "", []string{"handler in users"}},
		"the folder of a member":                  {"jobs/night/lambdas/import", "", []string{night}},
		"a folder in a member":                    {"jobs/night/lambdas/import/src", "", []string{night}},
		"everything from the folder of a member":  {"jobs/night/lambdas/import", "--all", []string{night, sweep, api}},
		"the folder of members":                   {"jobs/night/lambdas", "", []string{night, sweep, api}},
		"a name":                                  {"", "sweep", []string{sweep}},
		"a name with the folder of its project":   {"", "users/handler", []string{users}},
		"a pattern":                               {"", "s*", []string{sweep, api}},
		"a pattern of names in several projects":  {"", "*r", []string{orders, users}},
		"a path":                                  {"", "./users", []string{"handler in users"}},
		"an absolute path":                        {"docs", "/mono/users", []string{"handler in users"}},
		"a path elsewhere":                        {"users", "../jobs/night/lambdas/import", []string{night}},
		"paths in different projects":             {"users", "../orders .", []string{orders, users}},
		"a path and a name":                       {"", "./users sweep", []string{sweep, users}},
		"a name beside a path from nowhere":       {"docs", "../users handler", []string{"handler in users"}},
		"a folder of projects":                    {"", "./jobs", []string{night, sweep, api}},
		"a folder called as no lambda is":         {"", "orders", []string{orders}},
		"a pattern of paths":                      {"", "jobs/*/lambdas/i*", []string{night}},
		"a pattern of paths in several projects":  {"", "./*s", []string{night, orders, sweep, api, users}},
		"what a shell makes of a pattern":         {"", "orders users", []string{orders, users}},
		"a project that its workspace leaves out": {"", "jobs/night/tool", []string{"tool in jobs/night/tool"}},
		"twice is once":                           {"", "./users users/handler sweep jobs/*/*/sweep", []string{sweep, api, users}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := selected(t, "", c.cwd, strings.Fields(c.args)...)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestProgramsOutsideOfTheDefaultMembersAreSelected(t *testing.T) {
	const more = "-- jobs/night/Cargo.toml --\n[workspace]\nmembers = ['lambdas/*']\nexclude = ['tool']\ndefault-members = ['lambdas/import']\n"
	const sweep, api, night = "sweep in jobs/night", "sweep-api in jobs/night", "import in jobs/night"
	for _, c := range []struct {
		cwd, args string
		want      []string
	}{
		{"jobs/night", "", []string{night}},
		{"jobs/night", "sweep", []string{sweep}},
		{"jobs/night", "lambdas/sweep", []string{sweep, api}},
		{"jobs/night", "--all", []string{night, sweep, api}},
		{"jobs/night/lambdas/sweep", "", []string{sweep, api}},
		{"jobs/night/lambdas/sweep/src", "", []string{sweep, api}},
	} {
		if got, err := selected(t, more, c.cwd, strings.Fields(c.args)...); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("in %s with %q: %v, %v, want %v", c.cwd, c.args, got, err, c.want)
		}
	}
}

func TestMistakesOfSelection(t *testing.T) {
	for name, c := range map[string]struct {
		more, cwd, args string
		want            []string // all that is said holds
	}{
		"an unknown name": {"", "", "swep", []string{`there is no lambda "swep"`, "import, sweep, sweep-api", `did you mean "sweep"?`}},
		"a name that two projects have": {
			"", "", "handler", []string{`there are 2 lambdas called "handler"`, "orders/handler, users/handler"},
		},
		"a path without lambdas":         {"", "", "./common sweep", []string{"there is no lambda in ./common"}},
		"a library alone":                {"", "common", "", []string{`the package "common" has only a library`}},
		"a path that is not there":       {"", "", "./nowhere", []string{"cannot read the project's folder"}},
		"a pattern of paths for nothing": {"", "", "jobs/x*", []string{`there is no lambda "jobs/x*"`}},
		"a folder without projects":      {"", "docs", "", []string{"no Cargo.toml here or in any folder above"}},
		"everything and a name":          {"", "", "--all sweep", []string{"--all and sweep cannot be combined"}},
		"all mistakes of several projects": {
			"-- orders/Cargo.toml --\n[package]\nnam = 'x'\n-- users/Cargo.lock --\nversion = 4\n-- users/lpipe.toml --\n[build]\nprofil = 'x'\n-- jobs/night/lpipe.toml --\n[build]\nprofil = 'x'\n", "", "",
			[]string{"orders/Cargo.toml", "users/lpipe.toml:2", "jobs/night/lpipe.toml:2"},
		},
		"lock files of several projects": {
			"-- orders/Cargo.lock --\nversion = 4\n-- users/Cargo.lock --\nversion = 4\n", "", "", []string{"orders/Cargo.lock is stale", "users/Cargo.lock is stale"},
		},
		"a table for no program of any project": {
			"-- lpipe.toml --\n[lambda.sweeep]\n", "", "", []string{"[lambda.sweeep] names no program", `did you mean "sweep"?`},
		},
		"a feature of no project": {"-- lpipe.toml --\n[build]\nfeatures = ['pdf']\n", "", "", []string{`the package "import" has no feature "pdf"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := selected(t, c.more, c.cwd, strings.Fields(c.args)...)
			if err == nil || fault.Worst(err) != fault.Usage {
				t.Fatalf("selected %v, %v", got, err)
			}
			var text strings.Builder
			fault.Print(&text, err)
			for _, want := range c.want {
				if strings.Count(text.String(), want) != 1 {
					t.Errorf("%q is not said once in:\n%s", want, text.String())
				}
			}
		})
	}
}

// TestOneFileAboveSeveralProjects: what lpipe.toml at the top names has only to be in one of the projects.
func TestOneFileAboveSeveralProjects(t *testing.T) {
	const top = "-- lpipe.toml --\n[build]\nprofile = 'bench'\nfeatures = ['pdf']\n[lambda.sweep]\narch = 'arm64'\n" +
		"-- users/Cargo.toml --\n[package]\nname = 'handler'\nversion = '1.0.0'\n[features]\npdf = []\n"
	for _, cwd := range []string{"", "users", "orders", "jobs/night"} {
		projects, err := in(top, cwd).Open(nil, false, nil)
		if err != nil {
			t.Errorf("in %q: %v", cwd, err)
		}
		for _, p := range Targets(projects) {
			if want := map[bool]string{true: "arm64", false: "x86_64"}[p.Lambda.Name == "sweep"]; p.Lambda.Arch != want || p.Lambda.Build.Profile != "bench" {
				t.Errorf("%s is for %s, profile %s", p.Lambda.Label(), p.Lambda.Arch, p.Lambda.Build.Profile)
			}
		}
	}
	if _, err := in("-- jobs/lpipe.toml --\n[lambda.swep]\n", "jobs/night").Open(nil, false, nil); err == nil {
		t.Error("a table for no program, in a file above the only project below it, is no mistake")
	}
}

func TestProjectsAgreeOnWhatARunHasOnce(t *testing.T) {
	open := func(more string) error {
		here := in(more, "")
		projects, err := here.Open([]string{"./orders", "./users"}, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = here.Common(projects)
		return err
	}
	if err := open("-- users/lpipe.toml --\nimage = 'r/{{name}}'\n[build]\narch = 'arm64'\n"); err != nil {
		t.Errorf("settings of a lambda are no reason: %v", err)
	}
	if err := open("-- lpipe.toml --\n[cache]\nfrom = ['r.example.com/c']\n"); err != nil {
		t.Errorf("one file is no reason: %v", err)
	}
	err := open("-- users/lpipe.toml --\nengine = 'docker'\n[ssh]\nhosts = ['github.com']\n")
	if err == nil || fault.Worst(err) != fault.Usage || !strings.Contains(err.Error(), "engine, [ssh]") {
		t.Errorf("two engines: %v", err)
	}
}

// Paths of zips are lines for programs, and nothing else: a folder whose name would make more of one is refused.
func TestFoldersThatReadAsSomethingElseAreRefused(t *testing.T) {
	const manifest = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n"
	for name, refused := range map[string]bool{
		"a b": false, "größe": false, "x\nzip=evil": true, "x\r": true, "x\x1b[2J": true, "::add-mask::x": true, "lpipe: error": true,
		"##vso[task.setvariable variable=x]y": true, "x\u202ey": true, "--- x": true, "me:s3cret@host": true,
	} {
		files := fstest.MapFS{
			path.Join(name, "Cargo.toml"):  {Data: []byte(manifest)},
			path.Join(name, "Cargo.lock"):  {Data: []byte("version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n")},
			path.Join(name, "src/main.rs"): {},
		}
		_, err := (&Here{Dir: path.Join("/", name), Disk: disk.Disk{FS: files}}).Open(nil, false, nil)
		if refused != (err != nil) || refused && (fault.Worst(err) != fault.Usage || !strings.Contains(err.Error(), "cannot be built in")) {
			t.Errorf("%q: %v", name, err)
		}
		if password := name == "me:s3cret@host"; err != nil && strings.Contains(err.Error(), "password") != password {
			t.Errorf("%q is refused for another reason: %v", name, err)
		}
	}
}
