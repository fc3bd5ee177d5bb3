package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/build"
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
		Use: "usage", Short: "Tell how much the engine keeps, of what kind, and for which project", Args: cobra.NoArgs,
		Long: `Tell how much the engine keeps of each kind: for each project that you have built here its sources, and its dependencies
that the next build starts from; for all projects together base images, downloads and what each stage of a build made, since any build
takes a layer that was made from the same; and what this machine has of images for --isolate. What a running build or program uses is not
removable.`,
	}
	settings := engineFlags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		eng, err := a.cacheEngine(cmd.Context(), settings())
		if err != nil {
			return err
		}
		defer eng.Close()
		kept, err := eng.Usage(cmd.Context())
		if err != nil {
			return err
		}
		images, err := build.Images(a.env)
		if err != nil {
			return err
		}
		kept.AddShared(images)
		projects := build.KeptProjects(a.env, kept)
		if *asJSON {
			return foreign.WriteJSON(a.Out, struct {
				Version   int                 `json:"version"`
				Records   int                 `json:"records"`
				Size      int64               `json:"size"`
				Removable int64               `json:"removable"`
				Kinds     []engine.Usage      `json:"kinds"` // of all
				Shared    []engine.Usage      `json:"shared"`
				Projects  []build.KeptProject `json:"projects"`
			}{1, kept.Total.Count, kept.Total.Size, kept.Total.Removable, kept.Kinds, kept.Shared, projects}, "")
		}
		a.printKept(kept, projects, true)
		return nil
	}
	return cmd
}

// printKept prints a row for each kind, by projects, and one for all.
func (a *app) printKept(kept engine.Kept, projects []build.KeptProject, removable bool) {
	type row struct {
		title string
		usage *engine.Usage // nil for a title alone
	}
	rows := []row{}
	list := func(title string, kinds []engine.Usage) {
		if len(kinds) > 0 {
			rows = append(rows, row{title, nil})
		}
		for i := range kinds {
			rows = append(rows, row{"  " + kinds[i].Kind, &kinds[i]})
		}
	}
	for _, p := range projects {
		list(cmp.Or(p.Folder, "projects that were not built here"), p.Kinds)
	}
	list("all projects", kept.Shared)
	rows = append(rows, row{"total", &kept.Total})
	width := len("KIND")
	for _, r := range rows {
		if r.usage != nil {
			width = max(width, len(r.title))
		}
	}
	line := func(title string, count, size, free any) {
		text := foreign.Sprintf("%-*s  %7v  %10v", width, title, count, size)
		if removable {
			text += foreign.Sprintf("  %10v", free)
		}
		foreign.Fprintf(a.Out, "%s\n", text)
	}
	line("KIND", "RECORDS", "SIZE", "REMOVABLE")
	for _, r := range rows {
		if r.usage == nil {
			foreign.Fprintf(a.Out, "%s\n", r.title)
			continue
		}
		line(r.title, r.usage.Count, report.Size(r.usage.Size), report.Size(r.usage.Removable))
	}
}

func (a *app) cachePrune() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove what the engine keeps and no build is using", Args: cobra.NoArgs,
		Long: `Remove what the engine keeps and no running build uses, and tell what that was. Without flags it is everything but images
that other programs made, and the files of images for --isolate that no program uses.`,
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
		kept, err := prune(cmd.Context(), engine.Prune{Keep: *keep, KeepBytes: int64(storage), MountsOnly: *mounts})
		if err == nil && !*mounts && storage == 0 {
			var images engine.Usage
			images, err = build.PruneImages(a.env, *keep, *dry)
			kept.AddShared(images)
		}
		if kept.Total.Count > 0 {
			a.printKept(kept, build.KeptProjects(a.env, kept), false)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "%s %s, %s\n", did, report.Count(kept.Total.Count, "record", "records"), report.Size(kept.Total.Size))
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
