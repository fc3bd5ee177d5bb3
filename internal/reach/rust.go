package reach

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rustToken is a word, a string literal or a mark of Rust source: an operator's byte or a bracket.
type rustToken struct {
	text   []byte // of a string, without quotes and escapes
	str    bool
	mark   bool
	line   int
	start  int    // of a string, where it stands
	end    int    // of a string and of a mark, where what follows stands
	before []byte // of a string, the word before it and what stands between: "include_str!(", "path = "
}

// rustTokens splits Rust source into words and string literals. Comments, characters and lifetimes are skipped. It
// reads what the compiler would refuse as well, and always ends.
func rustTokens(src []byte) iter.Seq[rustToken] {
	return func(yield func(rustToken) bool) {
		scanRust(src, func(t rustToken) bool { return t.mark || yield(t) })
	}
}

// scanRust yields the marks too.
func scanRust(src []byte, yield func(rustToken) bool) {
	var (
		line  = 1
		last  int // where the last word begins
		i     int
		count = func(b []byte) { line += bytes.Count(b, []byte("\n")) }
	)
	emit := func(text []byte, end int) bool {
		t := rustToken{text: text, str: true, line: line, start: i, end: min(end, len(src)), before: src[last:i]}
		last = i
		return yield(t)
	}
	for i < len(src) {
		switch c := src[i]; {
		case c == '\n':
			line++
			i++
		case c == '/' && i+1 < len(src) && src[i+1] == '/':
			i += length(bytes.IndexByte(src[i:], '\n'), len(src)-i, 0)
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			end := blockComment(src[i:])
			count(src[i : i+end])
			i += end
		case c == '"':
			end := stringEnd(src[i:])
			if !emit(unescape(src[min(i+1, i+end):i+end]), i+end+1) {
				return
			}
			count(src[i : i+end])
			i += min(end+1, len(src)-i)
		case c == '\'':
			i += charEnd(src[i:])
		case isWord(c):
			end := i
			for end < len(src) && isWord(src[end]) {
				end++
			}
			word := src[i:end]
			if text, n, ok := rawString(word, src[end:]); ok {
				if !emit(text, end+n) {
					return
				}
				count(src[end : end+n])
				i = end + n
				continue
			}
			if end == len(src) || src[end] != '"' || len(word) > 1 { // b"…" and c"…" are strings
				if last = i; !yield(rustToken{text: word, line: line}) {
					return
				}
			}
			i = end
		case c == ' ' || c == '\t' || c == '\r':
			i++
		default:
			if !yield(rustToken{text: src[i : i+1], mark: true, line: line, end: i + 1}) {
				return
			}
			i++
		}
	}
}

// length returns n+plus, or all when n says that nothing was found.
func length(n, all, plus int) int {
	if n < 0 {
		return all
	}
	return n + plus
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// blockComment returns the length of a /* comment */, which may nest.
func blockComment(b []byte) int {
	depth := 0
	for i := 0; i+1 < len(b); i++ {
		switch string(b[i : i+2]) {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// stringEnd returns the offset of the quote that closes the string b starts with, or the length of b.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b)
}

// rawString reads r"…", r#"…"# and so on, after the word that opens it.
func rawString(word, rest []byte) (text []byte, n int, ok bool) {
	if w := string(word); w != "r" && w != "br" && w != "cr" {
		return nil, 0, false
	}
	hashes := 0
	for hashes < len(rest) && rest[hashes] == '#' {
		hashes++
	}
	if hashes == len(rest) || rest[hashes] != '"' {
		return nil, 0, false // a raw identifier, or the variable r
	}
	body := rest[hashes+1:]
	end := bytes.Index(body, []byte(`"`+strings.Repeat("#", hashes)))
	if end < 0 {
		return body, len(rest), true
	}
	return body[:end], 2*hashes + 2 + end, true
}

// charEnd returns the length of a character literal, or of a lifetime's quote.
func charEnd(b []byte) int {
	switch {
	case len(b) > 2 && b[1] == '\\':
		return length(bytes.IndexByte(b[3:], '\''), min(3, len(b)), 4)
	case len(b) > 2:
		if _, n := utf8.DecodeRune(b[1:]); 1+n < len(b) && b[1+n] == '\'' {
			return n + 2
		}
	}
	return 1
}

// unescape resolves the escapes that a path may hold; others stay as written.
func unescape(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	var out bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			out.WriteByte('\n')
		case 't':
			out.WriteByte('\t')
		case '\\', '"', '\'':
			out.WriteByte(s[i])
		case '\n': // goes on after the next line's indentation
			for i+1 < len(s) && strings.IndexByte(" \t\r\n", s[i+1]) >= 0 {
				i++
			}
		case 'x':
			if i+2 < len(s) {
				if v, err := strconv.ParseUint(string(s[i+1:i+3]), 16, 8); err == nil {
					out.WriteByte(byte(v))
					i += 2
					continue
				}
			}
			out.WriteString(`\x`)
		default:
			out.WriteByte('\\')
			out.WriteByte(s[i])
		}
	}
	return out.Bytes()
}
