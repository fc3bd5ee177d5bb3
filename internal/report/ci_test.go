package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func twoLambdas() Summary {
	return Summary{Steps: 9, Cached: 4, Seconds: 1.5, Warnings: []string{"the cache | was <not> exported"}, Lambdas: []Lambda{
		{
			Name: "my-echo", Target: "x86_64-unknown-linux-musl", Zip: "target/lambda/my-echo/bootstrap.zip", ZipSize: 1 << 20, SHA256: "ab", CodeSHA256: "qw==",
			Tests: &Tests{Passed: 2}, Image: &Image{Names: []string{"r/my-echo:v1", "r/my-echo:latest"}, Digest: "sha256:1", ConfigDigest: "sha256:2"},
		},
		{Name: "broken", Error: "it does not compile\nat all"},
	}}
}

func TestMarkdownIsOneTableWhateverIsInIt(t *testing.T) {
	var text bytes.Buffer
	Markdown(&text, twoLambdas(), "lpipe: error: it does ```not``` compile\n")
	got := text.String()
	for _, want := range []string{
		"| my-echo | x86_64-unknown-linux-musl | 2 tests passed | target/lambda/my-echo/bootstrap.zip (1.0 MiB) | `qw==` | `r/my-echo:v1` `r/my-echo:latest` |\n",
		"| broken |  | no result: it does not compile |  |  |  |\n",
		"9 steps, 4 cached, 1.5s\n",
		`- warning: the cache &#124; was &#60;not&#62; exported`,
		"\n````\nlpipe: error: it does ```not``` compile\n````\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}

// What a crate, a test or a server is called is text on the page, and nothing else.
func TestMarkdownOfOthersIsText(t *testing.T) {
	for in, want := range map[string]string{
		"x86_64-unknown, 1.0 (ä)":           "x86_64-unknown, 1.0 (ä)",
		"<script>alert(1)</script>":         "&#60;script&#62;alert(1)&#60;/script&#62;",
		"a|b\\|c":                           "a&#124;b&#92;&#124;c",
		"`code` **x** __y__ _z_ ~~s~~ $m$":  "&#96;code&#96; &#42;&#42;x&#42;&#42; &#95;&#95;y&#95;&#95; &#95;z&#95; &#126;&#126;s&#126;&#126; &#36;m&#36;",
		"[x](javascript:1) ![i](u)":         "&#91;x&#93;(javascript&#58;1) &#33;&#91;i&#93;(u)",
		"https://evil.example www.evil.x":   "https&#58;//evil.example www&#46;evil.x",
		"@org/team me@evil.example &lt; #1": "&#64;org/team me&#64;evil.example &#38;lt&#59; &#35;1",
		"a\n\n# title\r\n- x\x1b[1m":        "a  &#35; title - x",
	} {
		if got := markdown(in); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
	const evil = "x`|<script>\n\n```\n# y\n"
	s := Summary{Warnings: []string{evil}, Lambdas: []Lambda{
		{Name: evil, Target: evil, Zip: evil, CodeSHA256: evil, Image: &Image{Names: []string{evil}}}, {Name: evil, Error: evil},
	}}
	var text bytes.Buffer
	Markdown(&text, s, "")
	if got := text.String(); strings.Count(got, "\n") != 10 || strings.Contains(got, "<script") || strings.Contains(got, "`") {
		t.Errorf("got:\n%s", got)
	}
}

// TestOutputs: their shape does not depend on how many lambdas there are.
func TestOutputs(t *testing.T) {
	s := twoLambdas()
	want := []Pair{
		{"outputs", "1"},
		{"lambdas", "my_echo"},
		{"zip_my_echo", "target/lambda/my-echo/bootstrap.zip"},
		{"sha256_my_echo", "ab"},
		{"code_sha256_my_echo", "qw=="},
		{"image_my_echo", "r/my-echo:v1@sha256:1"},
	}
	if got := Outputs(s); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	s.Lambdas = s.Lambdas[:1]
	if got := Outputs(s); !slices.Equal(got, want) {
		t.Errorf("alone: %v", got)
	}
	var text bytes.Buffer
	Dotenv(&text, s)
	if got := text.String(); !strings.HasPrefix(got, "LPIPE_OUTPUTS=1\nLPIPE_LAMBDAS=MY_ECHO\nLPIPE_ZIP_MY_ECHO=target/lambda/my-echo/bootstrap.zip\n") {
		t.Error(got)
	}
	if got := Outputs(Summary{}); !slices.Equal(got, []Pair{{"outputs", "1"}, {"lambdas", ""}}) {
		t.Errorf("of nothing: %v", got)
	}
	// Names that are one in letters and digits, as a dotenv file in upper case has them.
	twins := Summary{Lambdas: []Lambda{{Name: "a-b", Zip: "1"}, {Name: "A/b", Zip: "2"}, {Name: "a_b", Zip: "3"}}}
	seen := map[string]bool{}
	for _, p := range Outputs(twins) {
		if name := strings.ToUpper(p.Name); seen[name] {
			t.Errorf("%s is there twice", name)
		} else {
			seen[name] = true
		}
	}
	if !seen["ZIP_A_B"] || !seen["ZIP_A_B_2"] || !seen["ZIP_A_B_3"] {
		t.Errorf("%v", seen)
	}
}

func TestMetadataHasBuildxsKeys(t *testing.T) {
	read := func(s Summary) map[string]map[string]any {
		var text bytes.Buffer
		if err := Metadata(&text, s); err != nil {
			t.Fatal(err)
		}
		var v struct {
			Version int
			Lambdas map[string]map[string]any
		}
		if err := json.Unmarshal(text.Bytes(), &v); err != nil || v.Version != OutputsVersion || v.Lambdas == nil {
			t.Fatalf("%v: %s", err, text.String())
		}
		return v.Lambdas
	}
	read(Summary{})
	s := twoLambdas()
	if v := read(s); len(v) != 1 || v["my-echo"]["containerimage.digest"] != "sha256:1" {
		t.Errorf("%v", v)
	}
	s.Lambdas = s.Lambdas[:1]
	if v := read(s)["my-echo"]; v["image.name"] != "r/my-echo:v1,r/my-echo:latest" || v["containerimage.config.digest"] != "sha256:2" || v["lpipe.zip.sha256"] != "ab" {
		t.Errorf("%v", v)
	}
	s.Lambdas[0].Image.Error = "refused"
	if v := read(s)["my-echo"]; v["containerimage.digest"] != nil || v["lpipe.zip.path"] == nil {
		t.Errorf("an image that was not pushed: %v", v)
	}
}

// TestAPageIsNotTooLongForGitHub: what is cut is the beginning of the output, and not what went wrong.
func TestAPageIsNotTooLongForGitHub(t *testing.T) {
	for _, output := range []string{strings.Repeat("a line of a test\n", 200_000), strings.Repeat("ü", 2<<20)} {
		var b strings.Builder
		Markdown(&b, Summary{}, output+"\nlpipe: error: the tests of a failed\n")
		if b.Len() > 1<<20 || !strings.Contains(b.String(), "the tests of a failed") || !utf8.ValidString(b.String()) {
			t.Errorf("the page has %d bytes and ends in %q", b.Len(), b.String()[b.Len()-60:])
		}
	}
}
