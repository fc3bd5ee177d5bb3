package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
)

// fetched plans a package whose lock file has the sources, with lpipe.toml and more files.
func fetched(t *testing.T, sources []string, toml string, files map[string]string) (*Plan, error) {
	t.Helper()
	lock := "version = 4\n"
	for i, s := range sources {
		lock += fmt.Sprintf("\n[[package]]\nname = \"dep%d\"\nversion = \"1.0.0\"\nsource = %q\n", i, s)
	}
	lock += "\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n"
	disk := fstest.MapFS{
		"p/Cargo.toml":  {Data: []byte("[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")},
		"p/src/main.rs": {Data: []byte("fn main() {}\n")},
		"p/Cargo.lock":  {Data: []byte(lock + files["Cargo.lock"])},
		"p/lpipe.toml":  {Data: []byte(toml)},
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != "Cargo.lock" {
			disk["p/"+name] = &fstest.MapFile{Data: []byte(files[name])}
		}
	}
	cfg, err := config.Load(config.Input{FS: disk, Dir: "p"})
	if err != nil {
		t.Fatal(err)
	}
	ws, err := cargo.Load(disk, "p")
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	return one(Make([]Project{{Config: cfg, Workspace: ws, Reach: found}}, nil))
}

const commit = "#0123456789abcdef0123456789abcdef01234567"

