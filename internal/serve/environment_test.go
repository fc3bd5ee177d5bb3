package serve

import (
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"lpipe/internal/emulator"
)

// TestCommandsFindTheLambdas, whatever the shell has for AWS and for proxies.
func TestCommandsFindTheLambdas(t *testing.T) {
	const url = "http://127.0.0.1:9000"
	always := map[string]string{
		"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "lpipe", "AWS_SECRET_ACCESS_KEY": "lpipe",
	}
	const direct = "127.0.0.1,localhost"
	for name, c := range map[string]struct{ own, more map[string]string }{
		"nothing":            {},
		"an endpoint":        {own: map[string]string{"AWS_ENDPOINT_URL_LAMBDA": "https://example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}},
		"a region":           {own: map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": ""}, more: map[string]string{"AWS_REGION": "eu-west-1"}},
		"a proxy":            {own: map[string]string{"HTTP_PROXY": "http://p:1"}, more: map[string]string{"HTTP_PROXY": "http://p:1", "no_proxy": direct, "NO_PROXY": direct}},
		"a proxy, not for x": {own: map[string]string{"http_proxy": "p:1", "NO_PROXY": "x"}, more: map[string]string{"http_proxy": "p:1", "no_proxy": "x," + direct, "NO_PROXY": "x," + direct}},
	} {
		want := maps.Clone(always)
		maps.Copy(want, c.more)
		if got := Environment(c.own, url); !maps.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	mine := map[string]string{"AWS_PROFILE": "p"}
	if got := Environment(mine, url); got["AWS_ACCESS_KEY_ID"] != "" || len(mine) != 1 {
		t.Errorf("%q, of %q", got, mine)
	}
}

func TestVariablesForAProgramThatIsStartedElsewhere(t *testing.T) {
	got := strings.Join(Variables(emulator.Config{Name: "orders", Memory: 512}, "127.0.0.1:9001"), " ")
	if want := "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512 AWS_LAMBDA_FUNCTION_NAME=orders AWS_LAMBDA_FUNCTION_VERSION='$LATEST' AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestProgramsFindTheirAPIsAtTheNextPorts, or at others where these are taken.
func TestProgramsFindTheirAPIsAtTheNextPorts(t *testing.T) {
	says := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
	}
	main, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer main.Close()
	first := main.Addr().(*net.TCPAddr).Port + 1
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first)))
	if err != nil {
		t.Skip("somebody has the next port")
	}
	defer taken.Close()
	apis, closeAll, err := Listen(t.Context(), main.Addr(), map[string]http.Handler{"a": says("a"), "b": says("b")})
	if err != nil {
		t.Fatal(err)
	}
	for name, api := range apis {
		resp, err := http.Get("http://" + api + "/")
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != name {
			t.Errorf("%s: %s", name, body)
		}
		resp.Body.Close()
	}
	if len(apis) != 2 || apis["a"] == taken.Addr().String() {
		t.Errorf("%v, and %s was taken", apis, taken.Addr())
	}
	closeAll()
	if conn, err := net.Dial("tcp", apis["b"]); err == nil {
		conn.Close()
		t.Error("it listens after its end")
	}
}
