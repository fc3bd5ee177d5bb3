package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// TestToolchainFileWithoutRustup: the compiler of the image is used where it is the one that the project is pinned to.
func TestToolchainFileWithoutRustup(t *testing.T) {
	p := newProject(t)
	p.env = append(p.env, "LPIPE_BASE=oci-layout://"+testparts.WithoutRustup(t, testparts.BaseImage(t)))
	p.lambda(map[string]string{
		"src/main.rs":         "fn main() {}\n",
		"rust-toolchain.toml": "[toolchain]\nchannel = \"1.70\"\ntargets = [\"wasm32-unknown-unknown\"]\n",
	})
	p.fails(1, []string{
		"the base image has no rustup, and rustc 1.", ", while rust-toolchain.toml asks for 1.70\n",
		"the base image has no rustup, and no Rust standard library for wasm32-unknown-unknown\n", "fix:   set [build] base",
	}, nil, "build")
	p.files(map[string]string{"rust-toolchain.toml": "[toolchain]\nchannel = \"stable\"\n"})
	p.succeeds(nil, "build")
}

// TestDNF builds on an image with dnf, which has its compilers from there, for the glibc of the runtime.
func TestDNF(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	image, err := exec.Command("../../scripts/dnf-image").Output()
	require.Part(t, err == nil, "an image with dnf", "scripts/dnf-image")
	p := newArmProject(t)
	p.env = append(p.env, "LPIPE_BASE=oci-layout://"+strings.TrimSpace(string(image)))
	p.lambda(map[string]string{"src/main.rs": runtime + "fn act() -> String { \"1\".to_string() }\n\n#[test]\nfn acts() { assert_eq!(act(), \"1\"); }\n"})

	p.fails(1, []string{"could not be prepared", "no Rust standard library for x86_64-unknown-linux-musl", "set [build] link to dynamic"},
		[]string{"LPIPE_PACKAGES=cargo"}, "build")
	dynamic := []string{"LPIPE_PACKAGES=cargo,diffutils=3.8", "LPIPE_LINK=dynamic"}
	p.fails(1, []string{"compiling for aarch64 on x86_64 needs a base image of Debian"}, dynamic, "build", "--arch", "arm64")
	if out := p.succeeds(dynamic, "build"); !strings.Contains(out, "greet  x86_64-unknown-linux-gnu  1 test passed\n") {
		t.Error("the report does not say what was built")
	}
	out := p.succeeds(nil, "invoke", "-d", "{}")
	if !strings.Contains(out, "1\n") {
		t.Errorf("the lambda answers %s", out)
	}
}