func TestRepositoriesOfTheLockFile(t *testing.T) {
	for name, test := range map[string]struct {
		sources []string
		toml    string
		files   map[string]string
		want    string // one a line: URL, key, token
		ssh     bool
	}{
		"crates.io alone": {
			sources: []string{"registry+https://github.com/rust-lang/crates.io-index", "sparse+https://crates.example.com/"},
		},
		"git over SSH, in several spellings and revisions": {
			sources: []string{
				"git+ssh://git@github.com/org/one.git" + commit,
				"git+ssh://git@github.com/org/one?branch=next" + commit,
				"git+ssh://git@GitHub.com:22/org/one.git?tag=v1" + commit,
				"git+ssh://git.example.com:2222/team/sub/two.git" + commit,
			},
			want: "ssh://git@git.example.com:2222/team/sub/two\nssh://git@github.com/org/one", ssh: true,
		},
		"git over https": {
			sources: []string{"git+https://github.com/org/one" + commit},
			want:    "https://github.com/org/one",
		},
		"a registry whose index is a repository": {
			sources: []string{"registry+ssh://git@git.example.com/index.git", "registry+https://git.example.com/other-index"},
			want:    "https://git.example.com/other-index\nssh://git@git.example.com/index", ssh: true,
		},
		"a patch that nothing uses": {
			files: map[string]string{"Cargo.lock": "\n[[patch.unused]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+ssh://git@github.com/org/patch.git" + commit + "\"\n"},
			want:  "ssh://git@github.com/org/patch", ssh: true,
		},
		"replaced by cargo's configuration": {
			sources: []string{"git+https://github.com/org/one" + commit},
			files:   map[string]string{".cargo/config.toml": "[source.\"https://github.com/org/one\"]\ngit = \"https://github.com/org/one\"\nreplace-with = \"mirror\"\n\n[source.mirror]\ngit = \"ssh://git@git.example.com/mirrors/one.git\"\n"},
			want:    "https://github.com/org/one\nssh://git@git.example.com/mirrors/one", ssh: true,
		},
		"vendored": {
			sources: []string{"git+ssh://git@github.com/org/one.git" + commit},
			files: map[string]string{
				".cargo/config.toml": "[source.one]\ngit = \"ssh://git@github.com/org/one.git\"\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"vendor\"\n",
				"vendor/one/x":       "",
			},
		},
		"allowed beside": {
			sources: []string{"git+ssh://git@github.com/org/one.git" + commit, "git+ssh://deploy@git.example.com:2222/two.git" + commit},
			toml:    "[ssh]\nrepositories = [\"org/sub\", \"git.example.com/team/sub.git\", \"other.example.com/x/y\"]\n",
			want: "ssh://deploy@git.example.com:2222/org/sub\nssh://deploy@git.example.com:2222/team/sub\nssh://deploy@git.example.com:2222/two\n" +
				"ssh://git@github.com/org/one\nssh://git@github.com/org/sub\nssh://git@other.example.com/x/y", ssh: true,
		},
		"allowed beside https": {
			sources: []string{"git+https://github.com/org/one" + commit, "git+https://gitlab.com/org/one" + commit},
			toml:    "[ssh]\nrepositories = [\"github.com/org/sub\", \"gitlab.com/org/sub\"]\n[git]\ntokens = { \"gitlab.com\" = \"env:T\" }\n",
			want: "https://github.com/org/one\nhttps://github.com/org/sub\nhttps://gitlab.com/org/one env:T\nhttps://gitlab.com/org/sub env:T\n" +
				"ssh://git@github.com/org/sub", ssh: true,
		},
		"allowed beside, without git dependencies": {
			sources: []string{"registry+https://github.com/rust-lang/crates.io-index"},
			toml:    "[ssh]\nrepositories = [\"org/sub\"]\n",
		},
		"deploy keys": {
			sources: []string{"git+ssh://git@github.com/org/one.git" + commit, "git+ssh://git@github.com/org/two" + commit, "git+https://github.com/org/one" + commit},
			toml:    "[ssh]\ndeploy-keys = { \"org/one\" = \"env:ONE\", \"github.com/org/two\" = \"two.key\" }\n",
			want:    "https://github.com/org/one\nssh://git@github.com/org/one env:ONE\nssh://git@github.com/org/two /p/two.key", ssh: true,
		},
		"tokens": {
			sources: []string{"git+https://github.com/org/one.git" + commit, "git+https://github.com/org/two" + commit, "git+https://gitlab.com/org/one" + commit},
			toml:    "[git]\ntokens = { \"github.com\" = \"env:ALL\", \"github.com/org/two\" = \"env:TWO\" }\n",
			want:    "https://github.com/org/one env:ALL\nhttps://github.com/org/two env:TWO\nhttps://gitlab.com/org/one",
		},
		"a token without a host is for none": {
			sources: []string{"git+https://github.com/org/one.git" + commit, "git+https://evil.example.com/org/one" + commit},
			toml:    "[git]\ntokens = { \"org/one\" = \"env:ONE\", \"GitHub.com/org/one\" = \"env:TWO\" }\n",
			want:    "https://evil.example.com/org/one\nhttps://github.com/org/one env:TWO",
		},
		"tokens of IPv6 addresses": {
			sources: []string{
				"git+https://[::1]/org/one" + commit, "git+https://[::1]:8443/org/one" + commit, "git+https://[FE80::1]:8443/org/one" + commit,
				"git+https://[2001:db8::1]/org/one" + commit, "git+https://[2001:db8::2]/org/one" + commit, "git+https://[2001:db8::2]/org/two" + commit,
			},
			toml: "[git]\ntokens = { \"[::1]\" = \"env:ANY\", \"[::1]:8443\" = \"env:PORT\", \"[fe80::1]\" = \"env:BARE\", \"[2001:DB8::1]:443\" = \"env:DEFAULT\", \"[2001:db8::2]/org/two\" = \"env:TWO\" }\n",
			want: "https://[2001:db8::1]/org/one env:DEFAULT\nhttps://[2001:db8::2]/org/one\nhttps://[2001:db8::2]/org/two env:TWO\nhttps://[::1]/org/one env:ANY\n" +
				"https://[::1]:8443/org/one env:PORT\nhttps://[fe80::1]:8443/org/one env:BARE",
		},
		"allowed beside, on IPv6 addresses": {
			sources: []string{"git+ssh://git@[::1]:2222/org/one.git" + commit, "git+https://[::2]/org/one" + commit},
			toml:    "[ssh]\nrepositories = [\"[::1]:2222/org/sub\", \"[::2]/org/sub\", \"[2001:DB8::1]:22/x/y\"]\n[git]\ntokens = { \"[::2]\" = \"env:T\" }\n",
			want: "https://[::2]/org/one env:T\nhttps://[::2]/org/sub env:T\nssh://git@[2001:db8::1]/x/y\n" +
				"ssh://git@[::1]:2222/org/one\nssh://git@[::1]:2222/org/sub", ssh: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := fetched(t, test.sources, test.toml, test.files)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range p.Repositories {
				got = append(got, strings.Join(slices.DeleteFunc([]string{r.String(), r.Key, r.Token}, func(s string) bool { return s == "" }), " "))
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), test.want)
			}
			if v := p.Variants[0]; v.Git != (test.want != "") || v.SSH != test.ssh {
				t.Errorf("the Dockerfile has git: %v, SSH: %v", v.Git, v.SSH)
			}
		})
	}
}

