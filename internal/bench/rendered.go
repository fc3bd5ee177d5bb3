package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
	"lpipe/internal/skeleton"
)

// rendering is what lpipe solves for one lambda, as folders that other clients of BuildKit can send.
type rendering struct {
	dockerfile string
	target     string
	args       map[string]string // build arguments
	contexts   map[string]string // folders by the names of the contexts
}

// The Dockerfile names the context of a step that compiles local libraries, and then each of them.
var (
	librariesContext = regexp.MustCompile(`from=(libraries[-0-9]*),`)
	compiledLibrary  = regexp.MustCompile(`(?m)^rebuild \S.* (\S+)$`)
)

// render lays out below dir what "lpipe render" prints for one lambda of the project in self.dir.
func (b *bench) render(ctx context.Context, self *peer, lambda, dir string) (rendering, error) {
	r := rendering{
		dockerfile: filepath.Join(dir, lambda, "Dockerfile"),
		args:       map[string]string{}, contexts: map[string]string{"skeleton": filepath.Join(dir, "skeleton")},
	}
	text, err := b.lpipeIn(ctx, self.dir, "render", lambda)
	if err != nil {
		return r, err
	}
	if err := (files{"Dockerfile": text}).sync(filepath.Dir(r.dockerfile)); err != nil {
		return r, err
	}
	inputs, err := b.lpipeIn(ctx, self.dir, "render", "--contexts", lambda)
	if err != nil {
		return r, err
	}
	for line := range strings.Lines(inputs) {
		kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case kind == "target":
			r.target = value
		case kind == "build-arg":
			name, value, _ := strings.Cut(value, "=")
			r.args[name] = value
		}
	}

	ws, err := cargo.Load(os.DirFS("/"), strings.TrimPrefix(self.dir, "/"))
	if err != nil {
		return r, err
	}
	ws, found := reach.Find(ws)
	skel, _, err := skeleton.Make(ws, found)
	if err != nil {
		return r, err
	}
	if err := lay(skel, r.contexts["skeleton"]); err != nil {
		return r, err
	}
	var stubs *skeleton.Base
	if strings.Contains(text, "from=stubs,") {
		if stubs, _, err = skeleton.Stubs(ws, found, skeleton.Options{}); err != nil {
			return r, err
		}
		r.contexts["stubs"] = filepath.Join(dir, "stubs")
		if err := lay(stubs.Tree, r.contexts["stubs"]); err != nil {
			return r, err
		}
	}
	over := libraries(text)
	over["closure"], over["tests"] = []string{lambda}, []string{lambda}
	for name, names := range over {
		pkgs := slices.DeleteFunc(slices.Clone(ws.Packages), func(p *cargo.Package) bool { return !slices.Contains(names, p.Name) })
		layOver, options := skeleton.Libraries, skeleton.Options{}
		switch name {
		case "closure":
			layOver, options.Over = skeleton.Closure, stubs
		case "tests":
			layOver, options.Over = skeleton.Tests, stubs
		}
		tree, _, err := layOver(ws, found, pkgs, options)
		if err != nil {
			return r, err
		}
		// Named after what is in them, so that lambdas with the same libraries send one folder.
		r.contexts[name] = filepath.Join(dir, name+"-"+strings.Join(names, "-"))
		if err := lay(tree, r.contexts[name]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// libraries returns the packages in each context of libraries that a Dockerfile has.
func libraries(text string) map[string][]string {
	over := map[string][]string{}
	for stage := range strings.SplitSeq(text, "\nFROM ") {
		if m := librariesContext.FindStringSubmatch(stage); m != nil {
			for _, lib := range compiledLibrary.FindAllStringSubmatch(stage, -1) {
				over[m[1]] = append(over[m[1]], lib[1])
			}
		}
	}
	return over
}

// lay writes a context into a folder.
func lay(tree *skeleton.Tree, dir string) error {
	f := files{}
	for _, name := range tree.Paths() {
		data, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		f[name] = string(data)
	}
	return f.sync(dir)
}

// rendered makes self build the project's only lambda as lpipe renders it, with BuildKit's own client.
func (b *bench) rendered(ctx context.Context, self *peer, p project, dir, out string) error {
	r, empty, err := b.renderOne(ctx, self, p, p.lambdas[0], dir)
	if err != nil {
		return err
	}
	args := []string{"--opt", "target=" + r.target, "--local", "context=" + empty}
	for name, value := range r.args {
		args = append(args, "--opt", "build-arg:"+name+"="+value)
	}
	for name, folder := range r.contexts {
		args = append(args, "--local", name+"="+folder, "--opt", "context:"+name+"=local:"+name)
	}
	self.build = func(ctx context.Context) *exec.Cmd {
		return b.buildctl(ctx, filepath.Dir(r.dockerfile), append([]string{"--output", "type=local,dest=" + out}, args...)...)
	}
	self.program = func(string) string { return filepath.Join(out, "bootstrap") }
	return nil
}

// renderOne writes the project, renders one lambda of it, and makes the empty folder that is its main context.
func (b *bench) renderOne(ctx context.Context, self *peer, p project, lambda, dir string) (r rendering, empty string, err error) {
	if err := p.files.sync(self.dir); err != nil {
		return r, "", err
	}
	empty = filepath.Join(dir, "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return r, "", err
	}
	r, err = b.render(ctx, self, lambda, filepath.Join(dir, "rendered"))
	return r, empty, err
}

// buildx makes self build the project's lambdas as lpipe renders them, with Docker's client on the same engine: "buildx
// build" for one, "buildx bake" for several.
func (b *bench) buildx(ctx context.Context, self *peer, p project, dir, out string) error {
	env := append(slices.Clone(b.env), "BUILDX_CONFIG="+filepath.Join(dir, "config"), "DOCKER_CONFIG="+filepath.Join(dir, "config"))
	command := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "buildx"), args...)
		cmd.Dir, cmd.Env = self.dir, env
		return cmd
	}
	base := "oci-layout://" + b.base + "@" + b.digest
	targets := map[string]bakeTarget{}
	for _, lambda := range p.lambdas {
		r, empty, err := b.renderOne(ctx, self, p, lambda, dir)
		if err != nil {
			return err
		}
		r.contexts["base"] = base
		targets[lambda] = bakeTarget{
			Context: empty, Dockerfile: r.dockerfile, Target: r.target, Args: r.args, Contexts: r.contexts,
			Output: []string{"type=local,dest=" + filepath.Join(out, lambda)},
		}
	}
	if _, err := b.output(command(ctx, "create", "--name", "bench", "--driver", "remote", "--use", "unix://"+b.socket)); err != nil {
		return err
	}
	self.program = func(lambda string) string { return filepath.Join(out, lambda, "bootstrap") }
	if len(p.lambdas) == 1 {
		args := targets[p.lambdas[0]].flags()
		self.build = func(ctx context.Context) *exec.Cmd { return command(ctx, args...) }
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{
		"group":  map[string]any{"default": map[string]any{"targets": p.lambdas}},
		"target": targets,
	}, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "docker-bake.json")
	// Bake asks whether it may read the folders and write the results; a script says yes.
	self.build = func(ctx context.Context) *exec.Cmd {
		return command(ctx, "bake", "--progress=plain", "--allow=fs=*", "--file", file)
	}
	return os.WriteFile(file, text, 0o644)
}

// bakeTarget is a target of docker-bake.json. https://docs.docker.com/build/bake/reference/
type bakeTarget struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Target     string            `json:"target"`
	Args       map[string]string `json:"args"`
	Contexts   map[string]string `json:"contexts"`
	Output     []string          `json:"output"`
}

// flags are those of "buildx build" for the same.
func (t bakeTarget) flags() []string {
	args := []string{"build", "--progress=plain", "--file", t.Dockerfile, "--target", t.Target}
	for name, value := range t.Args {
		args = append(args, "--build-arg", name+"="+value)
	}
	for name, from := range t.Contexts {
		args = append(args, "--build-context", name+"="+from)
	}
	for _, output := range t.Output {
		args = append(args, "--output", output)
	}
	return append(args, t.Context)
}
