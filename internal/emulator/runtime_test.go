package emulator

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The test binary, started with this variable, is a lambda with a runtime of its own; the value says how it starts.
const runtimeEnv = "LPIPE_TEST_RUNTIME"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == superviseArg {
		if err := Supervise(os.Args[2:], os.Environ()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if how := os.Getenv(runtimeEnv); how != "" {
		runtimeMain(how)
		return
	}
	os.Exit(m.Run())
}

// The test binary, started with this argument, is the supervisor of the program that the next one names.
const superviseArg = "supervise"

// order is what the tests' events say.
type order struct {
	Do    string
	Value string
	Ms    int
}

// otherMains are what the test binary can be beside a lambda, on some systems.
var otherMains = map[string]func(){}

func runtimeMain(how string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	switch how {
	case "init-error":
		post(base+"init/error", `{"errorMessage":"no database","errorType":"Init.Db"}`, http.Header{"Lambda-Runtime-Function-Error-Type": {"Init.Db"}})
		fmt.Fprintln(os.Stderr, "giving up")
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
	instance := rand.Text()
	for calls := 1; ; calls++ {
		next, err := http.Get(base + "invocation/next")
		if err != nil || next.StatusCode != 200 {
			os.Exit(9)
		}
		payload, _ := io.ReadAll(next.Body)
		var o order
		_ = json.Unmarshal(payload, &o)
		invocation := base + "invocation/" + next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		time.Sleep(time.Duration(o.Ms) * time.Millisecond)
		fmt.Println("event", o.Do)
		switch o.Do {
		case "headers":
			b, _ := json.Marshal(next.Header)
			post(invocation+"/response", string(b), nil)
		case "environment":
			b, _ := json.Marshal(os.Environ())
			post(invocation+"/response", string(b), nil)
		case "count":
			post(invocation+"/response", fmt.Sprintf("[%d,%q]", calls, instance), nil)
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

// program is the test binary as a lambda.
func program(t testing.TB, how string, change ...func(*Program)) Program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := Program{
		Config: Config{Name: "echo", Timeout: 10 * time.Second}, Path: path, Dir: t.TempDir(),
		Env: []string{runtimeEnv + "=" + how},
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
