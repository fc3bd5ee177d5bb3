package lpipe_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lpipe/internal/testparts/pages"
)

const index = "docs/README.md"

// TestLinksLeadSomewhere: every relative link of the README and of docs is to a file, and to a heading, that is there.
func TestLinksLeadSomewhere(t *testing.T) {
	all := map[string]pages.Page{}
	for _, page := range pages.Read(t, ".") {
		all[page.Name] = page
	}
	for _, page := range all {
		for _, link := range page.Links {
			target, fragment, relative := follow(t, page.Name, link)
			if !relative {
				continue
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: there is no %s", page.Name, link, target)
				continue
			}
			if to, ok := all[target]; fragment != "" && (!ok || !slices.Contains(to.Anchors, fragment)) {
				t.Errorf("%s links to %s: there is no such heading", page.Name, link)
			}
		}
	}
}

// TestEveryPageIsReached from the index of docs, and leads back to it.
func TestEveryPageIsReached(t *testing.T) {
	links := map[string][]string{}
	for _, page := range pages.Read(t, ".") {
		for _, link := range page.Links {
			if target, _, relative := follow(t, page.Name, link); relative {
				links[page.Name] = append(links[page.Name], target)
			}
		}
	}
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if reached[name] || name == "README.md" { // the README is no page of docs
			return
		}
		reached[name] = true
		for _, link := range links[name] {
			reach(link)
		}
	}
	reach(index)
	err := fs.WalkDir(os.DirFS("."), "docs", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case !reached[name]:
			t.Errorf("no link leads from %s to %s: add it to a table there", index, name)
		}
		if path.Ext(name) == ".md" && name != index && !slices.Contains(links[name], index) {
			t.Errorf("%s has no link back to %s, as below the titles of the others", name, index)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(links["README.md"], index) {
		t.Errorf("the README has no link to %s", index)
	}
}

// follow is the file and the heading that a link of a page leads to; relative is false for an address on the web.
func follow(t *testing.T, page, link string) (target, fragment string, relative bool) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Errorf("%s: %v", page, err)
		return "", "", false
	}
	if u.IsAbs() || u.Host != "" {
		return "", "", false
	}
	if u.Path == "" {
		return page, u.Fragment, true
	}
	return path.Join(path.Dir(page), u.Path), u.Fragment, true
}

// TestTroubleshootingHasTheWordsOfLpipe: what a heading of the page quotes is said by lpipe, but for what "…" stands for.
func TestTroubleshootingHasTheWordsOfLpipe(t *testing.T) {
	var said strings.Builder
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				words, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Error(err)
				}
				said.WriteString(words + "\x00")
			}
			return true
		})
	}
	scripts, err := filepath.Glob("internal/dockerfile/*.sh")
	if err != nil || scripts == nil {
		t.Fatal("there are no scripts of the Dockerfile", err)
	}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(script)
	}
	all := pages.Read(t, ".")
	at := slices.IndexFunc(all, func(p pages.Page) bool { return p.Name == "docs/troubleshooting.md" })
	if at < 0 {
		t.Fatal("there is no docs/troubleshooting.md")
	}
	quoted := 0
	for _, heading := range all[at].Headings {
		for i, words := range strings.Split(heading, "`") {
			if i%2 == 0 {
				continue
			}
			quoted++
			for piece := range strings.SplitSeq(words, "…") {
				if !strings.Contains(said.String(), strings.TrimSpace(piece)) {
					t.Errorf("nothing in lpipe says %q, of the heading %q", piece, heading)
				}
			}
		}
	}
	if quoted == 0 {
		t.Error("no heading quotes a message")
	}
}

// TestTheNumbersOfTheReadmeWereMeasured: each number of its table is a median in docs/bench/results.md.
func TestTheNumbersOfTheReadmeWereMeasured(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	results, err := os.ReadFile("docs/bench/results.md")
	if err != nil {
		t.Fatal(err)
	}
	numbers := 0
	for _, row := range tableRow.FindAllString(string(readme), -1) {
		for cell := range strings.SplitSeq(row, "|") {
			cell = strings.TrimSpace(cell)
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				continue
			}
			numbers++
			if !strings.Contains(string(results), "| "+cell+" (") {
				t.Errorf("%s of %q is no median in docs/bench/results.md", cell, row)
			}
		}
	}
	if numbers == 0 {
		t.Error("the README has no numbers")
	}
}

var tableRow = regexp.MustCompile(`(?m)^\|.*\|$`)
