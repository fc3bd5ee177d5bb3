//go:build linux

package e2e

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// newArmProject is [newProject] with this machine's way to crates.io.
func newArmProject(t *testing.T) *project {
	t.Helper()
	p := newProject(t)
	if file, ok := os.LookupEnv("SSL_CERT_FILE"); ok {
		p.env = append(p.env, "SSL_CERT_FILE="+file)
	}
	return p
}

// emulated invokes a program for arm64 under qemu, and returns what it answers.
func emulated(t *testing.T, program, event string) string {
	t.Helper()
	qemu, err := exec.LookPath("qemu-aarch64")
	require.Part(t, err == nil, "qemu-aarch64", "apt-get install qemu-user")
	start := filepath.Join(t.TempDir(), "start")
	if err := os.WriteFile(start, []byte(fmt.Sprintf("#!/bin/sh\nexec %s %s\n", qemu, program)), 0o755); err != nil {
		t.Fatal(err)
	}
	run := emulator.Program{Config: emulator.Config{Timeout: time.Minute}, Path: start, Stdout: t.Output(), Stderr: t.Output()}
	results, err := emulator.Run(t.Context(), run, emulator.Event{Payload: []byte(event)})
	if err != nil || len(results) != 1 {
		t.Fatalf("%d results: %v", len(results), err)
	}
	return string(results[0].Payload)
}

// program checks that a lambda's program is for arm64, and returns the libraries that it needs; none when it is static.
func (p *project) program(folder string) (path string, libraries []string) {
	p.t.Helper()
	path = filepath.Join(p.dir, "target/lambda", folder, "bootstrap")
	f, err := elf.Open(path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_AARCH64 {
		p.t.Errorf("the program is for %s", f.Machine)
	}
	libraries, err = f.ImportedLibraries()
	if err != nil {
		p.t.Fatal(err)
	}
	return path, libraries
}

// TestArm64 builds for arm64 what needs no more than Rust, and for both architectures in one run.
func TestArm64(t *testing.T) {
	p := newArmProject(t)
	if err := testparts.CopySources(p.dir, "../../testdata/lambdas/echo"); err != nil {
		t.Fatal(err)
	}
	out := p.succeeds(nil, "build", "--arch", "arm64,x86_64")
	for _, line := range []string{"echo/arm64  aarch64-unknown-linux-musl  8 tests passed on x86_64-unknown-linux-musl\n", "echo/x86_64  x86_64-unknown-linux-musl  8 tests passed\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("the report does not say %q", line)
		}
	}
	program, libraries := p.program("echo/arm64")
	if len(libraries) > 0 {
		t.Errorf("the program needs %q", libraries)
	}
	if got := emulated(t, program, `{"a":1}`); !strings.Contains(got, `{"a":1}`) {
		t.Errorf("the lambda answers %s", got)
	}
}

// machine is a lambda that tells what its C code was compiled for, with two libraries and a tool of the distribution where
// its libc is that of these.
var machine = map[string]string{
	"Cargo.toml": `[package]
name = "greet"
version = "0.1.0"
edition = "2021"

[build-dependencies]
cc = "1"
pkg-config = "0.3"
`,
	"Cargo.lock": `version = 4

[[package]]
name = "cc"
version = "1.11.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "02f0e023adb368345ce0ca6cdfc0f24a06554468d0e8503e14a0841de79bfa69"
dependencies = [
 "find-msvc-tools",
 "shlex",
]

[[package]]
name = "find-msvc-tools"
version = "0.1.15"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "1c66915cc5391097de7a2b0b972e8505aa33c0df401fd3a6811dbdb32881ba48"

[[package]]
name = "greet"
version = "0.1.0"
dependencies = [
 "cc",
 "pkg-config",
]

[[package]]
name = "pkg-config"
version = "0.3.34"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f6b464fbc74e149a392436b17d523f769e057cb6877f6a5c4618bc6f11800548"

[[package]]
name = "shlex"
version = "2.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f8fadd59c855ef2080decdef8ff161eb6661b86933c9d82e5ba29dc602a55aba"
`,
	"build.rs": `
fn main() {
    cc::Build::new().file("src/machine.c").compile("machine");
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        let zlib = pkg_config::Config::new().cargo_metadata(false).probe("zlib").unwrap();
        let zlib = pkg_config::get_variable("zlib", "libdir").unwrap_or_else(|e| panic!("{zlib:?}: {e}"));
        println!("cargo:rustc-link-search=native={zlib}\ncargo:rustc-link-lib=static=z");
        pkg_config::probe_library("libpq").unwrap();
        let protoc = std::process::Command::new("protoc").arg("--version").status();
        assert!(protoc.is_ok_and(|s| s.success()), "protoc does not run where this is compiled");
    }
}
`,
	"src/machine.c": `
#include <stdio.h>

int machine(char *to, int size) {
#if defined(__aarch64__)
  const char *machine = "aarch64";
#else
  const char *machine = "x86_64";
#endif
#if defined(__GLIBC__)
  const char *libc = "gnu";
#else
  const char *libc = "musl";
#endif
  return snprintf(to, size, "%s-%s", machine, libc);
}
`,
	"src/main.rs": runtime + `
use std::ffi::{c_char, c_int, CStr};

extern "C" {
    fn machine(to: *mut c_char, size: c_int) -> c_int;
    #[cfg(target_env = "gnu")]
    fn zlibVersion() -> *const c_char;
}

fn act() -> String {
    let mut text = [0 as c_char; 64];
    unsafe { machine(text.as_mut_ptr(), 64) };
    #[cfg(target_env = "gnu")]
    assert!(unsafe { CStr::from_ptr(zlibVersion()) }.to_str().unwrap().starts_with("1."));
    format!("{:?}", unsafe { CStr::from_ptr(text.as_ptr()) })
}

#[test]
fn is_compiled_for_this_machine() {
    let libc = if cfg!(target_env = "gnu") { "gnu" } else { "musl" };
    assert_eq!(act(), format!("\"{}-{libc}\"", std::env::consts::ARCH));
}
`,
}

