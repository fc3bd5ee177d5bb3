package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
)

// Repository is a git repository that the build may fetch.
type Repository struct {
	Scheme string // "ssh" or "https"
	User   string // who logs in; never empty for ssh
	Host   string // in lower case
	Port   string // never empty
	Path   string // "org/repo": without leading slash and ".git"
	Key    string // of [ssh] deploy-keys: "env:NAME" or a path; "" when it has none of its own
	Token  string // of [git] tokens, likewise
}

// defaultPorts of the schemes that a build may fetch git repositories with. Others neither encrypt nor tell who answers.
var defaultPorts = map[string]string{"ssh": "22", "https": "443"}

// String is the repository as a URL: "ssh://git@github.com/org/repo".
func (r Repository) String() string {
	user := ""
	if r.User != "" {
		user = r.User + "@"
	}
	return r.Scheme + "://" + user + r.Address() + "/" + r.Path
}

// Address is the host, with the port where it is not the scheme's: "github.com".
func (r Repository) Address() string {
	host := r.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if r.Port == defaultPorts[r.Scheme] {
		return host
	}
	return host + ":" + r.Port
}

// Is reports whether the URL, as git and cargo write it, names r.
func (r Repository) Is(url string) bool {
	s, err := cargo.ParseSource("git+" + url)
	return err == nil && s.Scheme == r.Scheme && strings.EqualFold(s.Host, r.Host) && cmp.Or(s.Port, defaultPorts[s.Scheme]) == r.Port && trimmed(s.Path) == r.Path
}

// called reports whether a person may have meant r by "org/repo" or "host/org/repo".
func (r Repository) called(name string) bool {
	return trimmed(name) == r.Path || r.at(name)
}

// at reports whether a person means r by "host/org/repo".
func (r Repository) at(name string) bool {
	host, path, _ := strings.Cut(trimmed(name), "/")
	return path == r.Path && r.on(host)
}

// on reports whether a person means the server of r by "host", "host:port", "[::1]" or "[::1]:port".
func (r Repository) on(name string) bool {
	host, port := splitPort(strings.ToLower(name))
	return host == r.Host && (port == "" || port == r.Port)
}

// splitPort splits "host:port", "[::1]:port" and either without a port, which is then "".
func splitPort(address string) (host, port string) {
	if at := strings.LastIndex(address, ":"); at > strings.LastIndex(address, "]") && (at == strings.Index(address, ":") || address[0] == '[') {
		address, port = address[:at], address[at+1:]
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), port
}

func trimmed(path string) string { return strings.TrimSuffix(strings.Trim(path, "/"), ".git") }

// repositories lists what the lock file names, where a [source] table of cargo's configuration moves it to, and what
// [ssh] repositories allows beside: sorted, each once.
func repositories(cfg *config.Config, ws *cargo.Workspace) ([]Repository, []string, error) {
	var l fault.List
	var all []Repository
	for _, s := range gitSources(ws) {
		r := Repository{Scheme: s.Scheme, User: s.User, Host: strings.ToLower(s.Host), Port: cmp.Or(s.Port, defaultPorts[s.Scheme]), Path: trimmed(s.Path)}
		if defaultPorts[r.Scheme] == "" {
			l.Addf("the build cannot fetch "+s.URL, fmt.Sprintf("%s:// neither encrypts nor proves who answers", s.Scheme),
				"name the dependency by its https:// or ssh:// URL")
			continue
		}
		if why := unusable(r); why != "" {
			l.Addf(fmt.Sprintf("the build cannot fetch %q", s.URL), why, "restore Cargo.lock")
			continue
		}
		if r.Scheme == "ssh" && r.User == "" {
			r.User = "git"
		}
		if r.Scheme == "ssh" && len(cfg.SSH.Hosts) > 0 && !slices.Contains(cfg.SSH.Hosts, r.Address()) {
			l.Addf("the build may not log in to "+r.Address(), fmt.Sprintf("Cargo.lock names %s, and the list of hosts at %s does not have it", r, cfg.Origin("ssh.hosts")),
				"add the host to [ssh] hosts, or remove the dependency")
			continue
		}
		all = append(all, r)
	}
	if len(all) > 0 {
		all = append(all, allowed(cfg, all)...)
	}
	slices.SortFunc(all, func(a, b Repository) int { return strings.Compare(a.String(), b.String()) })
	all = slices.Compact(all)
	notes := credentials(cfg, all)
	return all, notes, l.Err()
}

// unusable says why git and ssh could take the parts of a URL for something else.
func unusable(r Repository) string {
	odd := func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }
	switch {
	case strings.ContainsFunc(r.User+r.Host, odd), strings.ContainsFunc(r.Path, unicode.IsControl), strings.TrimSpace(r.Path) != r.Path:
		return "the URL holds a blank or an escaped control character"
	case strings.ContainsFunc(r.Host, func(c rune) bool { return c > unicode.MaxASCII }):
		return "the URL's host is not written in ASCII"
	case r.Host == "" || r.Path == "":
		return "the URL names no host or no repository"
	case strings.HasPrefix(r.Host, "-"), strings.HasPrefix(r.User, "-"):
		return "the URL's host or user would be an option of ssh"
	default:
		return ""
	}
}

