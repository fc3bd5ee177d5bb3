package plan

import (
	"maps"
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

// locked is a lock file with crates.
func locked(crates ...string) string {
	text := "-- Cargo.lock --\nversion = 4\n"
	for _, name := range crates {
		text += "\n[[package]]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n"
	}
	return text
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
		{
			"an ignore file of a library", "p", "-- api/Cargo.toml --\n[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nutil = { path = \"../util\" }\n" +
				"-- util/Cargo.toml --\n[package]\nname = \"util\"\nversion = \"0.1.0\"\nedition = \"2021\"\n-- util/src/lib.rs --\n-- util/.lpipeignore --\n-- util/lpipe.toml --\n", nil,
			[]string{"util/.lpipeignore has no effect: what is left out is said in .lpipeignore, with patterns that start there"},
		},
		{"the target that counts without any", "p", "-- .cargo/config.toml --\nbuild.target = \"host-tuple\"\n", map[string]string{"CARGO_BUILD_TARGET": "host-tuple"}, nil},
		{"the same target", "p", "-- .cargo/config.toml --\n[build]\ntarget = \"x86_64-unknown-linux-musl\"\n", nil, nil},
		{"the target that lpipe.toml asks for", "p", "-- .cargo/config.toml --\n[build]\ntarget = [\"aarch64-unknown-linux-musl\"]\n-- lpipe.toml --\n[build]\narch = \"arm64\"\n", nil, nil},
		{
			"configuration of the member whose folder this is", "p/api", "-- api/.cargo/config.toml --\n[build]\n", nil,
			[]string{".cargo/config.toml has no effect: a build starts in the workspace's root; move its settings to ../.cargo/config.toml"},
		},
		{
			"a toolchain of the member whose folder this is", "p/api", "-- api/rust-toolchain --\n1.80.0\n-- rust-toolchain.toml --\n[toolchain]\nchannel = \"1.85.0\"\n", nil,
			[]string{"rust-toolchain has no effect: a build starts in the workspace's root; the compiler is that of the base image, or of a rust-toolchain.toml there"},
		},
		{"the same from the root, as with rustup", "p", "-- api/rust-toolchain --\n1.80.0\n", nil, nil},
		{
			"settings of a member", "p", "-- api/lpipe.toml --\n", nil,
			[]string{"api/lpipe.toml has no effect: lpipe.toml is looked for in the current folder and above, where there is none; [lambda.NAME] says what is for one lambda"},
		},
		{
			"settings of a member, and of the workspace", "p", "-- api/lpipe.toml --\n-- lpipe.toml --\n", nil,
			[]string{"api/lpipe.toml has no effect: the settings of this run are in lpipe.toml, the closest to the current folder"},
		},
		{
			"an ignore file of a member", "p", "-- api/.lpipeignore --\n-- .lpipeignore --\n", nil,
			[]string{"api/.lpipeignore has no effect: what is left out is said in .lpipeignore, with patterns that start there"},
		},
		{
			"configuration of nextest", "p", "-- .config/nextest.toml --\n",
			map[string]string{"NEXTEST_RETRIES": "2"},
			[]string{".config/nextest.toml has no effect: cargo test runs the tests; test-tool = \"nextest\" in [build] of lpipe.toml has nextest run them"},
		},
		{"the same where cargo is asked for", "p", "-- .config/nextest.toml --\n-- lpipe.toml --\n[lambda.api]\ntest-tool = \"cargo\"\n", nil, nil},
		{"the same without tests", "p", "-- .config/nextest.toml --\n-- lpipe.toml --\n[build]\ntest = false\n", nil, nil},
		{
			"nextest", "p", "-- .config/nextest.toml --\n-- lpipe.toml --\n[build]\ntest-tool = \"nextest\"\n",
			map[string]string{"NEXTEST_RETRIES": "2"},
			[]string{"NEXTEST_RETRIES of the environment has no effect: variables of this machine do not reach the build; for all who build, test-env = { NEXTEST_RETRIES = \"…\" } in [build] of lpipe.toml does it"},
		},
		{"the same from the root, as with cargo", "p", "-- api/.cargo/config.toml --\n[build]\n", nil, nil},
		{"the old name, above the folder", "p/api/src", "-- api/.cargo/config --\n[build]\n", nil, []string{"../.cargo/config has no effect"}},
		{
			"metadata of cargo-lambda", "p", metadata + "[package.metadata.lambda.build]\ninclude = [\"letters\"]\ncompiler = { type = \"cross\" }\n[package.metadata.lambda.deploy]\nmemory = 512\n", nil,
			[]string{
				"api/Cargo.toml:8:1: build.compiler of cargo-lambda has no effect: the image has the compiler: base in [build] or [lambda.NAME] of lpipe.toml does it",
				"api/Cargo.toml:7:1: build.include of cargo-lambda has no effect: include in [build] or [lambda.NAME] of lpipe.toml does it",
				"api/Cargo.toml:10:1: deploy.memory of cargo-lambda has no effect: [deploy] in lpipe.toml does it",
			},
		},
		{
			"metadata of cargo-lambda for a program", "p", metadata + "[package.metadata.lambda.bin.api.env]\nX = \"1\"\n", nil,
			[]string{"bin.api of cargo-lambda has no effect: [lambda.NAME] in lpipe.toml does it; lpipe init --from cargo-lambda writes it"},
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
		{"the unstable", "p", "", map[string]string{"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_BUILD_STD": "std"}, []string{"CARGO_UNSTABLE_BUILD_STD of the env", "RUSTC_BOOTSTRAP of the env"}},
		{"variables that decide nothing here", "p", "", map[string]string{
			"CARGO_BUILD_TARGET": "x86_64-unknown-linux-musl", "CARGO_BUILD_BUILD_DIR": "/b", "CARGO_BUILD_DEP_INFO_BASEDIR": "/b", "CARGO_BUILD_INCREMENTAL": "false", "CARGO_INCREMENTAL": "0", "CARGO_NET_OFFLINE": "true",
			"CARGO_PROFILE_DEV_OPT_LEVEL": "3", "CARGO_PROFILE_BENCH_DEBUG": "true", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER": "r", "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS": "-Cx",
			"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": "clang", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS": "-Clink-arg=-fuse-ld=mold", "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER": "ld",
			"PROTOC": "/bin/protoc", "OPENSSL_DIR": "/usr", "DATABASE_URL": "postgres://x", "CARGO_TERM_COLOR": "always", "CARGO_REGISTRY_TOKEN": "t", "RUST_LOG": "debug",
		}, nil},
		{"variables of a profile, of targets and of tests", "p", "-- Cargo.toml --\n[workspace]\nmembers = [\"api\"]\n[profile.lambda-small]\ninherits = \"release\"\n-- lpipe.toml --\nbuild.profile = \"lambda-small\"\n", map[string]string{
			"CARGO_INCREMENTAL": "1", "CARGO_PROFILE_DEV_LTO": "fat", "CARGO_PROFILE_LAMBDA_SMALL_LTO": "fat", "CARGO_PROFILE_RELEASE_DEBUG": "1", "RUST_TEST_THREADS": "1", "RUST_MIN_STACK": "1",
			"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS": "--cfg x", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER": "ld",
		}, []string{
			"CARGO_INCREMENTAL of the environment has no effect: a program is compiled at once",
			"CARGO_PROFILE_LAMBDA_SMALL_LTO of the env", "CARGO_PROFILE_RELEASE_DEBUG of the env",
			"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS of the environment has no effect: the build is for x86_64-unknown-linux-musl; rustflags of [build] count for any target", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER of the env", "RUST_MIN_STACK of the env",
			"RUST_TEST_THREADS of the environment has no effect: variables of this machine do not reach the build; for all who build, test-env = { RUST_TEST_THREADS = \"…\" } in [build]",
		}},
		{"variables of tests that lpipe.toml has, or that do not run", "p", "-- lpipe.toml --\nbuild.test-env = { RUST_TEST_THREADS = \"1\" }\n", map[string]string{"RUST_TEST_THREADS": "2"}, nil},
		{"variables of tests that do not run", "p", "-- lpipe.toml --\nbuild.test = false\n", map[string]string{"RUST_TEST_THREADS": "2"}, nil},
		{
			"variables that crates read", "p", locked("openssl-sys", "prost-build", "sqlx-macros", "pkg-config", "libsqlite3-sys"),
			map[string]string{
				"OPENSSL_STATIC": "1", "X86_64_UNKNOWN_LINUX_MUSL_OPENSSL_DIR": "/o", "OPENSSL_CONF": "/c", "PROTOC": "/bin/protoc", "SQLX_OFFLINE": "true", "DATABASE_URL": "postgres://x", "CC": "clang",
				"PKG_CONFIG_PATH": "/p", "SQLITE3_STATIC": "1", "CARGO_NET_OFFLINE": "true",
			},
			[]string{
				"CARGO_NET_OFFLINE of the environment has no effect: what the engine does not have is downloaded",
				"DATABASE_URL of the environment has no effect: it may hold a password, which no build gets; SQLX_OFFLINE = \"true\" in [build.env]", "OPENSSL_STATIC of the env", "PKG_CONFIG_PATH of the env",
				"PROTOC of the env", "SQLITE3_STATIC of the env", "SQLX_OFFLINE of the env", "X86_64_UNKNOWN_LINUX_MUSL_OPENSSL_DIR of the env",
			},
		},
		{
			"flags for another C library", "p", "-- .cargo/config.toml --\n[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\nrustflags = [\"-C\", \"link-arg=-fuse-ld=lld\", \"--cfg\", \"tokio_unstable\"]\n" +
				"[target.x86_64-pc-windows-msvc]\nrustflags = [\"--cfg\", \"x\"]\n[target.x86_64-unknown-linux-musl]\nrustflags = [\"--cfg\", \"x\"]\n", nil,
			[]string{".cargo/config.toml:3:1: target.x86_64-unknown-linux-gnu.rustflags has no effect: the build is for x86_64-unknown-linux-musl; rustflags of [build] count for any target, and link = \"dynamic\""},
		},
		{
			"flags of a linker for another C library", "p", "-- .cargo/config.toml --\n[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\nrustflags = [\"-C\", \"link-arg=-fuse-ld=lld\", \"-Zshare-generics=y\"]\n" +
				"[target.aarch64-unknown-linux-gnu]\nrustflags = \"-Clinker=clang -L native=/opt\"\n", nil, nil,
		},
		{
			"flags on a condition that the other C library meets", "p", "-- .cargo/config.toml --\n[target.'cfg(all(target_arch = \"x86_64\", target_env = \"gnu\"))']\nrustflags = [\"--cfg\", \"x\"]\n" +
				"[target.'cfg(not(target_env = \"musl\"))']\nrustflags = [\"-Clink-arg=-s\"]\n[target.'cfg(target_os = \"macos\")']\nrustflags = [\"--cfg\", \"x\"]\n", nil,
			[]string{".cargo/config.toml:2:1: target.cfg(all(target_arch = \"x86_64\", target_env = \"gnu\")).rustflags has no effect: the build is for x86_64-unknown-linux-musl; rustflags of [build] count for any target, and link = \"dynamic\""},
		},
		{
			"what starts tests, and what stands in for a build script, for another C library", "p",
			"-- .cargo/config.toml --\n[target.x86_64-unknown-linux-gnu]\nrunner = \"./run.sh\"\nlinker = \"clang\"\n[target.x86_64-unknown-linux-gnu.foo]\nrustc-link-lib = [\"foo\", \"bar\"]\n", nil,
			[]string{
				".cargo/config.toml:5:1: target.x86_64-unknown-linux-gnu.foo.rustc-link-lib has no effect: the build is for x86_64-unknown-linux-musl; link = \"dynamic\" in [build] of lpipe.toml builds for glibc",
				".cargo/config.toml:2:1: target.x86_64-unknown-linux-gnu.runner has no effect: the build is for",
			},
		},
		{
			"what starts tests for another C library, without tests", "p",
			"-- lpipe.toml --\nbuild.test = false\n-- .cargo/config.toml --\n[target.x86_64-unknown-linux-gnu]\nrunner = \"./run.sh\"\n",
			map[string]string{"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER": "r"},
			nil,
		},
		{
			"flags for musl, where the build is for glibc", "p", "-- lpipe.toml --\nbuild.link = \"dynamic\"\n-- .cargo/config.toml --\n[target.x86_64-unknown-linux-musl]\nrustflags = [\"--cfg\", \"x\"]\n", nil,
			[]string{"rustflags has no effect: the build is for x86_64-unknown-linux-gnu; rustflags of [build] count for any target, and link = \"static\" in [build] of lpipe.toml builds for musl"},
		},
		{
			"a file and variables of cargo-lambda", "p/api", "-- CargoLambda.toml --\n-- api/CargoLambda.toml --\n",
			map[string]string{"CARGO_LAMBDA_BUILD": "{arm64=true}", "CARGO_LAMBDA_VERSION": "1.8"},
			[]string{"CargoLambda.toml has no effect: the settings of lpipe", "../CargoLambda.toml has no effect", "CARGO_LAMBDA_BUILD of the environment has no effect: the settings of lpipe are in lpipe.toml"},
		},
		{
			"without the network", "p", locked("serde") + "-- .cargo/config.toml --\n[net]\noffline = true\n", nil,
			[]string{".cargo/config.toml:2:1: net.offline has no effect: what the engine does not have is downloaded"},
		},
		{"without the network, and with nothing to download", "p", "-- .cargo/config.toml --\n[net]\noffline = true\n", map[string]string{"CARGO_NET_OFFLINE": "true"}, nil},
		{
			"what is compiled incrementally", "p", "-- .cargo/config.toml --\n[build]\nincremental = true\n[profile.release]\nincremental = true\n[profile.dev]\nincremental = true\n", nil,
			[]string{".cargo/config.toml:2:1: build.incremental has no effect: a program is compiled at once", ".cargo/config.toml:4:1: profile.release.incremental has no effect"},
		},
		{
			"variables that sources read", "p",
			"-- api/src/main.rs --\nfn main() { option_env!(\"BUILD_ID\"); env!(\"SET\"); env!(\"CARGO_PKG_NAME\"); option_env!(\"UNSET\"); std::env::var(\"RUN\"); env!(\"FORCED\"); env!(\"WEAK\"); env!(\"HOME\"); env!(\"LATE\") }\n" +
				"#[cfg(test)] mod tests { const T: &str = env!(\"TEST\"); }\n" +
				"-- api/build.rs --\nuse std::env;\nfn main() { env::var(\"FEATURE\"); println!(\"cargo::rerun-if-env-changed=WATCHED\"); env::var(\"OUT_DIR\"); }\n" +
				"-- lpipe.toml --\n[build]\nenv = { SET = \"1\" }\n[build.late-env]\nLATE = \"1\"\n" +
				"-- .cargo/config.toml --\n[env]\nFORCED = { value = \"a\", force = true }\nWEAK = \"a\"\n",
			map[string]string{
				"BUILD_ID": "7", "SET": "2", "CARGO_PKG_NAME": "x", "RUN": "1", "FORCED": "b", "WEAK": "b", "HOME": "/h", "FEATURE": "1", "WATCHED": "1", "OUT_DIR": "/o",
				"OTHER": "1", "LATE": "2", "TEST": "1",
			},
			[]string{
				"BUILD_ID of the environment, which api/src/main.rs:1 reads, has no effect: variables of this machine do not reach the build; for all who build, env = { BUILD_ID = \"…\" } in [build]",
				"FEATURE of the environment, which api/build.rs:2 reads",
				"WATCHED of the environment, which api/build.rs:2 reads",
				"WEAK of the environment, which api/src/main.rs:1 reads",
			},
		},
		{
			"a secret that a source reads", "p", "-- api/src/main.rs --\nfn main() { option_env!(\"GITHUB_TOKEN\"); }\n",
			map[string]string{"GITHUB_TOKEN": "x"},
			[]string{"GITHUB_TOKEN of the environment, which api/src/main.rs:1 reads, has no effect: variables of this machine do not reach the build; its name is that of a secret"},
		},
		{"compilers of C code, where none is compiled", "p", "", map[string]string{"CC": "clang"}, nil},
		{
			"compilers of C code", "p", "-- Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"cc\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n",
			map[string]string{"CC": "clang", "CFLAGS_aarch64_unknown_linux_musl": "-O3", "TARGET_AR": "ar", "CCACHE_DIR": "/c"},
			[]string{"CC of the env", "CFLAGS_aarch64_unknown_linux_musl of the env", "TARGET_AR of the env"},
		},
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

func TestWhatIsOutsideOfTheProjectIsNoted(t *testing.T) {
	outside := func(o cargo.Outside) []string {
		f := &found{Project: Project{Workspace: mustWorkspace(t, workspaceWithMember), Outside: func([]string) cargo.Outside { return o }}}
		f.chosen = []*Lambda{{Build: config.Build{Profile: "release"}}}
		return f.outside()
	}
	got := outside(cargo.Outside{
		Configs: []cargo.OutsideConfig{
			{File: "/up/.cargo/config.toml", Keys: []string{"build.rustflags", "profile.dev"}},
			{File: "/above/.cargo/config.toml", Keys: []string{"profile.dev", "profile.bench"}},
			{File: "/there/.cargo/config.toml", Keys: []string{"profile.release"}},
			{File: "/home/me/.cargo/config", Keys: []string{"a", "b", "c", "d", "e", "f", "g", "h"}},
		},
		Toolchain: "/up/rust-toolchain.toml",
	})
	want := []string{
		"build.rustflags of /up/.cargo/config.toml has no effect: a build reads the files of the project alone; what all who build should have goes to .cargo/config.toml",
		"profile.release of /there/.cargo/config.toml has no effect: a build reads the files of the project alone; what all who build should have goes to .cargo/config.toml",
		"a, b, c, d, e, f and 2 more of /home/me/.cargo/config have no effect: a build reads the files of the project alone; what all who build should have goes to .cargo/config.toml",
		"/up/rust-toolchain.toml has no effect: the compiler is that of the base image, or of a rust-toolchain.toml in the project",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := outside(cargo.Outside{}); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}

// TestFlagsOfTheUserForAnotherLibc are noted as those of the project are: what only links is not.
func TestFlagsOfTheUserForAnotherLibc(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"a linker":           {"[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\nrustflags = [\"-Clink-arg=-fuse-ld=mold\"]\n", nil},
		"another machine":    {"[target.aarch64-unknown-linux-gnu]\nrustflags = [\"--cfg\", \"x\"]\n", nil},
		"flags":              {"[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clink-arg=-s\", \"--cfg\", \"fast\"]\n", []string{"target.x86_64-unknown-linux-gnu.rustflags"}},
		"flags of its own":   {"[target.x86_64-unknown-linux-musl]\nrustflags = [\"--cfg\", \"fast\"]\n", []string{"target.x86_64-unknown-linux-musl of /home/me/.cargo/config.toml has no effect"}},
		"flags and a runner": {"[target.'cfg(target_env = \"gnu\")']\nrunner = \"r\"\nrustflags = \"-Cdebuginfo=2\"\n", []string{".runner has no effect", ".rustflags has no effect"}},
	} {
		disk := testparts.Files("p", "-- Cargo.lock --\nversion = 4\n-- .git/HEAD --\n"+workspaceWithMember)
		maps.Copy(disk, testparts.Files("home/me/.cargo", "-- config.toml --\n"+c.config))
		cfg, err := config.Load(config.Input{FS: disk, Dir: "/p"})
		if err != nil {
			t.Fatal(err)
		}
		ws, err := cargo.Load(disk, "p")
		if err != nil {
			t.Fatal(err)
		}
		ws, found := reach.Find(ws)
		outside := func(targets []string) cargo.Outside {
			return ws.Outside(disk, map[string]string{"HOME": "/home/me"}, targets)
		}
		p, err := one(Make([]Project{{Config: cfg, Workspace: ws, Reach: found, Outside: outside}}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Notes) != len(c.want) {
			t.Errorf("%s: %q", name, p.Notes)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(p.Notes[i], want) || !strings.Contains(p.Notes[i], "/home/me/.cargo/config.toml") {
				t.Errorf("%s: %q", name, p.Notes[i])
			}
		}
	}
}

func mustWorkspace(t *testing.T, archive string) *cargo.Workspace {
	t.Helper()
	ws, err := cargo.Load(testparts.Files("p", "-- Cargo.lock --\nversion = 4\n"+archive), "p")
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

func TestAProfileHasToBeDeclared(t *testing.T) {
	const profile = "-- lpipe.toml --\n[build]\nprofile = \"lambda\"\n"
	for name, c := range map[string]struct{ files, want string }{
		"by nothing":                {profile, "there is no profile \"lambda\" (lpipe.toml:2)"},
		"by the manifest":           {profile + "-- Cargo.toml --\n[workspace]\nmembers = [\"api\"]\n[profile.lambda]\ninherits = \"release\"\n", ""},
		"by cargo's configuration":  {profile + "-- .cargo/config.toml --\n[profile.lambda]\ninherits = \"release\"\n", ""},
		"by a variable":             {profile + "env = { CARGO_PROFILE_LAMBDA_INHERITS = \"release\" }\n", ""},
		"by a member, which has no": {profile + "-- api/Cargo.toml --\n[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[profile.lambda]\ninherits = \"release\"\n", "there is no profile"},
		"by cargo":                  {"-- lpipe.toml --\n[build]\nprofile = \"dev\"\n", ""},
		"misspelt":                  {"-- lpipe.toml --\n[build]\nprofile = \"relase\"\n", "there is no profile"},
	} {
		_, err := planIn(t, "p", workspaceWithMember+c.files, nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
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
