package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lpipe/internal/build"
	"lpipe/internal/doctor"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/finding"
	"lpipe/internal/report"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/golden"
)

// shop is a project with two lambdas, a library, and what has no effect on a build.
const shop = `
-- Cargo.toml --
[workspace]
members = ["orders", "users", "common"]
resolver = "2"
-- Cargo.lock --
version = 4

[[package]]
name = "common"
version = "1.0.0"

[[package]]
name = "orders"
version = "1.0.0"
dependencies = ["common"]

[[package]]
name = "users"
version = "1.0.0"
dependencies = ["common"]
-- common/Cargo.toml --
[package]
name = "common"
version = "1.0.0"
edition = "2021"
-- common/src/lib.rs --
-- orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
edition = "2021"
[dependencies]
common = { path = "../common" }
-- orders/src/main.rs --
fn main() {}
-- users/Cargo.toml --
[package]
name = "users"
version = "1.0.0"
edition = "2021"
[dependencies]
common = { path = "../common" }
-- users/src/main.rs --
fn main() {}
`

// TestScreens holds what a person reads beside the display of a build and its failures, as it is on a terminal of two sizes.
func TestScreens(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	dir := testparts.Project(t, shop)
	t.Chdir(dir)
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	var text strings.Builder
	show := func(title string, print func(out io.Writer)) {
		var b bytes.Buffer
		print(&b)
		fmt.Fprintf(&text, "== %s\n%s", title, strings.ReplaceAll(b.String(), dir, "/home/me/shop"))
	}
	// run prints what a command does, with the status that it must have.
	run := func(status int, command string, more ...string) {
		t.Helper()
		show("$ lpipe "+command, func(out io.Writer) {
			args, err := calls("lpipe " + command)
			if err != nil || len(args) != 1 {
				t.Fatalf("%s: %q, %v", command, args, err)
			}
			if got := Main(args[0], Streams{In: strings.NewReader(""), Out: out, Err: out}, slices.Concat(environ, more)); got != status {
				t.Errorf("lpipe %s: status %d, want %d", command, got, status)
			}
		})
	}
	failed := func(out io.Writer, err error) { fault.PrintOn(out, err, fault.Screen{Columns: 80, Rows: 24}) }

	run(2, "biuld")
	run(2, "cache us")
	run(2, "build --fetures tls")
	run(2, "build -p orders")
	run(2, "build orders ''")
	run(2, "build --tag one")

	run(2, "build --metadata-file /proc/none/meta.json --junit orders")
	run(2, "plan", "HOME=here")
	show("$ lpipe plan >/dev/full", func(out io.Writer) {
		Main([]string{"plan"}, Streams{In: strings.NewReader(""), Out: full{}, Err: out}, environ)
	})

	run(0, "plan")
	run(0, "plan --since HEAD")
	testparts.Unpack(t, dir, "-- common/src/lib.rs --\npub fn f() {}\n-- common/src/a.rs --\n-- common/src/b.rs --\n-- common/src/c.rs --\n-- users/src/main.rs --\nfn main() { }\n-- lpipe.toml --\n[lambda.users]\nprofile = \"dev\"\n")
	run(0, "plan --since HEAD")
	run(0, "plan", "RUSTFLAGS=-Cdebuginfo=1", "CARGO_PROFILE_RELEASE_LTO=fat", "CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu")
	run(2, "plan oders")

	run(2, "invoke")
	run(2, "invoke orders -d '{id: 1}'")
	run(2, "invoke orders -d @none.json")
	run(2, "invoke orders -d '{}'")

	show("a build whose steps were cached, with a warning of the compiler", func(out io.Writer) {
		report.Text(out, report.Summary{
			Engine: "embedded", Local: true, Steps: 12, Cached: 12, Seconds: 0.0331,
			Lambdas: []report.Lambda{
				{
					Name: "orders", Target: "x86_64-unknown-linux-musl", Zip: "target/lambda/orders/bootstrap.zip", Size: 1 << 20, ZipSize: 400 << 10, ZipSizeBefore: 399 << 10,
					SHA256: strings.Repeat("0a1b2c3d", 8), CodeSHA256: strings.Repeat("CodeSha2", 5) + "56=", Tests: &report.Tests{Passed: 8, Ignored: 1},
				},
				{Name: "users", Target: "x86_64-unknown-linux-musl", Error: "users does not compile"},
			},
			Notes:    []string{"RUSTFLAGS of the environment has no effect: variables of this machine do not reach the build; for all who build, rustflags = [\"…\"] in [build] of lpipe.toml does it"},
			Warnings: []string{"the cache was not exported: registry.example.com refused the login"},
			CompilerWarnings: []finding.Finding{{
				Kind: finding.Warning, Name: "unused_variables", Package: "orders", File: "orders/src/main.rs", Line: 2, Column: 9, Message: "unused variable: `id`",
				Text: "warning: unused variable: `id`\n --> orders/src/main.rs:2:9\n  |\n2 |     let id = 1;\n  |         ^^ help: if this is intentional, prefix it with an underscore: `_id`",
			}},
			Kept: &report.Kept{BaseImage: 412 << 20, Toolchain: true, Crates: 212, Dependencies: 1},
		})
	})

	usage := func(kind string, count int, size, removable int64) engine.Usage {
		return engine.Usage{Kind: kind, Count: count, Size: size, Removable: removable}
	}
	kept := engine.Kept{Total: usage("", 227, 9<<30, 8<<30), Shared: []engine.Usage{usage("base images", 1, 1<<30, 1<<30), usage("compiled dependencies", 24, 5<<30, 5<<30)}}
	projects := []build.KeptProject{
		{Folder: "/home/me/a-folder-with-a-long-name/and-another-one-below-it/and-one-more/shop", Kinds: []engine.Usage{usage("compiled dependencies kept for the next build", 2, 300<<20, 0), usage("sources", 12, 5<<10, 0)}},
		{Kinds: []engine.Usage{usage("sources", 3, 1<<10, 1<<10)}},
	}
	for _, removable := range []bool{true, false} {
		title := map[bool]string{true: "$ lpipe cache usage", false: "$ lpipe cache prune --dry-run, before its last line"}[removable]
		show(title, func(out io.Writer) {
			(&app{Streams: Streams{Out: out}}).printKept(kept, projects, removable)
		})
	}

	show("$ lpipe doctor", func(out io.Writer) {
		failed(out, doctor.Print(out, []doctor.Check{
			{Name: "engine", Detail: "embedded, BuildKit v0.26.2, runs x86_64; state: /var/lib/lpipe"},
			{Name: "base image", Detail: "docker.io/library/rust:1-bookworm, sha256:" + strings.Repeat("0a1b2c3d", 8)},
			{Name: "cache to", Detail: "registry.example.com/lpipe/cache:main", Err: &fault.Error{
				Kind: fault.Usage, What: "registry.example.com/lpipe/cache:main cannot be written", Why: "the registry answered 401 Unauthorized", Fix: "docker login registry.example.com",
			}},
			{Name: "ssh", Err: &fault.Error{Kind: fault.Usage, What: "there is no SSH agent", Err: errors.New("SSH_AUTH_SOCK is not set"), Fix: "start one and add a key: ssh-add"}},
		}))
	})

	for _, s := range []fault.Screen{{Columns: 80, Rows: 24}, {Columns: 200, Rows: 50}} {
		golden.Check(t, filepath.Join(testdata, fmt.Sprintf("screens-%dx%d.golden", s.Columns, s.Rows)), wrapped(text.String(), s.Columns))
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// wrapped is a text on a terminal, which begins a new row where a line is too long; a mark is where one does.
func wrapped(text string, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		runes := []rune(strings.TrimSuffix(line, "\n"))
		for ; len(runes) > columns; runes = runes[columns:] {
			b.WriteString(string(runes[:columns]) + "\\\n")
		}
		b.WriteString(string(runes) + "\n")
	}
	return b.String()
}
