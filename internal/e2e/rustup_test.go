package e2e

import (
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

// rust-toolchain.toml is obeyed by rustup, from the server that RUSTUP_DIST_SERVER names.
func TestToolchainFileByRustup(t *testing.T) {
	p := newProject(t)
	env := []string{"RUSTUP_DIST_SERVER=" + testparts.Channel(t)}
	p.files(map[string]string{
		"Cargo.toml": "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"Cargo.lock": "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
		// The compiler tells which toolchain it is of, and the formatter whether it is there.
		"build.rs": `fn main() {
    let rustfmt = std::process::Command::new("rustfmt").arg("--version").output().unwrap();
    println!("cargo::rustc-env=TOOLCHAIN={}", std::env::var("RUSTUP_TOOLCHAIN").unwrap());
    println!("cargo::rustc-env=RUSTFMT={}", String::from_utf8(rustfmt.stdout).unwrap().split(' ').next().unwrap());
}
`,
		"src/main.rs": "fn main() { println!(\"{} {}\", env!(\"TOOLCHAIN\"), env!(\"RUSTFMT\")) }\n",
	})
	toolchain := func(keys string) {
		t.Helper()
		p.files(map[string]string{"rust-toolchain.toml": "[toolchain]\n" + keys})
	}

	// The image has 1.96.0 alone, which for rustup is another toolchain than 1.96.
	toolchain("channel = \"1.96\"\nprofile = \"minimal\"\ncomponents = [\"rustfmt\"]\ntargets = [\"aarch64-unknown-linux-musl\"]\n")
	p.succeeds(env, "build")
	if got := p.run(); got != "1.96-x86_64-unknown-linux-gnu rustfmt\n" {
		t.Errorf("the program says %q", got)
	}

	// A toolchain that the image has, and a component that it has not.
	toolchain("channel = \"1.96.0\"\ncomponents = [\"rustfmt\"]\n")
	p.succeeds(env, "build")
	if got := p.run(); got != "1.96.0-x86_64-unknown-linux-gnu rustfmt\n" {
		t.Errorf("the program says %q", got)
	}

	toolchain("channel = \"9.99\"\n")
	out := p.fails(1, []string{"the toolchain for greet could not be prepared", "fix:   correct channel, components or targets in rust-toolchain.toml"}, env, "build")
	if !strings.Contains(out, "could not download nonexistent rust version `9.99-x86_64-unknown-linux-gnu`") {
		t.Error("rustup's words are not shown")
	}
	toolchain("channel = \"1.96\"\ncomponents = [\"miri\"]\n")
	out = p.fails(1, []string{"fix:   correct channel, components or targets in rust-toolchain.toml"}, env, "build")
	if !strings.Contains(out, "component 'miri' for target 'x86_64-unknown-linux-gnu' is unavailable for download for channel '1.96'") {
		t.Error("rustup's words are not shown")
	}
}
