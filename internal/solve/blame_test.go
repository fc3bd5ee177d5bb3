package solve

import (
	"testing"

	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
)

// TestWhoFailedIsNamed: what of the project failed, whichever step found it.
func TestWhoFailedIsNamed(t *testing.T) {
	const test = "     Running unittests src/lib.rs (/target/deps/a-0123456789abcdef)\n\nrunning 3 tests\ntest adds ... FAILED\n\nfailures:\n\n---- adds stdout ----\n\n" +
		"thread 'adds' (7) panicked at src/lib.rs:3:5:\nwrong\n\n\nfailures:\n    adds\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured\n"
	const script = "error: failed to run custom build command for `ffi v0.1.0 (/src/ffi)`\n\nCaused by:\n  process didn't exit successfully: `/target/x` (exit status: 101)\n" +
		"  --- stderr\n\n  thread 'main' (7) panicked at ffi/build.rs:2:3:\n  no clang\n"
	const mismatch = "error[E0308]: mismatched types\n --> src/main.rs:4:2\n\n"
	of := func(target string) string {
		return "error: could not compile `a` (" + target + ") due to 1 previous error\n"
	}
	for name, c := range map[string]struct {
		step, log string
		code      uint32
		kind      fault.Kind
		what, why string
		fix       string
	}{
		"a test":                    {testStep, test, dockerfile.ExitTests, fault.Tests, "the tests of a failed", "1 of 3 tests failed", correctTests},
		"a build script":            {depsStep, script, 101, fault.Build, "the build script of ffi v0.1.0 failed, which is needed for a", "1 error", correctScript},
		"a build script, for tests": {testStep, script, 101, fault.Build, "the build script of ffi v0.1.0 failed, which is needed for a", "1 error", correctScript},
		"a tool of a build script": {
			depsStep, "error: failed to run custom build command for `ffi v0.1.0 (/src/ffi)`\n\nCaused by:\n  process didn't exit successfully: `/target/x` (exit status: 101)\n" +
				"  --- stderr\n\n  thread 'main' (7) panicked at ffi/build.rs:2:3:\n  Could not find `protoc`\n", 101, fault.Build,
			"the build script of ffi v0.1.0 failed, which is needed for a: protoc is missing", "a build script compiles .proto files with it: \"Could not find `protoc`\"",
			"add protobuf-compiler to packages in [build] of lpipe.toml (protoc of Alpine)",
		},
		"a macro":                     {testStep, "error: proc macro panicked\n --> src/main.rs:1:1\n  = help: message: no\n", 101, fault.Build, "a macro panicked while it was compiling a", "1 error", fixOf(dockerfile.StageTest)},
		"the program, in both steps":  {testStep, of(`bin "a"`) + of(`bin "a" test`) + mismatch, 101, fault.Build, "a does not compile", "1 error", fixOf(dockerfile.StageTest)},
		"the program or a unit test":  {testStep, of(`lib test`) + mismatch, 101, fault.Build, "a or the unit tests do not compile", "1 error", fixOf(dockerfile.StageTest)},
		"a test of a folder of tests": {testStep, of(`test "api"`) + mismatch + "error: x\n", 101, fault.Build, "the tests of a do not compile", "2 errors", fixOf(dockerfile.StageTest)},
		"the program":                 {buildStep, of(`bin "a"`) + mismatch, 101, fault.Build, "a does not compile", "1 error", fixOf(dockerfile.StageBuild)},
		"the compiler was killed": {
			depsStep, "error: could not compile `big` (lib)\n\nCaused by:\n  process didn't exit successfully: `rustc big` (signal: 9, SIGKILL: kill)\n", 101, fault.Build,
			"the dependencies of a do not compile: the compiler, or what it ran, was killed",
			`most often the engine's machine ran out of memory: "(signal: 9, SIGKILL: kill)"`,
			`give the engine more memory, or compile less at once: CARGO_BUILD_JOBS = "1" in [build.env] of lpipe.toml, or lto and codegen-units of the profile`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := faultOf(t, explained(display(t, map[string]string{c.step: c.log}), exits(c.step, c.code))[0])
			if f.Kind != c.kind || f.What != c.what || f.Why != c.why || f.Fix != c.fix || f.Output != "" {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// TestASetupIsNoCompiler: what it prints is shown as it is.
func TestASetupIsNoCompiler(t *testing.T) {
	f := faultOf(t, explained(display(t, map[string]string{testStep: "starting\nerror: no database\nbye\n"}), exits(testStep, dockerfile.ExitSetup))[0])
	if f.What != "the setup of the tests of a failed" || f.Output != "starting\nerror: no database\nbye" || len(f.Found.Findings) > 0 {
		t.Errorf("got %+v", f)
	}
}
