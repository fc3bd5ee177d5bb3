package cli

import (
	"context"
	"fmt"
	"time"

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
	cmd := &cobra.Command{
		Use: "usage", Short: "Tell how much the engine keeps, and of what kind", Args: cobra.NoArgs,
		Long: `Tell how much the engine keeps of each kind: base images, what each stage of a build made, downloads and sources. What a
running build uses is not removable.`,
	}
	settings := engineFlags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
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
		if *asJSON {
			return foreign.WriteJSON(a.Out, struct {
				Version   int            `json:"version"`
				Records   int            `json:"records"`
				Size      int64          `json:"size"`
				Removable int64          `json:"removable"`
				Kinds     []engine.Usage `json:"kinds"`
			}{1, total.Count, total.Size, total.Removable, kinds}, "")
		}
		a.printUsage(kinds, total, true)
		return nil
	}
	return cmd
}

// printUsage prints a row for each kind, and one for all.
func (a *app) printUsage(kinds []engine.Usage, total engine.Usage, removable bool) {
	total.Kind = "total"
	width := len("KIND")
	rows := append(kinds, total)
	for _, k := range rows {
		width = max(width, len(k.Kind))
	}
	row := func(kind string, count, size, free any) {
		text := foreign.Sprintf("%-*s  %7v  %10v", width, kind, count, size)
		if removable {
			text += foreign.Sprintf("  %10v", free)
		}
		foreign.Fprintf(a.Out, "%s\n", text)
	}
	row("KIND", "RECORDS", "SIZE", "REMOVABLE")
	for _, k := range rows {
		row(k.Kind, k.Count, report.Size(k.Size), report.Size(k.Removable))
	}
}

func (a *app) cachePrune() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove what the engine keeps and no build is using", Args: cobra.NoArgs,
		Long: `Remove what the engine keeps and no running build uses, and tell what that was. Without flags it is everything but images
that other programs made.`,
	}
	settings := engineFlags(cmd)
	keep := cmd.Flags().Duration("keep-duration", 0, "keep what was used in the last `TIME`, such as 72h")
	var storage size
	cmd.Flags().Var(&storage, "keep-storage", "keep so much of what was used last: a `SIZE` such as 500MB or 2GiB; a number alone is in MB")
	mounts := cmd.Flags().Bool("mounts", false, "remove the cache mounts alone: downloads and compiled dependencies")
	dry := cmd.Flags().Bool("dry-run", false, "tell what would be removed, and remove nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *keep < 0 {
			return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("--keep-duration is %s", *keep), Fix: "give a time such as 72h"}
		}
		eng, err := a.cacheEngine(cmd.Context(), settings())
		if err != nil {
			return err
		}
		defer eng.Close()
		prune, did := eng.Prune, "removed"
		if *dry {
			prune, did = eng.Prunable, "would remove"
		}
		kinds, total, err := prune(cmd.Context(), engine.Prune{Keep: *keep, KeepBytes: int64(storage), MountsOnly: *mounts})
		if total.Count > 0 {
			a.printUsage(kinds, total, false)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "%s %s, %s\n", did, report.Count(total.Count, "record", "records"), report.Size(total.Size))
		return nil
	}
	return cmd
}

// size is the value of a flag in bytes.
type size int64

func (s *size) String() string { return "" }
func (s *size) Type() string   { return "size" }

func (s *size) Set(text string) error {
	n, err := config.ParseSize(text)
	*s = size(n)
	return err
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
