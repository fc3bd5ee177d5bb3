package dockerfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// bootstrapMode, if set, makes this test program a lambda that misbehaves in that way.
const bootstrapMode = "LPIPE_TEST_BOOTSTRAP"

func TestMain(m *testing.M) {
	if mode, ok := os.LookupEnv(bootstrapMode); ok {
		bootstrap(mode)
		return
	}
	os.Exit(m.Run())
}

// bootstrap answers each event with what the program sees.
func bootstrap(mode string) {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	post := func(path, body string, header ...string) string {
		req, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
		check1(err)
		for _, h := range header {
			name, value, _ := strings.Cut(h, "=")
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		check1(err)
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.Status + " " + res.Header.Get("Lambda-Extension-Identifier")
	}
	switch mode {
	case "ends":
		return
	case "panics":
		panic("no reason")
	case "hangs":
		select {}
	case "init-error":
		fmt.Println(post("/2018-06-01/runtime/init/error", `{"errorMessage":"no database"}`))
		os.Exit(1)
	case "extension":
		_, id, _ := strings.Cut(post("/2020-01-01/extension/register", `{"events":["INVOKE"]}`, "Lambda-Extension-Name=internal"), " ")
		req, err := http.NewRequest(http.MethodGet, base+"/2020-01-01/extension/event/next", nil)
		check1(err)
		req.Header.Set("Lambda-Extension-Identifier", id[strings.LastIndex(id, " ")+1:])
		go func() {
			res, err := http.DefaultClient.Do(req)
			check1(err)
			body, err := io.ReadAll(res.Body)
			check1(err)
			fmt.Println("the extension has", string(body))
		}()
	case "slow":
		time.Sleep(300 * time.Millisecond)
	case "large":
		big := bytes.Repeat([]byte("x"), 100<<20)
		defer fmt.Println(len(big))
	}
	for {
		res, err := http.Get(base + "/2018-06-01/runtime/invocation/next")
		check1(err)
		event, err := io.ReadAll(res.Body)
		check1(err)
		answer := "/2018-06-01/runtime/invocation/" + res.Header.Get("Lambda-Runtime-Aws-Request-Id")
		switch mode {
		case "ends later":
			os.Exit(3)
		case "hangs later":
			select {}
		case "error":
			post(answer+"/error", `{"errorMessage":"no such table"}`)
			continue
		case "too large":
			post(answer+"/response", strings.Repeat("x", 6<<20+101))
			continue
		case "streams":
			pr, pw := io.Pipe()
			go func() { fmt.Fprintf(pw, `{"statusCode":200}`+"\x00\x00\x00\x00\x00\x00\x00\x00body"); pw.Close() }()
			req, err := http.NewRequest(http.MethodPost, base+answer+"/response", pr)
			check1(err)
			req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
			_, err = http.DefaultClient.Do(req)
			check1(err)
			continue
		}
		seen, err := json.Marshal(map[string]any{"event": string(event), "uid": os.Getuid(), "env": os.Environ(), "deadline": res.Header.Get("Lambda-Runtime-Deadline-Ms") != ""})
		check1(err)
		post(answer+"/response", string(seen))
	}
}

func check1(err error) {
	if err != nil {
		panic(err)
	}
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	rustc, err := exec.LookPath("rustc")
	require.Part(t, err == nil, "rustc", "see scripts/install-parts")
	dir := t.TempDir()
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) { // for the user of Lambda
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runner, self := filepath.Join(dir, "runner"), filepath.Join(dir, "bootstrap")
	if out, err := exec.Command(rustc, "--edition", "2018", "-D", "warnings", "-C", "debuginfo=0", "-o", runner, "smoke.rs").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("bootstrap", data, 0o755)
	event := write("event.json", []byte(`{"a":1}`), 0o644)
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

	for name, c := range map[string]struct {
		mode     string
		settings []string
		exit     int
		want     string // in the output, or in the result
	}{
		"answers":          {"", nil, 0, `{\\\"a\\\":1}`},
		"environment":      {"", []string{"env=OWN=x"}, 0, `\"OWN=x\"`},
		"no other":         {"", nil, 0, `"emulated":false`},
		"several":          {"", []string{"event=" + event}, 0, `},{"took"`},
		"extension":        {"extension", nil, 0, `"size"`},
		"streams":          {"streams", nil, 0, `{\"statusCode\":200}\u0000\u0000`},
		"not kept":         {"", []string{"keep=3"}, 0, `"answer":null`},
		"ends":             {"ends", nil, ExitEndedAtStart, "the start: the program ended, exit"},
		"panics":           {"panics", nil, ExitEndedAtStart, "panic: no reason"},
		"init error":       {"init-error", nil, ExitInitError, "no database"},
		"ends later":       {"ends later", nil, ExitEnded, "event 1: the program ended, exit"},
		"hangs later":      {"hangs later", []string{"timeout=300"}, ExitSilent, "event 1: nothing within 300ms"},
		"error":            {"error", nil, ExitFunctionError, "no such table"},
		"too large":        {"too large", nil, ExitTooLarge, "the answer is larger"},
		"slow":             {"slow", []string{"max-init=100000", "starts=2"}, ExitSlowInit, "the best of 2 starts"},
		"slow, and may be": {"slow", []string{"max-init=9000000", "starts=2"}, 0, `"init":`},
		"memory":           {"large", []string{"max-memory=100000000"}, ExitTooMuchMemory, "bytes of memory"},
		"memory, and may":  {"large", []string{"max-memory=1000000000"}, 0, `"memory":`},
		"no program":       {"", []string{"program=/nowhere"}, ExitNotStarted, "cannot be started"},
		"other machine":    {"", []string{"machine=none", "program=" + write("other", []byte("\x7fELF\x02\x01\x01 of nothing that exists"), 0o755)}, 0, `"skipped"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			result := filepath.Join(t.TempDir(), "smoke.json")
			settings := append([]string{
				"address=" + address, "directory=" + dir, "program=" + self, "machine=" + machine, "timeout=9000", "starts=1", "keep=100000",
				"event=" + event, "env=AWS_LAMBDA_RUNTIME_API=" + address, "env=" + bootstrapMode + "=" + c.mode,
			}, c.settings...)
			file := write(strings.ReplaceAll(t.Name(), "/", "-"), []byte(strings.Join(settings, "\x00")+"\x00"), 0o644)
			cmd := exec.Command(runner, file, result)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SECRET=x"}
			cmd.WaitDelay = 10 * time.Second // for what it may leave behind
			out, err := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != c.exit {
				t.Fatalf("it ended with %d (%v), want %d: %s", got, err, c.exit, out)
			}
			data, err := os.ReadFile(result)
			if (err == nil) != (c.exit == 0) || c.exit == 0 && !json.Valid(data) {
				t.Errorf("the result is %q, %v", data, err)
			}
			if all := string(data) + string(out); !strings.Contains(all, c.want) || strings.Contains(all, "SECRET") {
				t.Errorf("got %s, want %s", all, c.want)
			}
			var said struct{ Init, Memory int64 }
			if c.exit == 0 {
				if err := json.Unmarshal(data, &said); err != nil {
					t.Fatal(err)
				}
			}
			if c.mode == "large" && c.exit == 0 && said.Memory < 100_000_000 {
				t.Errorf("it had more than 100 MB: %s", data)
			}
			if c.mode == "slow" && c.exit == 0 && said.Init < 300_000 {
				t.Errorf("it took 300 ms to begin: %s", data)
			}
			if os.Getuid() == 0 && c.mode == "" && c.exit == 0 && name != "other machine" && name != "not kept" && !strings.Contains(string(data), `\"uid\":993`) {
				t.Errorf("another user answers: %s", data)
			}
		})
	}
}

// freeAddress is one of loopback on which nothing listens.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
