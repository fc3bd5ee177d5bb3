// Package foreign prepares text of others for being shown: what compilers, tests, servers, registries and engines print,
// and names of crates and files. A person, a terminal and a CI system must be able to tell it from what lpipe says.
//
// What is shown has no control characters but line feeds and tabs, nothing invisible and nothing that changes the order
// of characters, and no line of it begins as one of lpipe or as a command to a CI system: such a line gets "| " before it.
// Passwords in addresses are hidden, as package redact does. Everything else stays as it was. The functions are applied
// where text is printed: by packages fault, progress and report, and by [Fprintf].
package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"lpipe/internal/pattern"
	"lpipe/internal/redact"
)

// Text returns text of one or several lines as it may be shown. Applied again, it changes nothing.
func Text(s string) string { return inert(redact.Text(visible(s))) }

// Output is [Text] for what a program of the user's own prints, whose addresses are the user's to print.
func Output(s string) string { return inert(visible(s)) }

// inert has no line begin as one of lpipe or as a command, and none hold a command.
func inert(s string) string {
	if strings.Contains(s, "##") {
		s = anywhere().ReplaceAllString(s, "## $1")
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		start := strings.TrimLeftFunc(line, unicode.IsSpace)
		if start != "" && strings.IndexByte(openers, start[0]) >= 0 && opening().MatchString(start) {
			lines[i] = line[:len(line)-len(start)] + "| " + start
		}
	}
	return strings.Join(lines, "\n")
}

// Line returns text as it may be shown within a line.
func Line(s string) string {
	return Text(strings.ReplaceAll(visible(s), "\n", " "))
}

// Fprintf writes what [Sprintf] returns.
func Fprintf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, Sprintf(format, args...))
}

// Sprintf formats as [fmt.Sprintf] does. The format is lpipe's own; text in the arguments is shown as by [Line].
func Sprintf(format string, args ...any) string {
	shown := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			shown[i] = Line(arg)
		case error:
			shown[i] = Line(arg.Error())
		case fmt.Stringer:
			shown[i] = Line(arg.String())
		default:
			shown[i] = arg
		}
	}
	return fmt.Sprintf(format, shown...)
}

// WriteJSON writes v as JSON, with the indent as [json.MarshalIndent] has it, or on one line if that is empty. The strings
// in it are exact, and written such that the text can be shown as it is.
func WriteJSON(w io.Writer, v any, indent string) error {
	data, err := json.Marshal(v)
	if indent != "" {
		data, err = json.MarshalIndent(v, "", indent)
	}
	if err != nil {
		return err
	}
	var text strings.Builder
	var last rune
	for _, r := range string(data) {
		switch {
		case hidden(r) && r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&text, `\u%04x\u%04x`, high, low)
		case hidden(r) && r != '\n', r == '#' && last == '#':
			fmt.Fprintf(&text, `\u%04x`, r)
		default:
			text.WriteRune(r)
		}
		last = r
	}
	_, err = io.WriteString(w, text.String()+"\n")
	return err
}

// maxLine bounds in bytes what a [Stream] keeps of a line that does not end; a longer one is broken.
const maxLine = 64 << 10

// Stream is output that arrives in pieces. The zero value is ready to use.
type Stream struct{ rest []byte }

// Lines takes a piece and returns the lines that are complete with it, as they may be shown.
func (s *Stream) Lines(piece []byte) []byte {
	end := bytes.LastIndexByte(piece, '\n') + 1
	if end > 0 {
		lines := Text(string(append(s.rest, piece[:end]...)))
		s.rest = bytes.Clone(piece[end:])
		return []byte(lines)
	}
	s.rest = append(s.rest, piece...)
	if len(s.rest) > maxLine {
		return s.End()
	}
	return nil
}

// End returns what is left, as a line.
func (s *Stream) End() []byte {
	if len(s.rest) == 0 {
		return nil
	}
	line := strings.TrimSuffix(Text(string(s.rest)), "\n") + "\n"
	s.rest = nil
	return []byte(line)
}

// Commands to CI systems.
var (
	// anywhere are those that count in the middle of a line too: Azure's ##vso[ and ##[, TeamCity's ##teamcity[, and
	// the older ones of GitHub Actions.
	anywhere = pattern.Of(`##(\pL*\[)`)
	// opening begins a line of lpipe or a command: of GitHub Actions (::), GitLab and Travis CI (sections), and Buildkite
	// (groups).
	opening = pattern.Of(`^(?:(?i)lpipe\s*:|::|(?i)section_(?:start|end):|(?i)travis_(?:fold|time):|(?:---|\+\+\+|~~~|\^\^\^)(?:\s|$))`)
)

// openers are the characters that what opening finds can begin with.
const openers = "lL:sStT-+~^"

// visible returns text without control characters and without what is invisible. What breaks a line somewhere breaks
// it here: a carriage return would hide what stands before it.
func visible(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return (r < ' ' || '~' < r) && r != '\n' && r != '\t' }) < 0 {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		if s[0] == escape {
			s = s[sequence(s):]
			continue
		}
		if s[0] == '\r' { // a line feed may follow
			s = strings.TrimPrefix(strings.TrimLeft(s, "\r"), "\n")
			out.WriteByte('\n')
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case strings.ContainsRune("\v\f\u0085\u2028\u2029", r):
			out.WriteByte('\n')
		case !hidden(r) || r == '\n' || r == '\t':
			out.WriteRune(r) // U+FFFD for bytes that are no UTF-8
		}
	}
	return out.String()
}

const escape = '\x1b'

// sequence is the length of the escape sequence that s begins with; 1 if it is none, or has no end in its line. See
// ECMA-48, section 5.3 to 5.6.
func sequence(s string) int {
	past := func(i int, from, to byte) int { // the characters in that range
		for i < len(s) && from <= s[i] && s[i] <= to {
			i++
		}
		return i
	}
	var end int
	switch {
	case len(s) > 1 && s[1] == '[': // a control sequence, such as a colour
		end = past(past(2, '0', '?'), ' ', '/')
		if end < len(s) && '@' <= s[end] && s[end] <= '~' {
			return end + 1
		}
	case len(s) > 1 && strings.IndexByte("]PX^_", s[1]) >= 0: // a string, such as the window's title
		end = strings.IndexAny(s[1:], "\n\a\x1b") + 1
		switch {
		case end > 0 && s[end] == '\a':
			return end + 1
		case end > 0 && strings.HasPrefix(s[end:], "\x1b\\"):
			return end + 2
		}
	default:
		end = past(1, ' ', '/')
		if end < len(s) && '0' <= s[end] && s[end] <= '~' {
			return end + 1
		}
	}
	return 1
}

// hidden is true for characters that are not seen where they stand: control and format characters, among them those
// that turn the direction of text, and others that Unicode says to leave out when they are shown.
func hidden(r rune) bool {
	return (r < ' ' || '~' < r) && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
		unicode.Zl, unicode.Zp)
}
