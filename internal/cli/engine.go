package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/garbage"
	"lpipe/internal/network"
)

// engine connects to the one engine that the configuration picks.
func (a *app) engine(ctx context.Context, cfg *config.Config) (*engine.Engine, error) {
	joined, err := a.join(cfg)
	if err != nil {
		return nil, err
	}
	o, err := a.engineOptions(cfg, joined)
	if err != nil {
		return nil, err
	}
	if each := engine.Each(o); len(each) > 1 {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "several engines are configured, and this works on one", Fix: "name one: --engine " + each[0].Engine,
		}
	}
	return engine.Open(ctx, o)
}

// engineOptions are those of the configuration, for engines that reach the network as this run does.
func (a *app) engineOptions(cfg *config.Config, joined network.Joined) (engine.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return engine.Options{}, fmt.Errorf("finding the lpipe program: %w", err)
	}
	o := build.EngineOptions(cfg, joined.Env)
	o.StallTimeout, o.DaemonCommand = stallTimeout, []string{self, "engine", "run"}
	o.Log = a.say
	return o, nil
}

func (a *app) engineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine status|stop",
		Short: "Look at or end the embedded BuildKit",
		Long: `lpipe brings its own BuildKit: it starts with the first build, serves all builds of this user, and leaves when
it has been idle. "status" tells whether it runs and where its log is, "stop" ends it once its builds are done.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "status", Short: "Tell whether the embedded BuildKit runs", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.engineStatus(cmd.Context()) },
		},
		&cobra.Command{
			Use: "stop", Short: "End the embedded BuildKit once its builds are done", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.engineStop(cmd.Context()) },
		},
		&cobra.Command{
			Use: "run CONFIG", Hidden: true, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := daemon.Load(args[0])
				if err != nil {
					return err
				}
				garbage.Usual() // unlike every other verb it lives long
				err = daemon.Run(cmd.Context(), c)
				if cmd.Context().Err() != nil {
					return nil //nolint:nilerr // asked to leave, be it while it started: who wants it starts it again
				}
				if err != nil && daemon.NoSpace(err) { // the exit status tells it where the log cannot
					err = &fault.Error{Kind: fault.NoSpace, What: "the embedded engine cannot start", Err: err, Fix: "make room on the disk of LPIPE_ENGINE_ROOT"}
				}
				return err
			},
		})
	return cmd
}

// ownEngine are the options that find the embedded engine of this user.
func (a *app) ownEngine() (engine.Options, error) {
	if err := a.home(); err != nil {
		return engine.Options{}, err
	}
	cfg := &config.Config{}
	joined, err := a.join(cfg)
	if err != nil {
		return engine.Options{}, err
	}
	return a.engineOptions(cfg, joined)
}

func (a *app) engineStatus(ctx context.Context) error {
	o, err := a.ownEngine()
	if err != nil {
		return err
	}
	s, err := engine.Status(ctx, o)
	if err != nil {
		return err
	}
	for i, s := range append([]engine.State{s}, s.Others...) {
		if i > 0 {
			fmt.Fprintln(a.Out, "\nfor projects with the same [registry]:")
		}
		if !s.Running {
			foreign.Fprintf(a.Out, "not running\nstate: %s\nlog:   %s\n", s.Root, s.Log)
			continue
		}
		foreign.Fprintf(a.Out, "running, process %d\nstate: %s\nlog:   %s\n", s.Process.PID, s.Root, s.Log)
		if s.Process.Suspended {
			foreign.Fprintf(a.Out, "it is suspended: \"kill -CONT %d\" lets it go on\n", s.Process.PID)
		}
	}
	return nil
}

// stopTimeout is how long "engine stop" waits for running builds.
const stopTimeout = time.Minute

func (a *app) engineStop(ctx context.Context) error {
	o, err := a.ownEngine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	stopped, err := engine.Stop(ctx, o)
	if err != nil {
		return err
	}
	if stopped {
		fmt.Fprintln(a.Out, "stopped")
	} else {
		fmt.Fprintln(a.Out, "not running")
	}
	return nil
}
