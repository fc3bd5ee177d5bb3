package e2e

import (
	"testing"

	"lpipe/internal/testparts"
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
