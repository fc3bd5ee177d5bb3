package progress

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lpipe/internal/report"
	"lpipe/internal/screen"
)

// frame is what a terminal shows of the board at a time.
func (b *board) frame(now time.Time) screen.Frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	var f screen.Frame
	groups, own, blocked := map[string]*group{}, map[string][]ownStep{}, map[string]bool{}
	fetched, runs := 0, false
	for dgst, s := range b.steps {
		fetched, runs = max(fetched, s.crates.locked), runs || b.known[dgst].Stage != "" && s.running()
	}
	for dgst, s := range b.steps {
		k := b.known[dgst]
		if k.Work == CompilesLambda || k.Work == RunsTests {
			for label := range b.owners[dgst] {
				own[label] = append(own[label], ownStep{s, k.Work})
			}
			continue
		}
		if s.failed {
			for label := range b.owners[dgst] {
				blocked[label] = true
			}
		}
		name, text := s.shared(k, now, fetched)
		if name == "" {
			continue
		}
		if engine := b.engines[dgst]; engine != "" {
			name += " on " + engine
		}
		if groups[name] == nil {
			groups[name] = &group{name: name}
		}
		groups[name].add(s, text)
	}
	for _, g := range slices.SortedFunc(maps.Values(groups), func(a, c *group) int { return compareBegin(a.first(), c.first()) }) {
		if row, ok := g.row(now); ok {
			f.Shared = append(f.Shared, b.estimate(row, sharedTime(row.Name)))
		}
	}
	for _, label := range b.lambdas {
		ended, hasEnded := b.ended[label]
		row := lambdaRow(now, own[label], ended, hasEnded, blocked[label])
		row.Name = label
		f.Lambdas = append(f.Lambdas, b.estimate(row, lambdaTime(label)))
	}
	// A program that runs may be silent for as long as it likes.
	if quiet := now.Sub(b.heard); !b.heard.IsZero() && quiet >= silence && !runs {
		f.Silence = seconds(quiet)
	}
	return f
}

// The names of times: a lambda may be called as a shared step is.
func sharedTime(name string) string  { return "step " + name }
func lambdaTime(label string) string { return "lambda " + label }

// estimate adds what is left to a row of something that runs, if it took longer the last time.
func (b *board) estimate(row screen.Row, name string) screen.Row {
	if left := b.last[name] - row.Seconds; row.State == screen.Running && left > 0 {
		row.Text = strings.TrimPrefix(row.Text+", about "+screen.Seconds(left)+" left", ", ")
	}
	return row
}

// Took returns how many seconds the shared steps that ran took, and the lambdas that were built, by name.
func (d *Display) Took() map[string]int {
	f := d.frame(time.Now())
	took := map[string]int{}
	for _, row := range f.Shared {
		if row.State == screen.Done {
			took[sharedTime(row.Name)] = row.Seconds
		}
	}
	for _, row := range f.Lambdas {
		if row.State == screen.Done && row.Seconds > 0 {
			took[lambdaTime(row.Name)] = row.Seconds
		}
	}
	return took
}

func seconds(d time.Duration) int { return max(0, int(d/time.Second)) }

func (s *step) running() bool { return s.started && !s.completed }

// broken is true for a step that failed by itself.
func (s *step) broken() bool {
	return s.failed && !strings.HasSuffix(s.vertex.Error, context.Canceled.Error())
}

// shared is what a step that lambdas share is called on a terminal, "" if it is not shown, and what it does or did.
func (s *step) shared(k Known, now time.Time, fetched int) (name, text string) {
	// The names that BuildKit gives, and those of package solve.
	ref, reads := strings.CutPrefix(s.raw, "importing cache manifest from ")
	switch {
	case k.Short != "":
		return k.Short, s.preparing(k, now, fetched)
	case strings.Contains(s.raw, "] FROM "), strings.HasSuffix(s.raw, "] OCI load from client"):
		return rowBaseImage, s.pulling()
	case strings.HasPrefix(s.raw, "resolve image config for "):
		return rowBaseImage, s.meanwhile("asking the registry")
	case strings.HasPrefix(s.raw, "[context] "):
		return rowSources, s.sending()
	case reads:
		return rowCache, s.meanwhile("reading " + ref)
	case strings.HasPrefix(s.raw, "exporting") && strings.Contains(strings.ToLower(s.raw), "cache"):
		return rowCache, s.meanwhile("writing")
	}
	return "", ""
}

