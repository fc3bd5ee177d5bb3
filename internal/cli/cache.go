package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/foreign"
	"lpipe/internal/report"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache usage|prune",
		Short: "Look at or shrink what the engine keeps",
		Long: `An engine keeps layers, downloads and sources, so that the next build does not make them again. "usage" tells how
much that is and "prune" removes what no running build uses; the next build makes again what it needs of it. Caches in
registries are not touched.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.cacheUsage(), a.cachePrune())
	return cmd
}

func (a *app) cacheUsage() *cobra.Command {
	cmd := &cobra.Command{Use: "usage", Short: "Tell how much the engine keeps, and of what kind", Args: cobra.NoArgs}
	settings := engineFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		eng, err := a.cacheEngine(cmd.Context(), settings())
		if err != nil {
			return err
		}
		defer eng.Close()
		kinds, total, err := eng.Usage(cmd.Context())
		if err != nil {
			return err
		}
		total.Kind = "total"
		fmt.Fprintf(a.Out, "%-20s %6s %12s %12s\n", "KIND", "COUNT", "SIZE", "REMOVABLE")
		for _, k := range append(kinds, total) {
			foreign.Fprintf(a.Out, "%-20s %6d %12s %12s\n", k.Kind, k.Count, report.Size(k.Size), report.Size(k.Removable))
		}
		return nil
	}
	return cmd
}

func (a *app) cachePrune() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove what the engine keeps and no build is using", Args: cobra.NoArgs,
		Long: "Remove what the engine keeps and no running build uses. Without flags that is everything but images that other\nprograms made.",
	}
	settings := engineFlags(cmd)
	keep := cmd.Flags().Duration("keep-duration", 0, "keep what was used in the last `TIME`, such as 72h")
	storage := cmd.Flags().Int64("keep-storage", 0, "keep so many `MB` of what was used last")
	mounts := cmd.Flags().Bool("mounts", false, "remove the cache mounts alone: downloads and compiled dependencies")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		eng, err := a.cacheEngine(cmd.Context(), settings())
		if err != nil {
			return err
		}
		defer eng.Close()
		count, size, err := eng.Prune(cmd.Context(), engine.Prune{Keep: *keep, KeepBytes: *storage << 20, MountsOnly: *mounts})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "removed %d records, %s\n", count, report.Size(size))
		return nil
	}
	return cmd
}

// engineFlags declares the flags that pick an engine.
func engineFlags(cmd *cobra.Command) func() []config.Setting {
	name := cmd.Flags().String("engine", "", "`ENGINE`: embedded, docker or an address such as tcp://host:1234")
	builder := cmd.Flags().String("builder", "", "`NAME` of a buildx builder")
	return func() []config.Setting {
		var all []config.Setting
		if *name != "" {
			all = append(all, config.Setting{Key: "engine", Values: []string{*name}, Flag: "--engine"})
		}
		if *builder != "" {
			all = append(all, config.Setting{Key: "builder", Values: []string{*builder}, Flag: "--builder"})
		}
		return all
	}
}

// engineTimeout is how long starting the engine may take.
const engineTimeout = time.Minute

// cacheEngine connects to the engine of the project here, or of the user where there is none.
func (a *app) cacheEngine(ctx context.Context, settings []config.Setting) (*engine.Engine, error) {
	here, err := a.here()
	if err != nil {
		return nil, err
	}
	cfg, err := here.Config(settings)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	return a.engine(ctx, cfg)
}
