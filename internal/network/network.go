// Package network says how a run reaches the network where that is a company's: through which proxies, and trusting whose
// certificates beside those of the image or machine.
//
// Proxies come from the environment, else from [network] in lpipe.toml, else from the user's configuration of cargo, else
// from that of the docker client; authorities from all that names some. Nothing of it is part of a build: steps that
// download get it as secrets, which are in no layer and no cache key, so a laptop behind a proxy and a CI job without one
// find each other's layers.
package network

import (
	_ "embed"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/redact"
	"lpipe/internal/shell"
)

// The secrets of the steps that download; Dockerfile.tmpl says where they are mounted.
const (
	SecretNetwork     = "lpipe-network"     // a shell script to source: [Network.Script]
	SecretAuthorities = "lpipe-authorities" // certificates: [Network.Authorities]
)

// proxyNames are the variables by which programs know proxies; all of these are also known in lower case.
var proxyNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}

// mirrorNames are the variables by which rustup knows where it downloads from:
// https://rust-lang.github.io/rustup/environment-variables.html
var mirrorNames = []string{"RUSTUP_DIST_SERVER", "RUSTUP_UPDATE_ROOT"}

// Network is how a run reaches the network.
type Network struct {
	proxies map[string]string // by the names of proxyNames; those without a value are absent
	mirrors map[string]string // by the names of mirrorNames
	named   []string          // files of authorities that lpipe.toml names
	files   []authorityFile
}

// authorityFile is a file of certificates, and who names it.
type authorityFile struct{ name, from string }

// New reads what the environment, lpipe.toml, the user's configuration of cargo, and the docker client's in a folder say. The
// error is a [fault.Usage] fault for each file that cannot be used.
func New(cfg *config.Config, env map[string]string, home *cargo.Home, docker string) (*Network, error) {
	n := &Network{proxies: map[string]string{}, mirrors: map[string]string{}, named: cfg.Network.Authorities}
	given := func(name string) string {
		if v := env[name]; v != "" {
			return v
		}
		return env[strings.ToLower(name)]
	}
	said := map[string]string{
		"HTTP_PROXY": cfg.Network.HTTPProxy, "HTTPS_PROXY": cfg.Network.HTTPSProxy, "NO_PROXY": strings.Join(cfg.Network.NoProxy, ","),
	}
	ofCargo := map[string]string{"HTTP_PROXY": home.Proxy, "HTTPS_PROXY": home.Proxy}
	ofDocker := dockerProxies(docker, env["DOCKER_HOST"])
	in := func(all map[string]string) func(string) string { return func(name string) string { return all[name] } }
	for _, from := range []func(name string) string{given, in(said), in(ofCargo), in(ofDocker)} {
		for _, name := range proxyNames {
			if v := from(name); v != "" && n.proxies[name] == "" {
				n.proxies[name] = v
			}
		}
	}
	for _, name := range mirrorNames {
		if v := env[name]; v != "" {
			n.mirrors[name] = v
		}
	}
	for _, name := range cfg.Network.Authorities {
		n.files = append(n.files, authorityFile{name, cfg.Origin("network.ca").String() + ": network.ca"})
	}
	for _, f := range []authorityFile{{env["SSL_CERT_FILE"], "SSL_CERT_FILE"}, {home.CAInfo, "cargo's http.cainfo"}} {
		if f.name != "" && !slices.ContainsFunc(n.files, func(known authorityFile) bool { return known.name == f.name }) {
			n.files = append(n.files, f)
		}
	}
	return n, n.check()
}

//go:embed network.sh
var script string

// Script is what a step that downloads sources to reach the network: it exports the proxies and, where there are
// authorities, a file with them and those of the image for each program that downloads.
func (n *Network) Script() []byte {
	var b strings.Builder
	export := func(name, value string) { fmt.Fprintf(&b, "export %s=%s\n", name, shell.Quote(value)) }
	for _, name := range proxyNames {
		if v, ok := n.proxies[name]; ok {
			export(name, v)
			export(strings.ToLower(name), v)
		}
	}
	for _, name := range mirrorNames {
		if v, ok := n.mirrors[name]; ok {
			export(name, v)
		}
	}
	return []byte(b.String() + script)
}

// Proxies are the proxies in use, each once, without logins.
func (n *Network) Proxies() []string {
	var all []string
	for _, name := range proxyNames[:3] {
		if v := redact.Text(n.proxies[name]); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// Files are the files of authorities.
func (n *Network) Files() []string {
	var all []string
	for _, f := range n.files {
		all = append(all, f.name)
	}
	return all
}

// Secrets are the passwords of the proxies, which no output may show, as they are and as an address has them.
func (n *Network) Secrets() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(n.proxies)) {
		u, err := url.Parse(n.proxies[name])
		if err != nil || u.User == nil {
			continue
		}
		_, written, _ := strings.Cut(u.User.String(), ":")
		password, _ := u.User.Password()
		all = append(all, password, written)
	}
	return all
}

// Loopback returns the host of a proxy that only programs of this machine reach, "" if there is none.
func (n *Network) Loopback() string {
	for _, name := range proxyNames[:3] {
		if u, err := url.Parse(n.proxies[name]); err == nil {
			ip, err := netip.ParseAddr(u.Hostname())
			if u.Hostname() == "localhost" || err == nil && ip.IsLoopback() {
				return u.Host
			}
		}
	}
	return ""
}
