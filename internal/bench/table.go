package main

import (
	"fmt"
	"slices"
	"strings"
)

// markdown is the page of all results.
func markdown(all []Result) string {
	var b strings.Builder
	b.WriteString(`# Results

<!-- Written by scripts/bench from results.json; edits are lost. -->

[All pages](../README.md). [How this was measured](../bench.md). Medians, with the smallest value in parentheses. "lpipe is" divides the median of
lpipe by that of the peer, and in parentheses the smallest value of lpipe by the peer's smallest: below 1, lpipe needs less.

![Processor time inside the steps, and wall time](results.svg)
`)
	for _, r := range all {
		fmt.Fprintf(&b, "\n## %s: %s\n\n%s. %s. Load %s. `%s`\n\n", r.Scenario, r.Title, r.Date, r.Machine, r.Load, r.Command)
		if len(r.Series) > 0 {
			b.WriteString(table(r.Series))
			b.WriteString(perLambda(r, all))
		}
		if len(r.Facts) > 0 {
			b.WriteString(facts(r.Facts))
		}
	}
	return b.String()
}

// column is one number of each sample in a table.
type column struct {
	title   string
	numbers func(Series) []float64
	noise   float64 // up to which a ratio says nothing
	always  bool    // shown also when nobody has any
	ratio   bool    // followed by what lpipe's number is of the peer's
	whole   bool    // a count, whose median says enough
}

var columns = []column{
	{title: "CPU s in the steps", numbers: Series.cpu, noise: noise, always: true, ratio: true},
	{title: "of it until the dependencies are compiled", numbers: Series.cooked, noise: noise, ratio: true},
	{title: "wall s", numbers: Series.wall, always: true, ratio: true},
	{title: "MB pulled", numbers: Series.pulled},
	{title: "dependencies compiled", numbers: Series.crates, always: true, whole: true},
}

// table compares the first series with the others.
func table(all []Series) string {
	var b strings.Builder
	shown := slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		return !c.always && !slices.ContainsFunc(all, func(s Series) bool { return median(c.numbers(s)) > 0 })
	})
	head, rule := "| peer | n |", "|---|--:|"
	for _, c := range shown {
		head, rule = head+" "+c.title+" |", rule+"--:|"
		if c.ratio {
			head, rule = head+" lpipe is |", rule+"--:|"
		}
	}
	b.WriteString(head + "\n" + rule + "\n")
	for i, s := range all {
		name := s.Peer
		if n := s.stale(); n > 0 {
			name += fmt.Sprintf(" (**wrong program** in %d of %d)", n, len(s.Samples))
		}
		fmt.Fprintf(&b, "| %s | %d |", name, len(s.Samples))
		for _, c := range shown {
			numbers := c.numbers(s)
			if c.whole {
				fmt.Fprintf(&b, " %.0f |", median(numbers))
				continue
			}
			fmt.Fprintf(&b, " %s |", middle(numbers))
			if !c.ratio {
				continue
			}
			ratio := "–"
			if ours := c.numbers(all[0]); i > 0 && least(numbers) > c.noise {
				ratio = fmt.Sprintf("%.2f ×", median(ours)/median(numbers))
				if len(numbers) > 1 {
					ratio += fmt.Sprintf(" (%.2f)", least(ours)/least(numbers))
				}
			}
			fmt.Fprintf(&b, " %s |", ratio)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// perLambda says what each lambda costs beyond the first: the difference to the result with one lambda.
func perLambda(r Result, all []Result) string {
	lambdas, one := lambdasOf(r.Scenario), slices.IndexFunc(all, func(r Result) bool { return lambdasOf(r.Scenario) == 1 })
	if lambdas < 2 || one < 0 {
		return ""
	}
	var parts []string
	for _, s := range r.Series {
		for _, first := range all[one].Series {
			if first.Peer == s.Peer {
				each := func(of func([]float64) float64) float64 {
					return (of(s.wall()) - of(first.wall())) * 1000 / float64(lambdas-1)
				}
				parts = append(parts, fmt.Sprintf("%s %.1f ms (%.1f)", s.Peer, each(median), each(least)))
			}
		}
	}
	return "\nEach lambda beyond the first, compared with " + all[one].Scenario + ": " + strings.Join(parts, ", ") + ".\n"
}

// lambdasOf is how many lambdas a scenario names; zero if it builds all there are.
func lambdasOf(name string) int {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return 0
	}
	return scenarios[i].lambdas
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
