package hostkeys

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestProbeReportsTheServerAndLeavesBeforeTheLogin(t *testing.T) {
	for _, tt := range []struct {
		name        string
		pinned      ssh.Signer
		fingerprint ssh.PublicKey
		pin         func(addr string) string
	}{
		{"ed25519", ed25519Key(), ed25519Key().PublicKey(), func(a string) string { return line(a, ed25519Key().PublicKey()) }},
		{"ecdsa", ecdsaKey(), ecdsaKey().PublicKey(), func(a string) string { return line(a, ecdsaKey().PublicKey()) }},
		{"rsa", rsaKey(), rsaKey().PublicKey(), func(a string) string { return line(a, rsaKey().PublicKey()) }},
		{"certificate", certify(otherKey(), caKey(), 0, "127.0.0.1"), otherKey().PublicKey(), func(a string) string {
			return "@cert-authority " + line(a, caKey().PublicKey())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, ed25519Key(), ecdsaKey(), rsaKey(), certify(otherKey(), caKey(), 0, "127.0.0.1"))
			pins := with(t, defaults(t), tt.pin(s.addr))
			got, err := pins.Probe(t.Context(), s.addr, ProbeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Host != display(s.addr) || got.ServerVersion != "SSH-2.0-lpipe-test" || got.Key.Type() != tt.pinned.PublicKey().Type() ||
				got.Fingerprint != ssh.FingerprintSHA256(tt.fingerprint) || got.Pin.position() != "user:1" {
				t.Errorf("Probe = %+v", got)
			}
			if n := s.logins.Load(); n != 0 {
				t.Errorf("%d logins were tried", n)
			}
		})
	}
}

func TestProbeShowsWhatAWrongServerHas(t *testing.T) {
	unknown, mismatch, revoked := new(*UnknownHostError), new(*MismatchError), new(*RevokedError)
	for _, tt := range []struct {
		name string
		pin  func(addr string) string
		want any
	}{
		{"unknown", func(string) string { return "" }, unknown},
		{"rotated", func(a string) string { return line(a, otherKey().PublicKey()) }, mismatch},
		{"rotated to another type", func(a string) string { return line(a, rsaKey().PublicKey()) }, mismatch},
		{"from a certificate to a plain key", func(a string) string { return "@cert-authority " + line(a, caKey().PublicKey()) }, mismatch},
		{"revoked", func(string) string { return "@revoked " + line("*", ed25519Key().PublicKey()) }, revoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, ed25519Key())
			got, err := with(t, defaults(t), tt.pin(s.addr)).Probe(t.Context(), s.addr, ProbeOptions{})
			if !errors.As(err, tt.want) {
				t.Fatalf("Probe = %v, want %T", err, tt.want)
			}
			fingerprint := ssh.FingerprintSHA256(ed25519Key().PublicKey())
			if got.Fingerprint != fingerprint || got.ServerVersion == "" || got.Pin.File != "" || !strings.Contains(err.Error(), fingerprint) {
				t.Errorf("Probe = %+v, %v", got, err)
			}
		})
	}
}

func TestProbeReadsTheVersionAfterLinesOfText(t *testing.T) {
	addr := listen(t, func(conn net.Conn) {
		io.WriteString(conn, "welcome\r\n"+strings.Repeat("x", 200)+"\r\nSSH-2.0-Wordy_1 (test)\r\n")
		io.Copy(io.Discard, conn)
	})
	got, err := defaults(t).Probe(t.Context(), addr, ProbeOptions{Timeout: 200 * time.Millisecond})
	if err == nil || got.ServerVersion != "SSH-2.0-Wordy_1 (test)" {
		t.Errorf("Probe = %+v, %v", got, err)
	}
}

func TestProbeEndsWithItsContextAndTime(t *testing.T) {
	silent := listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	cancelled, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	for _, proxy := range []string{"", "http://" + silent, "socks5://" + silent} {
		if _, err := defaults(t).Probe(t.Context(), silent, ProbeOptions{Proxy: proxy, Timeout: 50 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
			t.Errorf("through %q: %v", proxy, err)
		}
		if _, err := defaults(t).Probe(cancelled, silent, ProbeOptions{Proxy: proxy}); !errors.Is(err, context.Canceled) {
			t.Errorf("through %q: %v", proxy, err)
		}
	}
}

func TestProbeRefusesWhatItCannotReach(t *testing.T) {
	garbage := listen(t, func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	closed := listen(t, func(net.Conn) {})
	for _, tt := range []struct{ name, host, proxy, want string }{
		{"no host", "git@github.com", "", "is not a host"},
		{"not SSH", garbage, "", "probing [127.0.0.1]:"},
		{"hangs up", closed, "", "probing [127.0.0.1]:"},
		{"proxy without a scheme", closed, "proxy:secret@host", "is not a URL such as"},
		{"proxy of another kind", closed, "ftp://user:secret@proxy", `ftp://user:xxxxx@proxy: scheme "ftp" is not supported`},
		{"proxy that speaks no HTTP", closed, "http://" + closed, "reading the answer to CONNECT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := defaults(t).Probe(t.Context(), tt.host, ProbeOptions{Proxy: tt.proxy})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("Probe = %v, want %q", err, tt.want)
			}
		})
	}
}

