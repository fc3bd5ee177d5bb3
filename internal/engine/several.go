package engine

import (
	"slices"
	"strings"
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
