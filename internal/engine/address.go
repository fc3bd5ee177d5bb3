package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/connhelper"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"

	// How the schemes beside unix and tcp are dialled.
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	_ "github.com/moby/buildkit/client/connhelper/kubepod"
	_ "github.com/moby/buildkit/client/connhelper/nerdctlcontainer"
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer"
	_ "github.com/moby/buildkit/client/connhelper/ssh"
)

// Address is a buildkitd somewhere, reached through a socket or through another program such as ssh.
const Address Kind = "address"

// schemes are what an address can begin with.
var schemes = []string{"unix", "tcp", "docker-container", "podman-container", "nerdctl-container", "kube-pod", "ssh"}

// address checks what can be checked of an address without going there.
func address(o Options, addr, why string) (Choice, error) {
	scheme, rest, ok := strings.Cut(addr, "://")
	known := false
	for _, s := range schemes {
		known = known || s == scheme
	}
	if !ok || !known || rest == "" {
		fix := "addresses begin with " + strings.Join(schemes, "://, ") + "://"
		if near := fault.Nearest(scheme, schemes); near != "" && !known {
			fix = fmt.Sprintf("did you mean %s://%s?", near, rest)
		}
		return Choice{}, &fault.Error{
			Kind: fault.Usage,
			What: fmt.Sprintf("%q is not the address of a BuildKit", addr),
			Why:  "it was given by " + why,
			Fix:  fix,
		}
	}
	if reason := smuggles(addr); reason != "" {
		return Choice{}, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("%q is not the address of a BuildKit", addr), Why: "it was given by " + why + ", and " + reason,
			Fix: "write the name of a host, a container or a context",
		}
	}
	tls, err := tlsFromEnv(o.Getenv)
	return Choice{Kind: Address, Address: addr, Why: why, tls: tls, open: openAddress}, err
}

// plainPath is one that a shell takes for nothing else.
var plainPath = pattern.Of(`^[A-Za-z0-9._/@+=:,%-]*$`)

// smuggles says what of an address the programs that connect would not take for a name. An address may be a project's, and ssh
// gives what it has to a shell on the other side.
func smuggles(addr string) string {
	u, err := url.Parse(addr)
	if err != nil {
		return "" // said when it is opened
	}
	names := []string{u.Hostname(), u.User.Username()}
	for _, values := range u.Query() {
		names = append(names, values...)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "-") {
			return fmt.Sprintf("%q would be an option", name)
		}
	}
	if u.Scheme == "ssh" && !plainPath().MatchString(u.Path) {
		return fmt.Sprintf("a shell would take %q for more than a path", u.Path)
	}
	return ""
}

func openAddress(ctx context.Context, _ Options, c Choice) (*Engine, error) {
	u, err := url.Parse(c.Address)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("%q is not an address", c.Address), Err: err, Fix: "write one such as tcp://HOST:PORT, unix:///PATH or docker-container://NAME"}
	}
	var opts []client.ClientOpt
	if u.Scheme == "tcp" && c.tls != (tlsFiles{}) {
		name := c.tls.serverName
		if name == "" {
			name = u.Hostname()
		}
		if c.tls.ca != "" {
			opts = append(opts, client.WithServerConfig(name, c.tls.ca))
		} else {
			opts = append(opts, client.WithServerConfigSystem(name))
		}
		if c.tls.cert != "" {
			opts = append(opts, client.WithCredentials(c.tls.cert, c.tls.key))
		}
	}
	cl, err := client.New(ctx, c.Address, opts...)
	if err != nil {
		return nil, unreachable(c, err)
	}
	e, err := ready(ctx, c, cl)
	if err != nil {
		cl.Close()
		if !errors.Is(err, errSilent) {
			err = listen(ctx, c, u, err)
		}
		return nil, unreachable(c, err)
	}
	return e, nil
}

// listen repeats a connection that failed with err, says nothing, and returns what the other side has to say.
// A server that refuses a client, and a program such as ssh that fails, say why and hang up; gRPC, which is
// writing by then, often sees only that.
func listen(ctx context.Context, c Choice, u *url.URL, err error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, dialErr := dial(ctx, c, u)
	if dialErr != nil {
		return dialErr
	}
	if conn == nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, readErr := conn.Read(make([]byte, 1)); readErr != nil && ctx.Err() == nil { // an HTTP/2 server speaks first
		return readErr
	}
	return err
}

