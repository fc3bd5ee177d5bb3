package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"text/template"
)

// The peers. Rendered and buildx are of no-ops alone: they solve what lpipe solves, with BuildKit's and Docker's clients.
// Inline and max are stub-main with its cache in a registry.
const (
	peerLpipe       = "lpipe"
	peerStub        = "stub-main"
	peerPlanner     = "planner"
	peerMounts      = "unsafe-cache-mounts"
	peerHost        = "host-cargo"
	peerRendered    = "buildctl"
	peerBuildx      = "buildx"
	peerInline      = "stub-main-inline"
	peerMax         = "stub-main-max"
	peerCargoLambda = "cargo-lambda"
)

// sources are the peers that build the sources with a pattern of their own; containers are those that do it in containers,
// and caching those that share their cache through a registry.
var (
	sources    = []string{peerStub, peerPlanner, peerMounts, peerHost}
	containers = []string{peerStub, peerPlanner, peerMounts}
	caching    = []string{peerInline, peerMax}
)

func peerNames() []string {
	return slices.Concat([]string{peerLpipe}, sources, []string{peerRendered, peerBuildx}, caching, []string{peerCargoLambda})
}

// peer is one way to build one project, with a copy of the project to itself.
type peer struct {
	name  string
	dir   string // the copy
	build func(ctx context.Context) *exec.Cmd
	// program is where the build puts the program of a lambda.
	program func(lambda string) string
	// cooks is found in the name of the step that compiles the dependencies; "" for peers that have none.
	cooks string
	// forget throws away what the peer keeps beside the engine's cache.
	forget func() error
}

//go:embed dockerfiles
var dockerfiles embed.FS

// dockerfile is what the templates of the peers' Dockerfiles know.
type dockerfile struct {
	Project  string
	Packages []string // folders, "" for the root
	Stubs    []string // sources that stub-main replaces
	Lambdas  []string
	Env      []string
	Args     string // of cargo, as lpipe calls it
	Built    string // where cargo puts programs
}

func newDockerfile(p project, target string) dockerfile {
	d := dockerfile{Project: p.name, Packages: p.files.packages(), Lambdas: p.lambdas, Env: cargoEnv}
	slices.Sort(d.Packages)
	for _, dir := range d.Packages {
		for _, source := range []string{"src/lib.rs", "src/main.rs"} {
			if _, ok := p.files[path.Join(dir, source)]; ok {
				d.Stubs = append(d.Stubs, path.Join(dir, source))
			}
		}
	}
	d.Args = "--locked --release --workspace --target " + target
	d.Built = "/target/" + target + "/release"
	return d
}

// cargoEnv is the environment of lpipe's own steps, so that every peer compiles the same.
var cargoEnv = []string{"CARGO_TARGET_DIR=/target", "CARGO_INCREMENTAL=0", "CARGO_TERM_COLOR=never"}

func (d dockerfile) render(name string) (string, error) {
	t, err := template.ParseFS(dockerfiles, "dockerfiles/*.tmpl")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name+".tmpl", d); err != nil {
		return "", fmt.Errorf("rendering the Dockerfile of %s: %w", name, err)
	}
	return b.String(), nil
}

// peer prepares one peer for a project.
func (b *bench) peer(ctx context.Context, name string, p project) (*peer, error) {
	dir := filepath.Join(b.work, p.name, name)
	self := &peer{name: name, dir: filepath.Join(dir, "src"), forget: func() error { return nil }}
	out := filepath.Join(dir, "out")
	self.program = func(lambda string) string { return filepath.Join(out, lambda) }
	pattern, args := name, []string{"--local", "context=" + self.dir}
	switch name {
	case peerLpipe:
		args := []string{"build", "--progress", "plain"}
		if p.cache != "" {
			args = append(args, "--cache-from=type=registry,ref="+p.cache+"/lpipe:cache", "--cache-to=type=registry,mode=max,ref="+p.cache+"/lpipe:cache")
		}
		args = append(args, p.lambdas...)
		self.build = func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "lpipe"), args...)
			cmd.Dir = self.dir
			if p.base != "" {
				cmd.Env = append(slices.Clone(b.env), "LPIPE_BASE="+p.base)
			}
			return cmd
		}
		self.cooks = "[deps] "
		self.program = func(lambda string) string { return filepath.Join(self.dir, "target/lambda", lambda, "bootstrap") }
		return self, nil
	case peerHost:
		return self, b.host(ctx, self, p)
	case peerCargoLambda:
		return self, b.cargoLambda(self)
	case peerRendered:
		return self, b.rendered(ctx, self, p, dir, out)
	case peerBuildx:
		return self, b.buildx(ctx, self, p, dir, out)
	case peerStub:
		self.cooks = "RUN for source in"
	case peerPlanner:
		self.cooks = "cargo test --no-run"
	case peerInline:
		// The image is pushed with the program in it, and its cache among its metadata.
		pattern = peerStub
		args = append(args, "--output", "type=image,push=true,name="+p.cache+"/inline:latest",
			"--export-cache", "type=inline", "--import-cache", "type=registry,ref="+p.cache+"/inline:latest")
	case peerMax:
		pattern = peerStub
		args = append(args, "--export-cache", "type=registry,mode=max,ref="+p.cache+"/max:cache", "--import-cache", "type=registry,ref="+p.cache+"/max:cache")
	}
	text, err := newDockerfile(p, b.target).render(pattern)
	if err != nil {
		return nil, err
	}
	self.build = func(ctx context.Context) *exec.Cmd {
		return b.buildctl(ctx, dir, append([]string{"--output", "type=local,dest=" + out}, args...)...)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return self, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644)
}

// buildctl builds the Dockerfile in dir with BuildKit's own client, on the base image that lpipe uses.
func (b *bench) buildctl(ctx context.Context, dir string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(b.bin, "buildctl"), append([]string{
		"--addr", "unix://" + b.socket, "build", "--progress=plain", "--frontend=dockerfile.v0",
		"--local", "dockerfile=" + dir, "--oci-layout", "base=" + b.base, "--opt", "context:base=oci-layout://base@" + b.digest,
	}, args...)...)
}

// host builds with cargo in the base image's tree, without a container: the same compiler and the same crates.
func (b *bench) host(ctx context.Context, self *peer, p project) error {
	root, err := b.tree(ctx)
	if err != nil {
		return err
	}
	inside := path.Join("/bench", p.name)
	self.dir = filepath.Join(root, inside, "src")
	target := path.Join(inside, "target")
	d := newDockerfile(p, b.target)
	env := slices.Concat(d.Env, rustEnv, []string{"CARGO_TARGET_DIR=" + target})
	self.program = func(lambda string) string { return filepath.Join(root, target, b.target, "release", lambda) }
	self.forget = func() error { return os.RemoveAll(filepath.Join(root, target)) }
	script := fmt.Sprintf("cd %s && cargo build %s && cargo test %s", path.Join(inside, "src"), d.Args, d.Args)
	self.build = func(ctx context.Context) *exec.Cmd {
		return b.inTree(ctx, root, env, script)
	}
	return nil
}
