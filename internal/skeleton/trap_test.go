package skeleton

import (
	"cmp"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// Each file of testdata/traps is a project that plain cargo builds and that a naive treatment of its manifests
// breaks. Its comment says why, and has lines "key: value" for the test:
//
//	root: app           the workspace's folder in the archive
//	build: a b          the packages whose closure is made
//	run: a              the binary to run; the first of build by default
//	args: --release     further arguments of cargo, also of its tests
//	prints: hello       what the binary prints
//	lambda: a           what lpipe calls the binary
//	whole: x            the packages that are copied whole; none by default
//	notes: text         a part of the notes
//	slow: yes           left out unless all tests are wanted
//	libs: util          libraries compiled in a stage between the skeleton and the packages; by default all that can be
//	compiles: a         all local packages that are then compiled, stubs included
//	apart: a            packages whose library is compiled without their programs
//	recompiles: x       foreign crates that are compiled again with the closure; none by default
//	tests: a            what cargo test runs with the closure: packages whose tests must pass
//	edit: file          this file is replaced by the archive's file edited/<file> afterwards
//	then: hello         what the binary prints then
func TestTraps(t *testing.T) {
	needCargo(t)
	files, err := filepath.Glob("testdata/traps/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no traps", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			trap(t, string(data))
		})
	}
}

func trap(t *testing.T, archive string) {
	key := testparts.Keys(archive)
	if key["slow"] != "" && !require.Slow(t) {
		return
	}
	dir := testparts.Project(t, archive)
	edited := filepath.Join(t.TempDir(), "edited")
	_ = os.Rename(filepath.Join(dir, "edited"), edited)
	testparts.Vendor(t, filepath.Join(dir, key["root"]))
	testparts.Lock(t, filepath.Join(dir, key["root"]))
	src, deps, target := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "deps"), filepath.Join(t.TempDir(), "target")
	args := append([]string{"--workspace", "--frozen", "--target", host()}, strings.Fields(key["args"])...)

	ws, found := load(t, filepath.Join(dir, key["root"]))
	if err := ws.CheckLock(); err != nil {
		t.Error("the lock file is fresh:", err)
	}
	var whole, apart []string
	for _, p := range ws.Packages {
		if found.Packages[p].Unstubbable != "" {
			whole = append(whole, p.Name)
		}
		if found.Packages[p].LibIndependent {
			apart = append(apart, p.Name)
		}
	}
	if got := strings.Join(apart, " "); got != key["apart"] {
		t.Errorf("libraries that can be compiled apart: %q, want %q", got, key["apart"])
	}
	if got := strings.Join(whole, " "); got != key["whole"] {
		t.Errorf("copied whole: %q, want %q", got, key["whole"])
	}
	layer := &layers{t: t, src: src, target: target, root: filepath.FromSlash(ws.Root), args: args}
	skel, _, err := Make(ws, found)
	if err != nil {
		t.Fatal(err)
	}
	layer.put(skel)
	layer.run("build")
	layer.run("test", "--no-run")
	layer.save(deps)

	check := func(ws *cargo.Workspace, found *reach.Findings, want string) {
		t.Helper()
		layer.restore(deps)
		var compiled []string
		if libs := librariesOf(ws, found, key["libs"], key["build"]); len(libs) > 0 {
			tree, _, err := Libraries(ws, found, libs, Options{})
			if err != nil {
				t.Fatal(err)
			}
			stage := *layer
			stage.env = StubEnv + "=libs"
			stage.put(tree)
			foreign, _ := stage.run("build")
			more, _ := stage.run("test", "--no-run")
			if got := strings.Join(append(foreign, more...), " "); got != key["recompiles"] {
				t.Errorf("the libraries compiled %q again", got)
			}
			compiled = rlibs(t, target, apart)
		}
		stubs, notes, err := Stubs(ws, found, Options{})
		if err != nil {
			t.Fatal(err)
		}
		tree, more, err := Closure(ws, found, find(ws, key["build"]), Options{Over: stubs})
		if err != nil {
			t.Fatal(err)
		}
		said := textOf(append(notes, more...))
		if !strings.Contains(said, key["notes"]) || key["notes"] == "" && key["whole"] == "" && said != "" {
			t.Errorf("notes %q, want %q", said, key["notes"])
		}
		layer.put(stubs.Tree, tree)
		foreign, local := layer.run("build", "--bins")
		profile := "debug"
		if strings.Contains(key["args"], "--release") {
			profile = "release"
		}
		bin := filepath.Join(target, host(), profile, cmp.Or(key["run"], strings.Fields(key["build"])[0]))
		out, err := exec.Command(bin).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("the program printed %q (%v), want %q", got, err, want)
		}
		again, tests := layer.run("test", "--no-run")
		local = append(local, tests...)
		if after := rlibs(t, target, apart); compiled != nil && !slices.Equal(after, compiled) {
			t.Errorf("the libraries are %q, and were %q before the programs", after, compiled)
		}
		if got := strings.Join(append(foreign, again...), " "); got != key["recompiles"] {
			t.Errorf("foreign crates compiled again: %q, want %q", got, key["recompiles"])
		}
		slices.Sort(local)
		if got := strings.Join(slices.Compact(local), " "); key["compiles"] != "" && got != key["compiles"] {
			t.Errorf("local crates compiled: %q, want %q", got, key["compiles"])
		}
		for _, name := range strings.Fields(key["tests"]) {
			out, _, _, err := cargoRun(filepath.Join(src, layer.root), target, append([]string{"test", "-p", name}, args[1:]...)...)
			if err != nil || !strings.Contains(out, "test result: ok. 1 passed") {
				t.Errorf("the tests of %s: %s", name, out)
			}
		}
	}
	check(ws, found, key["prints"])
	if name := key["edit"]; name != "" {
		if err := os.Rename(filepath.Join(edited, path.Base(name)), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		testparts.Lock(t, filepath.Join(dir, key["root"]))
		ws, found := load(t, filepath.Join(dir, key["root"]))
		again, _, err := Make(ws, found)
		if err != nil || again.Digest() != skel.Digest() && key["notes"] == "" && key["whole"] == "" {
			t.Errorf("the edit changed the skeleton (%v)", err)
		}
		check(ws, found, key["then"])
	}
}

