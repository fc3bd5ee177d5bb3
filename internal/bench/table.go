package main

import (
	"fmt"
	"strings"
)

// markdown is the page of all results.
func markdown(all []Result) string {
	var b strings.Builder
	b.WriteString(`# Results

<!-- Written by scripts/bench from results.json; edits are lost. -->

[How this was measured](../bench.md). Medians, with the smallest value in parentheses. "lpipe is" divides the median of
lpipe by that of the peer: below 1, lpipe needs less.

![Processor time inside the steps](results.svg)
`)
	for _, r := range all {
		fmt.Fprintf(&b, "\n## %s: %s\n\n%s. %s. Load %s. `%s`\n\n", r.Scenario, r.Title, r.Date, r.Machine, r.Load, r.Command)
		if len(r.Series) > 0 {
			b.WriteString(table(r.Series))
		}
		if len(r.Facts) > 0 {
			b.WriteString(facts(r.Facts))
		}
	}
	return b.String()
}

// table compares the first series with the others.
func table(all []Series) string {
	var b strings.Builder
	b.WriteString("| peer | n | CPU s in the steps | lpipe is | wall s | lpipe is | dependencies compiled |\n|---|--:|--:|--:|--:|--:|--:|\n")
	ours := all[0]
	for i, s := range all {
		ratio := func(ours, theirs []float64, noise float64) string {
			if i == 0 || median(theirs) <= noise {
				return "–"
			}
			return fmt.Sprintf("%.2f ×", median(ours)/median(theirs))
		}
		name := s.Peer
		if n := s.stale(); n > 0 {
			name += fmt.Sprintf(" (**wrong program** in %d of %d)", n, len(s.Samples))
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %.0f |\n", name, len(s.Samples),
			middle(s.cpu()), ratio(ours.cpu(), s.cpu(), noise), middle(s.wall()), ratio(ours.wall(), s.wall(), 0), median(s.crates()))
	}
	return b.String()
}

func facts(all []Fact) string {
	var b strings.Builder
	b.WriteString("| | n | |\n|---|--:|--:|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %d | %s %s |\n", f.What, len(f.Samples), middle(f.Samples), f.Unit)
	}
	return b.String()
}

// middle is a median with the least value, as people read it.
func middle(numbers []float64) string {
	if len(numbers) == 1 {
		return figure(numbers[0])
	}
	return figure(median(numbers)) + " (" + figure(least(numbers)) + ")"
}

// figure keeps three digits or so: more would pretend to be exact.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// noise is the processor time, in seconds, below which a ratio says nothing: a container that starts and ends.
const noise = 0.05
