package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// TestProjects builds, for real, the projects that plain cargo builds and that a build tool with a dependency layer
// easily gets wrong: those of internal/skeleton/testdata/traps, and those of testdata/projects. Their comments say
// why, and have lines "key: value"; those for the skeleton alone are passed over here:
//
//	root: app           the workspace's folder in the archive
//	run: a              the program to build and run; by default the first word of "build"
//	lambda: a           what lpipe calls it; by default as it is called
//	prints: hello       what the program prints, built by lpipe and by plain cargo
//	tests-passed: 3     how many tests lpipe counts
//	edit: file          this file is replaced by the archive's file edited/<file> afterwards
//	then: hello         what the program prints then
//	example: yes        the program is an example
//	slow: yes           left out unless LPIPE_TEST_ALL is set
func TestProjects(t *testing.T) {
	e := newEngine(t)
	var files []string
	for _, pattern := range []string{"../../internal/skeleton/testdata/traps/*.txtar", "../../testdata/projects/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal("no projects in", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			key := testparts.Keys(string(data))
			if key["slow"] != "" && !require.Slow(t) {
				return
			}
			t.Parallel()
			e.project(t, string(data), key)
		})
	}
}

func (e *engine) project(t *testing.T, archive string, key map[string]string) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, archive)
	edited := filepath.Join(t.TempDir(), "edited")
	_ = os.Rename(filepath.Join(dir, "edited"), edited)
	root := filepath.Join(dir, key["root"])
	testparts.Vendor(t, root)
	testparts.Lock(t, root)
	name := key["run"]
	if name == "" {
		name = strings.Fields(key["build"])[0]
	}

	lambda := cmp.Or(key["lambda"], name)

	check := func(want string) {
		t.Helper()
		kind := "--bin"
		if key["example"] != "" {
			kind = "--example"
		}
		plain := exec.Command("cargo", "run", "--quiet", "--frozen", kind, name, "--target-dir", filepath.Join(t.TempDir(), "target"))
		plain.Dir = root
		if out, err := plain.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("plain cargo: the program prints %q (%v), want %q", out, err, want)
		}
		before := files(t, dir)
		out, err := e.run(root, "build", lambda, "--json", "--progress", "plain")
		if err != nil {
			t.Fatalf("lpipe build %s: %v\n%s", name, err, out.stderr)
		}
		if n := key["tests-passed"]; n != "" && !strings.Contains(out.stdout, `"passed":`+n+",") {
			t.Errorf("want %s tests passed: %s", n, out.stdout)
		}
		program := filepath.Join(root, "target/lambda", lambda, "bootstrap")
		if got, err := exec.Command(program).Output(); err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("the program prints %q (%v), want %q", got, err, want)
		}
		if after := files(t, dir); after != before {
			t.Errorf("lpipe changed the project from\n%s\nto\n%s", before, after)
		}
	}
	check(key["prints"])
	if name := key["edit"]; name != "" {
		if err := os.Rename(filepath.Join(edited, filepath.Base(name)), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		testparts.Lock(t, root)
		check(key["then"])
	}
}

// files lists the project's files but for what lpipe writes.
func files(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `find "$1" -path '*/target/lambda*' -prune -o -type f -print | sort`, "sh", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
