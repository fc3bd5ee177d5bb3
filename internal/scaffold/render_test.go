package scaffold

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/foreign"
)

func TestTemplatesAreRendered(t *testing.T) {
	fsys := fstest.MapFS{
		"Cargo.toml.tmpl":                        {Data: []byte("name = \"<% .Name %>\"\n")},
		"src/<% .Crate %>.rs":                    {Data: []byte("<% stays %>, ${{ too }}\n")},
		"<% if .HTTP %>web<% end %>/index.html":  {Data: []byte("x")},
		"<% if eq .CI \"none\" %>no<% end %>/ci": {Data: []byte("x"), Mode: 0o755},
		"empty.tmpl":                             {Data: []byte("<% if .HTTP %>text<% end %>\n")},
		".git/config":                            {Data: []byte("x")},
	}
	files, err := Render(fsys, Answers{Name: "my-orders", CI: "none"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		got[f.Name] = string(f.Data)
		if f.Executable != (f.Name == "no/ci") {
			t.Errorf("%s: executable is %v", f.Name, f.Executable)
		}
	}
	want := map[string]string{"Cargo.toml": "name = \"my-orders\"\n", "src/my_orders.rs": "<% stays %>, ${{ too }}\n", "no/ci": "x"}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %q, want %q", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%q were written", got)
	}
}

// laughs is a template that writes nothing, for hours.
var laughs = func() string {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `<%% define "%d" %%>%s<%% end %%>`, i, strings.Repeat(fmt.Sprintf(`<%% template "%d" %%>`, i+1), 10))
	}
	return b.String() + `<% define "20" %><% end %><% template "0" %>`
}()

func TestTemplatesStayInTheirFolder(t *testing.T) {
	deep := fstest.MapFS{strings.Repeat("a/", 30) + "b": {Data: []byte("x")}}
	for why, fsys := range map[string]fstest.MapFS{
		"would be written as \"../x\"":     {"<% .CI %>": {Data: []byte("x")}},
		"would be written as \"..\"":       {"<% .Arch %>": {Data: []byte("x")}},
		"no name of a file in a folder":    {"<% \".Git\" %>/hooks/post-checkout": {Data: []byte("x")}},
		"another file of it is written so": {"x": {Data: []byte("x")}, "x.tmpl": {Data: []byte("y")}},
		"would be written as \"##vso[x":    {"<% \"##vso[x]y\" %>": {Data: []byte("x")}},
		"would be written as \"--- x":      {"--- x": {Data: []byte("x")}},
		"would be written as \"a\\x1b":     {"a\x1b[31m": {Data: []byte("x")}},
		"would be written as \"a\\r":       {"a\rb": {Data: []byte("x")}},
		"would be written as \"GIT~1":      {"GIT~1": {Data: []byte("x")}},
		"would be written as \".git ":      {".git ": {Data: []byte("x")}},
		"more than 1000000 steps":          {"x.tmpl": {Data: []byte(`<% range 100000000000 %><% end %>`)}},
		"takes more than":                  {"x.tmpl": {Data: []byte(laughs)}},
		"1048576 bytes come":               {"x.tmpl": {Data: []byte(`<% $x := "aaaaaaaa" %><% range 40 %><% $x = print $x $x %><% end %>`)}},
		"at <printf":                       {"x.tmpl": {Data: []byte(`<% printf "` + strings.Repeat("%[1]s", 101) + `" "x" %>`)}},
		"at <js":                           {"x.tmpl": {Data: []byte(`<% define "x" %><% template "x" (js .) %><% end %><% template "x" "<<<<<<<<" %>`)}},
		"is a link":                        {"x": {Mode: fs.ModeSymlink, Data: []byte("/etc/passwd")}},
		"there is no placeholder .Team":    {"x.tmpl": {Data: []byte("<% .Team %>")}},
		"can't iterate over    ":           {"x.tmpl": {Data: []byte(`<% range (printf "%999999s" "") %><% end %>`)}},
		"more than 1048576 bytes come out": {"x.tmpl": {Data: []byte(`<% define "x" %><% printf "%9999d" 1 %><% template "x" . %><% end %><% template "x" . %>`)}},
		"line:1: missing value for if":     {"x.tmpl": {Data: []byte("<% if %>")}},
		"it is larger than":                {"x": {Data: bytes.Repeat([]byte("x"), maxFile+1)}},
		"its folders lie too deep":         deep,
	} {
		files, err := Render(fsys, Answers{CI: "../x", Arch: ".."})
		if err == nil || !strings.Contains(err.Error(), why) || len(err.Error()) > 2000 || len(files) > 1 {
			t.Errorf("it is rendered to %v with %v, want %q", files, err, why)
		}
	}
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[fmt.Sprint(i)] = &fstest.MapFile{Data: []byte("x")}
	}
	if _, err := Render(many, nil); err == nil || !strings.Contains(err.Error(), "more than 1000 files") {
		t.Errorf("%d files are rendered: %v", len(many), err)
	}
}

// FuzzRender: whatever a file and its name are, what is written has a name within the folder.
func FuzzRender(f *testing.F) {
	f.Add("<% .Name %>", "<% if .HTTP %>x<% end %>")
	f.Add("<% \"../x\" %>", "x")
	f.Add("a\\b", "<% range .Name %>x<% end %>")
	f.Fuzz(func(t *testing.T, name, text string) {
		if !fs.ValidPath(name + ending) {
			return
		}
		files, err := Render(fstest.MapFS{name + ending: {Data: []byte(text)}}, Answers{Name: "orders"})
		if err != nil {
			return
		}
		for _, f := range files {
			if !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, "\\:\x00") || foreign.Line(f.Name) != f.Name {
				t.Errorf("%q is written as %q", name, f.Name)
			}
		}
	})
}
