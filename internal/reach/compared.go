package reach

import (
	"bytes"
	"regexp"
	"slices"

	"lpipe/internal/pattern"
)

// compared reports that a string, or the list or the variable that it is put into, is only compared with others: a file that
// is called ".." is opened by nobody. before is the source up to the string, after what follows it.
func compared(before, after []byte, arg argument, listed bool) bool {
	rest, last := bytes.TrimLeft(after, " \t\r\n)"), before[max(0, len(before)-64):]
	switch {
	case hasAnyPrefix(rest, "==", "!=", "=>", ".eq(", ".ne("), bytes.HasPrefix(rest, []byte("|")) && !bytes.HasPrefix(rest, []byte("||")):
		return true
	case alternative().Match(last), opposite().Match(last):
		return true
	case bytes.HasPrefix(rest, []byte("=")) && (arg.call == "Some" || arg.call == "Ok"): // if let Some("..") = x
		return true
	case listed && endsWith(arg.call, sets):
		return true
	case listed:
		if rest = afterList(after); search().Match(rest) {
			return true
		}
	}
	if arg.call != "" {
		return false
	}
	return comparedByName(before, rest)
}

func hasAnyPrefix(text []byte, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return bytes.HasPrefix(text, []byte(p)) })
}

// sets are the ends of functions that make what is asked whether it has something.
var sets = []string{"HashSet::from", "BTreeSet::from", "HashSet::from_iter", "BTreeSet::from_iter"}

var (
	alternative = pattern.Of(`"\s*\|\s*$`)                                                                          // "." | ".."
	search      = pattern.Of(`^(?:\.(?:iter|into_iter)\(\))?\s*\.\s*(?:contains|any|all|position|binary_search)\(`) // of a list
	declaration = pattern.Of(`\b(?:let|const|static)\s+(?:mut\s+)?(\w+)\b[^{}]*=\s*(?:&|vec!|\[|\s|"[^"]*",?)*$`)
	opposite    = pattern.Of(`(?:==|!=)\s*[&*]?(?:[\w:]+\()*$`)
)

// afterList is what follows the list that the text is in.
func afterList(text []byte) []byte {
	depth, end := 0, len(text)
	scanRust(text, func(t rustToken) bool {
		if !t.mark {
			return true
		}
		switch t.text[0] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth < 0 {
				end = t.end
				return false
			}
		}
		return true
	})
	return bytes.TrimLeft(text[end:], " \t\r\n")
}

// comparedByName reports that what is declared with the string as its value, or in its list, is only compared.
func comparedByName(before, rest []byte) bool {
	found := declaration().FindSubmatch(before[max(0, len(before)-400):])
	if found == nil || len(rest) == 0 || rest[0] != ';' {
		return false
	}
	name := regexp.MustCompile(`\b` + string(found[1]) + `\b`)
	uses := 0
	for _, text := range [][]byte{before[:len(before)-len(found[0])], rest} {
		for _, at := range name.FindAllIndex(text, -1) {
			left, right := text[:at[0]], bytes.TrimLeft(text[at[1]:], " \t\r\n")
			if !search().Match(right) && !hasAnyPrefix(right, "==", "!=", ".eq(") && !opposite().Match(left[max(0, len(left)-20):]) {
				return false
			}
			uses++
		}
	}
	return uses > 0
}
