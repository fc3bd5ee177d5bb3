package dockerfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// stage is the disk of a step as its shell sees it, on a PATH that has the tools named alone.
type stage struct {
	t     *testing.T
	shell []string
	dir   string
}

var dash, ash = []string{"dash"}, []string{"busybox", "ash"}

// inShells runs a test with the shells of Debian and of Alpine, each with its own tools.
func inShells(t *testing.T, test func(*testing.T, *stage)) { in(t, test, dash, ash) }

// inDash runs a test in which a tool is missing or is another: busybox's shell runs its own, whatever the PATH has.
func inDash(t *testing.T, test func(*testing.T, *stage)) { in(t, test, dash) }

func in(t *testing.T, test func(*testing.T, *stage), shells ...[]string) {
	for _, shell := range shells {
		t.Run(shell[0], func(t *testing.T) {
			at, err := exec.LookPath(shell[0])
			require.Part(t, err == nil, shell[0], "apt-get install dash busybox-static")
			s := &stage{t, append([]string{at}, shell[1:]...), t.TempDir()}
			for _, tool := range []string{"awk", "cat", "cp", "cut", "env", "find", "grep", "head", "ln", "mkdir", "mv", "rm", "rmdir", "sed", "sha256sum", "sort", "tee", "touch", "tr", "xargs"} {
				real := "exec busybox " + tool
				if shell[0] == "dash" {
					if real, err = exec.LookPath(tool); err != nil {
						t.Fatal(err)
					}
					real = "exec " + real
				}
				s.program(tool, strings.Replace(real, "busybox", at, 1)+` "$@"`)
			}
			for _, folder := range []string{"tmp", "out", "src", "warm", "target", "run", "cargo/registry/cache"} {
				if err := os.MkdirAll(filepath.Join(s.dir, folder), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s.write("toolchain", "one image\n")
			test(t, s)
		})
	}
}

func (s *stage) program(name, body string) { s.write("bin/"+name, "#!/bin/sh\n"+body+"\n") }

func (s *stage) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// without takes programs out of the image.
func (s *stage) without(programs ...string) {
	s.t.Helper()
	for _, name := range programs {
		if err := os.Remove(filepath.Join(s.dir, "bin", name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) has(name string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, name))
	return err == nil
}

// run runs commands after an included file, whose folders are those below s.dir.
func (s *stage) run(file, commands string) (string, error) {
	s.t.Helper()
	text := part(s.t, file) + commands
	for _, folder := range []string{"/tmp", "/out", "/src", "/warm", "/target", "/run", "/toolchain", "/etc", "/as-tester", "/fetched", "/strata"} {
		for _, before := range []string{" ", ">", "<", "(", "\n"} {
			text = strings.ReplaceAll(text, before+folder, before+s.dir+folder)
		}
	}
	cmd := exec.CommandContext(s.t.Context(), s.shell[0], append(slices.Clone(s.shell[1:]), "-euc", text)...)
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=" + filepath.Join(s.dir, "bin"), "CARGO_HOME=" + filepath.Join(s.dir, "cargo")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *stage) must(file, commands string) string {
	s.t.Helper()
	out, err := s.run(file, commands)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

const (
	oldHash = "-0123456789abcdef"
	newHash = "-fedcba9876543210"
)

// compiled fills /warm as a build leaves it that compiled a crate.
func (s *stage) compiled(hash string) {
	s.t.Helper()
	s.must("warm.sh", "take_warm\nrm -rf /target/*\n")
	s.write("target/release/deps/libleaf"+hash+".rlib", "leaf")
	s.write("tmp/messages", "{\"filenames\":[\"/target/release/deps/libleaf"+hash+".rlib\"]}\n")
	s.must("warm.sh", "warm=keep\ntouch /tmp/fingerprint\nfingerprint /tmp/fingerprint\ngive_warm\n")
	if !s.has("warm/snapshot/release/deps/libleaf"+hash+".rlib") || !s.has("warm/fingerprint") {
		s.t.Fatal("nothing is kept")
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "target")); err != nil {
		s.t.Fatal(err)
	}
}

func TestWhatIsWarmIsReused(t *testing.T) {
	type change struct {
		change func(*stage)
		reused bool
	}
	for name, c := range map[string]change{
		"nothing changed":         {func(*stage) {}, true},
		"a crate more":            {func(s *stage) { s.write("cargo/registry/cache/x/more-1.0.0.crate", "more") }, true},
		"a crate less":            {func(s *stage) { _ = os.Remove(filepath.Join(s.dir, "cargo/registry/cache/x/leaf-1.0.0.crate")) }, true},
		"another crate":           {func(s *stage) { s.write("cargo/registry/cache/x/leaf-1.0.0.crate", "evil") }, false},
		"another image":           {func(s *stage) { s.write("toolchain", "two") }, false},
		"another configuration":   {func(s *stage) { s.write("src/.cargo/config.toml", "x") }, false},
		"a manifest":              {func(s *stage) { s.write("src/Cargo.toml", "x") }, true},
		"other strata":            {func(s *stage) { s.write("src/.cargo/lpipe-strata/packages", "x") }, true},
		"all is to be made again": {func(s *stage) { s.write("run/lpipe-warm", "fresh") }, false},
		"half a fingerprint":      {func(s *stage) { s.write("warm/fingerprint", "") }, false},
	} {
		t.Run(name, func(t *testing.T) { inShells(t, func(t *testing.T, s *stage) { s.warm(c.change, c.reused) }) })
	}
	for name, c := range map[string]change{
		"no awk":       {func(s *stage) { s.without("awk") }, false},
		"no sha256sum": {func(s *stage) { s.without("sha256sum") }, false},
		"no sort":      {func(s *stage) { s.without("sort") }, false},
		"a failing find": {func(s *stage) {
			s.program("find", "case $* in *rm*) exec rm -rf "+s.dir+"/warm/snapshot ;; esac; exit 1")
		}, false},
	} {
		t.Run(name, func(t *testing.T) { inDash(t, func(t *testing.T, s *stage) { s.warm(c.change, c.reused) }) })
	}
}

// warm builds twice, with a change between, and says whether the second build reuses what the first compiled.
func (s *stage) warm(change func(*stage), reused bool) {
	s.t.Helper()
	s.write("run/lpipe-warm", "keep")
	s.write("cargo/registry/cache/x/leaf-1.0.0.crate", "leaf")
	s.write("src/.cargo/lpipe-stub/lib.rs", "")
	s.compiled(oldHash)
	change(s)
	s.must("warm.sh", "take_warm\n")
	if got := s.has("target/release/deps/libleaf" + oldHash + ".rlib"); got != reused {
		s.t.Errorf("reused: %t", got)
	}
	// What is in use counts as kept only once the step has ended.
	if reused && s.has("warm/fingerprint") {
		s.t.Error("a step that fails leaves what it changed for the next one")
	}
}

func TestWhoKeepsNothingFindsNothing(t *testing.T) {
	inShells(t, func(t *testing.T, s *stage) {
		s.write("warm/snapshot/x", "of somebody")
		s.write("warm/fingerprint", "x  -\n")
		s.must("warm.sh", "take_warm\ngive_warm\n")
		if s.has("warm/snapshot") || s.has("warm/fingerprint") || s.has("target/x") {
			t.Error("what others left is there")
		}
	})
}

func TestWhatNoBuildNeedsIsPruned(t *testing.T) {
	inShells(t, func(t *testing.T, s *stage) {
		s.write("run/lpipe-warm", "keep")
		for _, name := range []string{"deps/libleaf", "build/leaf", ".fingerprint/leaf"} {
			s.write("target/release/"+name+oldHash, "")
			s.write("target/release/"+name+newHash, "")
		}
		s.write("target/.rustc_info.json", "")
		s.write("tmp/messages", "\"/target/release/deps/libleaf"+newHash+"\"\n")
		s.must("warm.sh", "warm=keep\nfingerprint /tmp/fingerprint\ntouch -d '2099-01-01 00:00' /tmp/fingerprint\ngive_warm\n")
		for _, at := range []string{"target", "warm/snapshot"} {
			for _, name := range []string{"deps/libleaf", "build/leaf", ".fingerprint/leaf"} {
				if s.has(at+"/release/"+name+oldHash) || !s.has(at+"/release/"+name+newHash) {
					t.Errorf("%s: %s is there: old %t", at, name, s.has(at+"/release/"+name+oldHash))
				}
			}
			if !s.has(at + "/.rustc_info.json") {
				t.Errorf("%s: what has no hash is gone", at)
			}
		}
	})
}

func TestNothingIsKeptWhereWhatIsNeededIsUnknown(t *testing.T) {
	inDash(t, func(t *testing.T, s *stage) {
		s.write("run/lpipe-warm", "keep")
		s.compiled(oldHash)
		s.without("grep")
		if out, err := s.run("warm.sh", "take_warm\ngive_warm\n"); err == nil || s.has("warm/fingerprint") {
			t.Errorf("the step went on:\n%s", out)
		}
	})
}

// TestALibraryThatWroteIsCompiledAgain: unless it is certain that it wrote nothing.
func TestALibraryThatWroteIsCompiledAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stage)
		again  bool
		run    func(*testing.T, func(*testing.T, *stage))
	}{
		"nothing written": {func(*stage) {}, false, inShells},
		"a file written":  {func(s *stage) { s.write("src/lib/generated.rs", "") }, true, inShells},
		"no find":         {func(s *stage) { s.without("find") }, true, inDash},
		"no start":        {func(s *stage) { _ = os.Remove(filepath.Join(s.dir, "tmp/start")) }, true, inShells},
	} {
		t.Run(name, func(t *testing.T) {
			c.run(t, func(t *testing.T, s *stage) {
				s.write("src/lib/src/lib.rs", "")
				s.must("libs.sh", "touch -d '2001-01-01 00:00' /src/lib/src/lib.rs\ntouch -d '2002-01-01 00:00' /tmp/start\n")
				c.change(s)
				out := s.must("libs.sh", "clean() { echo again $1; }\nrebuild /src/lib util\n")
				if again := strings.HasSuffix(out, "again util\n"); again != c.again {
					t.Errorf("again: %t\n%s", again, out)
				}
			})
		})
	}
}

