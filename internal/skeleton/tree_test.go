package skeleton

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sync/errgroup"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

const single = `
-- Cargo.toml --
[package]
name = "a"
version = "0.1.0"
edition = "2021"
-- Cargo.lock --
version = 4

[[package]]
name = "a"
version = "0.1.0"
-- src/main.rs --
fn main() {}
-- src-b/x.rs --
-- src.rs --
-- src/b/c.rs --
`

// closure returns the context of the only package in dir.
func closure(t *testing.T, dir string) *Tree {
	t.Helper()
	ws, found := load(t, dir)
	tree, _, err := Closure(ws, found, ws.Packages, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// pipe is both ends of a connection as fsutil wants it.
type pipe struct {
	ctx context.Context
	in  <-chan []byte
	out chan<- []byte
}

type message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

func (p *pipe) Context() context.Context { return p.ctx }

func (p *pipe) SendMsg(m any) error {
	b, err := m.(message).Marshal()
	if err != nil {
		return err
	}
	select {
	case p.out <- b:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *pipe) RecvMsg(m any) error {
	select {
	case b, ok := <-p.in:
		if !ok {
			return io.EOF
		}
		return m.(message).Unmarshal(b)
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// send sends the tree into dir by BuildKit's protocol and returns what was transferred of contents.
func send(t *testing.T, tree *Tree, dir string) (sent []string, err error) {
	t.Helper()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(t.Context())
	a, b := make(chan []byte, 64), make(chan []byte, 64)
	group.Go(func() error {
		defer close(b)
		return fsutil.Send(ctx, &pipe{ctx: ctx, in: a, out: b}, tree, nil)
	})
	group.Go(func() error {
		return fsutil.Receive(ctx, &pipe{ctx: ctx, in: b, out: a}, dir, fsutil.ReceiveOpt{
			NotifyHashed: func(kind fsutil.ChangeKind, name string, info os.FileInfo, err error) error {
				mu.Lock()
				defer mu.Unlock()
				if kind != fsutil.ChangeKindDelete && info.Mode().IsRegular() {
					sent = append(sent, name)
				}
				return err
			},
			Filter: func(_ string, stat *types.Stat) bool {
				stat.Uid, stat.Gid = uint32(os.Getuid()), uint32(os.Getgid()) // an ordinary user gives no files away
				return true
			},
			ContentHasher: func(*types.Stat) (hash.Hash, error) { return sha256.New(), nil },
		})
	})
	err = group.Wait()
	return sent, err
}

// snapshot returns what a receiver compares, and the contents.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		text := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += " " + info.ModTime().UTC().Format(time.RFC3339Nano) + " " + string(data)
		case info.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(name)
			text = "link " + to
		}
		all[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTreeIsReceivedByBuildKit(t *testing.T) {
	dir := testparts.Project(t, single)
	if err := os.Symlink("main.rs", filepath.Join(dir, "src/link.rs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "src/b/c.rs"), 0o700); err != nil {
		t.Fatal(err)
	}
	tree, to := closure(t, dir), t.TempDir()
	if _, err := send(t, tree, to); err != nil {
		t.Fatal(err)
	}
	want := t.TempDir()
	materialize(t, tree, want)
	got, wanted := snapshot(t, to), snapshot(t, want)
	if len(got) != len(wanted) || len(got) < 9 {
		t.Errorf("received %d entries, want %d", len(got), len(wanted))
	}
	for name, w := range wanted {
		if got[name] != w {
			t.Errorf("%s: received %q, want %q", name, got[name], w)
		}
	}
	if m := got["src/b/c.rs"]; !strings.HasPrefix(m, "-rwxr-xr-x 2001-09-09T01:46:40Z ") {
		t.Errorf("an executable: %s", m)
	}
}

// Size and time do not tell one content from another, so the digest must: the engine compares trees of one digest alone.
func TestContentDecidesTheDigest(t *testing.T) {
	dir, to := testparts.Project(t, single), t.TempDir()
	main := filepath.Join(dir, "src/main.rs")
	then := time.Unix(1_700_000_000, 0)
	build := func(text string) *Tree {
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(main, then, then); err != nil {
			t.Fatal(err)
		}
		return closure(t, dir)
	}
	one, again, other := build("fn main() {}\n"), build("fn main() {}\n"), build("fn main(){ }\n")
	if one.Digest() != again.Digest() || one.Digest() == other.Digest() {
		t.Errorf("digests %q, %q and %q", one.Digest(), again.Digest(), other.Digest())
	}
	build("fn main() {}\n")
	if sent, err := send(t, one, to); err != nil || len(sent) != len(one.Paths()) {
		t.Errorf("sent %q (%v)", sent, err)
	}
	if sent, err := send(t, again, to); err != nil || len(sent) != 0 {
		t.Errorf("what did not change was sent: %q (%v)", sent, err)
	}
}

func TestTwoCheckoutsAreEqual(t *testing.T) {
	one, two := testparts.Project(t, single), testparts.Project(t, single)
	umask := syscall.Umask(0o077)
	testparts.Unpack(t, two, "-- src/main.rs --\nfn main() {}\n-- .git/HEAD --\nx\n")
	syscall.Umask(umask)
	_ = filepath.WalkDir(two, func(name string, d fs.DirEntry, err error) error {
		if d.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return errors.Join(err, os.Chmod(name, 0o600), os.Chtimes(name, time.Now(), time.Unix(1, 0)))
	})
	a, b := t.TempDir(), t.TempDir()
	materialize(t, closure(t, one), a)
	materialize(t, closure(t, two), b)
	x, y := snapshot(t, a), snapshot(t, b)
	for name := range x {
		if x[name] != y[name] {
			t.Errorf("%s: %q and %q", name, x[name], y[name])
		}
	}
	if closure(t, one).Digest() != closure(t, two).Digest() {
		t.Error("the digests differ")
	}
}

// BuildKit keeps what it received under the time that was announced, so a changed file must not pass for the one
// that was meant when that comes back.
func TestFileChangedMeanwhileIsReportedAndSentAgain(t *testing.T) {
	for name, change := range map[string]string{"same size": "fn main( ){}\n", "longer": "fn main() { }\n", "removed": ""} {
		t.Run(name, func(t *testing.T) {
			dir, to := testparts.Project(t, single), t.TempDir()
			main := filepath.Join(dir, "src/main.rs")
			before, err := os.ReadFile(main)
			if err != nil {
				t.Fatal(err)
			}
			tree := closure(t, dir)
			if err := os.Remove(main); err != nil {
				t.Fatal(err)
			}
			if change != "" {
				testparts.Unpack(t, dir, "-- src/main.rs --\n"+change)
			}
			if _, err := send(t, tree, to); err != nil {
				t.Fatal(err)
			}
			if err := tree.Err(); err == nil || !strings.Contains(err.Error(), "src/main.rs was changed during the build") || fault.Worst(err) != fault.Usage {
				t.Errorf("no fault: %v", err)
			}
			if err := os.WriteFile(main, before, 0o644); err != nil {
				t.Fatal(err)
			}
			again := closure(t, dir)
			if sent, err := send(t, again, to); err != nil || again.Err() != nil || !slices.Equal(sent, []string{"src/main.rs"}) {
				t.Errorf("sent %q (%v, %v)", sent, err, again.Err())
			}
			if data, _ := os.ReadFile(filepath.Join(to, "src/main.rs")); string(data) != string(before) {
				t.Errorf("received %q", data)
			}
		})
	}
}

// TestAFileThatGrowsIsSentAsItWas: `lpipe build 2>build.log` in the project writes to a file that is sent.
func TestAFileThatGrowsIsSentAsItWas(t *testing.T) {
	dir, to := testparts.Project(t, single+"-- src/build.log --\nfirst\n"), t.TempDir()
	tree := closure(t, dir)
	log, err := os.OpenFile(filepath.Join(dir, "src/build.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString("second\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := send(t, tree, to); err != nil || tree.Err() != nil {
		t.Fatal(err, tree.Err())
	}
	if data, _ := os.ReadFile(filepath.Join(to, "src/build.log")); string(data) != "first\n" {
		t.Errorf("received %q", data)
	}
	if sent, err := send(t, tree, to); err != nil || len(sent) > 0 {
		t.Errorf("sent again: %q (%v)", sent, err)
	}
}

func TestWalkOfPartsAndSkips(t *testing.T) {
	tree := closure(t, testparts.Project(t, single))
	walk := func(target string, stop map[string]error) string {
		var got []string
		err := tree.Walk(t.Context(), target, func(name string, _ fs.DirEntry, _ error) error {
			got = append(got, name)
			return stop[name]
		})
		if err != nil {
			t.Error(err)
		}
		return strings.Join(got, " ")
	}
	all := "Cargo.lock Cargo.toml src src/b src/b/c.rs src/main.rs src-b src-b/x.rs src.rs"
	for _, c := range []struct {
		target string
		stop   map[string]error
		want   string
	}{
		{"/", nil, all},
		{"", nil, all},
		{"src", nil, "src src/b src/b/c.rs src/main.rs"},
		{"/src/b", nil, "src/b src/b/c.rs"},
		{"none", nil, ""},
		{"/", map[string]error{"src": fs.SkipDir}, "Cargo.lock Cargo.toml src src-b src-b/x.rs src.rs"},
		{"/", map[string]error{"src/b/c.rs": fs.SkipDir}, all},
		{"/", map[string]error{"src/b": fs.SkipAll}, "Cargo.lock Cargo.toml src src/b"},
	} {
		if got := walk(c.target, c.stop); got != c.want {
			t.Errorf("%q %v: got %q, want %q", c.target, c.stop, got, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tree.Walk(ctx, "/", func(string, fs.DirEntry, error) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error("a cancelled walk goes on:", err)
	}
}

func TestContextLeavesOutWhatNoBuildMayHave(t *testing.T) {
	dir := testparts.Project(t, single+`
-- .git/HEAD --
-- .env --
-- .env.local --
-- src/.env.test --
-- .cargo/credentials.toml --
-- .cargo/credentials --
-- .cargo/config.toml --
[registries.mine]
index = "sparse+https://crates.example.com/"
token = "canary"
-- target/debug/x --
-- target/lambda/a/bootstrap --
-- out/a/bootstrap --
-- out/a/bootstrap.zip --
-- out/a/.bootstrap.zip.json --
-- out/layers/fonts/arm64/layer.zip --
-- sub/target/CACHEDIR.TAG --
Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by cargo.
-- sub/target/x --
-- other-target/.rustc_info.json --
-- src/target/mod.rs --
-- ignored/x --
-- ignored/keep.txt --
-- .dockerignore --
src
-- .lpipeignore --
# comment
ignored/*
!ignored/keep.txt
-- .gitignore --
Cargo.lock
src
-- lpipe.toml --
[deploy]
memory = 512
`)
	tree := closure(t, dir)
	want := []string{
		".cargo/config.toml", ".dockerignore", ".gitignore", "Cargo.lock", "Cargo.toml", "ignored/keep.txt",
		"src-b/x.rs", "src.rs", "src/b/c.rs", "src/main.rs", "src/target/mod.rs",
	}
	if got := tree.Paths(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if c := read(t, tree, ".cargo/config.toml"); strings.Contains(c, "canary") || !strings.Contains(c, "crates.example.com") {
		t.Errorf("the configuration: %s", c)
	}
}

// refused returns the faults of the context of the project in dir, as printed.
func refused(t *testing.T, dir string, o Options) string {
	t.Helper()
	ws, found := load(t, dir)
	_, _, err := Closure(ws, found, ws.Packages, o)
	if err == nil {
		t.Fatal("accepted")
	}
	if fault.Worst(err) != fault.Usage {
		t.Errorf("no usage fault: %v", err)
	}
	var b strings.Builder
	fault.Print(&b, err)
	return b.String()
}

func TestFilesThatCannotBeSentAreReportedTogether(t *testing.T) {
	dir := testparts.Project(t, single)
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("/etc/passwd", "src/absolute")
	link("../../../etc", "src/up")
	link("gone", "dangling")
	if err := syscall.Mkfifo(filepath.Join(dir, "src/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "src/\xff.rs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	testparts.Unpack(t, dir, "-- src/main.rs --\nconst A: (&str, &str, &[u8]) = (include_str!(\"absolute\"), include_str!(\"up/x\"), include_bytes!(\"pipe\"));\n")
	want := `lpipe: error: a file of the project cannot be sent to the build
lpipe: why:   src/pipe: a named pipe cannot be part of a build; src/main.rs:1 names it
lpipe: fix:   remove them, or exclude them in .lpipeignore
lpipe: error: a file of the project cannot be sent to the build
lpipe: why:   "src/\xff.rs": its name is not valid UTF-8; it is a source of a
lpipe: fix:   rename them, or exclude their folder in .lpipeignore
lpipe: error: 2 files of the project cannot be sent to the build
lpipe: why:   src/absolute: a link to /etc/passwd, outside the project; src/main.rs:1 names it
              src/up: a link to ../../../etc, outside the project; src/main.rs:1 names it
lpipe: fix:   replace the links by what they point to, exclude them in .lpipeignore, or allow what they lead to on this machine: --allow-outside
`
	if got := refused(t, dir, Options{}); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	testparts.Unpack(t, dir, "-- .lpipeignore --\nsrc/pipe\nsrc/absolute\nsrc/up\nsrc/?.rs\n-- src/main.rs --\nfn main() {}\n")
	closure(t, dir)
}

func TestUnreadableFilesAreReported(t *testing.T) {
	dir := testparts.Project(t, single)
	if err := os.Chmod(filepath.Join(dir, "src/main.rs"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(dir, "src/main.rs")); err == nil { // root, who may: once more without that right
		again := exec.Command("setpriv", "--bounding-set=-dac_override,-dac_read_search", os.Args[0], "-test.run=^"+t.Name()+"$")
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	if got := refused(t, dir, Options{}); !strings.Contains(got, "src/main.rs: permission denied") {
		t.Error(got)
	}
}

func TestLimitIsMeasuredWithoutReading(t *testing.T) {
	dir := testparts.Project(t, single)
	for name, n := range map[string]int64{"src/data/huge.bin": 10 << 30, "models/a/b.bin": 700 << 20, "one.bin": 20 << 20} {
		testparts.Unpack(t, dir, "-- "+name+" --\n")
		if err := os.Truncate(filepath.Join(dir, name), n); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	got := refused(t, dir, Options{})
	want := `lpipe: error: the project is too large to send to the build
lpipe: why:   the files to send are 10 GiB, the limit is 512 MiB; the largest folders:
                 10 GiB  src/data
                700 MiB  models/a
                 20 MiB  one.bin
lpipe: fix:   exclude what the build does not read in .lpipeignore
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %s: the files were read", d)
	}
	if got := refused(t, dir, Options{Limit: 1 << 10}); !strings.Contains(got, "the limit is 1 KiB") {
		t.Error(got)
	}
}

func TestIgnoredSourceIsReported(t *testing.T) {
	dir := testparts.Project(t, single+"-- .dockerignore --\n*\n")
	if got := refused(t, dir, Options{}); !strings.Contains(got, "src/main.rs: needed to compile a, but .dockerignore:1 excludes it") {
		t.Error(got)
	}
	dir = testparts.Project(t, single+"-- .lpipeignore --\n[z-\n")
	if got := refused(t, dir, Options{}); !strings.Contains(got, "cannot read the patterns of .lpipeignore") {
		t.Error(got)
	}
}

func TestIgnoredTestsAreNoted(t *testing.T) {
	ws, found := load(t, testparts.Project(t, single+"-- tests/t.rs --\n-- data/x.txt --\n-- .dockerignore --\ntests\ndata\nsrc/b/c.rs\n"))
	_, notes, err := Closure(ws, found, ws.Packages, Options{})
	want := []Note{{"a", "src/b/c.rs is left out, as .dockerignore:3 says"}, {"a", "tests is left out, as .dockerignore:1 says"}}
	if err != nil || !slices.Equal(notes, want) {
		t.Errorf("%v (%v)", notes, err)
	}
}

func TestMakeDoesNotGenerateCommittedFilesAgain(t *testing.T) {
	archive := single + "-- c/Makefile --\nall: configure Makefile.in config.h.in parse.c scan.c\n"
	for _, rule := range []string{"aclocal.m4: configure.ac", "configure: configure.ac aclocal.m4", "Makefile.in: Makefile.am configure.ac aclocal.m4", "config.h.in: configure.ac aclocal.m4", "parse.c: parse.y", "scan.c: scan.l"} {
		archive += rule + "\n\t@echo making $@\n"
	}
	for _, name := range []string{"configure.ac", "Makefile.am", "aclocal.m4", "configure", "Makefile.in", "config.h.in", "parse.y", "parse.c", "scan.l", "scan.c"} {
		archive += "-- c/" + name + " --\n" + name + "\n"
	}
	_, err := exec.LookPath("make")
	require.Part(t, err == nil, "make", "apt-get install make")
	dir := t.TempDir()
	materialize(t, closure(t, testparts.Project(t, archive)), dir)
	cmd := exec.Command("make", "-r", "-C", filepath.Join(dir, "c"), "all")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "making") {
		t.Errorf("%s (%v)", out, err)
	}
}

func TestFilesAreReadOnceForAllContexts(t *testing.T) {
	dir := testparts.Project(t, fleet)
	opened := &counting{FS: os.DirFS("/"), opened: map[string]int{}}
	ws, err := cargo.Load(opened, strings.TrimPrefix(dir, "/"))
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	for range 3 {
		for _, p := range ws.Packages {
			if _, _, err := Closure(ws, found, []*cargo.Package{p}, Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, n := range opened.opened {
		if n > 1 {
			t.Errorf("%s was opened %d times", name, n)
		}
	}
}

type counting struct {
	fs.FS
	opened map[string]int
}

func (c *counting) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

func (c *counting) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".rs") {
		c.opened[name]++
	}
	return c.FS.Open(name)
}
