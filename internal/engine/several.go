package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"lpipe/internal/fault"
)

// Each returns the options for each of the engines that o names: --engine and LPIPE_ENGINE may hold several, with
// commas between them. Options that name one engine or none come back alone.
func Each(o Options) []Options {
	names := o.Engine
	if names == "" && o.Builder == "" && o.Getenv != nil {
		names = o.Getenv("LPIPE_ENGINE")
	}
	if !strings.Contains(names, ",") {
		return []Options{o}
	}
	var known []string
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	if known == nil { // commas alone, which are the name of no engine
		return []Options{o}
	}
	each := make([]Options, len(known))
	for i, name := range known {
		each[i] = o
		each[i].Engine = name
	}
	return each
}

// Chosen is what was chosen for one of the engines that the options name, or why it cannot be used.
type Chosen struct {
	Choice
	Err error
}

// ChooseEach is [Choose] for each of the engines that the options name: there is at least one.
func ChooseEach(o Options) []Chosen {
	var all []Chosen
	for _, one := range Each(o) {
		c, err := Choose(one)
		all = append(all, Chosen{c, err})
	}
	return all
}

// OpenEach connects to all engines that were chosen, as [Connect] does, where early, which may be nil, has no connection
// yet. Of several, those that cannot be reached are left out, with a warning for each, as long as there is one.
func OpenEach(ctx context.Context, o Options, chosen []Chosen, early *Early) (all []*Engine, warnings []string, err error) {
	opened, errs := make([]*Engine, len(chosen)), make([]error, len(chosen))
	var wait sync.WaitGroup
	for i, c := range chosen {
		if errs[i] = c.Err; c.Err == nil {
			wait.Go(func() {
				if opened[i] = early.take(i); opened[i] == nil {
					opened[i], errs[i] = Connect(ctx, o, c.Choice)
				}
			})
		}
	}
	wait.Wait()
	var l fault.List
	for i, e := range opened {
		switch {
		case errs[i] == nil:
			all = append(all, e)
		case fault.Worst(errs[i]) == fault.Engine:
			l.Add(errs[i])
			warnings = append(warnings, "left out: "+errs[i].Error())
		default: // a mistake, or an interrupt
			err = errors.Join(err, errs[i])
		}
	}
	if err == nil && len(all) > 0 {
		return all, warnings, nil
	}
	for _, e := range all {
		e.Close()
	}
	return nil, nil, errors.Join(err, l.Err())
}