func TestRepositoriesThatMayNotBeFetched(t *testing.T) {
	_, err := fetched(t, []string{"git+http://git.example.com/a" + commit, "git+git://git.example.com:9418/b" + commit, "git+ssh://git@evil.example.com/c" + commit, "git+ssh://git@github.com/org/x%0Assh%20git%20evil%2022%20-%20y" + commit, "git+ssh:///x" + commit, "git+https://git.exämple.com/x" + commit, "git+https://github.com/org/x%20" + commit},
		"[ssh]\nhosts = [\"github.com\"]\n", nil)
	var l fault.List
	l.Add(err)
	parts := fault.Parts(l.Err())
	if len(parts) != 7 {
		t.Fatalf("%d mistakes: %v", len(parts), err)
	}
	for i, want := range []string{"git://git.example.com:9418/b", "http://git.example.com/a", "evil.example.com", "escaped control character", "names no host", "not written in ASCII", "org/x"} {
		f := new(fault.Error)
		if !slices.ContainsFunc(parts, func(e error) bool { return strings.Contains(e.Error(), want) }) || !errors.As(parts[i], &f) || f.Kind != fault.Usage || f.Fix == "" {
			t.Errorf("%v: not a mistake about %s", parts, want)
		}
	}
}

func TestADeployKeyForNothingIsNoted(t *testing.T) {
	p, err := fetched(t, []string{"git+ssh://git@github.com/org/one.git" + commit}, "[ssh]\ndeploy-keys = { \"org/onne\" = \"env:ONE\" }\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], `no repository of Cargo.lock is "org/onne"`) || !strings.Contains(p.Notes[0], "lpipe.toml:2") {
		t.Errorf("notes: %q", p.Notes)
	}
}

func TestATokenForNothingIsNoted(t *testing.T) {
	p, err := fetched(t, []string{"git+https://github.com/org/one.git" + commit}, "[git]\ntokens = { \"org/one\" = \"env:ONE\" }\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], `no https repository of Cargo.lock is at "org/one"`) || !strings.Contains(p.Notes[0], "lpipe.toml:2") {
		t.Errorf("notes: %q", p.Notes)
	}
}

func TestRepositoryIs(t *testing.T) {
	r := Repository{Scheme: "ssh", User: "git", Host: "github.com", Port: "22", Path: "org/one"}
	for url, want := range map[string]bool{
		"ssh://git@github.com/org/one.git": true, "ssh://git@GitHub.com:22/org/one": true,
		"ssh://git@github.com/org/two": false, "https://github.com/org/one": false, "ssh://git@github.com:443/org/one": false, "": false,
	} {
		if r.Is(url) != want {
			t.Errorf("%s: %v", url, !want)
		}
	}
}

// Whatever a lock file names, a repository stays one line of words in the list for git.
func FuzzRepositoryOfALockedSource(f *testing.F) {
	for _, seed := range []string{
		"ssh://git@github.com/org/one.git?branch=main#0123", "https://user:word@host:8443/a%20b", "ssh://a%20b@host/x", "ssh://git@host/x%0Ay",
		"ssh://[::1]:22/x", "ssh://git@ho%20st/x", "git://host/x", "ssh:///x", "ssh://git@host:%0A/x", "//0:0/0", "git://host:1/x",
	} {
		f.Add(seed)
	}
	cfg, err := config.Load(config.Input{FS: fstest.MapFS{}, Dir: "p"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url string) {
		s, err := cargo.ParseSource("git+" + url)
		if err != nil {
			return
		}
		all, _, err := repositories(cfg, &cargo.Workspace{Lock: &cargo.Lock{Packages: []cargo.LockPackage{{Source: s}}}})
		if err != nil {
			return
		}
		for _, r := range all {
			words := r.Scheme + " " + r.User + " " + r.Host + " " + r.Port
			if n := len(strings.Fields(words)); n != 4 && (n != 3 || r.Scheme == "ssh") || strings.ContainsFunc(words+r.Path, unicode.IsControl) {
				t.Errorf("%q became %q %q", url, words, r.Path)
			}
			if r.Scheme == "ssh" && (strings.HasPrefix(r.Host, "-") || strings.HasPrefix(r.User, "-")) {
				t.Errorf("%q would be an option of ssh", url)
			}
		}
	})
}