// TestTestsPassOnlyWhereCargoSaysSo: whatever the tests do to the files of the step.
func TestTestsPassOnlyWhereCargoSaysSo(t *testing.T) {
	const ok, bad = `echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured'`, `echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; 0'; exit 101`
	for name, c := range map[string]struct {
		cargo  string
		failed bool
	}{
		"passed":                         {ok, false},
		"failed":                         {bad, true},
		"passed, and cleaned up /tmp":    {`rm -rf "$at"/tmp/*; ` + ok, false},
		"failed, and cleaned up /tmp":    {`rm -rf "$at"/tmp/*; ` + bad, true},
		"failed, and cleaned up /out":    {`rm -rf "$at"/out/*; ` + bad, true},
		"the first of two failed":        {`case $* in *first*) ` + bad + ` ;; esac; ` + ok, true},
		"the second of two failed":       {`case $* in *second*) ` + bad + ` ;; esac; ` + ok, true},
		"failed, after /tmp was removed": {`rm -rf "$at"/tmp; ` + bad, true},
	} {
		t.Run(name, func(t *testing.T) {
			inShells(t, func(t *testing.T, s *stage) {
				s.program("cargo", "at='"+s.dir+"'\n"+c.cargo)
				out := s.must("test.sh", "run_tests --package first\nrun_tests --package second\n"+
					"if [ \"$lpipe_failed\" ]; then echo failed; exit; fi\ncount_tests t r u\ncat /out/tests.json\n")
				if failed := strings.HasSuffix(out, "failed\n"); failed != c.failed {
					t.Errorf("failed: %t\n%s", failed, out)
				}
				if !c.failed && !strings.HasSuffix(out, `{"passed":4,"failed":0,"ignored":2,"target":"t","runner":"r","user":"u"}`+"\n") {
					t.Errorf("counted:\n%s", out)
				}
				if !c.failed && (s.has("out/printed") || s.has("out/passed")) {
					t.Error("what the step keeps for itself is in its result")
				}
			})
		})
	}
}

