package reach

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

// TestCode says of each string where it stands.
func TestCode(t *testing.T) {
	for src, want := range map[string]string{
		`f("a")`:                           "call f",
		`std::fs::read("a")`:               "call std::fs::read",
		`x.join("a")`:                      "call x.join",
		`m!("a")`:                          "macro m",
		`a::m! { x: { y: "a" } }`:          "macro m block",
		`m!(f("a"))`:                       "call f",
		`include_str!("a")`:                "include",
		`include_str!(concat!(f!(), "a"))`: "include composed",
		`concat!("a")`:                     "composed",
		`#[path = "a"] mod x;`:             "attribute path",
		`#[t(x, path = "a")]`:              "attribute t",
		`#![t(path = "a")]`:                "attribute t",
		`#![doc = include_str!("a")]`:      "include",
		`#![doc = include_str!(concat!("a", b!()))]`: "include composed",
		`macro_rules! m { () => { "a" } }`:           "block",
		`mod x { const A: &str = "a"; }`:             "",
		`#[cfg(test)] mod x { f("a") }`:              "call f test",
		`#[cfg(test)] const A: &str = "a"`:           "test",
		`#[test] #[ignore] fn t() { "a" }`:           "test",
		`#![cfg(test)] f("a")`:                       "call f test",
		`#[cfg(test)] mod x; f("a")`:                 "call f",
		`#[cfg(test)] mod x {} f("a")`:               "call f",
		`#[cfg(any(test, x))] f("a")`:                "call f",
		`#[cfg(not(test))] f("a")`:                   "call f",
		`m! { #[cfg(test)] f("a") }`:                 "call f",
		`f(#[cfg(test)] x, "a")`:                     "call f",
		`{ #[cfg(test)] x } f("a")`:                  "call f",
		`) ] } f("a")`:                               "call f",
	} {
		got := ""
		walkCode([]byte(src), func(c *code, t rustToken) {
			if !t.str {
				return
			}
			a := c.argument()
			for _, is := range []struct {
				on   bool
				text string
			}{
				{a.include, "include"},
				{a.composed, "composed"},
				{a.attribute != "", "attribute " + a.attribute},
				{a.macro != "", "macro " + a.macro},
				{a.block, "block"},
				{a.call != "", "call " + a.call},
				{c.test(), "test"},
			} {
				if is.on {
					got = strings.TrimPrefix(got+" "+is.text, " ")
				}
			}
		})
		if got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

func TestModuleFiles(t *testing.T) {
	var got []string
	walkCode([]byte("pub mod a; mod b { #[path = \"x.rs\"] mod c; mod d; } mod e { }"), func(c *code, t rustToken) {
		if inline, name, ok := c.declares(t); ok {
			got = append(got, moduleFiles("src/lib.rs", true, inline, name, c.path)...)
			got = append(got, moduleFiles("src/y.rs", false, inline, name, c.path)[0])
		}
	})
	want := []string{"src/a.rs", "src/a/mod.rs", "src/y/a.rs", "src/x.rs", "src/b/x.rs", "src/x.rs", "src/b/d.rs", "src/b/d/mod.rs", "src/y/b/d.rs"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzCode(f *testing.F) {
	f.Add([]byte(`#[cfg(test)] mod x { include!(concat!("../a", m! { "b" })); } #![cfg(test)] macro_rules! m { () => { f("..") } }`))
	f.Add([]byte(`)]}#[`))
	f.Fuzz(func(t *testing.T, src []byte) {
		open := 0
		walkCode(src, func(c *code, tok rustToken) {
			c.argument()
			c.afterMod()
			c.declares(tok)
			open = max(open, len(c.frames))
			if c.attrs < 0 || c.macros < 0 || c.rules < 0 || c.item > len(c.frames) {
				t.Fatalf("%+v", c)
			}
		})
		if open > len(src) {
			t.Fatalf("%d brackets in %d bytes", open, len(src))
		}
	})
}