// dial connects as the client of BuildKit does, where that is through TLS or a program; else it returns nil.
func dial(ctx context.Context, c Choice, u *url.URL) (net.Conn, error) {
	if u.Scheme == "tcp" && c.tls != (tlsFiles{}) {
		config, err := c.tls.config()
		if err != nil {
			return nil, err
		}
		config.NextProtos = []string{"h2"}
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", u.Host)
	}
	if helper, err := connhelper.GetConnectionHelper(c.Address); err != nil || helper != nil {
		if err != nil {
			return nil, err
		}
		return helper.ContextDialer(ctx, "")
	}
	return nil, nil
}

// causes are what engines and the ways to them say, with what that means and what helps. The texts are those of
// Go's crypto/tls and crypto/x509, of gRPC, and of os/exec; a group is put in where the reason has %s.
var causes = []struct {
	text func() *regexp.Regexp
	why  string
	fix  string
}{
	{
		pattern.Of(`x509: (certificate is valid for .*?, not [^"\s]+)`), "the %s",
		"set BUILDKIT_TLS_SERVER_NAME to a name the certificate is valid for",
	},
	{
		pattern.Of(`x509: (cannot validate certificate for \S+ because .*?SANs)`), "%s",
		"set BUILDKIT_TLS_SERVER_NAME to a name the certificate is valid for",
	},
	{
		pattern.Of(`x509: (certificate signed by unknown authority|certificate has expired or is not yet valid)`), "%s",
		"set BUILDKIT_TLS_CACERT to the certificate of the engine's authority",
	},
	{
		pattern.Of(`tls: (certificate required|bad certificate|unknown certificate authority)`),
		"the engine did not accept the client certificate (%s)",
		"set BUILDKIT_TLS_CERT and BUILDKIT_TLS_KEY to a certificate that the engine's authority signed",
	},
	{
		pattern.Of(`first record does not look like a TLS handshake`),
		"TLS is configured, but the engine does not use it", "unset the BUILDKIT_TLS_ variables, or turn on TLS in buildkitd",
	},
	{
		pattern.Of(`error reading server preface|frame too large|malformed HTTP|broken pipe|connection reset by peer|EOF`),
		"what answers there is not BuildKit, or it wants TLS",
		"for an engine with TLS set BUILDKIT_TLS_CACERT, BUILDKIT_TLS_CERT and BUILDKIT_TLS_KEY",
	},
	{
		pattern.Of(`exec: "([^"]+)": executable file not found`), "the program %s is not installed",
		"install it: the connection goes through it",
	},
	{
		pattern.Of(`(permission denied)`), "%s",
		"run as a user who may use the socket",
	},
	{
		pattern.Of(`(connection refused|no such file or directory|no such host)`), "%s",
		"start buildkitd there, or correct the address",
	},
}

// unreachable says in words why the engine of c could not be used.
func unreachable(c Choice, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	e := &fault.Error{
		Kind: fault.Engine,
		What: fmt.Sprintf("cannot reach BuildKit at %s (from %s)", c.Address, c.Why),
		Err:  err,
		Fix:  "correct the address, or use another engine with --engine",
	}
	if errors.Is(err, errSilent) {
		e.Why = "no answer in time"
		e.Fix = "see whether buildkitd runs there and a firewall lets you through"
	}
	text := unquote(err.Error())
	// What a connecting program such as ssh or docker printed is the best explanation there is.
	if _, stderr, ok := strings.Cut(text, "stderr="); ok && strings.TrimSpace(stderr) != "" {
		e.Why = strings.TrimSpace(stderr)
		return e
	}
	for _, cause := range causes {
		if m := cause.text().FindStringSubmatch(text); m != nil {
			e.Why, e.Fix = cause.why, cause.fix
			if len(m) > 1 {
				e.Why = fmt.Sprintf(cause.why, m[1])
			}
			break
		}
	}
	return e
}

var quoted = pattern.Of(`desc = ("(?:[^"\\]|\\.)*")`)

// unquote returns the innermost cause in a message of gRPC, which quotes the cause of a failed connection.
func unquote(text string) string {
	if m := quoted().FindStringSubmatch(text); m != nil {
		if inner, err := strconv.Unquote(m[1]); err == nil {
			return unquote(inner)
		}
	}
	return text
}
