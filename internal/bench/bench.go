package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bench is one run: an engine of its own, and the projects that were built on it.
type bench struct {
	options
	log      io.Writer
	work     string
	env      []string // of every command
	meter    meter
	socket   string
	digest   string // of the base image
	target   string
	projects map[string]project
	known    map[string]*peer // by project and name
	warm     map[*peer]bool   // those that have built since the cache was last thrown away
	rootTree string
	registry *registry // of the scenarios that have one
	edits    int
}

func newBench(o options, log io.Writer) (*bench, error) {
	b := &bench{
		options: o, log: log, projects: map[string]project{}, known: map[string]*peer{}, warm: map[*peer]bool{},
		target: "x86_64-unknown-linux-gnu",
	}
	var err error
	if b.meter, err = newMeter(o.cgroup); err != nil {
		return nil, err
	}
	if b.digest, err = imageDigest(o.base); err != nil {
		return nil, err
	}
	// Beside the base image, which is on a disk with room for it; /tmp may be in memory.
	if b.work, err = os.MkdirTemp(filepath.Dir(o.base), "bench."); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	b.env = append(os.Environ(), //nolint:forbidigo // scripts/bench has set what must differ
		"LPIPE_ENGINE=embedded", "LPIPE_ENGINE_ROOT="+filepath.Join(b.work, "engine"),
		"LPIPE_BASE=oci-layout://"+o.base, "LPIPE_TARGET="+b.target)
	return b, nil
}

func (b *bench) close(ctx context.Context) {
	if _, err := b.lpipe(ctx, "engine", "stop"); err != nil {
		fmt.Fprintln(b.log, "bench:", err)
	}
	os.Remove(b.meter.host())
	// Never into the file systems that inTree mounted.
	if b.rootTree != "" {
		if err := exec.CommandContext(ctx, "umount", filepath.Join(b.rootTree, "proc")).Run(); err != nil {
			fmt.Fprintln(b.log, "bench: leaving", b.work, "because of", err)
			return
		}
	}
	os.RemoveAll(b.work)
}

func (b *bench) lpipe(ctx context.Context, args ...string) (string, error) {
	return b.output(exec.CommandContext(ctx, filepath.Join(b.bin, "lpipe"), args...))
}

// lpipeIn runs lpipe in a folder and returns what it prints.
func (b *bench) lpipeIn(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "lpipe"), args...)
	cmd.Dir, cmd.Env = dir, b.env
	var problem bytes.Buffer
	cmd.Stderr = &problem
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, problem.String())
	}
	return string(text), nil
}

// output runs a command and returns all it writes.
func (b *bench) output(cmd *exec.Cmd) (string, error) { return b.watch(cmd, nil) }

// watch does so, and hands what is written to seen while it comes.
func (b *bench) watch(cmd *exec.Cmd, seen io.Writer) (string, error) {
	if cmd.Env == nil {
		cmd.Env = b.env
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if seen != nil {
		cmd.Stdout = io.MultiWriter(&out, seen)
	}
	cmd.Stderr = cmd.Stdout // the same value, so that one goroutine writes
	if err := cmd.Run(); err != nil {
		text := strings.Split(strings.TrimSpace(out.String()), "\n")
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.Join(text[max(0, len(text)-40):], "\n"))
	}
	return out.String(), nil
}

// start makes sure that the engine runs, and finds its socket.
func (b *bench) start(ctx context.Context) error {
	if b.socket != "" {
		return nil
	}
	folder := filepath.Join(b.work, "start")
	if err := (files{
		"Cargo.toml": library("start"), "src/main.rs": "fn main() {}\n",
		"Cargo.lock": "version = 4\n\n[[package]]\nname = \"start\"\nversion = \"0.4.2\"\n",
	}).sync(folder); err != nil {
		return err
	}
	fmt.Fprintln(b.log, "starting the engine")
	if _, err := b.lpipe(ctx, "build", folder+"/"); err != nil {
		return err
	}
	var owner struct{ Socket string }
	text, err := os.ReadFile(filepath.Join(b.work, "engine/daemon.json"))
	if err == nil {
		err = json.Unmarshal(text, &owner)
	}
	if err != nil {
		return fmt.Errorf("finding the engine's socket: %w", err)
	}
	b.socket = owner.Socket
	return nil
}