// meanwhile is what is said of a step while it runs.
func (s *step) meanwhile(text string) string {
	if s.completed {
		return ""
	}
	return text
}

// What steps are called that are none of the Dockerfile's.
const (
	rowBaseImage = "base image"
	rowSources   = "sources"
	rowCache     = "cache"
)

// preparing says how far a step of the Dockerfile is.
func (s *step) preparing(k Known, now time.Time, fetched int) string {
	switch {
	case s.crates.locked > 0:
		size := report.Size(s.crates.bytes)
		if s.crates.there >= s.crates.locked || s.completed {
			return report.Count(s.crates.there, "crate", "crates") + ", " + size
		}
		return fmt.Sprintf("%d of at most %s, %s%s", s.crates.there, report.Count(s.crates.locked, "crate", "crates"), size, s.rate())
	case s.now != "":
		return s.meanwhile(s.now)
	case len(s.compiled) == 0:
		return ""
	case k.Work == CompilesLibraries && !s.completed:
		return "compiling " + s.current(now)
	}
	n := len(s.compiled)
	of := report.Count(n, "crate", "crates")
	if most := k.most(fetched); most >= n && !s.completed {
		of = fmt.Sprintf("%d of %s%s", n, map[bool]string{true: "at most "}[fetched == 0], report.Count(most, "crate", "crates"))
	}
	if current := s.current(now); current != "" && !s.completed {
		return of + ", " + current
	}
	return of
}

// most is how many dependencies a step compiles at most: those that were fetched just now are those of its target.
func (k Known) most(fetched int) int {
	if fetched > 0 {
		return fetched
	}
	return k.Most
}

// slow is how long cargo may be at one crate before that is worth saying.
const slow = 3 * time.Second

// current is the crate that cargo began last, with the time since then if it is long.
func (s *step) current(now time.Time) string {
	if s.crate == "" {
		return ""
	}
	if since := now.Sub(s.crateAt); since >= slow {
		return s.crate + " for " + screen.Seconds(seconds(since))
	}
	return s.crate
}

// pulling says how far the download of an image is.
func (s *step) pulling() string {
	there, size := s.layerBytes()
	if s.completed || size == 0 {
		if size > 0 {
			return report.Size(size)
		}
		return ""
	}
	of := "of"
	if len(s.layers) < s.all {
		of = "of at least"
	}
	if there < size {
		return fmt.Sprintf("%s %s %s%s", report.Size(there), of, report.Size(size), s.rate())
	}
	return report.Size(size) + ", unpacking"
}

// sending says how much was sent of the sources.
func (s *step) sending() string {
	if s.sent == 0 {
		return ""
	}
	return "sending " + report.Size(s.sent)
}

// group is all shared steps of one name.
type group struct {
	name  string
	steps []groupStep
}

type groupStep struct {
	*step
	text string
}

func (g *group) add(s *step, text string) {
	g.steps = append(g.steps, groupStep{s, text})
}

// first is the step that began first.
func (g *group) first() groupStep { return slices.MinFunc(g.steps, compareBegin) }

// compareBegin orders steps by when they began, those that have not begun by when they were heard of.
func compareBegin(a, b groupStep) int {
	return cmp.Or(a.begun.Compare(b.begun), cmp.Compare(a.number, b.number))
}

