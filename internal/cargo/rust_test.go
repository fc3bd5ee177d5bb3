package cargo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRustTokens(t *testing.T) {
	for src, want := range map[string][]string{
		`include_str!("../a.txt")`:                      {"include_str", `"../a.txt"`},
		`// "../no"` + "\n/* \"no\" /* n */ \"no\" */x": {"x"},
		`b"a" c"b" r"c\" r#"d"e"# br##"f"#g"## r#type`:  {`"a"`, `"b"`, `"c\"`, `"d"e"`, `"f"#g"`, "r", "type"},
		`fn f<'a>(x: &'a str) -> char { '"' }`:          {"fn", "f", "a", "x", "a", "str", "char"},
		`'\'' '\\' '\u{1F600}' "a\"b" '/' '/'`:          {`"a"b"`},
		`"..\x2fa\` + "\n    b\"":                       {`"../ab"`},
		`"open`:                                         {`"open"`},
		`/* open`:                                       nil,
		`r##"open"#`:                                    {`"open"#"`},
		`'`:                                             nil,
	} {
		var got []string
		for tok := range rustTokens([]byte(src)) {
			text := string(tok.text)
			if tok.str {
				text = `"` + text + `"`
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
}

func TestRustTokenLinesAndContext(t *testing.T) {
	src := "/*\n*/ let a = \"\n\";\n#[path = \"x.rs\"] mod y;\nconst D: &str = include_bytes! ( \"z\" );"
	var got []string
	for tok := range rustTokens([]byte(src)) {
		if tok.str {
			got = append(got, fmt.Sprintf("%d %s", tok.line, tok.before))
		}
	}
	if want := []string{"2 a = ", "4 path = ", "5 include_bytes! ( "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUpPaths(t *testing.T) {
	for text, want := range map[string][]string{
		"../proto/x.proto":             {"../proto/x.proto"},
		"cargo:rerun-if-changed=../x":  {"../x"},
		"-I../include -L..":            {"-I../include"},
		"..":                           {".."},
		"loading ...":                  nil,
		"a..b/c":                       nil,
		"wait ..":                      nil,
		"src/../../y":                  {"src/../../y"},
		"/../x":                        {"/../x"},
		"{}/../{name}":                 {"/../"},
		strings.Repeat("x", 9) + "/..": {"xxxxxxxxx/.."},
	} {
		if got := upPaths(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzRustTokens(f *testing.F) {
	f.Add([]byte(`include_str!("../a") r#"x"# 'a' '\n' /* /* */ */ // x` + "\nb\"\\x2e\""))
	f.Add([]byte(`'\`))
	f.Add([]byte(`r##"`))
	f.Fuzz(func(t *testing.T, src []byte) {
		for tok := range rustTokens(src) {
			if tok.line < 1 || tok.line > 1+strings.Count(string(src), "\n") {
				t.Fatalf("line %d", tok.line)
			}
			upPaths(string(tok.text))
		}
	})
}
