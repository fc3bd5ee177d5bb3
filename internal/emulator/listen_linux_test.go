package emulator

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"lpipe/internal/testparts/require"
)

// asNobody runs a script of bash, which speaks TCP, as another user.
func asNobody(t *testing.T, script string) string {
	t.Helper()
	require.Part(t, os.Geteuid() == 0, "root, to be another user too", "run as root")
	_, err := exec.LookPath("bash")
	require.Part(t, err == nil, "bash", "apt-get install bash")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := cmd.Output() // that it fails is what is hoped for
	return string(out)
}

// TestAnotherUserGetsNoEvent: neither the event nor the right to answer it goes to a process of another user.
func TestAnotherUserGetsNoEvent(t *testing.T) {
	server := New(Config{})
	l, err := Listen(t.Context(), AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: server.Handler()}
	go func() { _ = web.Serve(l) }()
	defer web.Close()
	result := make(chan Result, 1)
	go func() {
		r, _ := server.Invoke(t.Context(), Event{Payload: []byte(`"the secret"`), ID: "id"})
		result <- r
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	request := func(method, path, body string) string {
		return asNobody(t, fmt.Sprintf(`exec 3<>/dev/tcp/%s/%s
printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' >&3
cat <&3`, host, port, method, path, len(body), body))
	}
	if got := request("GET", "invocation/next", ""); got != "" {
		t.Errorf("another user was answered: %s", got)
	}
	base := "http://" + l.Addr().String() + "/2018-06-01/runtime/"
	next, err := http.Get(base + "invocation/next")
	if err != nil || next.StatusCode != http.StatusOK {
		t.Fatal(next, err)
	}
	next.Body.Close()
	for _, path := range []string{"invocation/id/response", "invocation/id/error", "init/error"} {
		if got := request("POST", path, `"forged"`); got != "" {
			t.Errorf("another user was answered: %s", got)
		}
	}
	post(base+"invocation/id/response", `"mine"`, nil)
	if r := <-result; string(r.Payload) != `"mine"` {
		t.Errorf("the result is %s", r.Payload)
	}
}

// TestAnotherUserIsNotHeard: no request arrives of one who closes the connection at once, when its owner is not known any
// more, nor over a socket for IPv6.
func TestAnotherUserIsNotHeard(t *testing.T) {
	l, err := Listen(t.Context(), AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int32
	web := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })}
	go func() { _ = web.Serve(l) }()
	defer web.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	asNobody(t, fmt.Sprintf(`for i in $(seq 300); do
  exec 3<>/dev/tcp/%s/%s && printf 'GET / HTTP/1.0\r\n\r\n' >&3; exec 3>&-
done`, host, port))
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests of another user were heard", n)
	}
	// One of this user is, so nothing of the above is still to come: connections are taken in their order.
	if _, err := http.Get("http://" + l.Addr().String()); err != nil || requests.Load() != 1 {
		t.Errorf("%d requests, %v", requests.Load(), err)
	}
}

// TestOwnSocketForIPv6: the user's own program may connect over such a one.
func TestOwnSocketForIPv6(t *testing.T) {
	l, err := Listen(t.Context(), AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.Part(t, err == nil, "IPv6", "a kernel with IPv6")
	defer syscall.Close(fd)
	to := &syscall.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port}
	copy(to.Addr[:], net.IPv4(127, 0, 0, 1).To16())
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b [1]byte
	if _, err := c.Read(b[:]); err != nil || b[0] != 'x' {
		t.Errorf("%q %v", b, err)
	}
}

// TestBrowsersAreRefused: a web page cannot take an event or answer one.
func TestBrowsersAreRefused(t *testing.T) {
	server := New(Config{})
	defer server.Close()
	l, err := Listen(t.Context(), AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: server.Handler()}
	go func() { _ = web.Serve(l) }()
	defer web.Close()
	for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
		for method, path := range map[string]string{"GET": "invocation/next", "POST": "init/error"} {
			req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+"/2018-06-01/runtime/"+path, strings.NewReader("{}"))
			req.Header.Set(header, "null")
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %v %v", method, path, resp, err)
			}
			resp.Body.Close()
		}
	}
}

// TestSocketOwner reads a table as the kernel writes it.
func TestSocketOwner(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if !ownPeer(accepted) {
		t.Error("an own connection is taken for one of another user")
	}
	c.Close()
	if ownPeer(accepted) {
		table, _ := os.ReadFile(tables[0])
		t.Errorf("a closed connection is taken for an own one:\n%s", bytes.TrimSpace(table))
	}
}
