package cargo

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/testparts"
)

// What of cargo's configuration names a program, a variable or a login. The list of keys is that of
// https://doc.rust-lang.org/cargo/reference/config.html
const configThatRuns = `
[build]
rustc = "./evil"
rustc-wrapper = "./evil"
rustc-workspace-wrapper = "./evil"
rustdoc = "./evil"
rustdocflags = ["evil"]
target = "evil.json"
target-dir = "evil"
build-dir = "evil"
dep-info-basedir = "evil"
rustflags = ["-Clinker=./evil", "-C", "linker=./evil", "-Zcodegen-backend=./evil.so", "@evil", "--cfg", "@evil", "-Cllvm-args=-load=evil", "--codegen", "ar=evil", "-L", "evil", "--sysroot=evil", "-C"]
[target.x86_64-unknown-linux-musl]
linker = "./evil"
runner = "./evil"
ar = "./evil"
rustflags = "-Clink-arg=evil"
[target.'cfg(all())']
runner = "./evil"
linker = "./evil"
[target.x86_64-unknown-linux-musl.evil]
rustc-link-lib = ["evil"]
[host]
linker = "./evil"
runner = "./evil"
rustflags = ["evil"]
[host.x86_64-unknown-linux-gnu]
linker = "./evil"
[env]
GIT_SSH_COMMAND = { value = "./evil", force = true }
LD_PRELOAD = "./evil.so"
RUSTC_BOOTSTRAP = "evil"
[alias]
fetch = "evil"
[doc]
browser = ["./evil"]
[cargo-new]
vcs = "evil"
[install]
root = "evil"
[term]
verbose = true
[profile.dev.package.evil]
opt-level = 3
[registry]
default = "evil"
index = "evil"
token = "evil"
credential-provider = ["./evil"]
global-credential-providers = ["./evil"]
[credential-alias]
cargo-token = ["./evil"]
[registries.acme]
token = "evil"
secret-key = "evil"
credential-provider = ["./evil"]
[net]
git-fetch-with-cli = false
[net.ssh]
known-hosts = ["evil"]
[http]
debug = true
[unstable]
codegen-backend = true
host-config = true
target-applies-to-host = true
gitoxide = "evil"
credential-process = true
asymmetric-token = true
script = true
rustc-unicode = "evil"
[source.acme]
evil = "./evil"
[patch.crates-io]
one = { evil = "./evil" }
`

func fetchConfig(t *testing.T, project string) (*Workspace, table) {
	t.Helper()
	ws, err := Load(testparts.Files(".", project+`
-- repo/.git/HEAD --
-- repo/app/Cargo.toml --
[package]
name = "app"
-- repo/app/src/main.rs --
-- repo/app/vendor/x/Cargo.toml --
-- repo/app/own/Cargo.toml --
[package]
name = "own"
-- repo/app/own/src/lib.rs --
-- repo/far/Cargo.toml --
[package]
name = "far"
-- repo/far/src/lib.rs --
-- repo/app/patched/one/Cargo.toml --
[package]
name = "one"
-- repo/app/patched/one/src/lib.rs --
-- repo/app/Cargo.lock --
`), "repo/app")
	if err != nil {
		t.Fatal(err)
	}
	ws = ws.RelativeTo("repo")
	text, err := ws.FetchConfig("/src")
	if err != nil {
		t.Fatal(err)
	}
	got := table{}
	if err := toml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return ws, got
}

func TestNothingOfTheProjectRunsWhileDownloading(t *testing.T) {
	ws, got := fetchConfig(t, "-- repo/app/.cargo/config.toml --"+configThatRuns)
	if want := (table{"build": table{"rustflags": []any{"--cfg=@evil"}}}); !reflect.DeepEqual(got, want) { // a name like any other
		t.Errorf("left is %v", got)
	}
	ignored := strings.Join(ws.FetchIgnores(), "\n")
	for _, want := range []string{
		".cargo/config.toml:50:2: credential-alias", "registry.credential-provider", "registry.global-credential-providers",
		"registries.acme.credential-provider", "net.git-fetch-with-cli", "net.ssh", "http.debug",
	} {
		if !strings.Contains(ignored+"\n", want+"\n") {
			t.Errorf("nobody is told of %s:\n%s", want, ignored)
		}
	}
}

