package plan

import (
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/cargo"
)

func TestRegistriesOfTheProject(t *testing.T) {
	for name, test := range map[string]struct {
		sources []string
		config  string
		want    string // one a line: index, name, proxy
	}{
		"crates.io alone": {sources: []string{"registry+" + cargo.CratesIO}},
		"of the lock file": {
			sources: []string{"sparse+https://Crates.example.com:443/index/", "registry+https://git.example.com/index", "registry+" + cargo.CratesIO},
			config:  "[registries.acme]\nindex = \"sparse+https://crates.example.com/index/\"\n[registries.other]\nindex = \"sparse+https://other.example.com/\"\n",
			want:    "https://git.example.com/index  \nsparse+https://crates.example.com/index acme ",
		},
		"in the place of others": {
			sources: []string{"registry+" + cargo.CratesIO},
			config: "[source.crates-io]\nreplace-with = \"acme\"\n[source.x]\nregistry = \"sparse+https://mirror.example.com/\"\n" +
				"[registries.acme]\nindex = \"sparse+https://acme.example.com/\"\n",
			want: "sparse+https://acme.example.com acme \nsparse+https://mirror.example.com  ",
		},
		"through a proxy": {
			sources: []string{"sparse+https://a.example.com/", "sparse+http://b.example.com/"},
			config:  "[http]\nproxy = \"p:1\"\n",
			want:    "sparse+http://b.example.com  p:1\nsparse+https://a.example.com  ",
		},
		"through a proxy, with certificates": {
			sources: []string{"sparse+https://a.example.com/"},
			config:  "[http]\nproxy = \"p:1\"\ncainfo = \"ca.pem\"\n",
			want:    "sparse+https://a.example.com  p:1",
		},
		"with certificates": {
			sources: []string{"sparse+https://a.example.com/"},
			config:  "[http]\ncainfo = \"ca.pem\"\n",
			want:    "sparse+https://a.example.com  ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := fetched(t, test.sources, "", map[string]string{".cargo/config.toml": test.config})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range p.Registries {
				got = append(got, fmt.Sprintf("%s %s %s", r.Index, r.Name, r.Proxy))
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), test.want)
			}
		})
	}
}

func TestIndexURL(t *testing.T) {
	for text, want := range map[string]string{
		"sparse+https://Crates.Example.com:443/a/": "sparse+https://crates.example.com/a", "https://h:8443/a": "https://h:8443/a",
		"HTTP://h:80/": "http://h", "sparse+https://[::1]:443/": "sparse+https://[::1]", "ssh://git@h:22/a//": "ssh://git@h/a", "": "",
	} {
		if got := IndexURL(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestWhatOnlyMattersForDownloadingAndIsLeftOutIsSaid(t *testing.T) {
	p, err := fetched(t, nil, "", map[string]string{".cargo/config.toml": "[registry]\nglobal-credential-providers = [\"./x\"]\n"})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, "config.toml:2:1: registry.global-credential-providers has no effect") {
		t.Errorf("notes: %s", notes)
	}
}

// With an authority of its own, a proxy that the project names could read what git says to a server.
func TestAProjectsProxyGetsNoToken(t *testing.T) {
	const source = "git+https://git.example.com/org/one#0123456789012345678901234567890123456789"
	const tokens = "[git]\ntokens = { \"git.example.com\" = \"env:TOKEN\" }\n"
	for config, refused := range map[string]bool{
		"":                              false,
		"[http]\nproxy = \"p:1\"\n":     false, // it passes on what is encrypted
		"[http]\ncainfo = \"ca.pem\"\n": false,
		"[http]\nproxy = \"p:1\"\ncainfo = \"ca.pem\"\n": true,
	} {
		_, err := fetched(t, []string{source}, tokens, map[string]string{".cargo/config.toml": config})
		if got := err != nil && strings.Contains(fmt.Sprint(err), "the token for https://git.example.com/org/one would not stay secret"); got != refused {
			t.Errorf("%q: %v", config, err)
		}
	}
}
