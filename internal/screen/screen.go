// Package screen says what a terminal shows while a build runs: one line for each kind of step that lambdas share, then
// one for each lambda, cut to the size of the terminal.
//
// It is values in and lines out. What the steps do is read by package progress, which draws the lines too.
package screen

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/morikuni/aec"
	"golang.org/x/text/width"
)

// State is what a row is about to do, does or did.
type State int

// The states, in the order in which rows that are left out are counted.
const (
	Running State = iota
	Waiting
	Done
	Cached
	Skipped // not done, because a step that it needs failed
	Failed
)

// counted are the words for rows that are left out.
var counted = map[State]string{Running: "at work", Waiting: "waiting", Done: "done", Cached: "cached", Skipped: "not built", Failed: "failed"}

// Row is a kind of step, or a lambda.
type Row struct {
	Name    string
	State   State
	Seconds int    // for which it runs, or ran
	Text    string // one line: what it does, or what became of it
}

// Frame is all that is shown at a time.
type Frame struct {
	Shared  []Row // in the order in which they began
	Lambdas []Row // in the order of their names
	Silence int   // seconds for which nothing was heard of the engine, where that is worth a line
}

// Style is how lines are drawn.
type Style struct {
	Width, Height int // of the terminal
	Colour        bool
}

// Lines are those of the frame, at most one less than the terminal is high, each narrower than it is wide.
func (f Frame) Lines(s Style) []string {
	room := max(1, s.Height-1)
	var last []string
	if f.Silence > 0 {
		last = append(last, "no word from the engine for "+Seconds(f.Silence))
	}
	shared := choose(f.Shared, max(1, (room-len(last))/2))
	lambdas, rest := f.Lambdas, ""
	if left := room - len(shared) - len(last); len(lambdas) > left {
		// One more line says what is not shown.
		lambdas, rest = atWork(f.Lambdas, max(0, left-1))
	}
	if rest != "" {
		last = append([]string{rest}, last...)
	}
	rows := slices.Concat(shared, lambdas)
	names := nameWidth(rows, s.Width)
	spare := room - len(rows) - len(last)
	var lines []string
	for _, r := range rows {
		line, more := r.line(names, s), r.more(names, s)
		more = more[:min(len(more), max(0, spare))]
		spare -= len(more)
		lines = append(append(lines, line), more...)
	}
	for _, text := range last {
		lines = append(lines, faint(cut(text, s.Width-1), s))
	}
	return lines[:min(len(lines), room)]
}

// Ran are the lines that stay when all is done: the shared steps that ran. What became of the lambdas is in the report.
func (f Frame) Ran(s Style) []string {
	rows := slices.DeleteFunc(slices.Clone(f.Shared), func(r Row) bool { return r.State != Done })
	names := nameWidth(rows, s.Width)
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.line(names, s))
	}
	return lines
}

// choose returns at most n of the rows: those that are done are left out first.
func choose(rows []Row, n int) []Row {
	rows = slices.Clone(rows)
	for len(rows) > n {
		at := max(0, slices.IndexFunc(rows, func(r Row) bool { return r.State == Done }))
		rows = slices.Delete(rows, at, at+1)
	}
	return rows
}

// atWork returns at most n of the lambdas, those that failed and those at work, and what is said of the others.
func atWork(rows []Row, n int) (shown []Row, rest string) {
	failed := 0
	for _, r := range rows {
		if r.State == Failed {
			failed++
		}
	}
	// However many failed, half of the room is for what goes on.
	running := min(n-min(failed, n/2), count(rows, Running))
	failed = min(failed, n-running)
	left := map[State]int{}
	for _, r := range rows {
		switch {
		case r.State == Failed && failed > 0:
			failed--
			shown = append(shown, r)
		case r.State == Running && running > 0:
			running--
			shown = append(shown, r)
		default:
			left[r.State]++
		}
	}
	var kinds []string
	hidden := 0
	for state := Running; state <= Failed; state++ {
		if left[state] > 0 {
			kinds, hidden = append(kinds, fmt.Sprintf("%d %s", left[state], counted[state])), hidden+left[state]
		}
	}
	which := fmt.Sprintf("and %d more", hidden)
	switch {
	case hidden == 0:
		return shown, ""
	case len(shown) == 0 && hidden == 1:
		which = "1 lambda"
	case len(shown) == 0:
		which = fmt.Sprintf("%d lambdas", hidden)
	}
	if len(kinds) == 1 {
		_, kind, _ := strings.Cut(kinds[0], " ")
		return shown, which + " " + kind
	}
	return shown, which + ": " + strings.Join(kinds, ", ")
}

