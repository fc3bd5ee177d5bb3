package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"lpipe/internal/testparts"
)

// registries are the commands for scripts that need a container registry:
//
//	registry NAME [secure]     serves one and sets NAME to its host; with "secure" over TLS, for the user ci with the
//	                           password s3cret, and sets NAME_CA to the certificate
//	image NAME REF             puts the base image into it, as REF
//	login NAME [PASSWORD]      makes a configuration folder of Docker's with the login, and sets DOCKER_CONFIG
//	fault NAME ACTION METHOD PATH [TIMES]   makes requests fail, see [fault]; "fault NAME none" ends that
//	requests NAME METHOD PATH COUNT         fails unless so many such requests came: "0", "2", "1+"
//	pulled NAME LIMIT          fails when more than LIMIT bytes went out, and starts both counts anew
type registries struct {
	t   *testing.T // at whose end they stop
	mu  sync.Mutex
	all map[string]*registry // by host
}

// fault is what happens to requests with a method ("*" for any) and a path. The first that fits decides. The
// actions are: pass, nothing; hang, no answer ever; reset, the connection is cut; garble, the body has wrong bytes; and
// a status with an optional Retry-After, as in 503 or 429:1.
type fault struct {
	action, method string
	path           *regexp.Regexp
	times          int // left; below 0 without end
}

type registry struct {
	*testparts.Registry
	mu       sync.Mutex
	faults   []*fault
	requests []string
	pulled   int64
	done     chan struct{}
}

