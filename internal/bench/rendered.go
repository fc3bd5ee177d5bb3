package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/skeleton"
)

// rendered makes self build what "lpipe render" prints, with lpipe's contexts as folders.
func (b *bench) rendered(ctx context.Context, self *peer, p project, dir, out string) error {
	if err := p.files.sync(self.dir); err != nil {
		return err
	}
	render := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "lpipe"), append(append([]string{"render"}, args...), p.lambdas...)...)
		cmd.Dir, cmd.Env = self.dir, b.env
		text, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("rendering the Dockerfile: %w", err)
		}
		return string(text), nil
	}
	text, err := render()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		return err
	}
	contexts, err := render("--contexts")
	if err != nil {
		return err
	}
	var args []string
	for line := range strings.Lines(contexts) {
		switch kind, value, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case kind == "target":
			args = append(args, "--opt", "target="+value)
		case kind == "build-arg":
			args = append(args, "--opt", "build-arg:"+value)
		}
	}
	ws, err := cargo.Load(os.DirFS("/"), strings.TrimPrefix(self.dir, "/"))
	if err != nil {
		return err
	}
	skel, _, err := skeleton.Make(ws)
	if err != nil {
		return err
	}
	closure, _, err := skeleton.Closure(ws, ws.Packages, skeleton.Options{})
	if err != nil {
		return err
	}
	for name, tree := range map[string]*skeleton.Tree{"skeleton": skel, "closure": closure} {
		folder := filepath.Join(dir, "contexts", name)
		f := files{}
		for _, file := range tree.Paths() {
			data, err := tree.ReadFile(file)
			if err != nil {
				return err
			}
			f[file] = string(data)
		}
		if err := f.sync(folder); err != nil {
			return err
		}
		args = append(args, "--local", name+"="+folder, "--opt", "context:"+name+"=local:"+name)
	}
	empty := filepath.Join(dir, "contexts", "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	args = append(args, "--local", "context="+empty)
	self.build = func(ctx context.Context) *exec.Cmd { return b.buildctl(ctx, dir, out, args...) }
	self.program = func(string) string { return filepath.Join(out, "bootstrap") }
	return nil
}
