package symbolize

import (
	"fmt"
	"strconv"
	"strings"

	"lpipe/internal/pattern"
)

// frame is a line of a backtrace as Rust's standard library prints it with RUST_BACKTRACE=full: a number, an address, a name.
var frame = pattern.Of(`^(.*?)(\d+):\s+0x([0-9a-f]{1,16}) - (.*)$`)

// Result is a text with what was found in it.
type Result struct {
	Text       string
	Backtraces int      // how many there are in the text
	Notes      []string // why one of them could not be read
}

// Text returns a text with the functions and lines of its backtraces; all other lines are as they were. Where a JSON log has the
// whole backtrace as one value, its line ends are made line ends again.
func (p *Program) Text(text string) Result {
	if strings.Contains(text, `stack backtrace:\n`) {
		text = strings.ReplaceAll(text, `\n`, "\n")
	}
	var r Result
	var out strings.Builder
	var block []string
	flush := func() {
		if len(block) > 0 {
			r.Backtraces++
			out.WriteString(p.block(block, &r))
			block = nil
		}
	}
	last := -1
	for line := range strings.Lines(text) {
		m := frame().FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			if !strings.Contains(line, "   at ") { // of a frame that has its place already
				flush()
				last = -1
			}
			if len(block) > 0 {
				block = append(block, line)
				continue
			}
			out.WriteString(line)
			continue
		}
		number, _ := strconv.Atoi(m[2])
		if number <= last {
			flush()
		}
		last = number
		block = append(block, line)
	}
	flush()
	r.Text = out.String()
	if r.Backtraces == 0 {
		why := "there is no backtrace with addresses in the text"
		if strings.Contains(text, "stack backtrace:") {
			why += ": a program without symbols prints them only with RUST_BACKTRACE=full"
		}
		r.Notes = append(r.Notes, why)
	}
	return r
}

// block returns the lines of one backtrace with what is at their addresses.
func (p *Program) block(lines []string, r *Result) string {
	var addresses []uint64
	for _, line := range lines {
		if m := frame().FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
			if a, err := strconv.ParseUint(m[3], 16, 64); err == nil && a != 0 {
				addresses = append(addresses, a)
			}
		}
	}
	base, _, err := p.Base(addresses)
	if err != nil {
		r.Notes = append(r.Notes, "backtrace "+strconv.Itoa(r.Backtraces)+": "+err.Error())
		return strings.Join(lines, "")
	}
	var out strings.Builder
	for _, line := range lines {
		m := frame().FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		var frames []Frame
		if m != nil {
			if a, err := strconv.ParseUint(m[3], 16, 64); err == nil && a > base {
				frames = p.At(a - base)
			}
		}
		if len(frames) == 0 {
			out.WriteString(line)
			continue
		}
		for i, f := range frames {
			number := m[2] + ":"
			if i > 0 {
				number = strings.Repeat(" ", len(number))
			}
			fmt.Fprintf(&out, "%s%s %s\n", m[1], number, or(f.Function))
			if f.File != "" {
				fmt.Fprintf(&out, "%s%s   at %s:%d\n", m[1], strings.Repeat(" ", len(number)), f.File, f.Line)
			}
		}
	}
	return out.String()
}

func or(name string) string {
	if name == "" {
		return "<unknown>"
	}
	return name
}
