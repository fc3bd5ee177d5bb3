package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/spf13/cobra"

	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
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
		records, err := eng.Client().DiskUsage(cmd.Context())
		if err != nil {
			return &fault.Error{Kind: fault.Engine, What: "the engine does not tell what it keeps", Err: err, Fix: engineAgain}
		}
		type kind struct {
			name          string
			size, removes int64
			count         int
		}
		kinds := map[string]*kind{}
		total := &kind{name: "total"}
		for _, r := range records {
			name := strings.ReplaceAll(cmp.Or(string(r.RecordType), "regular"), ".", " ")
			if kinds[name] == nil {
				kinds[name] = &kind{name: name}
			}
			for _, k := range []*kind{kinds[name], total} {
				k.count++
				k.size += r.Size
				if !r.InUse {
					k.removes += r.Size
				}
			}
		}
		var sorted []*kind
		for _, k := range kinds {
			sorted = append(sorted, k)
		}
		slices.SortFunc(sorted, func(a, b *kind) int {
			return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.name, b.name))
		})
		fmt.Fprintf(a.Out, "%-20s %6s %12s %12s\n", "KIND", "COUNT", "SIZE", "REMOVABLE")
		for _, k := range append(sorted, total) {
			foreign.Fprintf(a.Out, "%-20s %6d %12s %12s\n", k.name, k.count, report.Size(k.size), report.Size(k.removes))
		}
		return nil
	}
	return cmd
}

// engineAgain is what to do when an engine that was reached does not do as it is asked.
const engineAgain = "run the command again; if that does not help, look at the engine's log (lpipe engine status)"

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
		options := []client.PruneOption{client.WithKeepOpt(*keep, *storage<<20, 0, 0)}
		if *mounts {
			options = append(options, client.WithFilter([]string{"type==exec.cachemount"}))
		} else {
			options = append(options, client.PruneAll)
		}
		removed := make(chan client.UsageInfo)
		var size int64
		var count int
		done := make(chan struct{})
		go func() {
			defer close(done)
			for r := range removed {
				size += r.Size
				count++
			}
		}()
		err = eng.Client().Prune(cmd.Context(), removed, options...)
		close(removed)
		<-done
		if err != nil {
			return &fault.Error{Kind: fault.Engine, What: "the engine did not remove everything", Err: err, Fix: engineAgain}
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
