package cargo

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
)

// Rewrite is an address of a repository of the lock file for which git takes another one on this machine.
type Rewrite struct {
	At         string // file:line that says so. What it says may hold a token.
	Repository string // HOST/PATH
}

// rewrites finds the addresses that the user's configuration of git gives to repositories of the lock file, in place of their own:
// https://git-scm.com/docs/git-config#Documentation/git-config.txt-urlbaseinsteadOf
func (w *Workspace) rewrites(fsys fs.FS, env map[string]string) (all []Rewrite) {
	if w.Lock == nil {
		return nil
	}
	repositories := w.Lock.Git()
	if len(repositories) == 0 {
		return nil
	}
	files := []string{path.Join(homeOf(env, "XDG_CONFIG_HOME", ".config"), "git/config"), homeOf(env, "", ".gitconfig")}
	if global := env["GIT_CONFIG_GLOBAL"]; global != "" {
		files = []string{global}
	}
	if env["GIT_CONFIG_NOSYSTEM"] == "" {
		files = append([]string{"/etc/gitconfig"}, files...)
	}
	for _, file := range files {
		if !path.IsAbs(file) {
			continue
		}
		data, err := disk.Read(fsys, file[1:], disk.MaxSmall)
		if err != nil {
			continue
		}
		for line, instead := range insteadOf(string(data)) {
			for _, r := range repositories {
				if strings.HasPrefix(r.URL, instead) {
					all = append(all, Rewrite{fmt.Sprintf("%s:%d", file, line), r.Host + "/" + r.Path})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Rewrite) int { return strings.Compare(a.At+a.Repository, b.At+b.Repository) })
	return slices.CompactFunc(all, func(a, b Rewrite) bool { return a.Repository == b.Repository })
}

// insteadOf are the beginnings of addresses that a configuration of git has others for, by their lines.
func insteadOf(config string) map[int]string {
	found := map[int]string{}
	ofURL, number := false, 0
	for line := range strings.Lines(config) {
		number++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			name, rest, ok := strings.Cut(line[1:], `"]`)
			if !ok {
				name, rest, _ = strings.Cut(line[1:], "]")
			}
			name, _, other := strings.Cut(name, `"`)
			ofURL = other && strings.EqualFold(strings.TrimSpace(name), "url")
			line = rest
		}
		key, value, _ := strings.Cut(line, "=")
		if value = plain(value); ofURL && value != "" && strings.EqualFold(strings.TrimSpace(key), "insteadOf") {
			found[number] = value
		}
	}
	return found
}

// plain is a value in one line of git's configuration, without quotes, escapes and the comment behind it:
// https://git-scm.com/docs/git-config#_syntax
func plain(text string) string {
	var value strings.Builder
	text = strings.TrimSpace(text)
	end, quoted := 0, false // of the value without spaces behind it
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case !quoted && (c == '#' || c == ';'):
			return value.String()[:end]
		case c == '\\' && i+1 < len(text):
			i++
			c = text[i]
		}
		value.WriteByte(c)
		if quoted || c != ' ' && c != '\t' {
			end = value.Len()
		}
	}
	return value.String()[:end]
}
