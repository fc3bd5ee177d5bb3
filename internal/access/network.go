package access

import (
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// What programs that download say of a network that they cannot use: cargo and git with curl (OpenSSL or GnuTLS), apt,
// apk, dnf, rustup.
var (
	untrusted = pattern.Of(`SSL peer certificate or SSH remote key was not OK|SSL certificate problem|[Cc]ertificate verif(?:y|ication) failed|` +
		`self[- ]signed certificate in certificate chain|unable to get local issuer certificate|invalid peer certificate|UnknownIssuer`)
	unauthorized = pattern.Of(`(?i)response 407|HTTP code 407|HTTP/1\.[01] 407|proxy authenti?cation required|proxy authorization required`)
	noProxy      = pattern.Of(`(?i)Could not resolve proxy|Failed to connect to proxy|proxy connect aborted|CONNECT tunnel failed|tunnel error`)
	unreached    = pattern.Of(`(?i)Could not resolve host|Temporary failure resolving|failed to lookup address|dns error|Could not connect to server|` +
		`Failed to connect to|Connection timed out|Network is unreachable`)
)

// explainNetwork says of a step that could not download which setting its network needs.
func (a *Access) explainNetwork(f *fault.Error, log string) {
	n := a.o.Network
	switch proxies := strings.Join(n.Proxies(), ", "); {
	case untrusted().MatchString(log):
		f.Why = "a server showed a certificate that nobody vouches for whom the step trusts, as where the proxy of a company opens connections"
		f.Fix = "name the file with the certificate of the company's authority: ca in [network] of lpipe.toml, or SSL_CERT_FILE in lpipe's environment"
		if files := n.Files(); len(files) > 0 {
			f.Why += "; it trusts the image's authorities, and those of " + strings.Join(files, ", ")
			f.Fix = "add the certificate of the authority to one of these files, or name another: ca in [network] of lpipe.toml, or SSL_CERT_FILE in lpipe's environment"
		}
	case unauthorized().MatchString(log):
		f.Why = "the proxy wants a login, or another one; the step was given " + proxies
		f.Fix = "set HTTPS_PROXY and HTTP_PROXY in lpipe's environment to http://USER:PASSWORD@HOST:PORT; of special characters the password has the codes, as %40 for @"
	case noProxy().MatchString(log) && proxies != "":
		f.Why = "the proxy cannot be used; the step was given " + proxies
		f.Fix = "correct HTTPS_PROXY, HTTP_PROXY or [network] in lpipe.toml; a proxy that listens on this machine alone is not that of an engine elsewhere"
	case unreached().MatchString(log) && proxies == "":
		f.Fix += "; if its network has a proxy, set HTTPS_PROXY and HTTP_PROXY in lpipe's environment, or [network] in lpipe.toml"
	}
}
