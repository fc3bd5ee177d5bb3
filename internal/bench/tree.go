package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// lock adds the Cargo.lock that cargo makes.
func (b *bench) lock(ctx context.Context, p project) error {
	root, err := b.tree(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "bench", p.name, "lock")
	if err := p.files.sync(dir); err != nil {
		return err
	}
	env := slices.Clone(rustEnv)
	if _, err := b.output(b.inTree(ctx, root, env, "cd /bench/"+p.name+"/lock && cargo generate-lockfile")); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "Cargo.lock"))
	p.files["Cargo.lock"] = string(text)
	return err
}

// rustEnv is the environment of cargo in the base image's tree.
var rustEnv = []string{
	"CARGO_HOME=/usr/local/cargo", "RUSTUP_HOME=/usr/local/rustup", "PATH=/usr/local/cargo/bin:/usr/bin:/bin", "HOME=/root",
}

// tree unpacks the base image, once.
func (b *bench) tree(ctx context.Context) (string, error) {
	if b.rootTree != "" {
		return b.rootTree, nil
	}
	root := filepath.Join(b.work, "tree")
	layers, err := imageLayers(b.options.base, b.digest)
	if err != nil {
		return "", err
	}
	for _, dir := range []string{"dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return "", err
		}
	}
	for _, layer := range layers {
		if _, err := b.output(exec.CommandContext(ctx, "tar", "-C", root, "--zstd", "-xf", layer)); err != nil {
			return "", err
		}
	}
	_, null := b.output(exec.CommandContext(ctx, "mknod", "-m", "666", filepath.Join(root, "dev/null"), "c", "1", "3"))
	_, proc := b.output(exec.CommandContext(ctx, "mount", "-t", "proc", "proc", filepath.Join(root, "proc")))
	if err := errors.Join(null, proc); err != nil {
		return "", err
	}
	b.rootTree = root
	return root, nil
}

// inTree runs a script in the base image's tree, counted like a step.
func (b *bench) inTree(ctx context.Context, root string, env []string, script string) *exec.Cmd {
	args := []string{"-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"", b.meter.host(), "chroot", root, "env", "-i"}
	args = append(append(args, env...), "sh", "-c", script)
	return exec.CommandContext(ctx, "sh", args...)
}
