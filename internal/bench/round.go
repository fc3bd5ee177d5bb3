package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

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
	if err := b.arrive(ctx, peers); err != nil {
		return err
	}
	dir := filepath.Join(b.work, "unpack")
	if err := (files{"Dockerfile": "FROM base\nRUN true\nFROM scratch\nCOPY --from=0 /etc/hostname /\n"}).sync(dir); err != nil {
		return err
	}
	_, err := b.output(b.buildctl(ctx, dir, "--output", "type=local,dest="+filepath.Join(dir, "out")))
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
	pulled := func() int64 {
		switch {
		case s.arrives:
			return b.downloaded()
		case s.cache:
			return b.registry.sent.Load()
		}
		return 0
	}
	before := pulled()
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
	sample.Pulled = pulled() - before
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
var compiled = regexp.MustCompile(`(?m)\sCompiling (\S+ v\S+)(?: \(proc-macro\))?(?: \(registry .*\))?( \(/.*\))?$`)

// dependencies counts the packages of others that cargo compiled.
func dependencies(output string) (n int) {
	for _, m := range compiled.FindAllStringSubmatch(output, -1) {
		if m[2] == "" {
			n++
		}
	}
	return n
}
