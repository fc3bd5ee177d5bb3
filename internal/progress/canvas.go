package progress

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/morikuni/aec"
	"golang.org/x/term"

	"lpipe/internal/screen"
)

// redraw is how often a terminal is drawn on. What is over by then is not seen at all.
const redraw = 150 * time.Millisecond

// draw shows the display on a terminal until its channel is closed.
func (d *Display) draw(c *canvas) {
	defer close(d.done)
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	d.hear(time.Now())
	for {
		select {
		case status, ok := <-d.in:
			if !ok {
				d.rest()
				c.end(d.frame(time.Now()))
				return
			}
			d.hear(time.Now())
			d.observe(status)
		case line := <-d.said:
			c.print(line)
		case <-resumed: // another program wrote to the terminal
			c.drawn = nil
		case <-tick.C:
			c.show(d.frame(time.Now()))
		}
	}
}

func (d *Display) hear(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = at
}

// terminal is what a canvas draws on.
type terminal interface {
	WriteString(text string) (int, error)
	Size() (width, height int)
}

// file is a terminal of this machine.
type file struct{ *os.File }

func (f file) Size() (width, height int) {
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// canvas is the lower end of a terminal, on which lines are replaced.
type canvas struct {
	terminal
	colour bool
	drawn  []string // the lines above the cursor, which are replaced
}

func newCanvas(f *os.File, colour bool) *canvas { return &canvas{terminal: file{f}, colour: colour} }

func (c *canvas) style() screen.Style {
	width, height := c.Size()
	return screen.Style{Width: width, Height: height, Colour: c.colour}
}

// show replaces what is drawn by the frame.
func (c *canvas) show(f screen.Frame) {
	s := c.style()
	if lines := f.Lines(s); !slices.Equal(lines, c.drawn) {
		c.replace(s, nil, lines)
	}
}

// print writes a line above what is drawn.
func (c *canvas) print(line string) { c.replace(c.style(), []string{line}, c.drawn) }

// end replaces what is drawn by what stays.
func (c *canvas) end(f screen.Frame) {
	s := c.style()
	c.replace(s, f.Ran(s), nil)
}

// replace writes lines that stay, and below them others in place of those drawn. All goes out in one write, and no line is
// empty in between, so that nothing flickers.
func (c *canvas) replace(s screen.Style, stay, drawn []string) {
	var out strings.Builder
	if up := screen.Rows(c.drawn, s); up > 0 {
		out.WriteString(aec.Up(uint(up)).String())
	}
	out.WriteString("\r")
	for _, line := range append(stay, drawn...) {
		out.WriteString(line + aec.EraseLine(aec.EraseModes.Tail).String() + "\n")
	}
	out.WriteString(aec.EraseDisplay(aec.EraseModes.Tail).String())
	c.drawn = drawn
	_, _ = c.WriteString(out.String()) // a display never fails a build
}