// wrap stands in front of the registry.
func (r *registry) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		counted := &counter{ResponseWriter: w, r: r}
		action, argument := r.next(req)
		switch action {
		case "", "pass":
			next.ServeHTTP(counted, req)
		case "hang":
			_, _ = io.Copy(io.Discard, req.Body)
			select {
			case <-r.done:
			case <-req.Context().Done():
			}
		case "reset":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			conn.Close()
		case "garble":
			next.ServeHTTP(&garbler{counted}, req)
		default:
			if argument != "" {
				w.Header().Set("Retry-After", argument)
			}
			status, _ := strconv.Atoi(action)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"errors":[{"code":"INJECTED","message":"the test says %d"}]}`, status)
		}
	})
}

func (r *registry) next(req *http.Request) (action, argument string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	for _, f := range r.faults {
		if f.times != 0 && (f.method == "*" || f.method == req.Method) && f.path.MatchString(req.URL.Path) {
			f.times--
			action, argument, _ = strings.Cut(f.action, ":")
			return action, argument
		}
	}
	return "", ""
}

// counter counts the bytes of bodies.
type counter struct {
	http.ResponseWriter
	r *registry
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.r.mu.Lock()
	c.r.pulled += int64(n)
	c.r.mu.Unlock()
	return n, err
}

type garbler struct{ http.ResponseWriter }

func (g *garbler) Write(p []byte) (int, error) {
	_, err := g.ResponseWriter.Write(bytes.Repeat([]byte{0}, len(p)))
	return len(p), err
}

func (rs *registries) find(ts *testscript.TestScript, name string) *registry {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.all[ts.Getenv(name)]
	if r == nil {
		ts.Fatalf("there is no registry %s", name)
	}
	return r
}

// withRegistries adds the commands to those of a test.
func withRegistries(t *testing.T, commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	rs := &registries{t: t, all: map[string]*registry{}}
	commands["registry"], commands["login"], commands["fault"] = rs.registry, rs.login, rs.fault
	commands["requests"], commands["pulled"], commands["image"] = rs.requests, rs.pulled, rs.image
	return commands
}

func (rs *registries) registry(ts *testscript.TestScript, _ bool, args []string) {
	r := &registry{done: make(chan struct{})}
	opt := testparts.RegistryOptions{Wrap: r.wrap}
	if len(args) > 1 {
		opt.TLS, opt.Username, opt.Password = true, "ci", "s3cret"
	}
	r.Registry = testparts.NewRegistry(rs.t, opt)
	rs.t.Cleanup(func() { close(r.done) })
	rs.mu.Lock()
	rs.all[r.Host] = r
	rs.mu.Unlock()
	ts.Setenv(args[0], r.Host)
	ts.Setenv(args[0]+"_CA", r.CAFile)
}

func (rs *registries) image(ts *testscript.TestScript, _ bool, args []string) {
	to := "http://" + rs.find(ts, args[0]).Host + "/v2/"
	name, tag, _ := strings.Cut(args[1], ":")
	send := func(method, url, mediaType string, body []byte) *http.Response {
		request, err := http.NewRequest(method, url, bytes.NewReader(body))
		ts.Check(err)
		request.Header.Set("Content-Type", mediaType)
		response, err := http.DefaultClient.Do(request)
		ts.Check(err)
		response.Body.Close()
		if response.StatusCode >= 300 {
			ts.Fatalf("%s %s: %s", method, url, response.Status)
		}
		return response
	}
	base := readBase(ts)
	for _, b := range append(base.manifest.Layers, base.manifest.Config) {
		at, err := send(http.MethodPost, to+name+"/blobs/uploads/", "", nil).Location()
		ts.Check(err)
		query := at.Query()
		query.Set("digest", b.Digest.String())
		at.RawQuery = query.Encode()
		send(http.MethodPut, at.String(), "application/octet-stream", base.read(ts, b.Digest))
	}
	send(http.MethodPut, to+name+"/manifests/"+tag, base.at.MediaType, base.read(ts, base.at.Digest))
}

// baseImage is the base image.
type baseImage struct {
	dir      string
	at       ocispec.Descriptor
	manifest ocispec.Manifest
}

func readBase(ts *testscript.TestScript) *baseImage {
	b := &baseImage{dir: ts.Getenv("BASE")}
	var index ocispec.Index
	text, err := os.ReadFile(filepath.Join(b.dir, ocispec.ImageIndexFile))
	ts.Check(err)
	ts.Check(json.Unmarshal(text, &index))
	b.at = index.Manifests[0]
	ts.Check(json.Unmarshal(b.read(ts, b.at.Digest), &b.manifest))
	return b
}

func (b *baseImage) read(ts *testscript.TestScript, d digest.Digest) []byte {
	data, err := os.ReadFile(filepath.Join(b.dir, "blobs", d.Algorithm().String(), d.Encoded()))
	ts.Check(err)
	return data
}

func (rs *registries) login(ts *testscript.TestScript, _ bool, args []string) {
	password := "s3cret"
	if len(args) > 1 {
		password = args[1]
	}
	dir := ts.MkAbs(ts.Getenv("WORK") + "/docker")
	ts.Check(os.MkdirAll(dir, 0o700))
	auth := base64.StdEncoding.EncodeToString([]byte("ci:" + password))
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, ts.Getenv(args[0]), auth)
	ts.Check(os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600))
	ts.Setenv("DOCKER_CONFIG", dir)
}

func (rs *registries) fault(ts *testscript.TestScript, _ bool, args []string) {
	r := rs.find(ts, args[0])
	r.mu.Lock()
	defer r.mu.Unlock()
	if args[1] == "none" {
		r.faults = nil
		return
	}
	f := &fault{action: args[1], method: args[2], path: regexp.MustCompile(args[3]), times: -1}
	if len(args) > 4 {
		n, err := strconv.Atoi(args[4])
		ts.Check(err)
		f.times = n
	}
	r.faults = append(r.faults, f)
}

func (rs *registries) requests(ts *testscript.TestScript, _ bool, args []string) {
	r, path, n := rs.find(ts, args[0]), regexp.MustCompile(args[2]), 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.requests {
		method, at, _ := strings.Cut(request, " ")
		if (args[1] == "*" || args[1] == method) && path.MatchString(at) {
			n++
		}
	}
	if want := args[3]; want != strconv.Itoa(n) && (want != "1+" || n == 0) {
		ts.Fatalf("%d requests %s %s, want %s, in:\n%s", n, args[1], args[2], want, strings.Join(r.requests, "\n"))
	}
}

func (rs *registries) pulled(ts *testscript.TestScript, _ bool, args []string) {
	r := rs.find(ts, args[0])
	limit, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.pulled
	r.pulled, r.requests = 0, nil
	ts.Logf("%d bytes were pulled", n)
	if n > limit {
		ts.Fatalf("%d bytes were pulled, more than %d", n, limit)
	}
}