// TestTestsPassOnlyWhereNextestSaysSo: whatever the tests do to the files of the step, and whatever nextest writes of them.
func TestTestsPassOnlyWhereNextestSaysSo(t *testing.T) {
	const passed = `cat <<'END'
{"type":"suite","event":"started","test_count":2,"nextest":{"crate":"a","test_binary":"it","kind":"test"}}
{"type":"test","event":"started","name":"a::it$works"}
a script says {"type":"test","event":"ok","name":"a::it$x"}
{"type":"test","event":"started","name":"a::it$slow"}
{"type":"test","event":"ok","name":"a::it$works#3","exec_time":0.1}
{"type":"suite","event":"ok","passed":1,"failed":0,"ignored":1,"measured":0,"filtered_out":0,"exec_time":0.1}
END`
	for name, c := range map[string]struct {
		cargo, shown string
		failed       bool
	}{
		"passed":                      {passed, "a script says {\"type\":\"test\",\"event\":\"ok\",\"name\":\"a::it$x\"}\n", false},
		"failed":                      {passed + "\nexit 100", "test works ... ok, in try 3\n", true},
		"failed, and cleaned up /out": {passed + "\nrm -rf \"$at\"/out/*; exit 100", "", true},
		"could not begin":             {"echo 'error: no such flag' >&2; exit 2", "error: no such flag\n", true},
		"there are none":              {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			inShells(t, func(t *testing.T, s *stage) {
				s.program("cargo", "at='"+s.dir+"'\n[ \"$1 $2 $NEXTEST_NO_TESTS\" = 'nextest run pass' ] || exit 9\n"+c.cargo)
				s.write("test.sh", part(t, "test.sh"))
				out, err := s.run("nextest.sh", ". ./test.sh\nrun_nextest --workspace\nend_nextest\nif [ \"$lpipe_failed\" ]; then echo failed; exit; fi\ncat /out/printed\n")
				if failed := strings.HasSuffix(out, "failed\n") || err != nil; failed != c.failed || !strings.Contains(out, c.shown) {
					t.Errorf("failed: %t, %v\n%s", failed, err, out)
				}
				const counted = "test works ... ok, in try 3\ntest slow ... ignored\n\ntest result: ok. 1 passed; 0 failed; 1 ignored; "
				if name == "passed" && !strings.Contains(out, counted) {
					t.Errorf("got\n%s", out)
				}
				if !c.failed && (s.has("out/events") || s.has("out/suites") || s.has("out/nextest")) {
					t.Error("what the step keeps for itself is in its result")
				}
			})
		})
	}
}

