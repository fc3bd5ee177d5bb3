package scaffold

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// AddMember returns the manifest of a workspace with a member more; the same where a pattern takes it already. What else is in
// the manifest stays as it is written. The error says why that cannot be done.
func AddMember(manifest []byte, member string) ([]byte, error) {
	before, err := members(manifest)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, func(m string) bool { ok, _ := path.Match(m, member); return ok }) {
		return manifest, nil
	}
	for _, change := range []func(string, string) string{appendMember, appendLine, prependLine, addMembers} {
		after := change(string(manifest), member)
		now, err := members([]byte(after))
		if err == nil && (slices.Equal(now, append(slices.Clip(before), member)) || slices.Equal(now, append([]string{member}, before...))) {
			return []byte(after), nil
		}
	}
	return nil, errors.New("its members are not written as a list that lpipe can add to")
}

// members are those that a manifest of a workspace lists.
func members(manifest []byte) ([]string, error) {
	var m struct {
		Workspace *struct{ Members []string }
	}
	if err := toml.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	if m.Workspace == nil {
		return nil, errors.New("it has no [workspace]")
	}
	return m.Workspace.Members, nil
}

// list is where the brackets of the members are.
func list(text string) (begin, end int) {
	table := strings.Index(text, "[workspace]")
	if table < 0 {
		return -1, -1
	}
	key := strings.Index(text[table:], "\nmembers")
	if key < 0 {
		return -1, -1
	}
	begin = strings.Index(text[table+key:], "[")
	if begin < 0 {
		return -1, -1
	}
	begin += table + key
	end = strings.Index(text[begin:], "]")
	if end < 0 {
		return -1, -1
	}
	return begin, begin + end
}

// appendMember adds to a list on one line.
func appendMember(text, member string) string {
	begin, end := list(text)
	if begin < 0 || strings.Contains(text[begin:end], "\n") {
		return ""
	}
	items := strings.TrimRight(text[begin+1:end], " ,")
	if items != "" {
		items += ", "
	}
	return text[:begin+1] + items + strconv.Quote(member) + text[end:]
}

// appendLine adds a line to a list of lines.
func appendLine(text, member string) string {
	begin, end := list(text)
	if begin < 0 || !strings.Contains(text[begin:end], "\n") {
		return ""
	}
	items := strings.TrimRight(text[begin+1:end], " \r\n\t")
	if items != "" && !strings.HasSuffix(items, ",") {
		items += ","
	}
	return text[:begin+1] + items + newline(text) + "    " + strconv.Quote(member) + "," + newline(text) + text[end:]
}

// prependLine adds a line before the others, whose last one may be a comment.
func prependLine(text, member string) string {
	begin, _ := list(text)
	if begin < 0 {
		return ""
	}
	return text[:begin+1] + newline(text) + "    " + strconv.Quote(member) + "," + text[begin+1:]
}

// newline is how a text ends its lines.
func newline(text string) string {
	if strings.Contains(text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// addMembers adds a list where there is none.
func addMembers(text, member string) string {
	return strings.Replace(text, "[workspace]", "[workspace]"+newline(text)+"members = ["+strconv.Quote(member)+"]", 1)
}
