package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// work holds the program and the state of the engine that all tests share.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "lpipe-test-"); err != nil {
		panic(err)
	}
	status := m.Run()
	if _, err := os.Stat(filepath.Join(work, "engine")); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		cmd := exec.CommandContext(ctx, filepath.Join(work, "bin", "lpipe"), "engine", "stop")
		cmd.Env = append(os.Environ(), "LPIPE_ENGINE_ROOT="+filepath.Join(work, "engine"))
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping the engine: %v\n%s", err, out)
			status = 1
		}
		cancel()
	}
	if err := os.RemoveAll(work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// program builds lpipe once and returns the folder it is in.
var program = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(work, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "lpipe"), ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building lpipe: %w\n%s", err, out)
	}
	status := "#!/bin/sh\n\"$@\"\necho \"exit status $?\" >&2\n"
	return bin, os.WriteFile(filepath.Join(bin, "status"), []byte(status), 0o755)
})

// engine runs lpipe with an embedded engine and the base image of the tests.
type engine struct {
	bin  string
	base string
	env  map[string]string
}

// newEngine needs root, runc and the base image. All tests share one state folder, and so one daemon and its cache.
func newEngine(t *testing.T) *engine {
	t.Helper()
	_, err := exec.LookPath("runc")
	require.Part(t, err == nil && os.Geteuid() == 0, "root and runc", "apt-get install runc")
	base := testparts.BaseImage(t)
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return &engine{bin: bin, base: base, env: map[string]string{
		"LPIPE_ENGINE":      "embedded",
		"LPIPE_ENGINE_ROOT": filepath.Join(work, "engine"),
		"LPIPE_BASE":        "oci-layout://" + base,
	}}
}

type output struct{ stdout, stderr string }

func (e *engine) run(dir string, args ...string) (output, error) {
	cmd := exec.Command(filepath.Join(e.bin, "lpipe"), args...)
	cmd.Dir = dir
	cmd.Env = os.Environ()
	for name, value := range e.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return output{stdout.String(), stderr.String()}, err
}

// withEngines adds the commands for scripts that need an engine of their own, which has the base image already, and no step.
// There are those of [withDaemons] and [withFleet], and
//
//	engine DIR   sets LPIPE_ENGINE_ROOT to DIR
func (e *engine) withEngines(commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	first := sync.OnceValues(e.first)
	root := func(ts *testscript.TestScript, dir string) {
		from, err := first()
		ts.Check(err)
		ts.Check(ts.Exec("cp", "-a", from, dir))
	}
	commands["engine"] = func(ts *testscript.TestScript, _ bool, args []string) {
		dir := ts.MkAbs(args[0])
		root(ts, dir)
		ts.Setenv("LPIPE_ENGINE_ROOT", dir)
		ts.Defer(func() { // of a script that failed; those that pass do so themselves
			cmd := exec.Command(filepath.Join(e.bin, "lpipe"), "engine", "stop")
			cmd.Env = append(os.Environ(), "LPIPE_ENGINE_ROOT="+dir)
			_ = cmd.Run()
		})
	}
	return withFleet(root, withDaemons(root, commands))
}

// first makes the folder of an engine that has the base image, whose load takes longer than most scripts. The one build that
// it did has a toolchain step of its own, so that it has no step of a script.
func (e *engine) first() (string, error) {
	project := filepath.Join(work, "project")
	if err := testparts.CopySources(project, "../../testdata/lambdas/echo"); err != nil {
		return "", err
	}
	alone := &engine{bin: e.bin, base: e.base, env: maps.Clone(e.env)}
	root := filepath.Join(work, "first")
	alone.env["LPIPE_ENGINE_ROOT"] = root
	alone.env["LPIPE_TARGET"] = "x86_64-unknown-linux-gnu"
	alone.env["LPIPE_PACKAGES"] = "make"
	for _, args := range [][]string{{"build", "--no-test"}, {"engine", "stop"}} {
		if out, err := alone.run(project, args...); err != nil {
			return "", fmt.Errorf("lpipe %v: %w\n%s", args, err, out.stderr)
		}
	}
	return root, nil
}
