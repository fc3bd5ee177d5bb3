package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/disk"
)

// Advisory is one of the RustSec database: https://github.com/RustSec/advisory-db#advisory-format.
type Advisory struct {
	ID            string   `json:"id"`
	Title         string   `json:"title"`
	Package       string   `json:"package"`
	Aliases       []string `json:"aliases,omitempty"`
	Informational string   `json:"informational,omitempty"` // "unmaintained", "unsound", "notice"; "" for a vulnerability
	Patched       []string `json:"patched"`
	Unaffected    []string `json:"unaffected,omitempty"`

	withdrawn bool
	elsewhere bool // it concerns other systems than Linux alone
}

// ParseAdvisory reads an advisory: TOML in a fence, and Markdown that begins with the title.
func ParseAdvisory(data []byte) (Advisory, error) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	_, rest, ok := strings.Cut(text, "```toml\n")
	front, body, closed := strings.Cut(rest, "\n```")
	if !ok || !closed {
		return Advisory{}, errors.New("it has no TOML in front")
	}
	var t struct {
		Advisory struct {
			ID            string   `toml:"id"`
			Package       string   `toml:"package"`
			Aliases       []string `toml:"aliases"`
			Informational string   `toml:"informational"`
			Withdrawn     any      `toml:"withdrawn"`
			Collection    string   `toml:"collection"`
		} `toml:"advisory"`
		Affected struct {
			OS []string `toml:"os"`
		} `toml:"affected"`
		Versions struct {
			Patched    []string `toml:"patched"`
			Unaffected []string `toml:"unaffected"`
		} `toml:"versions"`
	}
	if err := toml.Unmarshal([]byte(front), &t); err != nil {
		return Advisory{}, err
	}
	a := Advisory{
		ID: t.Advisory.ID, Package: t.Advisory.Package, Aliases: t.Advisory.Aliases, Informational: t.Advisory.Informational,
		Patched: t.Versions.Patched, Unaffected: t.Versions.Unaffected, withdrawn: t.Advisory.Withdrawn != nil,
		elsewhere: len(t.Affected.OS) > 0 && !slices.Contains(t.Affected.OS, "linux"),
	}
	if a.ID == "" || a.Package == "" {
		return a, errors.New("it names no id or no package")
	}
	for line := range strings.Lines(body) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			a.Title = strings.TrimSpace(title)
			break
		}
	}
	return a, a.check()
}

// check is nil where all versions can be read.
func (a Advisory) check() error {
	for _, text := range slices.Concat(a.Patched, a.Unaffected) {
		if _, err := requirement(text); err != nil {
			return err
		}
	}
	return nil
}

// Concerns reports that a version of the crate is neither patched nor unaffected, on Linux.
func (a Advisory) Concerns(c Crate) bool {
	if c.Local || a.withdrawn || a.elsewhere || normal(a.Package) != normal(c.Name) {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(a.Patched, a.Unaffected), func(text string) bool {
		versions, err := requirement(text)
		return err == nil && in(versions, c.Version)
	})
}

// Advisories reads what a checkout of the database has on the crates of the functions. The error joins what is wrong with
// single advisories, without which the others are returned.
func Advisories(dir string, functions []Function) ([]Advisory, error) {
	crates := filepath.Join(dir, "crates")
	if info, err := os.Stat(crates); err != nil || !info.IsDir() {
		return nil, errors.New("it has no folder crates")
	}
	names := map[string]bool{}
	for _, f := range functions {
		for _, c := range f.Crates {
			if !c.Local && c.Name == filepath.Base(c.Name) && c.Name != ".." {
				names[c.Name] = true
			}
		}
	}
	var all []Advisory
	var problems []error
	for name := range names {
		entries, err := os.ReadDir(filepath.Join(crates, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "RUSTSEC-") || !strings.HasSuffix(e.Name(), ".md") {
				continue
			}
			file := filepath.Join(crates, name, e.Name())
			data, err := disk.ReadFile(file, disk.MaxSmall)
			var a Advisory
			if err == nil {
				a, err = ParseAdvisory(data)
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", file, err))
				continue
			}
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b Advisory) int { return strings.Compare(a.ID, b.ID) })
	return all, errors.Join(problems...)
}
