// Package pages reads the README and the pages of docs, so that tests can hold what they say against the program.
//
// It says what a page has: links, anchors, and code. Whether that is true is for the tests of the packages that know.
package pages

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Page is a file of Markdown.
type Page struct {
	Name     string   // slash-separated, relative to the root of the repository: "docs/local.md"
	Links    []string // targets of links and images, as they are written
	Headings []string // as they are written, without what marks them
	Anchors  []string // the fragments under which a browser finds the headings, in their order
	Code     []Code
}

// Code is a block of code, or a span of it within a sentence.
type Code struct {
	Language string // that of a block, "" where it has none
	Block    bool
	Text     string
	Where    string // page and line, for messages
}

// Read returns README.md and all pages below docs.
func Read(t testing.TB, root string) []Page {
	t.Helper()
	disk := os.DirFS(root)
	names := []string{"README.md"}
	err := fs.WalkDir(disk, "docs", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []Page
	for _, name := range names {
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(name, source))
	}
	return all
}

func parse(name string, source []byte) Page {
	page := Page{Name: name}
	anchors := map[string]int{}
	where := func(at int) string { return fmt.Sprintf("%s:%d", name, strings.Count(string(source[:at]), "\n")+1) }
	root := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	visit := func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			page.Links = append(page.Links, string(n.Destination))
		case *ast.Image:
			page.Links = append(page.Links, string(n.Destination))
		case *ast.Heading:
			heading := string(n.Lines().Value(source))
			page.Headings = append(page.Headings, heading)
			anchor := slug(plain(n, source))
			if used := anchors[anchor]; used > 0 {
				page.Anchors = append(page.Anchors, fmt.Sprintf("%s-%d", anchor, used))
			} else {
				page.Anchors = append(page.Anchors, anchor)
			}
			anchors[anchor]++
		case *ast.FencedCodeBlock:
			code := Code{Language: string(n.Language(source)), Block: true, Text: string(n.Lines().Value(source)), Where: where(n.Lines().At(0).Start)}
			page.Code = append(page.Code, code)
		case *ast.CodeBlock:
			page.Code = append(page.Code, Code{Block: true, Text: string(n.Lines().Value(source)), Where: where(n.Lines().At(0).Start)})
		case *ast.CodeSpan:
			if first, ok := n.FirstChild().(*ast.Text); ok {
				page.Code = append(page.Code, Code{Text: strings.ReplaceAll(plain(n, source), "\n", " "), Where: where(first.Segment.Start)})
			}
		}
		return ast.WalkContinue, nil
	}
	if err := ast.Walk(root, visit); err != nil {
		panic(err) // visit returns none
	}
	return page
}

// plain is the text below a node, without what marks it.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(source))
			if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		default:
			b.WriteString(plain(c, source))
		}
	}
	return b.String()
}

// slug is the fragment that GitHub and GitLab make of a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// Commands are the command lines of a piece of code: of a shell's block all lines, of a console's those after "$ ", of a span what
// it says if it begins with a program's name. Other code has none.
func (c Code) Commands(program string) string {
	switch {
	case !c.Block && (c.Text == program || strings.HasPrefix(c.Text, program+" ")):
		return c.Text
	case c.Block && (c.Language == "sh" || c.Language == "bash"):
		return c.Text
	case c.Block && c.Language == "console":
		var b strings.Builder
		more := false
		for line := range strings.Lines(c.Text) {
			command, ok := strings.CutPrefix(line, "$ ")
			if ok || more {
				b.WriteString(command)
				more = strings.HasSuffix(line, "\\\n")
			}
		}
		return b.String()
	}
	return ""
}
