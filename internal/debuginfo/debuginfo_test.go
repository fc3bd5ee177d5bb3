package debuginfo

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// programs compiles a program, and returns it with its symbols and without them.
func programs(t *testing.T, flags ...string) (debug, stripped []byte) {
	t.Helper()
	for _, name := range []string{"gcc", "strip"} {
		_, err := exec.LookPath(name)
		require.Part(t, err == nil, name, "apt-get install gcc")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.c"), []byte("const char _ZN4shop5orderE[1000] = {1};\nint main(void) { return _ZN4shop5orderE[0]; }\n"))
	for _, args := range [][]string{append(flags, "-g", "-o", "debug", "a.c"), {"-s", "-o", "stripped", "debug"}} {
		program := "gcc"
		if args[0] == "-s" {
			program = "strip"
		}
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return read("debug"), read("stripped")
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSymbolsBesideAProgramAreItsOwn: they are taken for one without symbols, and a zip, if they are of the same build.
func TestSymbolsBesideAProgramAreItsOwn(t *testing.T) {
	debug, stripped := programs(t, "-Wl,--build-id=sha1")
	other, _ := programs(t, "-Wl,--build-id=0x0a0b")
	zipped, err := artifact.Zip([]artifact.Entry{{Name: artifact.ProgramName, Data: stripped, Executable: true}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, zip, beside := filepath.Join(dir, "bootstrap"), filepath.Join(dir, "bootstrap.zip"), filepath.Join(dir, artifact.DebugName)
	write(t, program, stripped)
	write(t, zip, zipped)
	for name, c := range map[string]struct {
		beside []byte
		fails  string
	}{
		"its own": {debug, ""}, "another's": {other, "it has no symbols"}, "none": {nil, "it has no symbols"}, "no program": {[]byte("text"), "it has no symbols"},
	} {
		os.Remove(beside)
		if c.beside != nil {
			write(t, beside, c.beside)
		}
		for _, file := range []string{program, zip} {
			r, err := Sizes(file)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s, %s: %v", name, file, err)
			}
			if err == nil && r.Symbols["shop::order"] != 1000 {
				t.Errorf("%s, %s: %v", name, file, r.Symbols)
			}
		}
	}
	if _, err := Sizes(filepath.Join(dir, "none.zip")); err == nil || !strings.Contains(err.Error(), "cannot tell what") {
		t.Error(err)
	}
}

// TestSymbolsAreFetched of the build-id, from the first server that has them.
func TestSymbolsAreFetched(t *testing.T) {
	debug, stripped := programs(t, "-Wl,--build-id=0x0a0b")
	other, _ := programs(t, "-Wl,--build-id=0x0c0d")
	_, nameless := programs(t, "-Wl,--build-id=none")
	serve := func(status int, data []byte) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/buildid/0a0b/debuginfo" {
				t.Error(r.URL.Path)
			}
			w.WriteHeader(status)
			_, _ = w.Write(data)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	none, wrong, has := serve(404, nil), serve(200, other), serve(200, debug)
	for name, c := range map[string]struct {
		program []byte
		servers []string
		fails   []string
	}{
		"it has symbols":       {program: debug},
		"nobody is asked":      {program: stripped, fails: []string{"neither symbols nor lines", "--debuginfod"}},
		"no build-id":          {program: nameless, servers: []string{has}, fails: []string{"neither symbols nor a build-id"}},
		"one has it":           {program: stripped, servers: []string{none, wrong, has + "/"}},
		"no server has it":     {program: stripped, servers: []string{none, wrong}, fails: []string{"404 Not Found for the build-id 0a0b", "of another build-id"}},
		"it is not of a build": {program: []byte("text"), servers: []string{has}, fails: []string{"name a program for Lambda"}},
	} {
		file := filepath.Join(t.TempDir(), "bootstrap")
		write(t, file, c.program)
		p, err := Open(t.Context(), file, c.servers)
		if (err == nil) != (c.fails == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.fails {
			if text := shown(err); !strings.Contains(text, want) {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
		if err == nil && p.BuildID() != "0a0b" {
			t.Errorf("%s: it is %s", name, p.BuildID())
		}
	}
}

func shown(err error) string {
	var b strings.Builder
	fault.Print(&b, err)
	return b.String()
}

// TestNamesOfPrograms: a file is itself, and a lambda what it was built to, with symbols where there are some.
func TestNamesOfPrograms(t *testing.T) {
	dir := testparts.Project(t, `
-- Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
edition = "2021"
-- Cargo.lock --
version = 4

[[package]]
name = "orders"
version = "1.0.0"
-- src/main.rs --
fn main() {}
-- some.zip --
`)
	t.Chdir(dir)
	here, err := project.NewHere(map[string]string{"HOME": t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name, want string) {
		t.Helper()
		got, err := File(here, name)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	built := filepath.Join(here.Dir, "target", "lambda", "orders")
	check("some.zip", filepath.Join(here.Dir, "some.zip"))
	check("orders", "orders has not been built")
	if err := os.MkdirAll(built, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(built, artifact.ProgramName), nil)
	check("orders", filepath.Join(built, artifact.ProgramName))
	write(t, filepath.Join(built, artifact.DebugName), nil)
	check("orders", filepath.Join(built, artifact.DebugName))
}
