package emulator

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/limits"
)

// The test binary, started with this variable, is a lambda with a runtime of its own; the value says how it starts.
const runtimeEnv = "LPIPE_TEST_RUNTIME"

func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == superviseArg {
		if _, err := Supervise(os.Args[2:], os.Environ()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir, name := filepath.Split(os.Args[0]); filepath.Base(dir) == limits.ExtensionsDir {
		extensionMain(name)
		return
	}
	if how := os.Getenv(runtimeEnv); how != "" {
		runtimeMain(how)
		return
	}
	os.Exit(m.Run())
}

// The test binary, started with this argument, is the supervisor of the program that the last one names.
const superviseArg = "supervise"

// order is what the tests' events say.
type order struct {
	Do    string
	Value string
	Ms    int
}

// eaten is memory of the test binary as a lambda.
var eaten [][]byte

// otherMains are what the test binary can be beside a lambda, on some systems.
var otherMains = map[string]func(){}

func runtimeMain(how string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	switch how {
	case "init-error":
		post(base+"init/error", `{"errorMessage":"no database","errorType":"Init.Db"}`, http.Header{"Lambda-Runtime-Function-Error-Type": {"Init.Db"}})
		fmt.Fprintln(os.Stderr, "giving up")
		os.Exit(7)
	case "odd init-error":
		post(base+"init/error", "\xff", http.Header{"Lambda-Runtime-Function-Error-Type": {"not\ta; type"}})
		os.Exit(7)
	case "die":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Minute)
	case "orphan": // a child that outlives it and holds its output
		_ = exec.Command("sleep", "60").Start()
		child := exec.Command("sleep", "60")
		child.Stdout = os.Stdout
		_ = child.Start()
		fmt.Println(child.Process.Pid)
	case "daemon", "daemon then die", "daemon then hang": // which have sessions of their own, and parents that are gone
		if err := exec.Command("sh", "-c", "setsid sh -c 'setsid sleep 600 & sleep 600' & setsid sleep 600 &").Run(); err != nil {
			panic(err)
		}
		switch how {
		case "daemon then die":
			os.Exit(7)
		case "daemon then hang":
			time.Sleep(time.Hour)
		}
	case "internal", "internal deaf": // with an extension of its own, for which SIGTERM comes
		go ask(registered("internal", `[]`))
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		go func() {
			<-terminated
			fmt.Println("terminated")
			if how == "internal" {
				os.Exit(0)
			}
		}()
	case "workers": // as many as may be, in one process
		n, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
		for range n - 1 {
			go work(base)
		}
	case "hang once": // at its first start
		if _, err := os.Stat("started"); err != nil {
			_ = os.WriteFile("started", nil, 0o600)
			time.Sleep(time.Minute)
		}
	case "abort":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(time.Hour)
	default:
		if main := otherMains[how]; main != nil {
			main()
			return
		}
	}
	fmt.Fprintln(os.Stderr, "started")
	work(base)
}

// instance is told by what counts calls.
var instance = rand.Text()

