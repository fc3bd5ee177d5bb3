package fault

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"lpipe/internal/finding"
	"lpipe/internal/foreign"
)

// Screen is the size of what a person sees at once. The zero value is a page that is read from its start.
type Screen struct{ Columns, Rows int }

// Print writes err on a page, as [PrintOn] does on a screen.
func Print(w io.Writer, err error) { PrintOn(w, err, Screen{}) }

// PrintOn writes err for a person: first what was found in the project, each finding once and in full, then each part of err
// as up to three lines:
//
//	lpipe: error: cannot reach BuildKit at tcp://build.internal:1234
//	lpipe: why:   the certificate is valid for "buildkitd", not "build.internal"
//	lpipe: fix:   set engine.tls.server-name = "buildkitd" in lpipe.toml
//
// Where all of that does not fit on the screen, the reasons name the findings once more, so that its last lines do. Several
// lines in one sentence are indented under the first. The sentences may quote others, such as a server's answer: nothing in
// them can pass for a line of lpipe. There is always a fix.
func PrintOn(w io.Writer, err error, s Screen) {
	faults := Faults(err)
	above, below := outputs(faults), make([]string, len(faults))
	room, with := s.Rows-1-s.height(above), 0
	for i, f := range faults {
		below[i] = f.sentences(nil)
		room -= s.height(below[i])
		if len(f.Found.Findings) > 0 {
			with++
		}
	}
	if s.Rows > 0 && room < 0 && with > 0 {
		room = (room + s.height(above)) / with
		for i, f := range faults {
			below[i] = f.sentences(s.list(f.Found, max(room, 1)))
		}
	}
	_, _ = io.WriteString(w, above+strings.Join(below, ""))
}

// Faults are the parts of err, with words for those that have none.
func Faults(err error) (all []*Error) {
	for _, e := range Parts(err) {
		var f *Error
		if !errors.As(e, &f) {
			f = &Error{What: e.Error(), Fix: again}
		}
		all = append(all, f)
	}
	return all
}

// outputs are what faults have to show beside their sentences.
func outputs(faults []*Error) string {
	var all strings.Builder
	seen := map[finding.Finding]bool{} // but for the text, which has ids of threads
	for _, f := range faults {
		if f.Output != "" {
			fmt.Fprintln(&all, strings.TrimRight(foreign.Text(f.Output), "\n"))
		}
		for _, found := range slices.Concat(f.Found.Warnings, f.Found.Findings) {
			key := found
			if key.Text = ""; seen[key] {
				continue
			}
			seen[key] = true
			fmt.Fprintf(&all, "%s\n\n", foreign.Text(block(found, f.Found)))
		}
		if f.Found.More > 0 {
			fmt.Fprintf(&all, "and %d more\n\n", f.Found.More)
		}
	}
	return all.String()
}

// block is a finding in full.
func block(f finding.Finding, all finding.Report) string {
	if f.Text != "" && f.Kind != finding.Test {
		return f.Text
	}
	heading := heading(f, all)
	if f.Kind == finding.Test || f.Kind == finding.TestProgram {
		heading = "FAILED " + heading
	}
	return strings.ReplaceAll(heading+"\n  "+strings.ReplaceAll(cmp.Or(f.Text, f.Message), "\n", "\n  "), "\n  \n", "\n\n")
}

// heading names a finding and its place, and its package where another one has its name.
func heading(f finding.Finding, all finding.Report) string {
	text, same := f.Title(), 0
	for _, other := range all.Findings {
		if other.Kind == f.Kind && other.Name == f.Name {
			same++
		}
	}
	if f.Kind == finding.Test && same > 1 && f.Package != "" {
		text += " of " + f.Package
	}
	if place := f.Place(); place != "" {
		text += " at " + place
	}
	return text
}

// maxMessage is how many lines of a message the list of findings has.
const maxMessage = 6

// list names the findings in as many rows: with their messages if those fit, else with the first line of each, and only as
// many of them as fit.
func (s Screen) list(all finding.Report, rows int) []string {
	columns := max(s.Columns-len(prefix+why), 20)
	within := Screen{Columns: columns}
	var full, two, one []string
	for _, f := range all.Findings {
		text := foreign.Line(heading(f, all)) + ": "
		message := strings.Split(foreign.Text(f.Message), "\n")
		for i, line := range message {
			if message[i] = "  " + line; i == maxMessage {
				message = message[:i]
				break
			}
		}
		message[0] = text + strings.TrimSpace(message[0])
		full = append(full, message...)
		two, one = append(two, cut(message[0], 2*columns)), append(one, cut(message[0], columns))
	}
	for _, lines := range [][]string{full, two, one} {
		if all.More == 0 && within.height(strings.Join(lines, "\n")+"\n") <= rows {
			return lines
		}
	}
	if shown := max(rows-1, 1); shown < len(one) {
		one = append(one[:shown:shown], fmt.Sprintf("and %d more", len(one)-shown+all.More))
	}
	return one
}

// cut shortens text to as many characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// height is how many rows text takes, whose lines all end.
func (s Screen) height(text string) (rows int) {
	for line := range strings.Lines(text) {
		rows++
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); s.Columns > 0 && n > 0 {
			rows += (n - 1) / s.Columns
		}
	}
	return rows
}

// sentences are the three lines of the error, with lines that the reason has besides.
func (e *Error) sentences(more []string) string {
	var b strings.Builder
	line(&b, "error: ", e.What)
	line(&b, why, strings.Trim(e.Reason()+"\n"+strings.Join(more, "\n"), "\n"))
	line(&b, "fix:   ", cmp.Or(e.Fix, again))
	return b.String()
}

// again is what to do about an error that nobody foresaw.
const again = "run the command again; if that does not help, lpipe doctor looks at what a build needs"

const (
	prefix = "lpipe: "
	why    = "why:   "
)

func line(w io.Writer, label, text string) {
	if text == "" {
		return
	}
	indent := "\n" + strings.Repeat(" ", len(prefix)+len(label))
	text = strings.TrimRight(foreign.Text(text), "\n")
	fmt.Fprintf(w, "%s%s%s\n", prefix, label, strings.ReplaceAll(text, "\n", indent))
}
