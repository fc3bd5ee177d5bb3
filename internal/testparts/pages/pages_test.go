package pages

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	got := parse("docs/x.md", []byte("# One: `a` *b*\n\nSee [this](y.md#two)\nand `lpipe\nbuild`.\n\n## Two\n## Two\n\n```sh\nlpipe plan\n```\n\n"+
		"| a | [b](z.md) |\n|---|---|\n| `c\\|d` | ![e](f.png) |\n\n```text\n[no](link.md)\n```\n"))
	want := Page{
		Name: "docs/x.md", Links: []string{"y.md#two", "z.md", "f.png"},
		Headings: []string{"One: `a` *b*", "Two", "Two"}, Anchors: []string{"one-a-b", "two", "two-1"},
		Code: []Code{
			{Text: "a", Where: "docs/x.md:1"},
			{Text: "lpipe build", Where: "docs/x.md:4"},
			{Language: "sh", Block: true, Text: "lpipe plan\n", Where: "docs/x.md:11"},
			{Text: "c|d", Where: "docs/x.md:16"},
			{Language: "text", Block: true, Text: "[no](link.md)\n", Where: "docs/x.md:19"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		code Code
		want string
	}{
		{Code{Block: true, Language: "sh", Text: "a\nb\n"}, "a\nb\n"},
		{Code{Block: true, Language: "console", Text: "$ a \\\n  b\nsaid\n$ c\n"}, "a \\\n  b\nc\n"},
		{Code{Block: true, Language: "toml", Text: "a = 1\n"}, ""},
		{Code{Text: "lpipe build"}, "lpipe build"},
		{Code{Text: "lpipe"}, "lpipe"},
		{Code{Text: "lpipe.toml"}, ""},
	} {
		if got := c.code.Commands("lpipe"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.code, got, c.want)
		}
	}
}
