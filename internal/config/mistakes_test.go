package config

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/golden"
)

// said returns err as lpipe prints it.
func said(err error) string {
	if err == nil {
		return ""
	}
	var b strings.Builder
	fault.Print(&b, err)
	return b.String()
}

func TestMistakesInTheFile(t *testing.T) {
	const file = "testdata/mistakes.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		source, want := archive.Files[i], &archive.Files[i+1]
		t.Run(strings.TrimSuffix(source.Name, ".toml"), func(t *testing.T) {
			_, err := Load(input(string(source.Data)))
			if err == nil {
				t.Fatal("no mistake was found")
			}
			got := said(err)
			if fault.Worst(err) != fault.Usage {
				t.Errorf("the kind is %v", fault.Worst(err))
			}
			if golden.Updating() {
				want.Data = []byte(got)
			}
			if string(want.Data) != got {
				t.Errorf("got:\n%swant:\n%s", got, want.Data)
			}
		})
	}
	if golden.Updating() {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFileWithTenMistakesReportsTen(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/mistakes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name != "ten-mistakes.toml" {
			continue
		}
		_, err := Load(input(string(f.Data)))
		if n := strings.Count(said(err), "lpipe: error: "); n != 10 {
			t.Errorf("%d mistakes in:\n%s", n, said(err))
		}
		return
	}
	t.Error("ten-mistakes.toml is gone")
}

func TestMistakesElsewhere(t *testing.T) {
	for _, c := range []struct {
		name  string
		env   map[string]string
		flags []Setting
		want  string
	}{
		{
			name: "variable with a neighbour",
			env:  map[string]string{"LPIPE_FEATURE": "x"},
			want: `
lpipe: error: unknown variable LPIPE_FEATURE
lpipe: fix:   did you mean LPIPE_FEATURES?`,
		},
		{
			name: "variable with a neighbour, beside one of lpipe's own tests",
			env:  map[string]string{"LPIPE_TEST_USR": "root", "LPIPE_TEST_BASE": "x", "LPIPE_OUT_DIR": "out"},
			want: `
lpipe: error: unknown variable LPIPE_TEST_USR
lpipe: fix:   did you mean LPIPE_TEST_USER?`,
		},
		{
			name: "variable without a neighbour",
			env:  map[string]string{"LPIPE_ZZZZZZ": ""},
			want: `
lpipe: error: unknown variable LPIPE_ZZZZZZ
lpipe: fix:   there are LPIPE_ALLOW_OUTSIDE, LPIPE_ARCH, LPIPE_AUDITABLE, LPIPE_BASE, LPIPE_BRANCH, LPIPE_CONFIG, LPIPE_CPU, LPIPE_CPU_ALLOW, LPIPE_DEBUG, LPIPE_DEFAULT_FEATURES, LPIPE_ENGINE, LPIPE_ENGINE_ROOT, LPIPE_FEATURES, LPIPE_FEATURES_PER_LAMBDA, LPIPE_INCLUDE, LPIPE_INCLUDE_FROM_IMAGE, LPIPE_LAYERS, LPIPE_LINK, LPIPE_NETWORK, LPIPE_OUT_DIR, LPIPE_PACKAGES, LPIPE_PROFILE, LPIPE_PROGRESS, LPIPE_RUNTIME, LPIPE_RUSTFLAGS, LPIPE_SMOKE, LPIPE_SMOKE_TIMEOUT, LPIPE_STRATA, LPIPE_TARGET, LPIPE_TEST, LPIPE_TEST_RUNNER, LPIPE_TEST_SETUP, LPIPE_TEST_TOOL, LPIPE_TEST_USER, LPIPE_WARM`,
		},
		{
			name: "values of variables",
			env:  map[string]string{"LPIPE_ARCH": "x86_64,amd64", "LPIPE_TEST": "maybe", "LPIPE_LINK": "x"},
			want: `
lpipe: error: LPIPE_ARCH: build.arch cannot be "amd64"
lpipe: why:   Lambda has another name for it
lpipe: fix:   write "x86_64"
lpipe: error: LPIPE_LINK: build.link cannot be "x"
lpipe: why:   there are "static" and "dynamic"
lpipe: fix:   write one of them
lpipe: error: LPIPE_TEST: build.test cannot be "maybe"
lpipe: why:   it takes true or false
lpipe: fix:   write true or false`,
		},
		{
			name: "a file that is not there",
			env:  map[string]string{"LPIPE_CONFIG": "none.toml"},
			want: `
lpipe: error: LPIPE_CONFIG names "none.toml", which cannot be read
lpipe: why:   file does not exist
lpipe: fix:   give the path of an lpipe.toml, or leave it out to have it looked for`,
		},
		{
			name:  "a file that is a folder",
			flags: []Setting{{Key: "config", Values: []string{"base"}, Flag: "--config"}},
			want: `
lpipe: error: reading base
lpipe: why:   it is a folder and not a regular file
lpipe: fix:   make it a regular file that the user who runs lpipe can read, or name another with --config`,
		},
		{
			name: "values of flags",
			flags: []Setting{
				{Key: "build.profile", Values: []string{"a b"}, Flag: "--profile"},
				{Key: "build.runtime", Values: []string{"a", "b"}, Flag: "--runtime"},
				{Key: "build.env", Values: []string{"A", "MY_PASSWORD=hunter2", "B-C=1"}, Flag: "--env"},
				{Key: "build.arch", Flag: "--arch"},
				{Key: "zebra", Values: []string{"x"}, Flag: "--zebra"},
			},
			want: `
lpipe: error: --profile: build.profile cannot be "a b"
lpipe: why:   a name has letters, digits, _, - and . only, and does not start with - or .
lpipe: fix:   write such a name
lpipe: error: --runtime is given 2 times
lpipe: why:   build.runtime takes one value
lpipe: fix:   give it once
lpipe: error: --env "A" has no value
lpipe: fix:   write NAME=VALUE
lpipe: error: --env: build.env.MY_PASSWORD is refused
lpipe: why:   the name looks like that of a secret, and what a build sees stays in its layers and caches
lpipe: fix:   ` + secretFix + `
lpipe: error: --env: no key can be called build.env.B-C
lpipe: why:   a variable has letters, digits and _ only, and does not start with a digit
lpipe: fix:   rename it
lpipe: error: --arch: build.arch is empty
lpipe: fix:   leave it out
lpipe: error: --zebra sets unknown key zebra
lpipe: fix:   docs/config.md lists the keys`,
		},
		{
			name:  "a flag against the file",
			flags: []Setting{{Key: "build.arch", Values: []string{"arm64"}, Flag: "--arch"}},
			want: `
lpipe: error: target x86_64-unknown-linux-gnu (lpipe.toml:2) contradicts arch arm64 (--arch)
lpipe: why:   it is a target of x86_64
lpipe: fix:   leave target out: it follows from arch and link`,
		},
		{
			name: "two flags for one key",
			flags: []Setting{
				{Key: "build.arch", Values: []string{"x86_64"}, Flag: "--arch"},
				{Key: "build.arch", Values: []string{"x86_64"}, Flag: "--platform"},
			},
			want: `
lpipe: error: --arch and --platform cannot be combined
lpipe: why:   both set build.arch
lpipe: fix:   give one of them`,
		},
		{
			name:  "a secret as a value",
			flags: []Setting{{Key: "ssh.key", Values: []string{"ghp_abcdefghijklmnopqrstuvwxyz0123456789"}, Flag: "--ssh"}},
			want: `
lpipe: error: --ssh: ssh.key cannot be this value, which looks like a secret
lpipe: why:   it is a key and not the place of one
lpipe: fix:   write "env:NAME" or the path of a file`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input("[build]\ntarget = 'x86_64-unknown-linux-gnu'\n")
			in.Env, in.Settings = c.env, c.flags
			_, err := Load(in)
			if got := "\n" + said(err); got != c.want+"\n" {
				t.Errorf("got:%swant:%s", got, c.want)
			}
		})
	}
}

