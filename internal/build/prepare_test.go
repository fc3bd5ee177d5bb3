package build

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/network"
	"lpipe/internal/project"
	"lpipe/internal/skeleton"
	"lpipe/internal/testparts"
	"lpipe/internal/userkey"
)

// shop has two lambdas, of which one has no tests to run.
const shop = `
-- Cargo.toml --
[workspace]
members = ["orders", "users"]
-- Cargo.lock --
version = 4
[[package]]
name = "hex"
version = "0.4.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "7f24254aa9a54b5c858eaee2f5bccdb46aaf0e486a595ed5fd8f86ba55232a70"
[[package]]
name = "orders"
version = "1.0.0"
dependencies = ["hex"]
[[package]]
name = "users"
version = "1.0.0"
-- orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
[dependencies]
hex = "0.4"
-- orders/src/main.rs --
fn main() {}
-- users/Cargo.toml --
[package]
name = "users"
version = "1.0.0"
-- users/src/main.rs --
fn main() {}
-- lpipe.toml --
[lambda.users]
test = false
`

// prepared is the request for a project of these files, laid over the shop. change may set options.
func prepared(t *testing.T, files string, change func(*Options)) (*Request, error) {
	t.Helper()
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop+files)
	return preparedFrom(t, dir, change)
}

// preparedFrom is prepared for the project in dir.
func preparedFrom(t *testing.T, dir string, change func(*Options)) (*Request, error) {
	t.Helper()
	here, projects, o := opened(t, dir, false)
	if change != nil {
		change(&o)
	}
	return Prepare(t.Context(), here, projects, o)
}

