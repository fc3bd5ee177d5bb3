package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"lpipe/internal/testparts/mirror"
)

// bench is one run: an engine of its own, and the projects that were built on it.
type bench struct {
	options
	log       io.Writer
	work      string
	env       []string // of every command
	meter     meter
	socket    string
	digest    string // of the base image
	target    string
	projects  map[string]project
	known     map[string]*peer // by project and name
	warm      map[*peer]bool   // those that have built since the cache was last thrown away
	rootTree  string
	registry  *registry  // of the scenarios that have one
	downloads *downloads // of the scenarios on a new machine
	crates    *mirror.Mirror
	edits     int
}

func newBench(o options, log io.Writer) (*bench, error) {
	b := &bench{
		options: o, log: log, projects: map[string]project{}, known: map[string]*peer{}, warm: map[*peer]bool{},
		target: "x86_64-unknown-linux-musl",
	}
	var err error
	if b.meter, err = newMeter(o.cgroup); err != nil {
		return nil, err
	}
	if b.digest, err = imageDigest(o.base); err != nil {
		return nil, err
	}
	dir, err := mirror.Folder()
	if err != nil {
		return nil, err
	}
	if b.crates, err = mirror.New(dir); err != nil {
		return nil, fmt.Errorf("serving crates: %w", err)
	}
	// Beside the base image, which is on a disk with room for it; /tmp may be in memory.
	if b.work, err = os.MkdirTemp(filepath.Dir(o.base), "bench."); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	b.env = append(os.Environ(), //nolint:forbidigo // scripts/bench has set what must differ
		"LPIPE_ENGINE=embedded", "LPIPE_ENGINE_ROOT="+filepath.Join(b.work, "engine"),
		"LPIPE_BASE=oci-layout://"+o.base)
	return b, nil
}

func (b *bench) close(ctx context.Context) {
	if _, err := b.lpipe(ctx, "engine", "stop"); err != nil {
		fmt.Fprintln(b.log, "bench:", err)
	}
	os.Remove(b.meter.host())
	b.crates.Close()
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
	var earlier project
	if s.after != "" {
		first := s
		first.project = s.after
		if earlier, err = b.project(ctx, first); err != nil {
			return nil, err
		}
	}
	var peers, before []*peer
	var all []Series
	for _, name := range b.peersOf(s) {
		peer, err := b.peerFor(ctx, name, p)
		if err != nil {
			return nil, err
		}
		if s.after != "" {
			once, err := b.peerFor(ctx, name, earlier)
			if err != nil {
				return nil, err
			}
			before = append(before, once)
		}
		peers, all = append(peers, peer), append(all, Series{Peer: name})
		if !s.arrives && (!s.cold || s.cache) {
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
		if s.arrives {
			if err := b.arrive(ctx, slices.Concat(peers, before)); err != nil {
				return nil, err
			}
		}
		for _, peer := range before {
			if err := b.prepare(ctx, peer, earlier, s); err != nil {
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
			if s.cache || s.arrives {
				fmt.Fprintf(b.log, " %.1f MB pulled", float64(sample.Pulled)/1e6)
			}
			fmt.Fprintln(b.log)
		}
	}
	return all, nil
}

// peerFor is the one peer of a project with this name.
func (b *bench) peerFor(ctx context.Context, name string, p project) (*peer, error) {
	if known := b.known[p.name+name]; known != nil {
		return known, nil
	}
	peer, err := b.peer(ctx, name, p)
	if err != nil {
		return nil, err
	}
	b.known[p.name+name] = peer
	return peer, nil
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
