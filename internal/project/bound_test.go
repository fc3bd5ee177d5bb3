package project

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// machine is a folder of all users with a project in p that has a member m.
const machine = `
-- p/Cargo.toml --
[workspace]
members = ["m"]
-- p/Cargo.lock --
version = 4

[[package]]
name = "m"
version = "0.1.0"
-- p/m/Cargo.toml --
[package]
name = "m"
version = "0.1.0"
edition = "2021"
-- p/m/src/main.rs --
fn main() {}
`

// TestWhoChoosesTheSettings: lpipe.toml and what cargo reads count as far as the project goes, and not when another user
// put them there.
func TestWhoChoosesTheSettings(t *testing.T) {
	const settings = "[build]\nprofile = \"bench\"\n"
	for name, c := range map[string]struct {
		files   string
		owned   string // by another user
		open    string // writable by all
		cwd     string
		args    []string
		profile string
		want    string // in the report
	}{
		"above the project":                    {files: "-- lpipe.toml --\n" + settings, cwd: "p/m", profile: "release"},
		"above the project, asked for by path": {files: "-- lpipe.toml --\n" + settings, cwd: "", args: []string{"./p"}, profile: "release"},
		"of the workspace":                     {files: "-- p/lpipe.toml --\n" + settings, cwd: "p/m", profile: "bench"},
		"of the folder asked for":              {files: "-- lpipe.toml --\n" + settings, cwd: "", profile: "bench"},
		"of what the projects have in common":  {files: "-- lpipe.toml --\n" + settings + "-- q/Cargo.toml --\n[package]\nname = \"q\"\n-- q/Cargo.lock --\nversion = 4\n[[package]]\nname = \"q\"\nversion = \"0.0.0\"\n-- q/src/main.rs --\n", cwd: "p", args: []string{".", "../q"}, profile: "bench"},
		"of the repository":                    {files: "-- .git/HEAD --\n-- lpipe.toml --\n" + settings, cwd: "p/m", profile: "bench"},
		"of a nested repository":               {files: "-- .git/HEAD --\n-- lpipe.toml --\n" + settings + "-- p/.git/HEAD --\n", cwd: "p/m", profile: "release"},

		"another user's, in the common folder": {files: "-- .git/HEAD --\n-- lpipe.toml --\n" + settings, owned: "lpipe.toml", cwd: "p/m", want: "lpipe.toml may come from another user"},
		"another user's, in the folder":        {files: "-- lpipe.toml --\n" + settings, owned: "lpipe.toml", cwd: "", want: "lpipe.toml may come from another user"},
		"writable by all":                      {files: "-- p/lpipe.toml --\n" + settings, open: "p/lpipe.toml", cwd: "p/m", want: "every user may write it"},
		"the whole project is another user's":  {files: "-- p/lpipe.toml --\n" + settings, owned: "p", cwd: "p/m", profile: "bench"},
		"the whole project is open":            {files: "-- p/lpipe.toml --\n" + settings, open: "p", cwd: "p/m", profile: "bench"},
		"another user's repository":            {files: "-- .git/HEAD --\n", owned: ".git", cwd: "p/m", want: "is the git repository of another user"},
		"another user's, never asked":          {files: "-- Cargo.toml --\n[workspace]\nmembers = [\"p/m\"]\n-- p/m/Cargo.lock --\n" + "version = 4\n", owned: "Cargo.toml", cwd: "p", profile: "release"},
		"another user's workspace above":       {files: "-- Cargo.toml --\n[workspace]\nmembers = [\"q\"]\n-- q/Cargo.toml --\n[package]\nname = \"q\"\n-- q/Cargo.lock --\nversion = 4\n-- q/src/main.rs --\n", owned: "Cargo.toml", cwd: "q", want: "../Cargo.toml may come from another user"},
		"another user's cargo configuration":   {files: "-- .git/HEAD --\n-- .cargo/config.toml --\n[build]\n", owned: ".cargo/config.toml", cwd: "p/m", want: ".cargo/config.toml may come from another user"},
		"another user's folder .cargo":         {files: "-- .git/HEAD --\n-- .cargo/config.toml --\n[build]\n", owned: ".cargo", cwd: "p/m", want: ".cargo/config.toml may come from another user"},
		"another user's toolchain":             {files: "-- .git/HEAD --\n-- rust-toolchain --\nnightly\n", owned: "rust-toolchain", cwd: "p/m", want: "rust-toolchain may come from another user"},
		"another user's lock file":             {files: "", owned: "p/Cargo.lock", cwd: "p/m", want: "../Cargo.lock may come from another user"},
	} {
		t.Run(name, func(t *testing.T) {
			if (c.owned != "" || c.open != "") && os.Getuid() != 0 {
				t.Skip("root alone can give files away")
			}
			// Its own folder: those above it must be nobody else's.
			top := t.TempDir()
			testparts.Unpack(t, top, machine+c.files)
			change := func(name string, fn func(at string) error) {
				err := filepath.WalkDir(filepath.Join(top, name), func(at string, _ os.DirEntry, err error) error {
					if err != nil {
						return err
					}
					return fn(at)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.owned != "" {
				change(c.owned, func(at string) error { return os.Lchown(at, 12345, 12345) })
			}
			if c.open != "" {
				change(c.open, func(at string) error { return os.Chmod(at, 0o777) })
			}
			here := &Here{Dir: filepath.Join(top, c.cwd), Disk: thisDisk(nil)}
			projects, err := here.Open(c.args, false, nil)
			if c.profile != "" {
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range Targets(projects) {
					if got := l.Lambda.Build.Profile; got != c.profile {
						t.Errorf("%s has the profile %s", l.Lambda.Label(), got)
					}
				}
				return
			}
			var said strings.Builder
			if err == nil {
				t.Fatal("accepted")
			}
			fault.Print(&said, err)
			if !strings.Contains(said.String(), c.want) || fault.Worst(err) != fault.Usage || !strings.Contains(said.String(), "fix:") {
				t.Errorf("it does not say %q:\n%s", c.want, said.String())
			}
		})
	}
}

// TestTheFileOfVerbsWithoutAProject: the same bound holds where only lpipe.toml is read.
func TestTheFileOfVerbsWithoutAProject(t *testing.T) {
	top := t.TempDir()
	testparts.Unpack(t, top, machine+"-- lpipe.toml --\nengine = \"tcp://theirs:1\"\n-- p/m/x --\n")
	in := func(dir string) *Here { return &Here{Dir: filepath.Join(top, dir), Disk: thisDisk(nil)} }
	for dir, want := range map[string]string{"p/m": "", "p": "", "": "tcp://theirs:1"} {
		cfg, err := in(dir).Config(nil)
		if err != nil || cfg.Engine != want {
			t.Errorf("in %q: engine %q, %v", dir, cfg.Engine, err)
		}
	}
	testparts.Unpack(t, top, "-- p/lpipe.toml --\nengine = \"tcp://ours:1\"\n")
	if cfg, err := in("p/m").Config(nil); err != nil || cfg.Engine != "tcp://ours:1" {
		t.Errorf("that of the workspace: %v", err)
	}
}

// TestAllowOutsideIsRead from flags, the environment and a file of the user, and from no file of the project.
func TestAllowOutsideIsRead(t *testing.T) {
	top := t.TempDir()
	testparts.Unpack(t, top, machine+"-- mine.toml --\n[build]\nallow-outside = [\"shared\"]\n-- p/lpipe.toml --\n[build]\nallow-outside = [\"..\"]\n-- shared/x --\n")
	d := thisDisk(nil)
	for _, c := range []struct {
		env  string
		flag []config.Setting
		want string
	}{
		{"", nil, "[]"},
		{"", []config.Setting{{Key: "config", Values: []string{"lpipe.toml"}, Flag: "--config"}}, "[]"},
		{"", []config.Setting{{Key: "config", Values: []string{"../mine.toml"}, Flag: "--config"}}, "[" + top + "/shared]"},
		{"../shared,/x", nil, "[" + top + "/shared /x]"},
		{"/x", []config.Setting{{Key: "build.allow-outside", Values: []string{"../shared"}, Flag: "--allow-outside"}}, "[" + top + "/shared]"},
	} {
		view, err := d.View(inFS(filepath.Join(top, "p")))
		if err != nil {
			t.Fatal(err)
		}
		got := config.AllowOutside(config.Input{FS: d.FS, View: view, Dir: inFS(filepath.Join(top, "p")), Env: map[string]string{"LPIPE_ALLOW_OUTSIDE": c.env}, Settings: c.flag})
		if fmt.Sprint(got) != c.want {
			t.Errorf("%q %v: %v, want %s", c.env, c.flag, got, c.want)
		}
	}
}