// work is the loop of a runtime.
func work(base string) {
	for calls := 1; ; calls++ {
		next, err := http.Get(base + "invocation/next")
		if err != nil || next.StatusCode != 200 {
			os.Exit(9)
		}
		payload, _ := io.ReadAll(next.Body)
		var o order
		_ = json.Unmarshal(payload, &o)
		invocation := base + "invocation/" + next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		if o.Do != "eat" {
			time.Sleep(time.Duration(o.Ms) * time.Millisecond)
		}
		fmt.Println("event", o.Do)
		switch o.Do {
		case "meet": // as many as Ms in this process, and the file "part"
			for met.Add(1); met.Load() < int32(o.Ms); {
				time.Sleep(time.Millisecond)
			}
			waitForFile("part")
			post(invocation+"/response", fmt.Sprintf("[%d,%q]", calls, instance), nil)
		case "status late": // of an answer, which is in the log
			fmt.Println("late", post(invocation+"/response", "1", nil))
		case "headers":
			b, _ := json.Marshal(next.Header)
			post(invocation+"/response", string(b), nil)
		case "environment":
			b, _ := json.Marshal(os.Environ())
			post(invocation+"/response", string(b), nil)
		case "count":
			post(invocation+"/response", fmt.Sprintf("[%d,%q]", calls, instance), nil)
		case "answer and hang":
			post(invocation+"/response", `"last words"`, nil)
			time.Sleep(time.Minute)
		case "print":
			fmt.Print(o.Value)
			post(invocation+"/response", "null", nil)
		case "status": // of an answer with this header
			name, value, _ := strings.Cut(o.Value, "=")
			fmt.Println(post(invocation+"/response", "1", http.Header{name: {value}}))
			fmt.Println(post(invocation+"/response", "2", http.Header{attemptHeader: next.Header[attemptHeader]}))
		case "eat": // so many MB
			for range o.Ms {
				eaten = append(eaten, bytes.Repeat([]byte{1}, 1<<20))
			}
			post(invocation+"/response", "null", nil)
		case "bytes":
			post(invocation+"/response", "\xff\xfe", nil)
		case "error of bytes":
			post(invocation+"/error", "\xff\xfe", http.Header{"Lambda-Runtime-Function-Error-Type": {"not\ta; type"}})
		case "another id":
			fmt.Println(post(base+"invocation/"+instance+"/response", "1", nil))
			fmt.Println(post(base+"invocation/"+instance+"/error", "1", nil))
			post(invocation+"/response", "2", nil)
		case "init error":
			fmt.Println(post(base+"init/error", "{}", nil))
			post(invocation+"/response", "2", nil)
		case "half and next":
			sendHeard(invocation+"/response", 100, "{")
		case "answer and leave":
			sendHeard(invocation+"/response", 12, `"last words"`)
			os.Exit(0)
		case "half":
			half(invocation + "/response")
		case "error":
			post(invocation+"/error", `{"errorMessage":"bad","errorType":"My.Error"}`, http.Header{"Lambda-Runtime-Function-Error-Type": {"My.Error"}})
		case "exit":
			os.Exit(3)
		case "exit quietly":
			os.Exit(0)
		case "answer and exit":
			post(invocation+"/response", `"last words"`, nil)
			os.Exit(0)
		case "big":
			resp := post(invocation+"/response", strings.Repeat("x", responseLimit+1), nil)
			fmt.Println("status", resp)
		case "stream":
			stream(invocation, "", "first ", "second")
		case "stream much":
			stream(invocation, "", strings.Repeat("x", 32<<20))
		case "stream http":
			stream(invocation, "application/vnd.awslambda.http-integration-response",
				`{"statusCode":201,"headers":{"X-A":"b"},"cookies":["c=d"]}`+"\x00\x00\x00\x00\x00\x00\x00\x00", o.Value)
		case "stream error":
			stream(invocation, "error", "half")
		case "reply":
			post(invocation+"/response", o.Value, nil)
		default:
			post(invocation+"/response", string(payload), nil)
		}
	}
}

// met counts calls that meet others.
var met atomic.Int32

// waitForFile waits for a file in the current folder.
func waitForFile(name string) {
	for {
		if _, err := os.Stat(name); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// begin sends the head of a request and some of its body.
func begin(method, url, header, body string) net.Conn {
	address := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	c, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s", method, strings.TrimPrefix(url, "http://"+address), address, header, body)
	return c
}

// sendHeard sends what there is of an answer once the server reads it, and leaves it at that.
func sendHeard(url string, length int, answer string) {
	c := begin(http.MethodPost, url, fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", length), "")
	if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 100 Continue"))); err != nil {
		panic(err)
	}
	_, _ = io.WriteString(c, answer)
}

// half sends less of an answer than it says, and returns when that was noticed.
func half(url string) {
	c := begin(http.MethodPost, url, "Content-Length: 100\r\n", "{")
	defer c.Close()
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, c)
}

// registered registers an extension and returns its identifier.
func registered(name, events string) string {
	req, _ := http.NewRequest("POST", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2020-01-01/extension/register", strings.NewReader(`{"events":`+events+`}`))
	req.Header.Set("Lambda-Extension-Name", name)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		panic(string(b))
	}
	return resp.Header.Get("Lambda-Extension-Identifier")
}

// ask asks for an extension's event.
func ask(id string) (e extensionEvent) {
	req, _ := http.NewRequest("GET", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2020-01-01/extension/event/next", nil)
	req.Header.Set("Lambda-Extension-Identifier", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return e
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&e)
	return e
}

// listener is where an extension takes telemetry; it keeps it in a file.
type listener struct {
	net.Listener
	tcp bool

	mu     sync.Mutex
	events []map[string]any
}

func listen(tcp bool) *listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	r := &listener{Listener: l, tcp: tcp}
	if tcp {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				for d := json.NewDecoder(c); ; {
					var e map[string]any
					if d.Decode(&e) != nil {
						break
					}
					r.keep([]map[string]any{e})
				}
				c.Close()
			}
		}()
		return r
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			var events []map[string]any
			if req.URL.Path != "/a/path" || req.Header.Get("Content-Type") != "application/json" || json.NewDecoder(req.Body).Decode(&events) != nil {
				http.Error(w, "no telemetry", http.StatusBadRequest)
				return
			}
			r.keep(events)
		}))
	}()
	return r
}

func (l *listener) keep(events []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
	b, _ := json.Marshal(l.events)
	_ = os.WriteFile("telemetry.json", b, 0o600)
}