// row is the one for all steps of the group: it is about the first that failed, or the one that runs for longest, or about
// what they did. There is none where nothing was done.
func (g *group) row(now time.Time) (row screen.Row, ok bool) {
	slices.SortFunc(g.steps, compareBegin)
	row.Name = g.name
	var running, ran []groupStep
	for _, s := range g.steps {
		switch {
		case s.broken():
			return screen.Row{Name: g.name, State: screen.Failed, Seconds: seconds(s.to.Sub(s.from)), Text: s.firstError()}, true
		case s.running():
			running = append(running, s)
		case s.completed && !s.cached && !s.failed:
			ran = append(ran, s)
		}
	}
	if len(running) > 0 {
		s := running[0]
		row.Seconds, row.Text = seconds(now.Sub(s.begun)), s.text
		if more := len(running) - 1; more > 0 && g.name != rowSources {
			row.Text = strings.TrimPrefix(fmt.Sprintf("%s, and %d more at work", row.Text, more), ", ")
		}
		return row, true
	}
	row.State = screen.Done
	var texts []string
	crates := map[string]bool{}
	for _, s := range ran {
		row.Seconds += seconds(s.to.Sub(s.from))
		maps.Copy(crates, s.compiled)
		if s.text != "" && !slices.Contains(texts, s.text) {
			texts = append(texts, s.text)
		}
	}
	if len(crates) > 0 {
		texts = []string{report.Count(len(crates), "crate", "crates")}
	}
	row.Text = cmp.Or(strings.Join(texts, ", "), "done")
	// What took no time is not worth a line, and neither is what is done anew in each build.
	return row, row.Seconds > 0 && g.name != rowSources && g.name != rowCache
}

// ownStep is a step of one lambda.
type ownStep struct {
	*step
	work Work
}

// lambdaRow is that of a lambda, whose own steps are given.
func lambdaRow(now time.Time, steps []ownStep, ended Ended, hasEnded, blocked bool) (row screen.Row) {
	row.State = screen.Waiting
	var begun time.Time
	var build, test *step
	cached := len(steps) > 0
	for _, s := range steps {
		if s.broken() {
			return screen.Row{State: screen.Failed, Seconds: seconds(s.to.Sub(s.from)), Text: s.firstError()}
		}
		cached = cached && s.cached
		if s.started && !s.cached && (begun.IsZero() || s.begun.Before(begun)) {
			begun = s.begun
		}
		if s.work == CompilesLambda {
			build = s.step
		} else {
			test = s.step
		}
	}
	switch {
	case hasEnded && ended.Err != nil && blocked:
		return screen.Row{State: screen.Skipped, Text: "not built"}
	case hasEnded && ended.Err != nil:
		first, _, _ := strings.Cut(Brief(ended.Err.Error()), "\n")
		return screen.Row{State: screen.Failed, Text: first}
	case hasEnded:
		return endedRow(ended, test, cached, seconds(ended.at.Sub(begun)))
	case begun.IsZero():
		row.Text = "waiting"
		return row
	}
	row.State, row.Seconds = screen.Running, seconds(now.Sub(begun))
	switch {
	case test != nil && test.running() && test.tests > 0:
		row.Text = fmt.Sprintf("testing %d of %d", test.passed+test.ignored+test.failures, test.tests)
		if test.failures > 0 {
			row.Text += fmt.Sprintf(", %d failed", test.failures)
		}
	case build != nil && build.running():
		row.Text = "compiling"
	case test != nil && test.running():
		row.Text = "compiling the tests"
	case test != nil && !test.completed:
		row.Text = "waiting for the tests"
	default:
		row.Text = "finishing"
	}
	return row
}

func endedRow(ended Ended, test *step, cached bool, took int) screen.Row {
	row := screen.Row{State: screen.Done, Seconds: took}
	var texts []string
	if ended.Size > 0 {
		texts = append(texts, report.Size(ended.Size))
	}
	if test != nil && test.tests > 0 {
		texts = append(texts, report.Count(test.passed, "test passed", "tests passed"))
	}
	if cached {
		row.State, row.Seconds, texts = screen.Cached, 0, append(texts, "cached")
	}
	row.Text = cmp.Or(strings.Join(texts, ", "), "done")
	return row
}