// rlibs lists the compiled libraries of the packages with their times.
func rlibs(t *testing.T, target string, names []string) []string {
	t.Helper()
	var all []string
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join(target, "*/*/deps/lib"+strings.ReplaceAll(name, "-", "_")+"-*.rlib"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, filepath.Base(f)+" "+info.ModTime().String())
		}
	}
	return all
}

// librariesOf returns the named packages, by default the libraries that those of build use and, where they can be compiled
// apart, their own.
func librariesOf(ws *cargo.Workspace, found *reach.Findings, names, build string) []*cargo.Package {
	if names != "" {
		return find(ws, names)
	}
	pkgs := find(ws, build)
	return slices.DeleteFunc(ws.Closure(pkgs), func(p *cargo.Package) bool {
		return p.Lib == nil || found.Packages[p].Unstubbable != "" || slices.Contains(pkgs, p) && !found.Packages[p].LibIndependent
	})
}

func find(ws *cargo.Workspace, names string) []*cargo.Package {
	var pkgs []*cargo.Package
	for _, name := range strings.Fields(names) {
		pkgs = append(pkgs, ws.Find(name))
	}
	return pkgs
}

func textOf(notes []Note) string {
	var said string
	for _, n := range notes {
		said += n.Package + " " + n.Text + "\n"
	}
	return said
}

// layers runs cargo as the stages of a build do: each with its own sources at one place, over the target folder that
// the stage before left.
type layers struct {
	t                 *testing.T
	src, target, root string
	args              []string
	env               string // one variable more
}

// put makes the sources: a tree, and what is laid over it.
func (l *layers) put(tree *Tree, over ...*Tree) {
	l.t.Helper()
	materialize(l.t, tree, l.src)
	for _, o := range over {
		lay(l.t, o, l.src)
	}
}

func (l *layers) run(command string, more ...string) (foreign, local []string) {
	l.t.Helper()
	args := append(append([]string{command}, l.args...), more...)
	out, foreign, local, err := cargoRunWith(l.env, filepath.Join(l.src, l.root), l.target, args...)
	if err != nil {
		l.t.Fatalf("cargo %s: %s", command, out)
	}
	return foreign, local
}

func (l *layers) save(to string) {
	if err := os.Rename(l.target, to); err != nil {
		l.t.Fatal(err)
	}
}

func (l *layers) restore(from string) {
	if out, err := exec.Command("sh", "-c", `rm -rf "$2" && cp -a "$1" "$2"`, "sh", from, l.target).CombinedOutput(); err != nil {
		l.t.Fatal(string(out))
	}
}
