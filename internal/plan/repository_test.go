package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// locked is the package of single with a lock file that names sources.
func locked(sources ...string) string {
	var b strings.Builder
	b.WriteString(single + "-- Cargo.lock --\nversion = 4\n")
	for i, s := range sources {
		fmt.Fprintf(&b, "[[package]]\nname = \"dep%d\"\nversion = \"1.0.0\"\nsource = %q\n", i, s)
	}
	return b.String()
}

const (
	commit  = "#0123456789abcdef0123456789abcdef01234567"
	overSSH = "git+ssh://git@github.com/org/private.git?rev=0123456" + commit
	public  = "git+https://github.com/org/public" + commit
	crates  = "registry+https://github.com/rust-lang/crates.io-index"
)

// TestRepositories: what is listed here is all that a build may fetch with git.
func TestRepositories(t *testing.T) {
	for name, c := range map[string]struct {
		project string
		want    []string // with the key or token after a space
		notes   []string
	}{
		"crates.io is not fetched with git": {locked(crates), nil, nil},
		"each repository once": {
			locked(overSSH, public, "git+ssh://git@github.com/org/private.git?branch=main"+commit),
			[]string{"https://github.com/org/public", "ssh://git@github.com/org/private"},
			nil,
		},
		"a user and a port":                   {locked("git+ssh://me@Git.Example.com:2222/org/repo" + commit), []string{"ssh://me@git.example.com:2222/org/repo"}, nil},
		"the user is git where there is none": {locked("git+ssh://github.com/org/repo" + commit), []string{"ssh://git@github.com/org/repo"}, nil},
		"a registry with its index in git":    {locked("registry+ssh://git@git.example.com/index.git"), []string{"ssh://git@git.example.com/index"}, nil},
		"a mirror of [source]": {
			locked(crates) + "-- .cargo/config.toml --\n[source.mirror]\ngit = 'https://git.example.com/mirror.git'\n",
			[]string{"https://git.example.com/mirror"},
			nil,
		},
		"a submodule on the host of another": {
			locked(overSSH) + "-- lpipe.toml --\n[ssh]\nrepositories = ['org/sub', 'github.com/org/other.git']\n",
			[]string{"ssh://git@github.com/org/other", "ssh://git@github.com/org/private", "ssh://git@github.com/org/sub"},
			nil,
		},
		"a submodule on a host of its own": {
			locked(overSSH) + "-- lpipe.toml --\n[ssh]\nrepositories = ['git.example.com/org/sub']\n",
			[]string{"ssh://git@git.example.com/org/sub", "ssh://git@github.com/org/private"},
			nil,
		},
		"submodules of nothing are not fetched": {locked(crates) + "-- lpipe.toml --\n[ssh]\nrepositories = ['org/sub']\n", nil, nil},
		"a deploy key": {
			locked(overSSH, public) + "-- lpipe.toml --\n[ssh.deploy-keys]\n'org/private' = 'env:KEY'\n'org/gone' = 'env:OTHER'\n",
			[]string{"https://github.com/org/public", "ssh://git@github.com/org/private env:KEY"},
			[]string{`lpipe.toml:3: no repository of Cargo.lock is "org/gone", so its deploy key is not used`},
		},
		"the token of a repository wins over that of its host": {
			locked(public, "git+https://github.com/org/second"+commit, overSSH) +
				"-- lpipe.toml --\n[git.tokens]\n'github.com' = 'env:HOST'\n'github.com/org/public' = 'env:REPOSITORY'\n",
			[]string{"https://github.com/org/public env:REPOSITORY", "https://github.com/org/second env:HOST", "ssh://git@github.com/org/private"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPlan(t, c.project, Selection{})
			var got []string
			for _, r := range p.Repositories {
				got = append(got, strings.TrimSpace(r.String()+" "+r.Key+r.Token))
			}
			if !slices.Equal(got, c.want) || !slices.Equal(p.Notes, c.notes) {
				t.Errorf("repositories\n\t%s\nwant\n\t%s\nnotes %q, want %q", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"), p.Notes, c.notes)
			}
			v := p.Variants[0]
			if v.Git != (len(c.want) > 0) || v.SSH != strings.Contains(strings.Join(c.want, "\n"), "ssh://") {
				t.Errorf("the fetch step has git: %t, ssh: %t", v.Git, v.SSH)
			}
		})
	}
}

func TestRepositoriesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ project, want string }{
		"without encryption": {locked("git+http://git.example.com/org/repo" + commit), `error: the build cannot fetch http://git.example.com/org/repo
why:   http:// neither encrypts nor proves who answers
fix:   name the dependency by its https:// or ssh:// URL
`},
		"on a host that is not listed": {locked(overSSH) + "-- lpipe.toml --\n[ssh]\nhosts = ['gitlab.com']\n", `error: the build may not log in to github.com
why:   Cargo.lock names ssh://git@github.com/org/private, and the list of hosts at lpipe.toml:2 does not have it
fix:   add the host to [ssh] hosts, or remove the dependency
`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan(t, c.project, Selection{})
			wantMistake(t, err, c.want)
		})
	}
}

func TestRepositoryIsNamedByItsURLs(t *testing.T) {
	r := Repository{Scheme: "ssh", User: "git", Host: "github.com", Port: "22", Path: "org/repo"}
	for url, want := range map[string]bool{
		"ssh://git@github.com/org/repo":      true,
		"ssh://git@GitHub.com/org/repo.git":  true,
		"ssh://git@github.com:22/org/repo":   true,
		"ssh://git@github.com:2222/org/repo": false,
		"ssh://git@github.com/org/repo2":     false,
		"ssh://git@github.com/org":           false,
		"https://github.com/org/repo":        false,
		"ssh://git@example.com/org/repo":     false,
		"::":                                 false,
	} {
		if got := r.Is(url); got != want {
			t.Errorf("%s is %s: %t, want %t", r, url, got, want)
		}
	}
	six := Repository{Scheme: "https", Host: "::1", Port: "8443", Path: "org/repo"}
	if got := six.String(); got != "https://[::1]:8443/org/repo" {
		t.Errorf("got %s", got)
	}
}

func TestKeepDropsLambdasAndEmptyVariants(t *testing.T) {
	p := mustPlan(t, fleet+"-- lpipe.toml --\n[lambda.users]\nprofile = 'dev'\n", Selection{})
	p.Keep(func(l *Lambda) bool { return l.Name == "orders" })
	wantLambdas(t, p, "orders = orders/orders")
	if len(p.Variants) != 1 {
		t.Errorf("%d variants are left", len(p.Variants))
	}
}
