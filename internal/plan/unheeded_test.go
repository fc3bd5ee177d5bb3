package plan

import (
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

const workspaceWithMember = `
-- Cargo.toml --
[workspace]
members = ["api"]
-- api/Cargo.toml --
[package]
name = "api"
version = "0.1.0"
edition = "2021"
-- api/src/main.rs --
fn main() {}
`

// planIn plans a project in one of its folders, with an environment.
func planIn(t *testing.T, dir, archive string, env map[string]string) (*Plan, error) {
	t.Helper()
	disk := testparts.Files("p", "-- Cargo.lock --\nversion = 4\n-- .git/HEAD --\n"+archive)
	cfg, err := config.Load(config.Input{FS: disk, Dir: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	ws, err := cargo.Load(disk, dir)
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	return one(Make([]Project{{Config: cfg, Workspace: ws, Reach: found, Env: env}}, nil))
}

func TestWhatHasNoEffectIsNoted(t *testing.T) {
	const metadata = "-- api/Cargo.toml --\n[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n"
	for _, c := range []struct {
		name, dir, files string
		env              map[string]string
		want             []string // parts of the notes, one each
	}{
		{"nothing", "p/api", "", map[string]string{"PATH": "/bin", "CARGO_HOME": "/c", "CARGO_TERM_COLOR": "never", "RUSTFLAGS": ""}, nil},
		{
			"another target", "p", "-- .cargo/config.toml --\n[build]\ntarget = \"aarch64-unknown-linux-gnu\"\n", nil,
			[]string{".cargo/config.toml:2:1: build.target = \"aarch64-unknown-linux-gnu\" has no effect: the build is for x86_64-unknown-linux-musl; in [build] of lpipe.toml, target = \"aarch64-unknown-linux-gnu\" or arch = \"arm64\" says otherwise"},
		},
		{"a target that Lambda has not", "p", "-- .cargo/config.toml --\nbuild.target = \"wasm32-wasip1\"\n", nil, []string{"Lambda runs x86_64 and arm64 Linux alone"}},
		{"the same target", "p", "-- .cargo/config.toml --\n[build]\ntarget = \"x86_64-unknown-linux-musl\"\n", nil, nil},
		{"the target that lpipe.toml asks for", "p", "-- .cargo/config.toml --\n[build]\ntarget = [\"aarch64-unknown-linux-musl\"]\n-- lpipe.toml --\n[build]\narch = \"arm64\"\n", nil, nil},
		{
			"configuration of the member whose folder this is", "p/api", "-- api/.cargo/config.toml --\n[build]\n", nil,
			[]string{".cargo/config.toml has no effect: a build starts in the workspace's root; move its settings to ../.cargo/config.toml"},
		},
		{"the same from the root, as with cargo", "p", "-- api/.cargo/config.toml --\n[build]\n", nil, nil},
		{"the old name, above the folder", "p/api/src", "-- api/.cargo/config --\n[build]\n", nil, []string{"../.cargo/config has no effect"}},
		{
			"metadata of cargo-lambda", "p", metadata + "[package.metadata.lambda.build]\ninclude = [\"letters\"]\n[package.metadata.lambda.deploy]\nmemory = 512\n", nil,
			[]string{
				"api/Cargo.toml:7:1: build.include of cargo-lambda has no effect: include in [build] or [lambda.NAME] of lpipe.toml does it",
				"api/Cargo.toml:9:1: deploy.memory of cargo-lambda has no effect: [deploy] in lpipe.toml does it",
			},
		},
		{
			"a folder for results in cargo's configuration", "p", "-- .cargo/config.toml --\n[build]\ntarget-dir = \"out\"\n", nil,
			[]string{".cargo/config.toml:2:1: build.target-dir has no effect: the results are in target/lambda; the variable CARGO_TARGET_DIR or --out-dir"},
		},
		{"a file of cargo-lambda", "p", "-- CargoLambda.toml --\n", nil, []string{"CargoLambda.toml has no effect"}},
		{"variables", "p", "", map[string]string{
			"RUSTFLAGS": "-D warnings", "CARGO_PROFILE_RELEASE_LTO": "fat", "CARGO_TARGET_DIR": "/t", "CARGO_BUILD_TARGET": "aarch64-unknown-linux-musl",
			"RUSTC_WRAPPER": "sccache", "RUSTUP_TOOLCHAIN": "nightly",
		}, []string{
			"CARGO_BUILD_TARGET of the environment has no effect: in [build] of lpipe.toml, target = \"aarch64-unknown-linux-musl\" or arch = \"arm64\" says otherwise",
			"CARGO_PROFILE_RELEASE_LTO of the environment has no effect: variables of this machine do not reach the build; for all who build, env = { CARGO_PROFILE_RELEASE_LTO = \"…\" } in [build]",
			"RUSTC_WRAPPER of the environment has no effect",
			"RUSTFLAGS of the environment has no effect: variables of this machine do not reach the build; for all who build, rustflags = [\"…\"] in [build]",
			"RUSTUP_TOOLCHAIN of the environment has no effect: the compiler is that of the base image or of rust-toolchain.toml",
		}},
		{"a variable of cargo that runs lpipe", "p", "", map[string]string{"RUSTUP_TOOLCHAIN": "nightly", "CARGO": "/bin/cargo"}, nil},
		{"a variable that lpipe.toml has", "p", "-- lpipe.toml --\n[build]\nenv = { RUSTC_WRAPPER = \"sccache\" }\n", map[string]string{"RUSTC_WRAPPER": "ccache"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := workspaceWithMember
			if strings.Contains(c.files, "-- api/Cargo.toml --") {
				files = strings.Replace(files, "-- api/Cargo.toml --", "-- unused --", 1)
			}
			p, err := planIn(t, c.dir, files+c.files, c.env)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Notes) != len(c.want) {
				t.Fatalf("the notes are %q", p.Notes)
			}
			for i, part := range c.want {
				if !strings.Contains(p.Notes[i], part) {
					t.Errorf("note %d is\n%s\nwithout\n%s", i, p.Notes[i], part)
				}
			}
		})
	}
}

func TestNoProgramForTheMachineThatBuilds(t *testing.T) {
	for _, c := range []struct {
		name, files string
		want        []string // of the mistakes' first lines
	}{
		{"flags of all", "-- .cargo/config.toml --\n[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n", []string{".cargo/config.toml:2:1: build.rustflags compiles for the machine that builds"}},
		{"one string", "-- .cargo/config.toml --\n[build]\nrustflags = \"-Dwarnings -Ctarget-cpu=native\"\n", []string{"build.rustflags"}},
		{"flags of the target", "-- .cargo/config.toml --\n[target.x86_64-unknown-linux-musl]\nrustflags = [\"-Ctarget-cpu=native\"]\n", []string{"target.x86_64-unknown-linux-musl.rustflags"}},
		{"flags of a condition", "-- .cargo/config.toml --\n[target.'cfg(target_arch = \"x86_64\")']\nrustflags = [\"-Ctarget-cpu=native\"]\n", []string{"rustflags compiles for"}},
		{"flags of another target", "-- .cargo/config.toml --\n[target.aarch64-apple-darwin]\nrustflags = [\"-Ctarget-cpu=native\"]\n[target.'cfg(target_os = \"macos\")']\nrustflags = [\"-Ctarget-cpu=native\"]\n", nil},
		{"an alias", "-- .cargo/config.toml --\n[alias]\nfast = \"rustc --release -- -Ctarget-cpu=native\"\n", nil},
		{"C code", "-- .cargo/config.toml --\n[env]\nCFLAGS = { value = \"-O2 -march=native\" }\n", []string{"env.CFLAGS.value"}},
		{"a file that is included", "-- .cargo/config.toml --\ninclude = [\"fast.toml\"]\n-- .cargo/fast.toml --\nbuild.rustflags = [\"-Ctarget-cpu=native\"]\n", []string{".cargo/fast.toml:1:7: build.rustflags"}},
		{"a profile", "-- Cargo.toml --\ncargo-features = [\"profile-rustflags\"]\n[workspace]\nmembers = [\"api\"]\n[profile.release]\nrustflags = [\"-Ctarget-cpu=native\"]\n", []string{"Cargo.toml:5:1: profile.release.rustflags"}},
		{"lpipe.toml", "-- lpipe.toml --\n[build]\nrustflags = [\"-Ctarget-cpu=native\"]\nenv = { CXXFLAGS = \"-mcpu=native\" }\n", []string{"lpipe.toml:2: rustflags compiles for", "lpipe.toml:3: env.CXXFLAGS compiles for"}},
		{"a processor that Lambda has not", "-- .cargo/config.toml --\n[build]\nrustflags = [\"-C\", \"target-cpu=znver4\"]\n", []string{".cargo/config.toml:2:1: build.rustflags compiles for a processor that Lambda has not"}},
		{"Graviton3", "-- lpipe.toml --\n[build]\nenv = { CFLAGS_aarch64_unknown_linux_musl = \"-O2 -mcpu=neoverse-v1\" }\n", []string{"env.CFLAGS_aarch64_unknown_linux_musl compiles for a processor"}},
		{"a feature", "-- .cargo/config.toml --\n[build]\nrustflags = [\"-Ctarget-feature=+aes,+avx512f\"]\n", []string{"build.rustflags compiles for"}},
		{"a feature of C code", "-- .cargo/config.toml --\n[env]\nCFLAGS = \"-mavx512f -O2\"\n", []string{"env.CFLAGS compiles for"}},
		{"features that all have", "-- .cargo/config.toml --\n[build]\nrustflags = [\"-Ctarget-feature=+avx2,-avx512f\"]\n[env]\nCFLAGS = \"-mavx2 -mcpu=neoverse-n1 -march=armv8.2-a+crypto\"\n", nil},
		{"a processor by name", "-- .cargo/config.toml --\n[build]\nrustflags = [\"-Ctarget-cpu=x86-64-v2\"]\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := workspaceWithMember
			if strings.Contains(c.files, "-- Cargo.toml --") {
				files = strings.Replace(files, "-- Cargo.toml --", "-- unused --", 1)
			}
			_, err := planIn(t, "p", files+c.files, nil)
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			missing := slices.DeleteFunc(slices.Clone(c.want), func(part string) bool { return err != nil && strings.Contains(err.Error(), part) })
			if (err == nil) != (c.want == nil) || len(missing) > 0 {
				t.Errorf("the mistakes are %q, without %q", got, missing)
			}
		})
	}
}