// opened is the project in dir, with all of its lambdas or those that a build takes, and what Prepare wants for a build with tests.
func opened(t testing.TB, dir string, all bool) (*project.Here, []*project.Project, Options) {
	t.Helper()
	here := &project.Here{Dir: dir, Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
	projects, err := here.Open(nil, all, []config.Setting{{Key: "build.base", Values: []string{"rust:1"}, Flag: "--base"}})
	if err != nil {
		t.Fatal(err)
	}
	key, err := userkey.Load(map[string]string{"HOME": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := network.Join(&config.Config{}, map[string]string{}, "")
	if err != nil {
		t.Fatal(err)
	}
	return here, projects, Options{Stage: dockerfile.StageLambda, Key: key, Network: joined}
}

// own is an engine of this user alone, elsewhere one of which nothing is known.
var (
	own       = engine.Chosen{Choice: engine.Choice{Kind: engine.Embedded, Address: "/var/lib/lpipe", Local: true}}
	elsewhere = engine.Chosen{Choice: engine.Choice{Kind: engine.Address, Address: "docker-container://buildkit?context=far"}}
)

func TestARequestHasAJobForEachLambda(t *testing.T) {
	r, err := prepared(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, target := range r.Targets {
		got = append(got, target.Lambda.Label()+" "+target.Job.Stage)
		if r.solve.Jobs[i] != target.Job || target.Job.Label != target.Lambda.Label() {
			t.Errorf("job %d is of another target", i)
		}
		for _, name := range []string{dockerfile.Skeleton, dockerfile.Stubs, dockerfile.Closure, dockerfile.Tests} {
			if target.Job.Contexts[name] == nil {
				t.Errorf("%s lacks the context %s", target.Job.Label, name)
			}
		}
	}
	if want := []string{"orders lambda", "users bootstrap"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	a, b := r.Targets[0].Job, r.Targets[1].Job
	if a.Contexts[dockerfile.Skeleton] != b.Contexts[dockerfile.Skeleton] || a.Contexts[dockerfile.Closure] == b.Contexts[dockerfile.Closure] {
		t.Error("the skeleton is one for all, and a closure is a lambda's own")
	}
}

// TestAProgramOfTheWholeWorkspaceNeedsNoStubs: each context is a step of the engine, which a build without changes waits for.
func TestAProgramOfTheWholeWorkspaceNeedsNoStubs(t *testing.T) {
	r, err := prepared(t, `
-- Cargo.toml --
[workspace]
members = ["orders"]
-- lpipe.toml --
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	job := r.Targets[0].Job
	if job.Contexts[dockerfile.Stubs] != nil || strings.Contains(string(job.Dockerfile), "from="+dockerfile.Stubs) {
		t.Error("there is a context of stubs")
	}
	closure, ok := job.Contexts[dockerfile.Closure].(*skeleton.Tree)
	if !ok || !slices.Contains(closure.Paths(), "Cargo.toml") || !slices.Contains(closure.Paths(), "Cargo.lock") {
		t.Errorf("the closure does not stand alone: %v", job.Contexts[dockerfile.Closure])
	}
}

func TestATestDeliversNothing(t *testing.T) {
	r, err := prepared(t, "", func(o *Options) { o.Stage = dockerfile.StageTest })
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range r.Targets {
		if target.folder != nil || target.Job.Then != nil || target.Job.Stage != dockerfile.StageTest {
			t.Errorf("%s has a folder: %+v", target.Job.Label, target.Job)
		}
	}
}

// TestWhatIsForTheUserAloneNeedsAnEngineOfTheirs: everything that depends on it is decided when the request is made.
func TestWhatIsForTheUserAloneNeedsAnEngineOfTheirs(t *testing.T) {
	render, err := prepared(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	text := render.Targets[0].Job.Dockerfile
	for name, c := range map[string]struct {
		engines []engine.Chosen
		warm    bool
	}{
		"of the user alone":      {[]engine.Chosen{own}, true},
		"of others":              {[]engine.Chosen{elsewhere}, false},
		"of others too":          {[]engine.Chosen{own, elsewhere}, false},
		"one that is not usable": {[]engine.Chosen{{Err: os.ErrNotExist}}, false},
	} {
		r, err := prepared(t, "", func(o *Options) { o.Engines = c.engines })
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range r.Targets {
			if warm := !bytes.Equal(target.Job.Dockerfile, text); warm != c.warm {
				t.Errorf("an engine %s: its own place for dependencies: %t", name, warm)
			}
		}
	}
}

func TestAProxyOfThisMachineIsForItsEngines(t *testing.T) {
	joined, err := network.Join(&config.Config{}, map[string]string{"HTTPS_PROXY": "http://127.0.0.1:3128"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, engines := range [][]engine.Chosen{{own}, {elsewhere}, {own, elsewhere}} {
		got := loopback(Options{Network: joined, Engines: engines})
		if warned := len(got) > 0; warned != slices.ContainsFunc(engines, func(c engine.Chosen) bool { return !c.Local }) {
			t.Errorf("%+v: %q", engines, got)
		}
	}
}

func TestAllMistakesOfARequestAreReported(t *testing.T) {
	_, err := prepared(t, `
-- lpipe.toml --
push = true
image = "r.example.com/shop:1"
[cache]
from = ["type=gha"]
[build]
base = "rust:1"
`, func(o *Options) { o.Images, o.SSH = true, []string{"="} })
	if err == nil || fault.Worst(err) != fault.Usage {
		t.Fatal(err)
	}
	for _, want := range []string{"--ssh", "cache", "would both be pushed as r.example.com/shop:1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

func TestAFolderThatALinkLeadsAwayFromIsRefused(t *testing.T) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "target")); err != nil {
		t.Fatal(err)
	}
	here := &project.Here{Dir: dir, Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
	projects, err := here.Open(nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	joined, _ := network.Join(&config.Config{}, map[string]string{}, "")
	if _, err := Prepare(t.Context(), here, projects, Options{Stage: dockerfile.StageLambda, Network: joined}); fault.Worst(err) != fault.Usage {
		t.Errorf("prepared: %v", err)
	}
}

// TestWhatIsWrittenAtTheEndIsCheckedBefore the build, all of it at once.
func TestWhatIsWrittenAtTheEndIsCheckedBefore(t *testing.T) {
	joined, _ := network.Join(&config.Config{}, map[string]string{}, "")
	for name, c := range map[string]struct {
		epoch, file, out string // file is one in the place of a folder
		want             []string
	}{
		"all is well":                {epoch: "0"},
		"a file for target":          {file: "target", want: []string{"target"}},
		"no number":                  {epoch: "yesterday", want: []string{"whole number of seconds"}},
		"before 1970":                {epoch: "-1", want: []string{"not between 0 and 4354819198"}},
		"after what a zip can tell":  {epoch: "4354819199", want: []string{"not between 0 and 4354819198"}},
		"more than a number":         {epoch: "99999999999999999999", want: []string{"not between 0 and 4354819198"}},
		"several mistakes":           {epoch: "x", file: "target/lambda", want: []string{"whole number", "lambda"}},
		"a file for --out-dir":       {file: "out", out: "out", want: []string{"out"}},
		"a folder that is not there": {out: "new/out"},
		"a file for the lambda's":    {file: "out/orders", out: "out", want: []string{"orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			testparts.Unpack(t, dir, shop)
			if c.file != "" {
				testparts.Unpack(t, dir, "-- "+c.file+" --\n")
			}
			here := &project.Here{Dir: dir, Env: map[string]string{"SOURCE_DATE_EPOCH": c.epoch}, Disk: disk.Disk{FS: os.DirFS("/")}}
			if c.out != "" {
				here.Out = filepath.Join(dir, c.out)
			}
			projects, err := here.Open(nil, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Prepare(t.Context(), here, projects, Options{Stage: dockerfile.StageLambda, Network: joined})
			if len(c.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				want := filepath.Join(dir, "target/lambda/orders")
				if c.out != "" {
					want = filepath.Join(dir, c.out, "orders")
				}
				if got := r.Targets[0].OutputDir(); got != want {
					t.Errorf("the files go to %s, want %s", got, want)
				}
				return
			}
			if fault.Worst(err) != fault.Usage {
				t.Fatalf("prepared: %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not said: %v", want, err)
				}
			}
			if parts := fault.Parts(err); len(parts) != len(c.want) {
				t.Errorf("%d mistakes: %v", len(parts), err)
			}
		})
	}
}

// TestSources: what a lambda was compiled from is told as from what a build sends, and changes with that alone.
func TestSources(t *testing.T) {
	lock, _, _ := strings.Cut(shop, "[[package]]\nname = \"users\"")
	_, lock, _ = strings.Cut(lock, "-- Cargo.lock --\n")
	for name, files := range map[string]string{
		"of a workspace": "", "of one package": "-- Cargo.toml --\n[workspace]\nmembers = [\"orders\"]\n-- lpipe.toml --\n-- Cargo.lock --\n" + lock,
	} {
		r, err := prepared(t, files, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		orders := r.Targets[0]
		built := orders.sources()
		now := func() string {
			t.Helper()
			here := &project.Here{Dir: orders.Dir, Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
			projects, err := here.Open([]string{"orders"}, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			digest, err := new(Present).Sources(project.Targets(projects)[0])
			if err != nil {
				t.Fatal(err)
			}
			return digest
		}
		if built == "" || now() != built {
			t.Errorf("%s: the sources are others at once", name)
		}
		other := "-- README.md --\n"
		if name == "of a workspace" { // else users is a folder like any other, which orders may read
			other += "-- users/src/main.rs --\nfn main() { }\n-- users/src/more.rs --\n"
		}
		testparts.Unpack(t, orders.Dir, other)
		if now() != built {
			t.Errorf("%s: an edit of another lambda changes them", name)
		}
		for _, edit := range []string{"-- orders/src/main.rs --\nfn main() { }\n", "-- orders/data.txt --\n"} {
			testparts.Unpack(t, orders.Dir, edit)
			if now() == built {
				t.Errorf("%s: they do not change with %q", name, edit)
			}
			built = now()
		}
	}
}