// denied is a disk on which one file may be seen and not opened, and another not even seen.
type denied struct{ fstest.MapFS }

func (d denied) Open(name string) (fs.File, error) {
	if name == "secret/lpipe.toml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func (d denied) Lstat(name string) (fs.FileInfo, error) {
	if name == "closed/lpipe.toml" {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Lstat(name)
}

func TestFilesThatMayNotBeRead(t *testing.T) {
	disk := denied{fstest.MapFS{"secret/lpipe.toml": {}, "closed/x": {}, "folder/lpipe.toml/x": {}}}
	for dir, want := range map[string]string{
		"/secret": "lpipe: error: reading lpipe.toml\nlpipe: why:   permission denied\nlpipe: fix:   make it a regular file that the user who runs lpipe can read, or name another with --config\n",
		"/closed": "lpipe: error: looking for lpipe.toml\nlpipe: why:   permission denied\nlpipe: fix:   make it a regular file that the user who runs lpipe can read, or name another with --config\n",
		"/folder": "lpipe: error: reading lpipe.toml\nlpipe: why:   it is a folder and not a regular file\nlpipe: fix:   make it a regular file that the user who runs lpipe can read, or name another with --config\n",
	} {
		_, err := Load(Input{FS: disk, Dir: dir})
		if got := said(err); got != want {
			t.Errorf("%s: got %q, want %q", dir, got, want)
		}
	}
}

func TestFilesThatAreNotText(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"too large", strings.Repeat("#", maxFile+1), "lpipe: error: reading lpipe.toml\nlpipe: why:   it is larger than 1048576 bytes\nlpipe: fix:   make it a regular file that the user who runs lpipe can read, or name another with --config\n"},
		{"binary", "a = '\x00'", "lpipe: error: lpipe.toml:1:6: not valid TOML\nlpipe: why:   literal strings cannot have control characters\n              a = '?'\nlpipe: fix:   correct it; https://toml.io has the syntax, and docs/config.md the keys\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(Input{FS: fstest.MapFS{"lpipe.toml": {Data: []byte(c.data)}}, Dir: "."})
			if got := said(err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCIMistakesCountOutsideOfCI(t *testing.T) {
	_, err := Load(input("[ci.build]\narch = 'amd64'\n[ci]\npush = 'yes'\n"))
	if n := strings.Count(said(err), "lpipe: error: "); n != 2 {
		t.Errorf("%d mistakes in:\n%s", n, said(err))
	}
}

// TestNoLambdasAreNotAll: an empty list is no answer to which lambdas are meant.
func TestNoLambdasAreNotAll(t *testing.T) {
	_, err := Load(input("lambdas = []\n"))
	if got, want := said(err), "lpipe: error: lpipe.toml:1:1: lambdas is empty\nlpipe: fix:   leave it out\n"; got != want {
		t.Errorf("got:\n%s", got)
	}
}
