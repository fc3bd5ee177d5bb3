package build

import (
	"context"
	"errors"
	"slices"

	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/finding"
	"lpipe/internal/project"
	"lpipe/internal/publish"
	"lpipe/internal/report"
)

// Run is one build through all phases, on the engines that the options pick, with the configuration that the projects share. The summary
// has the paths of files as here shows them; it is nil where there is nothing to report but the error.
func Run(
	ctx context.Context, here *project.Here, projects []*project.Project, cfg *config.Config, o Options, engines engine.Options, d Display,
) (*report.Summary, error) {
	o.Engines = engine.ChooseEach(engines)
	early := engine.Begin(ctx, engines, o.Engines)
	defer early.Close()
	request, err := Prepare(ctx, here, projects, o)
	if err != nil {
		return nil, err
	}
	// Most builds of a lambda change nothing. One processor reads what there is while the other asks the engine.
	go request.readOutputs()
	end := here.Trace.Begin("connect to the engine")
	opened, warnings, err := engine.OpenEach(ctx, engines, o.Engines, early)
	end()
	if err != nil {
		return nil, err
	}
	for _, e := range opened {
		defer e.Close()
	}
	pusher := &publish.Pusher{Logins: request.Logins, Registries: Registries(cfg), Log: engines.Log}
	mainSizes := request.beginMainSizes(ctx, pusher)
	result, err := Solve(ctx, opened, request, d)
	if err != nil {
		return nil, err
	}
	summary := &report.Summary{
		Engine: string(opened[0].Description().Kind), Local: slices.ContainsFunc(opened, func(e *engine.Engine) bool { return e.Description().Local }),
		Notes: request.Notes, Warnings: slices.Concat(warnings, request.Warnings, result.Warnings), Steps: result.Steps, Cached: result.Cached, Kept: result.Kept,
	}
	if result.CacheErr != nil {
		summary.CacheExportFailed = true
		summary.Warnings = append(summary.Warnings, "the cache was not exported: "+result.CacheErr.Error())
	}
	var l fault.List
	l.Add(request.cacheFault(result.CacheErr))
	outputs, failures := deliverAll(result.Built, here)
	before, err := mainSizes()
	if err != nil {
		summary.Notes = append(summary.Notes, "how the zips grew since the main branch is not known: "+err.Error())
	}
	l.Add(sendAll(ctx, result.Built, outputs, failures, pusher))
	sizes := map[string]int64{}
	for i := range outputs {
		out := &outputs[i]
		out.shorten(here)
		if out.ZipSize > 0 {
			sizes[out.Name] = out.ZipSize
		}
		if before[out.Name] != out.ZipSize {
			out.ZipSizeMain = before[out.Name]
		}
		if o.Cases && failures[i] == nil {
			out.Cases = finding.Cases(string(out.TestLines))
		}
		summary.Lambdas = append(summary.Lambdas, out.Lambda)
		summary.Warnings = append(summary.Warnings, out.Warnings...)
		summary.CompilerWarnings = append(summary.CompilerWarnings, out.CompilerWarnings...)
	}
	summary.CompilerWarnings = finding.Distinct(summary.CompilerWarnings)
	if l.Err() == nil && result.CacheErr == nil {
		if err := request.keepSizes(ctx, pusher, sizes); err != nil {
			summary.Notes = append(summary.Notes, "the sizes of the zips are not kept beside the cache: "+err.Error())
		}
	}
	return summary, l.Err()
}

// extensionsOf are the places of the extensions of a function among what was built.
func extensionsOf(t Target, built []Built) (places []int) {
	for _, e := range t.Extensions() {
		if i := slices.IndexFunc(built, func(b Built) bool { return b.Lambda == e.Lambda }); i >= 0 {
			places = append(places, i)
		}
	}
	return places
}

// pick are the elements at the places.
func pick[T any](all []T, places []int) (picked []T) {
	for _, i := range places {
		picked = append(picked, all[i])
	}
	return picked
}

// deliverAll delivers what was built. Each output has the failure of its own.
func deliverAll(built []Built, here *project.Here) (outputs []Output, failures []error) {
	outputs, failures = make([]Output, len(built)), make([]error, len(built))
	for i, b := range built {
		outputs[i], failures[i] = Deliver(b, pick(built, extensionsOf(b.Target, built)), here.Trace)
		if err := failures[i]; err != nil {
			outputs[i].Error, outputs[i].Kind = err.Error(), fault.Worst(err).String()
			if f := (*fault.Error)(nil); errors.As(err, &f) {
				f.Found.Warnings = nil // the summary has them
			}
		}
	}
	return outputs, failures
}

// sendAll states what there is to state of what was delivered, and pushes the images. What fails is added to the failures; the error
// joins all of them, each once.
func sendAll(ctx context.Context, built []Built, outputs []Output, failures []error, pusher *publish.Pusher) error {
	var l fault.List
	seen := map[error]bool{}
	for i, b := range built {
		if failures[i] == nil {
			failures[i] = send(ctx, b, &outputs[i], pick(outputs, extensionsOf(b.Target, built)), pusher)
		}
		if err := failures[i]; err != nil && !seen[err] {
			seen[err] = true
			l.Add(err)
		}
	}
	return l.Err()
}

// send states and pushes one output.
func send(ctx context.Context, b Built, out *Output, extensions []Output, pusher *publish.Pusher) (err error) {
	out.Statements, err = State(ctx, b, *out)
	if len(b.Images) > 0 {
		var pushErr error
		out.Image, pushErr = Publish(ctx, b, *out, extensions, pusher)
		err = errors.Join(err, pushErr)
	}
	return err
}

// shorten makes the paths of files those that here shows.
func (o *Output) shorten(here *project.Here) {
	show := func(file *string) {
		if *file != "" {
			*file = here.Show(*file)
		}
	}
	for _, all := range [][]finding.Finding{o.Failures, o.CompilerWarnings} {
		for i := range all {
			show(&all[i].File)
		}
	}
	for i := range o.Statements {
		show(&o.Statements[i])
	}
	for i := range o.Layers {
		show(&o.Layers[i].Zip)
	}
	show(&o.Debug)
	show(&o.Bootstrap)
	show(&o.Zip)
}