// gitSources are those that cargo fetches with git: dependencies, patches that nothing uses, and registries whose index
// is a repository.
func gitSources(ws *cargo.Workspace) []cargo.Source {
	var texts []string
	if ws.Lock == nil {
		return nil
	}
	sources := ws.Lock.Git()
	for _, s := range ws.Lock.Registries() {
		if s.Kind == "registry" && s.URL != cargo.CratesIO {
			sources = append(sources, s)
		}
	}
	if patch, ok := ws.Lock.Tree["patch"].(map[string]any); ok {
		unused, _ := patch["unused"].([]any)
		for _, u := range unused {
			if t, ok := u.(map[string]any); ok {
				source, _ := t["source"].(string)
				texts = append(texts, source)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ws.Config.Sources)) {
		if url := ws.Config.Sources[name].Git; url != "" {
			texts = append(texts, "git+"+url)
		}
	}
	for _, text := range texts {
		if s, err := cargo.ParseSource(text); err == nil && s.Kind == "git" {
			sources = append(sources, *s)
		}
	}
	return slices.DeleteFunc(sources, func(s cargo.Source) bool { return s.Scheme == "file" || vendored(ws, s.URL) })
}

// vendored reports whether cargo's configuration puts a folder of crates in the place of a repository, as cargo vendor
// tells a person to.
func vendored(ws *cargo.Workspace, url string) bool {
	for _, s := range ws.Config.Sources {
		if s.Git != url {
			continue
		}
		for range len(ws.Config.Sources) - 1 { // a chain has no more links
			if s.ReplaceWith != "" {
				s = ws.Config.Sources[s.ReplaceWith]
			}
		}
		if s.Directory != "" || s.LocalRegistry != "" {
			return true
		}
	}
	return false
}

// allowed are the repositories of [ssh] repositories. One that is written without a host may lie on each host that the
// lock file names. A host that it names with https alone may have them over SSH too, unless there is a token for it.
func allowed(cfg *config.Config, locked []Repository) []Repository {
	var all []Repository
	for _, name := range cfg.SSH.Repositories {
		host, rest, _ := strings.Cut(trimmed(name), "/")
		host = strings.ToLower(host)
		address, port := splitPort(host)
		path, on := rest, slices.DeleteFunc(slices.Clone(locked), func(r Repository) bool { return !r.on(host) })
		switch {
		case len(on) > 0:
		case strings.ContainsAny(host, ".:") && strings.Contains(rest, "/"):
			on = []Repository{{Scheme: "ssh", User: "git", Host: address, Port: cmp.Or(port, defaultPorts["ssh"])}}
		default:
			path, on = trimmed(name), locked
		}
		for _, r := range on {
			r.Path = path
			all = append(all, r)
			if _, token := token(cfg, r); r.Scheme == "https" && token == "" {
				all = append(all, Repository{Scheme: "ssh", User: "git", Host: r.Host, Port: defaultPorts["ssh"], Path: path})
			}
		}
	}
	return all
}

// token is that of [git] tokens for the repository itself, else that of its host, and the name it has there. A name without a
// host is none: the lock file says which host that would be, and the token would go there.
func token(cfg *config.Config, r Repository) (name, token string) {
	for _, n := range slices.Sorted(maps.Keys(cfg.Git.Tokens)) {
		switch {
		case r.at(n):
			return n, cfg.Git.Tokens[n]
		case r.on(n):
			name, token = n, cfg.Git.Tokens[n]
		}
	}
	return name, token
}

// credentials gives the repositories the keys and tokens that lpipe.toml has for them. The notes name those that are for
// none.
func credentials(cfg *config.Config, all []Repository) (notes []string) {
	for _, name := range slices.Sorted(maps.Keys(cfg.SSH.DeployKeys)) {
		used := false
		for i := range all {
			if all[i].Scheme == "ssh" && all[i].called(name) {
				all[i].Key, used = cfg.SSH.DeployKeys[name], true
			}
		}
		if !used {
			notes = append(notes, fmt.Sprintf("%s: no repository of Cargo.lock is %q, so its deploy key is not used", cfg.Origin(config.Key("ssh", "deploy-keys", name)), name))
		}
	}
	used := map[string]bool{}
	for i, r := range all {
		if r.Scheme == "https" {
			name, token := token(cfg, r)
			all[i].Token, used[name] = token, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Git.Tokens)) {
		if !used[name] {
			notes = append(notes, fmt.Sprintf("%s: no https repository of Cargo.lock is at %q, so its token is not used; a name is HOST or HOST/ORG/REPO",
				cfg.Origin(config.Key("git", "tokens", name)), name))
		}
	}
	return notes
}