func TestDownloadingGoesByTheProject(t *testing.T) {
	_, got := fetchConfig(t, `
-- repo/app/.cargo/config.toml --
paths = ["own"]
[build]
rustflags = ["--cfg", "tokio_unstable", "-C", "target-cpu=native", "--codegen=target-feature=+aes", "-Cpanic=abort"]
[target.'cfg(unix)']
rustflags = "--cfg=near -Ctarget-feature=+crt-static"
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "vendor"
[source.'https://git.example.com/one']
git = "https://git.example.com/one"
branch = "main"
replace-with = "mirror"
[source.mirror]
registry = "sparse+https://mirror.example.com/"
[source.image]
directory = "/usr/share/cargo/registry"
[registries.acme]
index = "sparse+https://acme.example.com/"
[net]
retry = 7
[http]
cainfo = "ci/ca.pem"
timeout = 5
ssl-version = { min = "tlsv1.2" }
[patch.crates-io]
one = { path = "patched/one", features = ["a"] }
two = { git = "ssh://git@git.example.com/two", tag = "v2" }
[unstable]
build-std = ["core"]
[resolver]
incompatible-rust-versions = "fallback"
-- repo/.cargo/config.toml --
paths = ["far"]
[build]
rustflags = ["--cfg", "far"]
[net]
retry = 1
offline = false
[http]
proxy = "proxy.example.com:3128"
[registries.far]
index = "ssh://git@git.example.com/index"
protocol = "sparse"
`)
	want := table{
		"paths":  []any{"/src/far", "/src/app/own"},
		"build":  table{"rustflags": []any{"--cfg=far", "--cfg=tokio_unstable", "-Ctarget-cpu=native", "-Ctarget-feature=+aes", "-Cpanic=abort"}},
		"target": table{"cfg(unix)": table{"rustflags": []any{"--cfg=near", "-Ctarget-feature=+crt-static"}}},
		"source": table{
			"crates-io": table{"replace-with": "vendored"}, "vendored": table{"directory": "/src/app/vendor"},
			"https://git.example.com/one": table{"git": "https://git.example.com/one", "branch": "main", "replace-with": "mirror"},
			"mirror":                      table{"registry": "sparse+https://mirror.example.com/"}, "image": table{"directory": "/usr/share/cargo/registry"},
		},
		"registries": table{
			"acme": table{"index": "sparse+https://acme.example.com/"}, "far": table{"index": "ssh://git@git.example.com/index", "protocol": "sparse"},
		},
		"net":  table{"retry": int64(7), "offline": false},
		"http": table{"cainfo": "/src/app/ci/ca.pem", "timeout": int64(5), "ssl-version": table{"min": "tlsv1.2"}, "proxy": "proxy.example.com:3128"},
		"patch": table{"crates-io": table{
			"one": table{"path": "/src/app/patched/one", "features": []any{"a"}}, "two": table{"git": "ssh://git@git.example.com/two", "tag": "v2"},
		}},
		"unstable": table{"build-std": []any{"core"}},
		"resolver": table{"incompatible-rust-versions": "fallback"},
	}
	for _, key := range []string{"paths", "build", "target", "source", "registries", "net", "http", "patch", "unstable", "resolver"} {
		if !reflect.DeepEqual(got[key], want[key]) {
			t.Errorf("%s:\n got %v\nwant %v", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		t.Errorf("there is more: %v", got)
	}
	usual := "-- repo/app/.cargo/config.toml --\n[net]\ngit-fetch-with-cli = true\n[registry]\nglobal-credential-providers = [\"cargo:token\"]\n"
	if ws, got := fetchConfig(t, usual); len(got) > 0 || len(ws.FetchIgnores()) > 0 {
		t.Errorf("what is done anyway: %v, %q", got, ws.FetchIgnores())
	}
	if _, got := fetchConfig(t, ""); len(got) > 0 {
		t.Errorf("without a configuration: %v", got)
	}
}