func count(rows []Row, s State) (n int) {
	for _, r := range rows {
		if r.State == s {
			n++
		}
	}
	return n
}

// nameWidth is that of the column of names: a third of the terminal at most.
func nameWidth(rows []Row, terminal int) int {
	widest := 0
	for _, r := range rows {
		widest = max(widest, columns(r.Name))
	}
	return min(widest, max(4, terminal/3))
}

// timeWidth is that of "59m59s".
const timeWidth = 6

func (r Row) line(names int, s Style) string {
	name, took := middle(r.Name, names), ""
	if r.Seconds > 0 {
		took = Seconds(r.Seconds)
	}
	line := name + strings.Repeat(" ", names-columns(name)) + fmt.Sprintf(" %*s  ", timeWidth, took)
	before := cut(line, s.Width-1)
	text := cut(r.Text, s.Width-1-columns(before))
	if text == "" {
		before = strings.TrimRight(before, " ")
	}
	switch r.State {
	case Failed:
		return before + paint(text, aec.RedF, s)
	case Done:
		return before + paint(text, aec.GreenF, s)
	case Running:
		return before + text
	default:
		return faint(before+text, s)
	}
}

// maxMore is how many more lines the error of a row may take.
const maxMore = 2

// more is what the line of a row that failed has no room for, in lines of their own, if there is any room left.
func (r Row) more(names int, s Style) (lines []string) {
	const indent = "  "
	rest, room := r.Text, s.Width-1-names-timeWidth-3
	if r.State != Failed || columns(rest) <= room || s.Width <= 2*len(indent) {
		return nil
	}
	rest = rest[len(head(rest, max(0, room-1))):]
	for room = s.Width - 1 - len(indent); rest != "" && len(lines) < maxMore; {
		line := rest
		if columns(rest) > room {
			line = head(rest, room)
		}
		lines, rest = append(lines, indent+paint(line, aec.RedF, s)), rest[len(line):]
	}
	return lines
}

func faint(text string, s Style) string { return paint(text, aec.Faint, s) }

func paint(text string, how aec.ANSI, s Style) string {
	if !s.Colour || text == "" {
		return text
	}
	return how.Apply(text)
}

// Seconds writes a time for a person: 7s, 1m04s, 2h05m.
func Seconds(n int) string {
	switch {
	case n < 60:
		return fmt.Sprintf("%ds", n)
	case n < 3600:
		return fmt.Sprintf("%dm%02ds", n/60, n%60)
	default:
		return fmt.Sprintf("%dh%02dm", n/3600, n/60%60)
	}
}

// runeColumns is how many columns a character takes on a terminal.
func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cc, unicode.Cf) {
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

func columns(text string) (n int) {
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

// cut returns the beginning of the text, of at most n columns; what is cut off is an ellipsis.
func cut(text string, n int) string {
	if columns(text) <= n {
		return text
	}
	if n <= 0 {
		return ""
	}
	return head(text, n-1) + "…"
}

// middle cuts the middle out: names that begin alike differ at their end.
func middle(text string, n int) string {
	if columns(text) <= n {
		return text
	}
	runes := []rune(text)
	end, used := len(runes), 0
	for end > 0 && used+runeColumns(runes[end-1]) <= (n-1)/2 {
		end--
		used += runeColumns(runes[end])
	}
	return head(text, n-1-used) + "…" + string(runes[end:])
}

// head is the beginning of the text, of at most n columns.
func head(text string, n int) string {
	for i, r := range text {
		if n -= runeColumns(r); n < 0 {
			return text[:i]
		}
	}
	return text
}

// Rows is how many rows lines take that were drawn on a terminal, which is narrower now perhaps: it breaks them, then.
func Rows(lines []string, s Style) (n int) {
	for _, line := range lines {
		n += max(1, (columns(plain(line))+s.Width-1)/s.Width)
	}
	return min(n, s.Height-1)
}

// plain is a line without its colours.
func plain(line string) string {
	for _, code := range []string{aec.Faint.String(), aec.RedF.String(), aec.GreenF.String(), aec.Reset} {
		line = strings.ReplaceAll(line, code, "")
	}
	return line
}