// scenario runs all rounds of one scenario.
func (b *bench) scenario(ctx context.Context, s scenario) (*Result, error) {
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	before := loadAverage()
	r := &Result{Scenario: s.name, Title: s.title, Date: today(), Machine: machine()}
	var err error
	if s.facts {
		r.Facts, err = b.engine(ctx, s.rounds)
	} else {
		r.Series, err = b.compare(ctx, s)
	}
	r.Load = before + " before, " + loadAverage() + " after"
	return r, err
}

func (b *bench) compare(ctx context.Context, s scenario) ([]Series, error) {
	p, err := b.project(ctx, s)
	if err != nil {
		return nil, err
	}
	var peers []*peer
	var all []Series
	for _, name := range b.peersOf(s) {
		peer := b.known[p.name+name]
		if peer == nil {
			if peer, err = b.peer(ctx, name, p); err != nil {
				return nil, err
			}
			b.known[p.name+name] = peer
		}
		peers, all = append(peers, peer), append(all, Series{Peer: name})
		if !s.cold || s.cache {
			if err := b.prepare(ctx, peer, p, s); err != nil {
				return nil, err
			}
		}
	}
	rounds := s.rounds
	if s.many {
		rounds *= 4
	}
	for round := range rounds {
		if s.cold && !s.cache {
			if err := b.unlearn(ctx, peers); err != nil {
				return nil, err
			}
		}
		// Each round begins with another peer, so that none always has the disk cache of the same one before it.
		for i := range peers {
			at := (i + round) % len(peers)
			b.edits++
			sample, err := b.once(ctx, peers[at], p, s, fmt.Sprintf("bench-%d-%d", b.edits, round+1))
			if err != nil {
				return nil, err
			}
			all[at].Samples = append(all[at].Samples, sample)
			fmt.Fprintf(b.log, "%-14s %2d  %-26s %7.2f CPU s %8.3f wall s %3d dependencies", s.name, round+1, peers[at].name, sample.CPU, sample.Wall, sample.Crates)
			if s.cooked {
				fmt.Fprintf(b.log, " cooked in %.2f CPU s", sample.Cooked)
			}
			if s.cache {
				fmt.Fprintf(b.log, " %.1f MB pulled", float64(sample.Pulled)/1e6)
			}
			fmt.Fprintln(b.log)
		}
	}
	return all, nil
}

func (b *bench) peersOf(s scenario) []string {
	names := []string{peerLpipe}
	usual := s.only
	if usual == nil {
		usual = sources
	}
	for _, name := range peerNames()[1:] {
		if takesPart := slices.Contains(usual, name) || slices.Contains(s.extra, name); takesPart && (len(b.peers) == 0 || slices.Contains(b.peers, name)) {
			names = append(names, name)
		}
	}
	return names
}

// prepare builds the unchanged project, not counted.
func (b *bench) prepare(ctx context.Context, peer *peer, p project, s scenario) error {
	if err := p.files.sync(peer.dir); err != nil {
		return err
	}
	if !b.warm[peer] {
		fmt.Fprintf(b.log, "%-14s     %-26s is prepared\n", s.name, peer.name)
	}
	b.warm[peer] = true
	_, err := b.output(peer.build(ctx))
	return err
}

// unlearn leaves the engine with nothing but the base image unpacked, so that no peer does that for the others. The
// peers share no other step, and what they build now serves the scenarios that follow.
func (b *bench) unlearn(ctx context.Context, peers []*peer) error {
	if err := b.prune(ctx); err != nil {
		return err
	}
	for _, p := range peers {
		if err := p.forget(); err != nil {
			return err
		}
	}
	dir := filepath.Join(b.work, "unpack")
	if err := (files{"Dockerfile": "FROM base\nRUN true\nFROM scratch\nCOPY --from=0 /etc/hostname /\n"}).sync(dir); err != nil {
		return err
	}
	_, err := b.output(b.buildctl(ctx, dir, filepath.Join(dir, "out")))
	return err
}

// prune throws away all that the engine keeps, cache mounts too.
func (b *bench) prune(ctx context.Context) error {
	clear(b.warm)
	_, err := b.output(exec.CommandContext(ctx, filepath.Join(b.bin, "buildctl"), "--addr", "unix://"+b.socket, "prune", "--all"))
	return err
}

