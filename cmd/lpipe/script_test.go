package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lpipe/internal/testparts"
)

// TestScripts runs testdata/script: what a user types and sees, against the real program, a real BuildKit and real
// Rust. A script whose name starts with "engine-" or "build-" needs an engine, the others need only lpipe.
//
// Beside testscript's own commands there are:
//
//	fixture NAME DIR   copies a project of testdata/lambdas
//	listen NAME        sets NAME to the address of a server on this machine, which answers any connection
//	registry, login, fault, requests, pulled   see [registries]
//	exec status CMD    runs CMD and writes its exit status to standard error as "exit status N"
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "lpipe"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building lpipe: %v\n%s", err, out)
	}
	status := "#!/bin/sh\n\"$@\"\necho \"exit status $?\" >&2\n"
	if err := os.WriteFile(filepath.Join(bin, "status"), []byte(status), 0o755); err != nil {
		t.Fatal(err)
	}
	lambdas, err := filepath.Abs("../../testdata/lambdas")
	if err != nil {
		t.Fatal(err)
	}
	params := func(t *testing.T, pattern string, setup func(*testscript.Env) error) testscript.Params {
		files, err := filepath.Glob("../../testdata/script/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts: %v", err)
		}
		return testscript.Params{
			Files:               files,
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			UpdateScripts:       os.Getenv("LPIPE_TEST_UPDATE") != "",
			Setup: func(env *testscript.Env) error {
				env.Setenv("PATH", bin+":"+env.Getenv("PATH"))
				return setup(env)
			},
			Cmds: withRegistries(t, map[string]func(*testscript.TestScript, bool, []string){
				"fixture": func(ts *testscript.TestScript, _ bool, args []string) {
					ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(filepath.Join(lambdas, args[0]))))
				},
				"listen": listen,
			}),
		}
	}
	t.Run("plain", func(t *testing.T) {
		testscript.Run(t, params(t, "[^be]*.txtar", func(*testscript.Env) error { return nil }))
	})
	t.Run("engine", func(t *testing.T) {
		_, err := exec.LookPath("runc")
		testparts.Need(t, err == nil && os.Geteuid() == 0, "root and runc", "apt-get install runc")
		base := testparts.BaseImage(t)
		root := t.TempDir()
		t.Cleanup(func() { stop(t, filepath.Join(bin, "lpipe"), root) })
		testscript.Run(t, params(t, "[be]*.txtar", func(env *testscript.Env) error {
			env.Setenv("BASE", base)
			env.Setenv("LPIPE_ENGINE", "embedded")
			env.Setenv("LPIPE_ENGINE_ROOT", root)
			env.Setenv("LPIPE_BASE", "oci-layout://"+base)
			// The offline base has no standard library for musl.
			env.Setenv("LPIPE_TARGET", "x86_64-unknown-linux-gnu")
			return nil
		}))
	})
}

// stop ends the engine that the scripts shared, so that its folder can be removed.
func stop(t *testing.T, lpipe, root string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, lpipe, "engine", "stop")
	cmd.Env = append(os.Environ(), "LPIPE_ENGINE_ROOT="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("stopping the engine: %v\n%s", err, out)
	}
}

func listen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

// TestHelpNamesEveryVerb keeps the hand-written help complete.
func TestHelpNamesEveryVerb(t *testing.T) {
	out, err := exec.Command("go", "run", ".", "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"build", "test", "invoke", "render", "engine", "version"} {
		if !strings.Contains(string(out), "lpipe "+verb) {
			t.Errorf("help does not mention %q", verb)
		}
	}
}
