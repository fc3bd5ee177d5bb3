package report

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

var summary = Summary{
	Engine: "embedded", Local: true, Steps: 12, Cached: 9, Seconds: 3.14159,
	Lambdas: []Lambda{
		{
			Name: "api", Arch: "x86_64", Target: "x86_64-unknown-linux-musl", Base: "docker.io/library/rust:1-bookworm", Network: true,
			Package: "api", PackageVersion: "1.2.3", Bootstrap: "/p/target/lambda/api/bootstrap", Zip: "/p/target/lambda/api/bootstrap.zip",
			Size: 3 << 20, ZipSize: 1536, SHA256: "0a1b", CodeSHA256: "Chs=", Tests: &Tests{Passed: 4, Ignored: 2},
		},
		{Name: "jobs", Arch: "arm64", Target: "aarch64-unknown-linux-musl", Error: "jobs does not compile\nand more"},
		{Name: "sweep", Target: "x86_64-unknown-linux-musl", Tests: &Tests{Passed: 1, Target: "x86_64-unknown-linux-musl"}},
		{Name: "arm", Target: "aarch64-unknown-linux-musl", Tests: &Tests{Passed: 2, Target: "x86_64-unknown-linux-musl"}},
		{Name: "qemu", Target: "aarch64-unknown-linux-musl", Tests: &Tests{Passed: 3, Ignored: 1, Flaky: 1, Target: "aarch64-unknown-linux-musl", Runner: "qemu"}},
		{Name: "later", Target: "x86_64-unknown-linux-musl", Zip: "z", Size: 1, ZipSize: 2, SHA256: "c", CodeSHA256: "d"},
	},
	Notes:             []string{"a decision"},
	Warnings:          []string{"the cache was not exported"},
	Kept:              &Kept{BaseImage: 412 << 20, Toolchain: true, Crates: 212, Dependencies: 1},
	CacheExportFailed: true,
}

func TestText(t *testing.T) {
	var b strings.Builder
	Text(&b, summary)
	const want = `api  x86_64-unknown-linux-musl  4 tests passed, 2 ignored
  WARNING: its build scripts and tests could use the network, and what listens on 127.0.0.1 here or on an abstract socket; an engine in a container, such as Docker, keeps them from it
  base        docker.io/library/rust:1-bookworm
  bootstrap   3.0 MiB, zip 2 KiB
  sha256      0a1b
  CodeSha256  Chs=
jobs: no result: jobs does not compile
sweep  x86_64-unknown-linux-musl  1 test passed
arm  aarch64-unknown-linux-musl  2 tests passed on x86_64-unknown-linux-musl
qemu  aarch64-unknown-linux-musl  3 tests passed (1 flaky), 1 ignored under qemu
later  x86_64-unknown-linux-musl  TESTS NOT RUN (--no-test)
  bootstrap   1 B, zip 2 B
  sha256      c
  CodeSha256  d
note: a decision
warning: the cache was not exported
the next build on this engine skips: base image (412.0 MiB), packages and Rust targets, 212 crates, 1 compiled dependency
12 steps, 9 cached, 3.14s
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestOneStepIsOneStep: the grammar of one.
func TestOneStepIsOneStep(t *testing.T) {
	for _, steps := range []struct {
		n    int
		want string
	}{{0, "0 steps,"}, {1, "1 step,"}, {2, "2 steps,"}} {
		var text, page strings.Builder
		Text(&text, Summary{Steps: steps.n})
		Markdown(&page, Summary{Steps: steps.n}, "")
		if !strings.Contains(text.String(), steps.want) || !strings.Contains(page.String(), steps.want) {
			t.Errorf("%d: %q, %q", steps.n, text.String(), page.String())
		}
	}
}

func TestOnlyAnEngineHereIsKnownToReachThisMachine(t *testing.T) {
	for _, want := range []bool{true, false} {
		var b strings.Builder
		Text(&b, Summary{Engine: "embedded", Local: want, Lambdas: []Lambda{{Name: "a", Network: true}}})
		if got := strings.Contains(b.String(), "127.0.0.1"); got != want || !strings.Contains(b.String(), "could use the network") {
			t.Errorf("here %t: %s", want, b.String())
		}
	}
}

// TestJSON holds the shape that programs read: a name or type that changes needs a new [Version].
func TestJSON(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, summary); err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"engine":"embedded","steps":12,"stepsCached":9,"seconds":3.14159,"lambdas":[` +
		`{"name":"api","arch":"x86_64","target":"x86_64-unknown-linux-musl","base":"docker.io/library/rust:1-bookworm","network":true,` +
		`"package":"api","packageVersion":"1.2.3","bootstrap":"/p/target/lambda/api/bootstrap","zip":"/p/target/lambda/api/bootstrap.zip",` +
		`"size":3145728,"zipSize":1536,"sha256":"0a1b","codeSha256":"Chs=","tests":{"passed":4,"failed":0,"ignored":2}},` +
		`{"name":"jobs","arch":"arm64","target":"aarch64-unknown-linux-musl","base":"","error":"jobs does not compile\nand more"},` +
		`{"name":"sweep","arch":"","target":"x86_64-unknown-linux-musl","base":"","tests":{"passed":1,"failed":0,"ignored":0,"target":"x86_64-unknown-linux-musl"}},` +
		`{"name":"arm","arch":"","target":"aarch64-unknown-linux-musl","base":"","tests":{"passed":2,"failed":0,"ignored":0,"target":"x86_64-unknown-linux-musl"}},` +
		`{"name":"qemu","arch":"","target":"aarch64-unknown-linux-musl","base":"","tests":{"passed":3,"failed":0,"ignored":1,"flaky":1,"target":"aarch64-unknown-linux-musl","runner":"qemu"}},` +
		`{"name":"later","arch":"","target":"x86_64-unknown-linux-musl","base":"","zip":"z","size":1,"zipSize":2,"sha256":"c","codeSha256":"d"}],"status":0,` +
		`"notes":["a decision"],"warnings":["the cache was not exported"],"kept":{"baseImage":432013312,"toolchain":true,"crates":212,"dependencies":1},"cacheExportFailed":true}` + "\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestJSONHasAListWithoutLambdas(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, Summary{}); err != nil {
		t.Fatal(err)
	}
	var got struct{ Lambdas []any }
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got.Lambdas == nil {
		t.Errorf("programs iterate over lambdas, which is %s (%v)", b.String(), err)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 10 << 10: "10 KiB", 1 << 20: "1.0 MiB", 262144000: "250.0 MiB", 1<<30 - 1: "1024.0 MiB", 5 << 30: "5.0 GiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestEveryKeyIsDocumented in docs/output.md.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys func(of reflect.Type)
	keys = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if key != "-" && !strings.Contains(string(text), "`"+key+"`") {
				t.Errorf("docs/output.md has no `%s`", key)
			}
			keys(of.Field(i).Type)
		}
	}
	keys(reflect.TypeFor[Summary]())
}

func TestGrowthOfAZip(t *testing.T) {
	for _, c := range []struct {
		size, before, ofMain int64
		want                 string
	}{
		{2048, 0, 0, ""},
		{2048, 2048, 2048, ""},
		{2048, 1024, 0, " (+1 KiB)"},
		{2048, 0, 3072, " (-1 KiB since main)"},
		{4096, 3072, 1024, " (+1 KiB, +3 KiB since main)"},
	} {
		if got := growth(Lambda{ZipSize: c.size, ZipSizeBefore: c.before, ZipSizeMain: c.ofMain}); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