// once edits the peer's copy, builds it, and measures that.
func (b *bench) once(ctx context.Context, peer *peer, p project, s scenario, mark string) (Sample, error) {
	var sample Sample
	sources := p.files
	if s.edit != nil {
		sources = s.edit(p, mark)
	}
	if err := sources.sync(peer.dir); err != nil {
		return sample, err
	}
	if s.cold && s.cache {
		if err := b.prune(ctx); err != nil {
			return sample, err
		}
	}
	b.warm[peer] = true
	used, err := b.meter.used()
	if err != nil {
		return sample, err
	}
	var cooked *stepEnd
	var seen io.Writer
	if s.cooked && peer.cooks != "" {
		cooked = &stepEnd{step: peer.cooks, meter: b.meter}
		seen = cooked
	}
	var sent int64
	if b.registry != nil {
		sent = b.registry.sent.Load()
	}
	begin := time.Now()
	out, err := b.watch(peer.build(ctx), seen)
	sample.Wall = time.Since(begin).Seconds()
	if err != nil {
		return sample, err
	}
	now, err := b.meter.used()
	if err != nil {
		return sample, err
	}
	sample.CPU = (now - used).Seconds()
	sample.Crates = dependencies(out)
	if s.cache {
		sample.Pulled = b.registry.sent.Load() - sent
	}
	if cooked != nil {
		if cooked.err != nil {
			return sample, cooked.err
		}
		sample.Cooked = max(0, (cooked.used - used).Seconds())
	}
	if s.marks {
		ok, err := holds(peer.program(p.lambdas[0]), mark)
		if err != nil {
			return sample, err
		}
		sample.Stale = !ok
	}
	return sample, nil
}

// compiled is cargo's line for a package that it compiles; a local one is followed by its folder, one that is not from
// crates.io by its registry.
var compiled = regexp.MustCompile(`(?m)\s(?:Compiling) (\S+ v[^\s]+)(?: \(proc-macro\))?(?: \(registry .*\))?( \(/.*\))?$`)

// dependencies counts the packages of others that cargo compiled.
func dependencies(output string) (n int) {
	for _, m := range compiled.FindAllStringSubmatch(output, -1) {
		if m[2] == "" {
			n++
		}
	}
	return n
}

// project reads or generates the project of a scenario.
func (b *bench) project(ctx context.Context, s scenario) (project, error) {
	p, ok := b.projects[s.project]
	var err error
	switch {
	case ok:
	case s.project == "fleet":
		p = fleet()
		err = b.lock(ctx, p)
	case s.project == "tiny":
		p = tiny()
		err = b.lock(ctx, p)
	case s.project == "leaf":
		var index string
		if index, err = newCrates(ctx); err != nil {
			return p, err
		}
		p = project{name: "hyper-echo-leaf", lambdas: []string{"hyper-echo"}}
		if p.files, err = readFiles("testdata/lambdas/hyper-echo"); err == nil {
			p.files = withLeaf(p.files, index)
		}
	default:
		p = project{name: s.project, lambdas: []string{s.project}}
		p.files, err = readFiles("testdata/lambdas/" + s.project)
	}
	if err != nil {
		return p, err
	}
	b.projects[s.project] = p
	if s.cache {
		if b.registry == nil {
			if b.registry, err = newRegistry(context.WithoutCancel(ctx), filepath.Join(b.work, "registry")); err != nil {
				return p, err
			}
		}
		p.name += "-registry"
		p.cache = b.registry.host
	}
	if s.lambdas > 0 {
		p.lambdas = p.lambdas[:s.lambdas]
		p.name += fmt.Sprintf("-%d", s.lambdas)
	}
	return p, nil
}

// lock adds the Cargo.lock that cargo makes with the crates of the base image.
func (b *bench) lock(ctx context.Context, p project) error {
	root, err := b.tree(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "bench", p.name, "lock")
	if err := p.files.sync(dir); err != nil {
		return err
	}
	env := []string{"CARGO_HOME=/usr/local/cargo", "PATH=/usr/bin:/bin", "HOME=/root"}
	if _, err := b.output(b.inTree(ctx, root, env, "cd /bench/"+p.name+"/lock && cargo generate-lockfile --offline")); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "Cargo.lock"))
	p.files["Cargo.lock"] = string(text)
	return err
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
