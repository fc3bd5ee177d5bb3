package trace

import (
	"slices"
	"time"
)

// Ready returns when a step could begin: when the last of those that it waits for had ended. It is zero for one that waits for none.
func Ready(s Span, all []Span) time.Time { return last(waitedFor(s, all)).End }

// Critical returns the steps that decide how long all of them take: the one that ended last, before it the last of those that it
// waited for, and so on, first to last. Those that were cached took no time, and are not among them, nor are those that stand
// alone, as the engine has some as a name for several.
func Critical(all []Span) (path []Span) {
	var ran []Span
	for _, s := range all {
		if s.ID != "" && !s.cached() && !alone(s, all) {
			ran = append(ran, s)
		}
	}
	for s := last(ran); s.ID != "" && len(path) < len(all); { // others say what waits for what, and may do so in a circle
		path = append(path, s)
		s = last(ranBefore(s, all, map[string]bool{}))
	}
	slices.Reverse(path)
	return path
}

// alone reports that s waits for no step and none waits for s.
func alone(s Span, all []Span) bool {
	return len(s.After) == 0 && !slices.ContainsFunc(all, func(other Span) bool { return slices.Contains(other.After, s.ID) })
}

func (s Span) cached() bool {
	cached, _ := s.Args["cached"].(bool)
	return cached
}

// ranBefore are the steps that s waits for; in place of one that was cached, those which that one waits for.
func ranBefore(s Span, all []Span, seen map[string]bool) (ran []Span) {
	for _, other := range waitedFor(s, all) {
		switch {
		case seen[other.ID]:
		case other.cached():
			seen[other.ID] = true
			ran = append(ran, ranBefore(other, all, seen)...)
		default:
			ran = append(ran, other)
		}
	}
	return ran
}

// waitedFor are the steps that s waits for. Where all of these are unknown, as an engine calls some by other names when they are
// to run again, they are those that ended by the time at which s began.
func waitedFor(s Span, all []Span) (known []Span) {
	for _, other := range all {
		if other.ID != s.ID && slices.Contains(s.After, other.ID) {
			known = append(known, other)
		}
	}
	if len(known) > 0 || len(s.After) == 0 {
		return known
	}
	for _, other := range all {
		if other.ID != "" && other.ID != s.ID && !other.End.After(s.Start) {
			known = append(known, other)
		}
	}
	return known
}

// last is the one of the steps that ended last, one without an ID if there is none.
func last(all []Span) (last Span) {
	for _, s := range all {
		if s.End.After(last.End) {
			last = s
		}
	}
	return last
}
