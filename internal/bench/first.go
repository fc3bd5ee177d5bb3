package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// downloads are the servers of a machine that has nothing yet: what a newcomer downloads comes from here, and is counted.
type downloads struct {
	base  string // the base image in the registry, as FROM names it
	files string // address of the folders below
	sent  atomic.Int64
}

// What the servers hand out beside images and crates: a release channel of Rust, and what PyPI has of a peer.
const (
	channelFolder = "/channel/"
	wheelFolder   = "/wheels/"
	rustupPath    = "/rustup-init"
)

// serveDownloads starts the servers: the base image in the registry, the channel that it was made from, its rustup, and
// the wheels of cargo-lambda and of the linker that it uses.
func (b *bench) serveDownloads(ctx context.Context) error {
	if b.downloads != nil {
		return nil
	}
	if err := b.startRegistry(ctx); err != nil {
		return err
	}
	root, err := b.tree(ctx)
	if err != nil {
		return err
	}
	d := &downloads{base: b.registry.host + "/rust:1"}
	push := filepath.Join(b.work, "push")
	if err := (files{"Dockerfile": "FROM base\n"}).sync(push); err != nil {
		return err
	}
	if _, err := b.output(b.buildctl(ctx, push, "--output", "type=image,push=true,name="+d.base)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	folder := func(at, dir string) {
		mux.Handle("GET "+at, http.StripPrefix(at, http.FileServerFS(os.DirFS(dir))))
	}
	folder(channelFolder, b.channel)
	folder(wheelFolder, b.wheels)
	mux.HandleFunc("GET "+rustupPath, func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, os.DirFS(root), "usr/local/cargo/bin/rustup")
	})
	host, err := serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(&counted{w, &d.sent}, r)
	}))
	d.files = "http://" + host
	b.downloads = d
	return err
}

// downloaded is how many bytes everything that the bench serves has sent.
func (b *bench) downloaded() int64 {
	n := b.crates.Sent()
	if b.registry != nil {
		n += b.registry.sent.Load()
	}
	if b.downloads != nil {
		n += b.downloads.sent.Load()
	}
	return n
}

// cargoLambda builds as its users do: rustup, cargo-lambda and its linker are installed where they are not there yet, then
// the tests run and the lambda is built, on the host.
func (b *bench) cargoLambda(self *peer) error {
	home := filepath.Join(b.work, "cargo-lambda") // of all projects, as a user has one
	var wheels []string
	err := fs.WalkDir(os.DirFS(b.wheels), ".", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".whl") {
			wheels = append(wheels, b.downloads.files+wheelFolder+name)
		}
		return err
	})
	if err != nil || len(wheels) == 0 {
		return fmt.Errorf("finding the wheels of cargo-lambda in %s: %w", b.wheels, err)
	}
	script := fmt.Sprintf(`set -eu
if [ ! -e "$HOME/wheels" ]; then
  mkdir -p "$HOME"
  curl -sSf -o "$HOME/rustup-init" %[1]s
  chmod +x "$HOME/rustup-init"
  "$HOME/rustup-init" -y -q --no-modify-path --profile minimal --default-toolchain stable
  python3 -m pip install -q --no-index --target "$HOME/wheels" %[2]s
fi
cd %[3]s
cargo test --release --locked
cargo lambda build --release --locked
`, b.downloads.files+rustupPath, strings.Join(wheels, " "), self.dir)
	env := []string{
		"HOME=" + home, "PATH=" + home + "/wheels/bin:" + home + "/.cargo/bin:" + os.Getenv("PATH"), //nolint:forbidigo // for python3 and a C compiler
		"PYTHONPATH=" + home + "/wheels", "RUSTUP_DIST_SERVER=" + strings.TrimSuffix(b.downloads.files+channelFolder, "/"),
		"CARGO_TERM_COLOR=never", "CARGO_INCREMENTAL=0",
	}
	self.program = func(lambda string) string { return filepath.Join(self.dir, "target/lambda", lambda, "bootstrap") }
	self.forget = func() error { return removeAll(home, filepath.Join(self.dir, "target")) }
	self.build = func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "sh", "-c", `echo $$ >"$0/cgroup.procs" && exec sh -c "$1"`, b.meter.host(), script)
		cmd.Env = env
		return cmd
	}
	return nil
}

func removeAll(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// arrive makes the machine one that was never used: no image, no crate, no toolchain.
func (b *bench) arrive(ctx context.Context, peers []*peer) error {
	if err := b.prune(ctx); err != nil {
		return err
	}
	for _, p := range peers {
		if err := p.forget(); err != nil {
			return err
		}
	}
	return nil
}
