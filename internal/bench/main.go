// Command bench measures lpipe beside other ways to build the same project, on one engine.
//
// It times whole runs of the real programs and reads what the steps' control group used; it changes nothing of what is
// built, and judges nothing: the tables do that. scripts/bench builds the programs and runs it; docs/bench.md explains
// the method.
//
// A "peer" is one way to build: lpipe, a Dockerfile by another pattern, or cargo alone. A "scenario" is what happens to
// the project between two builds. A "round" is one build by each peer, and a "sample" what one build cost.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// options are what the command line and scripts/bench say.
type options struct {
	rounds    int
	peers     []string
	scenarios []string
	out       string // folder of the tables
	bin       string // folder of lpipe and buildctl
	cgroup    string // where the engine's containers are counted
	base      string // folder of the base image's OCI layout
	render    bool
	channel   string // folder of a release channel of Rust
	wheels    string // folder with the wheels of cargo-lambda
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the process begins here
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:forbidigo // the process ends here
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	var o options
	flags := pflag.NewFlagSet("scripts/bench", pflag.ContinueOnError)
	flags.IntVarP(&o.rounds, "rounds", "n", 5, "rounds of each scenario that has no =ROUNDS; a no-op has four times as many")
	flags.StringSliceVar(&o.peers, "peers", nil, "peers to run beside lpipe, with commas: "+strings.Join(peerNames(), ", "))
	flags.StringVar(&o.out, "out", "docs/bench", "folder of the results")
	flags.BoolVar(&o.render, "render", false, "only write the tables and plots again from the results")
	for _, p := range []struct {
		to    *string
		name  string
		usage string
	}{{&o.bin, "bin", "lpipe and buildctl"}, {&o.cgroup, "cgroup", "the control group"}, {&o.base, "base", "the base image"}, {&o.channel, "channel", "a release channel of Rust"}, {&o.wheels, "wheels", "the wheels of cargo-lambda"}} {
		flags.StringVar(p.to, p.name, "", p.usage+", set by scripts/bench")
		if err := flags.MarkHidden(p.name); err != nil {
			return err
		}
	}
	flags.Usage = func() {
		fmt.Fprintf(log, "Usage: scripts/bench [SCENARIO[=ROUNDS] ...] [flags]\n\nScenarios:\n")
		for _, s := range scenarios {
			fmt.Fprintf(log, "  %-14s %s\n", s.name, s.title)
		}
		fmt.Fprintf(log, "\nFlags:\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	o.scenarios = flags.Args()
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	store := filepath.Join(o.out, "results.json")
	all, err := load(store)
	if err != nil {
		return err
	}
	if o.render {
		return write(o.out, all)
	}
	b, err := newBench(o, log)
	if err != nil {
		return err
	}
	defer b.close(context.WithoutCancel(ctx))
	var failed []error
	for _, s := range chosen {
		begin := time.Now()
		r, err := b.scenario(ctx, s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(log, "%-14s     took %s\n", s.name, time.Since(begin).Round(time.Second))
		// A run takes hours: one scenario that fails takes nothing from the others.
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			fmt.Fprintln(log, "bench:", failed[len(failed)-1])
			continue
		}
		r.Command = command(args)
		all = put(all, *r)
		if err := save(store, all); err != nil {
			return err
		}
		if err := write(o.out, all); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// choose returns the scenarios asked for, in the order of the list: all when none is named.
func choose(o options) ([]scenario, error) {
	for _, p := range o.peers {
		if !slices.Contains(peerNames(), p) {
			return nil, fmt.Errorf("there is no peer %q, only %s", p, strings.Join(peerNames(), ", "))
		}
	}
	rounds := map[string]int{}
	for _, arg := range o.scenarios {
		name, n, ok := strings.Cut(arg, "=")
		rounds[name] = o.rounds
		if ok {
			var err error
			if rounds[name], err = strconv.Atoi(n); err != nil || rounds[name] < 1 {
				return nil, fmt.Errorf("%q is no number of rounds, in %s", n, arg)
			}
		}
	}
	var names []string
	var chosen []scenario
	for _, s := range scenarios {
		names = append(names, s.name)
		n, ok := rounds[s.name]
		if s.rounds = n; len(rounds) == 0 {
			s.rounds, ok = o.rounds, true
		}
		if ok {
			chosen = append(chosen, s)
		}
	}
	for name := range rounds {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("there is no scenario %q, only %s", name, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

// command is how a person repeats the run; what scripts/bench adds is left out, and the folder of the results.
func command(args []string) string {
	words := []string{"scripts/bench"}
	for i, a := range args {
		name, _, _ := strings.Cut(a, "=")
		if !slices.Contains([]string{"--bin", "--cgroup", "--base", "--channel", "--wheels", "--out"}, name) && (i == 0 || args[i-1] != "--out") {
			words = append(words, a)
		}
	}
	return strings.Join(words, " ")
}

func load(path string) ([]Result, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the earlier results: %w", err)
	}
	var all []Result
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading the earlier results %s: %w", path, err)
	}
	return all, nil
}

func save(path string, all []Result) error {
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// write makes the tables and the plot of all results.
func write(dir string, all []Result) error {
	if err := os.WriteFile(filepath.Join(dir, "results.md"), []byte(markdown(all)), 0o644); err != nil {
		return fmt.Errorf("writing the tables: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "results.svg"), []byte(plot(all)), 0o644); err != nil {
		return fmt.Errorf("writing the plot: %w", err)
	}
	return nil
}

// put replaces the result of the same scenario, and keeps the order of the list of scenarios.
func put(all []Result, r Result) []Result {
	all = slices.DeleteFunc(slices.Clone(all), func(old Result) bool { return old.Scenario == r.Scenario })
	all = append(all, r)
	place := func(r Result) int {
		return slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == r.Scenario })
	}
	slices.SortStableFunc(all, func(a, b Result) int { return place(a) - place(b) })
	return all
}

func today() string { return time.Now().UTC().Format("2006-01-02") }