func TestNextestIsLookedFor(t *testing.T) {
	const recent = `case $* in "nextest run --help") echo "- libtest-json-plus: x" ;; "nextest --version") echo 1 ;; *) exit 9 ;; esac`
	for name, c := range map[string]struct {
		program string
		exit    int
	}{
		"none":               {"", ExitNoNextest},
		"a recent one":       {recent, 0},
		"an old one":         {"echo 0.9.1", ExitOldNextest},
		"of another machine": {"echo 'Exec format error' >&2; exit 126", 126},
	} {
		t.Run(name, func(t *testing.T) {
			inShells(t, func(t *testing.T, s *stage) {
				if c.program != "" {
					s.program("cargo-nextest", c.program)
				}
				below := strings.NewReplacer(" /lpipe/", " "+s.dir+"/lpipe/", ">/tmp/", ">"+s.dir+"/tmp/", " /tmp/", " "+s.dir+"/tmp/")
				s.write("step.sh", below.Replace(script(t, render(t, variants["nextest"]), StageNextest)))
				out, err := s.run("lay.sh", ". ./step.sh\n")
				got := 0
				if exit := new(exec.ExitError); errors.As(err, &exit) {
					got = exit.ExitCode()
				}
				if got != c.exit || s.has("lpipe/out") != (c.exit == 0) {
					t.Errorf("%v\n%s", err, out)
				}
			})
		})
	}
}