// The name only proxies can resolve.
const hidden = "git.example.test"

func TestProbeThroughProxies(t *testing.T) {
	s := serve(t, ed25519Key())
	routes := map[string]string{hidden + ":22": s.addr}
	connect, socks := connectProxy(t, routes, ""), socksProxy(t, routes, "")
	connectAuth, socksAuth := connectProxy(t, routes, "me:pass"), socksProxy(t, routes, "me:pass")
	pins := with(t, defaults(t), line(hidden, ed25519Key().PublicKey()))
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, tt := range []struct {
		name string
		opts ProbeOptions
		fail string // in the error; empty where the probe succeeds
	}{
		{"CONNECT", ProbeOptions{Proxy: "http://" + connect}, ""},
		{"CONNECT with password", ProbeOptions{Proxy: "http://me:pass@" + connectAuth}, ""},
		{"CONNECT with wrong password", ProbeOptions{Proxy: "http://me:wrong@" + connectAuth}, "http://me:xxxxx@" + connectAuth + ": CONNECT git.example.test:22: 407"},
		{"SOCKS5", ProbeOptions{Proxy: "socks5://" + socks}, ""},
		{"SOCKS5 with password", ProbeOptions{Proxy: "socks5h://me:pass@" + socksAuth}, ""},
		{"SOCKS5 with wrong password", ProbeOptions{Proxy: "socks5://me:wrong@" + socksAuth}, "username/password"},
		{"HTTPS_PROXY", ProbeOptions{Getenv: env("HTTPS_PROXY", "http://"+connect)}, ""},
		{"https_proxy", ProbeOptions{Getenv: env("https_proxy", connect)}, ""},
		{"ALL_PROXY before HTTPS_PROXY", ProbeOptions{Getenv: env("ALL_PROXY", "socks5://"+socks, "HTTPS_PROXY", "http://127.0.0.1:1")}, ""},
		{"Proxy before the environment", ProbeOptions{Proxy: "socks5://" + socks, Getenv: env("ALL_PROXY", "http://127.0.0.1:1")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pins.Probe(t.Context(), hidden, tt.opts)
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) || strings.Contains(err.Error(), "wrong@") {
					t.Errorf("Probe = %v, want %q", err, tt.fail)
				}
				return
			}
			if err != nil || got.Pin.position() != "user:1" {
				t.Errorf("Probe = %+v, %v", got, err)
			}
		})
	}
}

func TestNoProxyIsHonoured(t *testing.T) {
	for noProxy, want := range map[string]bool{"": true, ".other.test": true, ".example.test": false, hidden + ":22": false, hidden + ":2222": true, "*": false} {
		opts := ProbeOptions{Getenv: func(name string) string {
			return map[string]string{"ALL_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": noProxy}[name]
		}}
		via, err := opts.proxyFor(hidden + ":22")
		if err != nil || (via != nil) != want {
			t.Errorf("NO_PROXY=%q: proxy is %v, %v", noProxy, via, err)
		}
	}
}

func TestAProxyThatSwapsTheServerIsAMismatch(t *testing.T) {
	proxy := connectProxy(t, map[string]string{"github.com:22": serve(t, ed25519Key()).addr}, "")
	if _, err := defaults(t).Probe(t.Context(), "github.com", ProbeOptions{Proxy: "http://" + proxy}); !errors.As(err, new(*MismatchError)) {
		t.Errorf("Probe = %v", err)
	}
}

// connectProxy serves HTTP CONNECT to the routes. It holds its answer back until the server behind has spoken, and sends
// both in one write.
func connectProxy(t *testing.T, routes map[string]string, credentials string) string {
	return listen(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil || request.Method != http.MethodConnect {
			return
		}
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
		if credentials != "" && request.Header.Get("Proxy-Authorization") != want {
			io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
			return
		}
		server, err := net.Dial("tcp", routes[request.Host])
		if err != nil {
			io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
			return
		}
		first := make([]byte, 1024)
		n, _ := server.Read(first)
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"+string(first[:n]))
		relay(conn, server)
	})
}

// socksProxy serves SOCKS5 (RFC 1928) with names to the routes, with a password (RFC 1929) where there are credentials.
func socksProxy(t *testing.T, routes map[string]string, credentials string) string {
	return listen(t, func(conn net.Conn) {
		r := bufio.NewReader(conn)
		read := func(n byte) string {
			b := make([]byte, n)
			io.ReadFull(r, b)
			return string(b)
		}
		sized := func() string { return read(read(1)[0]) }
		read(1) // version
		sized() // methods
		if credentials == "" {
			conn.Write([]byte{5, 0})
		} else {
			conn.Write([]byte{5, 2})
			read(1)
			if sized()+":"+sized() != credentials {
				conn.Write([]byte{1, 1})
				return
			}
			conn.Write([]byte{1, 0})
		}
		if read(4) != "\x05\x01\x00\x03" { // connect, to a name
			return
		}
		name, port := sized(), read(2)
		server, err := net.Dial("tcp", routes[name+":22"])
		if err != nil || port != "\x00\x16" {
			conn.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		relay(conn, server)
	})
}

func relay(conn, server net.Conn) {
	defer server.Close()
	go func() {
		io.Copy(conn, server)
		conn.Close()
	}()
	io.Copy(server, conn)
}
