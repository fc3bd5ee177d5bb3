package plan

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
)

// Registry is a registry of crates that the build may log in to.
type Registry struct {
	Index string // its URL, as of [IndexURL]
	Name  string // what cargo's configuration calls it; "" when it does not
	// Proxy is what the project's configuration sends the requests through, where what is said to the registry can be read
	// there: the connection is not encrypted, or the project also says whose certificates are good.
	Proxy string
}

// IndexURL is a registry's URL in one spelling: with its "sparse+", and without a final slash.
func IndexURL(text string) string {
	address, sparse := strings.CutPrefix(text, "sparse+")
	if u, err := url.Parse(address); err == nil {
		u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		if port := map[string]string{"http": ":80", "https": ":443", "ssh": ":22"}[u.Scheme]; port != "" {
			u.Host = strings.TrimSuffix(u.Host, port)
		}
		address = u.String()
	}
	address = strings.TrimRight(address, "/")
	if sparse {
		address = "sparse+" + address
	}
	return address
}

// registries lists those that the lock file names, and those that a [source] table of cargo's configuration puts in the
// place of others: sorted, each once, without crates.io, which needs no login.
func registries(ws *cargo.Workspace) []Registry {
	var all []Registry
	add := func(index string) {
		index = IndexURL(index)
		odd := strings.ContainsFunc(index, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
		if odd || index == "" || index == cargo.CratesIO || slices.ContainsFunc(all, func(r Registry) bool { return r.Index == index }) {
			return
		}
		all = append(all, Registry{Index: index, Name: ws.Config.RegistryName(func(of string) bool { return IndexURL(of) == index }), Proxy: proxy(ws, index)})
	}
	for _, s := range ws.Lock.Registries() {
		switch s.Kind {
		case "sparse":
			add("sparse+" + s.URL)
		case "registry":
			add(s.URL)
		}
	}
	for _, s := range ws.Config.Sources {
		add(s.Registry)
		add(ws.Config.Registries[s.ReplaceWith])
	}
	slices.SortFunc(all, func(a, b Registry) int { return strings.Compare(a.Index, b.Index) })
	return all
}

// proxy is the [http] proxy of the project where it could read what is sent to the registry.
func proxy(ws *cargo.Workspace, index string) string {
	h := ws.Config.HTTP
	if h.Proxy == "" || !h.CA && strings.HasPrefix(strings.TrimPrefix(index, "sparse+"), "https:") {
		return ""
	}
	return h.Proxy
}

// readable refuses tokens for git servers that the project's configuration sends through a proxy which could read them.
func readable(ws *cargo.Workspace, repositories []Repository) error {
	var l fault.List
	for _, r := range repositories {
		if via := proxy(ws, "https:"); via != "" && r.Token != "" {
			l.Addf("the token for "+r.String()+" would not stay secret",
				"[http] in .cargo/config.toml sends what git says to the server through "+via+", and says whose certificates are good, so the proxy could read it",
				"take proxy and cainfo out, and set HTTPS_PROXY and SSL_CERT_FILE for lpipe, or [network] in lpipe.toml")
		}
	}
	return l.Err()
}
