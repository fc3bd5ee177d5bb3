package since

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
)

const shop = `
-- Cargo.toml --
[workspace]
members = ["orders", "users", "common"]
-- Cargo.lock --
version = 4
[[package]]
name = "common"
version = "1.0.0"
[[package]]
name = "orders"
version = "1.0.0"
dependencies = ["common"]
[[package]]
name = "users"
version = "1.0.0"
-- orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
[dependencies]
common = { path = "../common" }
-- orders/src/main.rs --
fn main() {}
-- users/Cargo.toml --
[package]
name = "users"
version = "1.0.0"
-- users/src/main.rs --
fn main() {}
-- common/Cargo.toml --
[package]
name = "common"
version = "1.0.0"
-- common/src/lib.rs --
`

func TestLambdasThatDifferFromARevision(t *testing.T) {
	for name, c := range map[string]struct {
		edit string
		want string
	}{
		"nothing":                {"", ""},
		"a source":               {"-- users/src/main.rs --\nfn main() { }\n", "users: sources"},
		"a library":              {"-- common/src/lib.rs --\npub fn f() {}\n", "orders: sources"},
		"a file of nobody":       {"-- README.md --\nhello\n", ""},
		"a new lambda":           {"-- users/src/bin/more.rs --\nfn main() {}\n", "more: new users: sources"},
		"a setting of one":       {"-- lpipe.toml --\n[lambda.orders]\nprofile = 'dev'\n", "orders: settings"},
		"a file without a track": {"-- users/src/more.rs --\n", "users: sources"},
	} {
		dir := t.TempDir()
		testparts.Unpack(t, dir, shop)
		git := func(args ...string) {
			t.Helper()
			all := append([]string{"-C", dir, "-c", "user.name=me", "-c", "user.email=me@example.com"}, args...)
			if out, err := exec.Command("git", all...).CombinedOutput(); err != nil {
				t.Fatalf("git %s: %s", args[0], out)
			}
		}
		git("init", "--quiet")
		git("add", ".")
		git("commit", "--quiet", "--message=first")
		if c.edit != "" {
			testparts.Unpack(t, dir, c.edit)
		}
		here := &project.Here{Dir: dir, Env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}, Disk: disk.Disk{FS: os.DirFS("/")}}
		projects, err := here.Open(nil, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := len(project.Targets(projects))
		changed, why, err := Changed(t.Context(), here, projects, "HEAD", nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, target := range project.Targets(changed) {
			got = append(got, target.Lambda.Name+": "+strings.Join(why[target.Lambda], ","))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if len(project.Targets(projects)) != before {
			t.Errorf("%s: the projects that were given have fewer lambdas", name)
		}
		if _, _, err := Changed(t.Context(), here, projects, "nowhere", nil); fault.Worst(err) != fault.Usage {
			t.Errorf("an unknown revision: %v", err)
		}
	}
}