// messages are cargo's, of a program and of its tests; the texts are what the compiler writes with --message-format=json.
const messages = `{"reason":"compiler-message","package_id":"x","message":{"rendered":"warning: unused: ` + "`\\\\n`" + ` is \"100%\"\n --> src/b.rs:1:1\n\n","children":[{"rendered":null,"message":"\"rendered\":\"error"}],"level":"warning"}}
{"reason":"compiler-message","package_id":"x","message":{"message":"b","rendered":"error[E1]: ä\n --> src/b.rs:2:1\n\n"}}
{"reason":"compiler-message","package_id":"x","message":{"rendered":"warning: first\n --> src/a.rs:1:1\n\n"}}
{"reason":"compiler-artifact","rendered":"error: none"}
{"reason":"compiler-message","package_id":"y","message":{"rendered":"warning: first\n --> src/a.rs:1:1\n\n"}}
{"reason":"compiler-message","package_id":"x","message":{"rendered":"error: a\n --> src/a.rs:2:1\n\n"}}
`

// TestTheCompilersWordsAreKept: its errors come last in the output of a step that fails, in its order, and its warnings are in the
// result of one that does not.
func TestTheCompilersWordsAreKept(t *testing.T) {
	inShells(t, func(t *testing.T, s *stage) {
		s.write("messages", messages)
		s.write("fetched", "echo crates\n")
		s.write("cargo/fetched", "crates\n")
		s.program("sh", "exec "+strings.Join(s.shell, " ")+" \"$@\"")
		s.program("cmp", "exec /usr/bin/cmp \"$@\"")
		s.program("cargo", "cat "+s.dir+"/messages\necho \"error: could not compile\" >&2\nexit 101")
		out, err := s.run("cargo.sh", "compile build --frozen\necho went on\n")
		const want = "error: could not compile\nerror[E1]: ä\n --> src/b.rs:2:1\n\nerror: a\n --> src/a.rs:2:1\n\n"
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 101 || out != want {
			t.Errorf("%v: got\n%s", err, out)
		}
		s.write("fetched", "echo some of the crates\n")
		_, err = s.run("cargo.sh", "compile build --frozen\necho went on\n")
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != ExitFetched {
			t.Errorf("without some crates: %v", err)
		}
		s.program("cargo", "cat "+s.dir+"/messages\necho 'warning: ffi@0.1.0: old clang' >&2\necho '   Compiling ffi v0.1.0' >&2\necho 'warning: other' >&2")
		const kept = "warning: first\n --> src/a.rs:1:1\n\nwarning: unused: `\\n` is \"100%\"\n --> src/b.rs:1:1\n\nwarning: ffi@0.1.0: old clang\n"
		if out := s.must("cargo.sh", "compile build 2>/dev/null\ncompile test 2>/dev/null\nkeep_warnings /out/warnings\ncat /out/warnings\n"); out != kept {
			t.Errorf("got\n%s", out)
		}
		s.program("cargo", "echo '{}'")
		if out := s.must("cargo.sh", "rm /tmp/messages /tmp/said\ncompile build\nkeep_warnings /out/warnings\ncat /out/warnings\n"); out != "" {
			t.Errorf("got\n%s", out)
		}
	})
}
