package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/sigstore"
)

// TestScripts runs testdata/script: what a user types and sees, against the real program, a real BuildKit and real
// Rust. A script whose name starts with "engine-" or "build-" needs an engine, the others need only lpipe.
//
// Beside testscript's own commands there are:
//
//	fixture NAME DIR   copies a project of testdata/lambdas
//	listen NAME        sets NAME to the address of a server on this machine, which answers any connection
//	registry, image, login, fault, requests, pulled   see [registries]
//	crates                                            see [crates]
//	sigstore ROOT CONFIG   starts an instance of Sigstore, writes its trusted root and its signing config, and sets what a job of GitHub has
//	nextest            has lambdas built in an image with cargo-nextest, of scripts that have an engine
//	moto               starts AWS's API without any function in it, and sets AWS_... to it and ROLE to a role for functions
//	engine, buildkitd, member, dockerd, archive       see [engine.withEngines]
//	exec status CMD    runs CMD and writes its exit status to standard error as "exit status N"
func TestScripts(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	lambdas, err := filepath.Abs("../../testdata/lambdas")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	params := func(t *testing.T, pattern string) testscript.Params {
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
				env.Setenv("HOME", home) // where lpipe keeps a secret
				return nil
			},
			Cmds: withCrates(t, withRegistries(t, map[string]func(*testscript.TestScript, bool, []string){
				"fixture": func(ts *testscript.TestScript, _ bool, args []string) {
					ts.Check(testparts.CopySources(ts.MkAbs(args[1]), filepath.Join(lambdas, args[0])))
				},
				"listen": listen,
				"sigstore": func(ts *testscript.TestScript, _ bool, args []string) {
					i := sigstore.New(t)
					ts.Check(os.WriteFile(ts.MkAbs(args[0]), i.Root, 0o644))
					ts.Check(os.WriteFile(ts.MkAbs(args[1]), i.Config(2), 0o644))
					for name, value := range i.Job() {
						ts.Setenv(name, value)
					}
				},
				"moto": func(ts *testscript.TestScript, _ bool, _ []string) {
					moto := testparts.NewMoto(t)
					for name, value := range moto.Env() {
						ts.Setenv(name, value)
					}
					ts.Setenv("ROLE", moto.Role)
				},
			})),
			Condition: condition,
		}
	}
	t.Run("plain", func(t *testing.T) {
		testscript.Run(t, params(t, "[^be]*.txtar"))
	})
	t.Run("engine", func(t *testing.T) {
		e := newEngine(t)
		scripts, err := filepath.Abs("../../scripts")
		if err != nil {
			t.Fatal(err)
		}
		p := params(t, "[be]*.txtar")
		setup := p.Setup
		p.Setup = func(env *testscript.Env) error {
			env.Setenv("BASE", e.base)
			env.Setenv("SCRIPTS", scripts)
			for name, value := range e.env {
				env.Setenv(name, value)
			}
			return setup(env)
		}
		p.Cmds = e.withEngines(p.Cmds)
		image := sync.OnceValue(func() string { return testparts.WithNextest(t, e.base) })
		p.Cmds["nextest"] = func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Setenv("LPIPE_BASE", "oci-layout://"+image())
		}
		testscript.Run(t, p)
	})
}

// condition decides [program:NAME], which holds where the program is on PATH; it must be where all parts are required.
// And [slow], which holds where slow tests run.
func condition(text string) (bool, error) {
	if text == "slow" {
		return os.Getenv("LPIPE_TEST_ALL") != "", nil
	}
	name, ok := strings.CutPrefix(text, "program:")
	if !ok {
		return false, fmt.Errorf("unknown condition %s", text)
	}
	_, err := exec.LookPath(name)
	if err != nil && os.Getenv("LPIPE_TEST_PARTS") == "require" {
		return false, err
	}
	return err == nil, nil
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
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command(filepath.Join(bin, "lpipe"), "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"build", "test", "invoke", "deploy", "plan", "render", "engine", "cache", "hostkeys", "doctor", "man", "version", "completion"} {
		if !strings.Contains(string(help), "lpipe "+verb) {
			t.Errorf("help does not mention %q", verb)
		}
	}
}