// TestArm64WithCCode compiles C for arm64 with the headers of musl, and runs the tests under qemu.
func TestArm64WithCCode(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	p := newArmProject(t)
	p.files(machine)
	out := p.succeeds([]string{"LPIPE_TEST_RUNNER=qemu"}, "build", "--arch", "arm64")
	if !strings.Contains(out, "greet  aarch64-unknown-linux-musl  1 test passed under qemu\n") {
		t.Error("the report does not say what the test ran on")
	}
	program, libraries := p.program("greet")
	if len(libraries) > 0 {
		t.Errorf("the program needs %q", libraries)
	}
	if got := emulated(t, program, "{}"); got != `"aarch64-musl"` {
		t.Errorf("the lambda answers %s", got)
	}
}

// TestArm64WithLibraries links with libraries of Debian: one that can be installed for two architectures, and one that
// cannot. What the build script runs is of the machine that builds.
func TestArm64WithLibraries(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	p := newArmProject(t)
	p.files(machine)
	env := []string{"LPIPE_PACKAGES=zlib1g-dev,libpq-dev,protobuf-compiler"}
	out := p.succeeds(env, "build", "--arch", "arm64,x86_64", "--link", "dynamic")
	for _, line := range []string{"greet/arm64  aarch64-unknown-linux-gnu  1 test passed on x86_64-unknown-linux-gnu\n", "greet/x86_64  x86_64-unknown-linux-gnu  1 test passed\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("the report does not say %q", line)
		}
	}
	if _, libraries := p.program("greet/arm64"); !slices.Contains(libraries, "libc.so.6") {
		t.Errorf("the program needs %q", libraries)
	}

	out = p.succeeds(append(env, "LPIPE_TEST_RUNNER=qemu"), "build", "--arch", "arm64", "--link", "dynamic")
	if !strings.Contains(out, "greet  aarch64-unknown-linux-gnu  1 test passed under qemu\n") {
		t.Error("the report does not say what the test ran on")
	}
}

// TestArm64WithRealCrates builds lambdas of crates.io: one with routes and one with AWS's SDK, whose TLS has code in C and
// assembler.
func TestArm64WithRealCrates(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	for _, c := range []struct{ lambda, event, answer string }{
		{"api", `{"version": "2.0", "rawPath": "/hello/Ada", "rawQueryString": "", "headers": {}, "requestContext": {"http": {"method": "GET", "path": "/hello/Ada"}}, "isBase64Encoded": false}`, "Hello, Ada!"},
		{"store", `{}`, `"words":0`},
	} {
		t.Run(c.lambda, func(t *testing.T) {
			p := newArmProject(t)
			p.limit = time.Hour // AWS's SDK takes long
			if err := testparts.CopySources(p.dir, "../../testdata/lambdas/"+c.lambda); err != nil {
				t.Fatal(err)
			}
			p.succeeds(nil, "build", "--arch", "arm64")
			program, libraries := p.program(c.lambda)
			if len(libraries) > 0 {
				t.Errorf("the program needs %q", libraries)
			}
			if got := emulated(t, program, c.event); !strings.Contains(got, c.answer) {
				t.Errorf("the lambda answers %s", got)
			}
		})
	}
}