func (l *listener) subscribe(id string) {
	port := l.Addr().(*net.TCPAddr).Port
	destination := fmt.Sprintf(`{"protocol":"HTTP","URI":"http://sandbox.localdomain:%d/a/path"}`, port)
	if l.tcp {
		destination = fmt.Sprintf(`{"protocol":"TCP","port":%d}`, port)
	}
	body := `{"schemaVersion":"2022-12-13","types":["platform","function","extension"],"buffering":{"timeoutMs":25},"destination":` + destination + `}`
	req, _ := http.NewRequest("PUT", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2022-07-01/telemetry", strings.NewReader(body))
	req.Header.Set("Lambda-Extension-Identifier", id)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "\"OK\"\n" {
		panic(string(b))
	}
}

func (l *listener) wait(kind, id string) {
	for {
		l.mu.Lock()
		for _, e := range l.events {
			if record, ok := e["record"].(map[string]any); ok && e["type"] == kind && record["requestId"] == id {
				l.mu.Unlock()
				return
			}
		}
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// extensionMain is the test binary as an external extension, whose name says what it does.
func extensionMain(name string) {
	switch name {
	case "dies":
		os.Exit(4)
	case "silent":
		time.Sleep(time.Hour)
	}
	events := `["INVOKE","SHUTDOWN"]`
	if name == "idle" {
		events = "[]"
	}
	id := registered(name, events)
	var received *listener
	if name == "listens" || name == "listens-tcp" {
		received = listen(name == "listens-tcp")
		received.subscribe(id)
	}
	for events := 1; ; events++ {
		e := ask(id)
		if received != nil && e.Type == "INVOKE" {
			received.wait("platform.runtimeDone", e.ID) // as those do that send the telemetry of an invocation on before the next one
		}
		late := e.Deadline < time.Now().UnixMilli() || e.Deadline > time.Now().Add(time.Minute).UnixMilli()
		fmt.Println(name, e.Type, e.ID, e.ARN, e.Reason, late)
		switch {
		case name == "held" && e.Type == "INVOKE":
			waitForFile(fmt.Sprintf("release-%d", events))
		case name == "crashes" && e.Type == "INVOKE":
			os.Exit(3)
		case name == "gives-up" && e.Type == "INVOKE":
			fmt.Println(post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2020-01-01/extension/exit/error", "{}", http.Header{
				"Lambda-Extension-Identifier": {id}, "Lambda-Extension-Function-Error-Type": {"Fatal.Tired"},
			}))
		case name == "deaf" && e.Type == "SHUTDOWN":
			time.Sleep(time.Minute)
		case e.Type == "SHUTDOWN":
			os.Exit(0)
		}
	}
}

func post(url, body string, header http.Header) string {
	req, _ := http.NewRequest("POST", url, strings.NewReader(body))
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(bytes.TrimSpace(b)))
}

// stream sends the parts with a pause after each; the content type "error" ends it with an error in the trailers.
func stream(invocation, contentType string, parts ...string) {
	r, w := io.Pipe()
	req, _ := http.NewRequest("POST", invocation+"/response", r)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
	if contentType != "error" {
		req.Header.Set("Content-Type", contentType)
	}
	go func() {
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
			time.Sleep(100 * time.Millisecond)
		}
		if contentType == "error" {
			req.Trailer.Set("Lambda-Runtime-Function-Error-Type", "Stream.Broke")
			req.Trailer.Set("Lambda-Runtime-Function-Error-Body", "eyJlcnJvck1lc3NhZ2UiOiJvaCJ9")
		}
		w.Close()
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
}

// extended gives a lambda extensions of these names.
func extended(t testing.TB, names ...string) func(*Program) {
	return func(p *Program) {
		for _, name := range names {
			file := filepath.Join(p.Dir, limits.ExtensionsDir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.Symlink(p.Path, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// program is the test binary as a lambda.
func program(t testing.TB, how string, change ...func(*Program)) Program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := Program{
		Config: Config{Name: "echo", Timeout: 10 * time.Second}, Path: path, Dir: t.TempDir(),
		Env: []string{runtimeEnv + "=" + how, "GORACE=atexit_sleep_ms=0"}, // the race detector waits for a second at the end of a process
	}
	if runtime.GOOS == "linux" {
		p.Supervisor = []string{path, superviseArg}
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func do(what string) Event {
	b, _ := json.Marshal(order{Do: what})
	return Event{Payload: b}
}

// breakExtension puts a file in the place of an extension that cannot be run.
func breakExtension(t testing.TB, p *Program, name string) {
	file := filepath.Join(p.Dir, limits.ExtensionsDir, name)
	if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte("no program"), 0o600)); err != nil {
		t.Fatal(err)
	}
}
