package progress

import (
	"strings"
	"testing"

	"github.com/tonistiigi/vt100"

	"lpipe/internal/screen"
)

// emulator is a terminal in memory.
type emulator struct {
	*vt100.VT100
	writes int
}

func (e *emulator) WriteString(text string) (int, error) {
	e.writes++
	return e.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) // as a terminal's driver does
}

func (e *emulator) Size() (width, height int) { return e.Width, e.Height }

// text is what is on the screen, without what is empty at its end.
func (e *emulator) text() string {
	var lines []string
	for _, row := range e.Content {
		lines = append(lines, strings.TrimRight(string(row), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func lambdas(texts ...string) (f screen.Frame) {
	for i, text := range texts {
		f.Lambdas = append(f.Lambdas, screen.Row{Name: string(rune('a' + i)), Text: text})
	}
	return f
}

func TestACanvasReplacesItsLines(t *testing.T) {
	e := &emulator{VT100: vt100.NewVT100(10, 40)}
	c := &canvas{terminal: e, colour: true}
	_, _ = e.WriteString("$ lpipe build\n")
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"a frame", func() { c.show(lambdas("compiling for long", "waiting")) }, "$ lpipe build\na         compiling for long\nb         waiting"},
		{"a shorter text", func() { c.show(lambdas("testing", "waiting")) }, "$ lpipe build\na         testing\nb         waiting"},
		{"a line that stays", func() { c.print("lpipe: ssh: signed") }, "$ lpipe build\nlpipe: ssh: signed\na         testing\nb         waiting"},
		{"fewer lines", func() { c.show(lambdas("testing")) }, "$ lpipe build\nlpipe: ssh: signed\na         testing"},
		{
			"an interrupt's echo", func() { _, _ = e.WriteString("^C"); c.show(lambdas("testing on")) },
			"$ lpipe build\nlpipe: ssh: signed\na         testing on",
		},
		{
			"the end", func() {
				f := lambdas("compiling")
				f.Shared = []screen.Row{{Name: "downloads", State: screen.Done, Seconds: 3, Text: "7 crates"}, {Name: "libraries"}}
				c.end(f)
			}, "$ lpipe build\nlpipe: ssh: signed\ndownloads     3s  7 crates",
		},
	} {
		before := e.writes
		step.do()
		if got := e.text(); got != step.want {
			t.Errorf("%s: got\n%s\nwant\n%s", step.name, got, step.want)
		}
		if n := e.writes - before; n > 2 || n > 1 && step.name != "an interrupt's echo" {
			t.Errorf("%s: drawn in %d pieces", step.name, n)
		}
	}
}

func TestTheSizeIsThatOfTheMoment(t *testing.T) {
	e := &emulator{VT100: vt100.NewVT100(10, 40)}
	c := &canvas{terminal: e}
	c.show(lambdas("a text of thirty columns, or so"))
	e.Resize(10, 20)
	c.show(lambdas("a text of thirty columns, or so"))
	if got := c.drawn[0]; got != "a         a text o…" {
		t.Errorf("got %q", got)
	}
	// A terminal breaks the lines that are too wide for it now.
	wide := []string{strings.Repeat("x", 19), strings.Repeat("x", 20), strings.Repeat("x", 39), ""}
	if got := screen.Rows(wide, screen.Style{Width: 20, Height: 24}); got != 5 {
		t.Errorf("%d rows, want 5", got)
	}
}

func TestColoursAreAskedFor(t *testing.T) {
	f := screen.Frame{Lambdas: []screen.Row{{Name: "a", State: screen.Failed, Text: "bad"}, {Name: "b", State: screen.Done, Text: "good"}, {Name: "c", State: screen.Waiting, Text: "waiting"}}}
	s := screen.Style{Width: 80, Height: 24, Colour: true}
	want := "a         \x1b[31mbad\x1b[0m\nb         \x1b[32mgood\x1b[0m\n\x1b[2mc         waiting\x1b[0m"
	if got := strings.Join(f.Lines(s), "\n"); got != want {
		t.Errorf("got %q", got)
	}
	s.Colour = false
	if got := strings.Join(f.Lines(s), "\n"); strings.Contains(got, "\x1b") || !strings.Contains(got, "bad") {
		t.Errorf("without: %q", got)
	}
}
