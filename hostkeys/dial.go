package hostkeys

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// dial connects to addr, through the proxy that the options choose.
func dial(ctx context.Context, addr string, opts ProbeOptions) (net.Conn, error) {
	via, err := opts.proxyFor(addr)
	if err != nil {
		return nil, err
	}
	if via == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	conn, err := dialThrough(ctx, via, addr)
	if err != nil {
		return nil, fmt.Errorf("through proxy %s: %w", via.Redacted(), err)
	}
	return conn, nil
}

func dialThrough(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	switch via.Scheme {
	case "http":
		return dialConnect(ctx, via, addr)
	case "socks5", "socks5h":
		dialer, err := proxy.FromURL(via, new(net.Dialer))
		if err != nil {
			return nil, err
		}
		return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
	default:
		return nil, fmt.Errorf("scheme %q is not supported (want http or socks5)", via.Scheme)
	}
}

// proxyFor returns the proxy for addr, nil for none.
func (o ProbeOptions) proxyFor(addr string) (*url.URL, error) {
	if o.Proxy != "" {
		via, err := url.Parse(o.Proxy)
		if err != nil || via.Host == "" {
			return nil, fmt.Errorf("the proxy is not a URL such as http://host:3128 or socks5://host:1080") // not quoted: it may hold a password
		}
		return via, nil
	}
	if o.Getenv == nil {
		return nil, nil
	}
	env := func(upper, lower string) string { return cmp.Or(o.Getenv(upper), o.Getenv(lower)) }
	// Package httpproxy knows proxies for http and https. An SSH server is none of them; what matters is NO_PROXY.
	config := httpproxy.Config{
		HTTPSProxy: cmp.Or(env("ALL_PROXY", "all_proxy"), env("HTTPS_PROXY", "https_proxy")),
		NoProxy:    env("NO_PROXY", "no_proxy"),
	}
	return config.ProxyFunc()(&url.URL{Scheme: "https", Host: addr})
}

// dialConnect opens a tunnel with HTTP CONNECT (RFC 9110, section 9.3.6).
func dialConnect(ctx context.Context, via *url.URL, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(via.Hostname(), cmp.Or(via.Port(), "80")))
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: make(http.Header)}
	if user := via.User; user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(conn); err != nil {
		conn.Close()
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request) //nolint:bodyclose // the answer to CONNECT has no body
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("reading the answer to CONNECT: %w", err)
	}
	if response.StatusCode/100 != 2 {
		conn.Close()
		return nil, fmt.Errorf("CONNECT %s: %s", addr, response.Status)
	}
	return &tunnel{Conn: conn, reader: reader}, nil
}

// tunnel reads first what came in the same packets as the proxy's answer: an SSH server talks first.
type tunnel struct {
	net.Conn
	reader *bufio.Reader
}

func (t *tunnel) Read(b []byte) (int, error) { return t.reader.Read(b) }
