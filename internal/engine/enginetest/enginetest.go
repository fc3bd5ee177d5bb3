// Package enginetest is what lpipe needs of an engine, as one suite of tests that every kind of engine passes.
//
// It needs no image and no network: steps run in a root file system that holds a static busybox and nothing
// else, sent from this machine. How an engine is started and reached is tested in package engine.
package enginetest

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/builder"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/tonistiigi/fsutil"

	"lpipe/internal/testparts/require"
)

// Lacks names what an engine is known not to do. Where it is set, the engine must refuse with an error.
type Lacks struct {
	LocalCache  bool // exporting a cache to a folder
	TypedErrors bool // telling errors apart by more than their text
	SecretEnv   bool // a secret in an environment variable
	ImageFile   bool // an image as a file
}

// suite is one engine under test.
type suite struct {
	client *client.Client
	lacks  Lacks
	root   string // the file system of the steps
}

// Run runs the suite on the engine that c is connected to. It prunes the engine's cache.
func Run(t *testing.T, c *client.Client, lacks Lacks) {
	s := suite{c, lacks, Busybox(t)}
	t.Run("a file that was made is read back", s.readBack)
	t.Run("the in-process Dockerfile frontend builds", s.dockerfile)
	t.Run("a failing step tells its exit code and its output", s.failingStep)
	t.Run("a step has network, and none when told so", s.network)
	t.Run("an equal step runs once", s.cached)
	t.Run("a cache in a folder outlives the engine's own", s.localCache)
	t.Run("an export to tar holds the files", s.tar)
	t.Run("a secret is in a variable and not in the result", s.secretEnv)
	t.Run("an image is written to a file", s.image)
	t.Run("a cancelled step ends at once and the engine goes on", s.cancel)
}

// Busybox returns a folder with bin/busybox and a link to it for each applet the suite calls.
func Busybox(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	require.Part(t, err == nil, "busybox", "apt-get install busybox-static")
	require.Part(t, static(path), "a static busybox", "apt-get install busybox-static")
	program, err := os.ReadFile(path)
	must(t, err)
	root := t.TempDir()
	for _, dir := range []string{"bin", "tmp"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), program, 0o755))
	for _, applet := range []string{"sh", "cat", "sleep", "echo", "date", "grep"} {
		must(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
	}
	// An equal tree is an equal cache key, whenever the test runs.
	past := time.Unix(1e9, 0)
	must(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink == 0 {
			err = os.Chtimes(path, past, past)
		}
		return err
	}))
	return root
}

// static tells whether a program needs no loader and no libraries.
func static(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

// Step is a shell command in the busybox tree of a [Solve].
func Step(script string, opts ...llb.RunOption) llb.ExecState {
	// Copied, because only a copy is known by its content: a step in the sent tree itself would never be cached.
	tree := llb.Scratch().File(llb.Copy(llb.Local("busybox"), "/", "/"))
	return tree.Run(append([]llb.RunOption{llb.Args([]string{"/bin/sh", "-c", script})}, opts...)...)
}

// Solve builds state with the busybox tree root and returns the content of the file it names.
func Solve(ctx context.Context, c *client.Client, root string, state llb.State, file string, opt client.SolveOpt) ([]byte, error) {
	return SolveStatus(ctx, c, root, state, file, opt, nil)
}

// SolveStatus is [Solve] with a channel for the progress, which is closed at the end.
func SolveStatus(ctx context.Context, c *client.Client, root string, state llb.State, file string, opt client.SolveOpt, status chan *client.SolveStatus) ([]byte, error) {
	mount, err := fsutil.NewFS(root)
	if err != nil {
		return nil, err
	}
	opt.LocalMounts = map[string]fsutil.FS{"busybox": mount}
	opt.SharedKey = root
	opt.FrontendAttrs = map[string]string{} // the client writes the imports into it
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	var content []byte
	_, err = c.Build(ctx, opt, "lpipe", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		req := gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true}
		if imports := gw.BuildOpts().Opts["cache-imports"]; imports != "" {
			if err := json.Unmarshal([]byte(imports), &req.CacheImports); err != nil {
				return nil, err
			}
		}
		res, err := gw.Solve(ctx, req)
		if err != nil || file == "" {
			return res, err
		}
		ref, err := res.SingleRef()
		if err != nil {
			return nil, err
		}
		content, err = ref.ReadFile(ctx, gateway.ReadRequest{Filename: file})
		return res, err
	}, status)
	return content, err
}

func (s suite) solve(t *testing.T, state llb.State, file string, opt client.SolveOpt) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	content, err := Solve(ctx, s.client, s.root, state, file, opt)
	must(t, err)
	return string(content)
}

func (s suite) readBack(t *testing.T) {
	want := "made " + time.Now().String()
	state := llb.Scratch().File(llb.Mkfile("/file", 0o600, []byte(want)))
	if got := s.solve(t, state, "file", client.SolveOpt{}); got != want {
		t.Errorf("read %q, made %q", got, want)
	}
}

func (s suite) dockerfile(t *testing.T) {
	tree, err := fsutil.NewFS(s.root)
	must(t, err)
	folder := t.TempDir()
	text := "FROM scratch AS base\nCOPY . /\nFROM base AS run\nRUN --network=none echo built > /tmp/out\nFROM scratch\nCOPY --from=run /tmp/out /out\n"
	must(t, os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(text), 0o600))
	file, err := fsutil.NewFS(folder)
	must(t, err)
	var got []byte
	_, err = s.client.Build(t.Context(), client.SolveOpt{
		LocalMounts: map[string]fsutil.FS{"context": tree, "dockerfile": file},
	}, "lpipe", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		res, err := builder.Build(ctx, gw)
		if err != nil {
			return nil, err
		}
		ref, err := res.SingleRef()
		if err != nil {
			return nil, err
		}
		got, err = ref.ReadFile(ctx, gateway.ReadRequest{Filename: "out"})
		return res, err
	}, nil)
	must(t, err)
	if string(got) != "built\n" {
		t.Errorf("the step wrote %q", got)
	}
}

func (s suite) failingStep(t *testing.T) {
	status := make(chan *client.SolveStatus)
	var output strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for st := range status {
			for _, l := range st.Logs {
				output.Write(l.Data)
			}
		}
	}()
	_, err := SolveStatus(t.Context(), s.client, s.root, Step("echo goodbye; exit 7").Root(), "", client.SolveOpt{}, status)
	<-read
	if output.String() != "goodbye\n" {
		t.Errorf("output %q", output.String())
	}
	if s.lacks.TypedErrors {
		if err == nil || !strings.Contains(err.Error(), "exit code: 7") {
			t.Errorf("error %v does not say exit code 7", err)
		}
		return
	}
	var exit *gatewaypb.ExitError
	if !errors.As(err, &exit) || exit.ExitCode != 7 {
		t.Errorf("error %v does not say exit code 7", err)
	}
	var vertex *errdefs.VertexError
	if !errors.As(err, &vertex) {
		t.Errorf("error %v does not say which step failed", err)
	}
}

func (s suite) network(t *testing.T) {
	// The interfaces of a network namespace; the date keeps the step from being cached.
	list := fmt.Sprintf("cat /proc/net/dev > /tmp/out # %d", time.Now().UnixNano())
	if got := interfaces(s.solve(t, Step(list).Root(), "tmp/out", client.SolveOpt{})); len(got) < 2 {
		t.Errorf("with network a step has the interfaces %v", got)
	}
	none := s.solve(t, Step(list, llb.Network(llb.NetModeNone)).Root(), "tmp/out", client.SolveOpt{})
	for _, name := range interfaces(none) {
		// Kernels with tunnel modules show those in each new namespace; they lead nowhere.
		if name != "lo" && !strings.Contains(name, "tun") && !strings.Contains(name, "tap") && !strings.HasPrefix(name, "sit") &&
			!strings.HasPrefix(name, "gre") && !strings.HasPrefix(name, "erspan") && !strings.HasPrefix(name, "ip6") && !strings.HasPrefix(name, "ip_vti") {
			t.Errorf("without network a step has the interface %s", name)
		}
	}
}

func interfaces(procNetDev string) (names []string) {
	for line := range strings.Lines(procNetDev) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// clock writes a time that differs whenever the step really runs. Name keeps tests apart.
func clock(name string) llb.State {
	return Step("cat /proc/uptime > /tmp/out; sleep 0.02 # " + name).Root()
}

func (s suite) cached(t *testing.T) {
	name := time.Now().String()
	first := s.solve(t, clock(name), "tmp/out", client.SolveOpt{})
	if again := s.solve(t, clock(name), "tmp/out", client.SolveOpt{}); again != first {
		t.Errorf("an equal step ran again")
	}
}

func (s suite) localCache(t *testing.T) {
	name, folder := time.Now().String(), t.TempDir()
	export := client.SolveOpt{CacheExports: []client.CacheOptionsEntry{{Type: "local", Attrs: map[string]string{"dest": folder, "mode": "max"}}}}
	if s.lacks.LocalCache {
		if _, err := Solve(t.Context(), s.client, s.root, clock(name), "tmp/out", export); err == nil {
			t.Error("the engine exported a cache that it is known not to export")
		}
		return
	}
	first := s.solve(t, clock(name), "tmp/out", export)
	must(t, s.client.Prune(t.Context(), nil, client.PruneAll))
	imports := client.SolveOpt{CacheImports: []client.CacheOptionsEntry{{Type: "local", Attrs: map[string]string{"src": folder}}}}
	if again := s.solve(t, clock(name), "tmp/out", imports); again != first {
		t.Errorf("the step ran again in spite of the imported cache")
	}
}

func (s suite) tar(t *testing.T) {
	var out bytes.Buffer
	state := llb.Scratch().File(llb.Mkfile("/bootstrap", 0o755, []byte("exported")))
	s.solve(t, state, "", client.SolveOpt{Exports: []client.ExportEntry{{
		Type:   client.ExporterTar,
		Output: func(map[string]string) (io.WriteCloser, error) { return nopCloser{&out}, nil },
	}}})
	if text := out.String(); !strings.Contains(text, "bootstrap") || !strings.Contains(text, "exported") {
		t.Errorf("the archive of %d bytes lacks the file", len(text))
	}
}

func (s suite) secretEnv(t *testing.T) {
	step := Step("echo the secret has ${#TOKEN} letters > /tmp/out", llb.AddSecret("TOKEN", llb.SecretID("token"), llb.SecretAsEnv(true)))
	opt := client.SolveOpt{Session: []session.Attachable{secretsprovider.FromMap(map[string][]byte{"token": []byte("hunter2")})}}
	got, err := Solve(t.Context(), s.client, s.root, step.Root(), "tmp/out", opt)
	if s.lacks.SecretEnv {
		if err == nil && string(got) == "the secret has 7 letters\n" {
			t.Error("the engine knows secrets in variables")
		}
		return
	}
	must(t, err)
	if string(got) != "the secret has 7 letters\n" {
		t.Errorf("the step saw %q", got)
	}
}

func (s suite) image(t *testing.T) {
	var out bytes.Buffer
	def, err := llb.Scratch().File(llb.Mkfile("/bootstrap", 0o755, []byte("exported"))).Marshal(t.Context())
	must(t, err)
	_, err = s.client.Solve(t.Context(), def, client.SolveOpt{Exports: []client.ExportEntry{{
		Type:   client.ExporterOCI,
		Output: func(map[string]string) (io.WriteCloser, error) { return nopCloser{&out}, nil },
	}}}, nil)
	if s.lacks.ImageFile {
		if err == nil {
			t.Error("the engine exported an image that it is known not to export")
		}
		return
	}
	must(t, err)
	for _, part := range []string{"oci-layout", "index.json", "blobs/sha256/"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the image of %d bytes lacks %s", out.Len(), part)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (s suite) cancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	name := time.Now().String()
	status := make(chan *client.SolveStatus)
	var cancelled time.Time
	go func() {
		for st := range status {
			for _, l := range st.Logs {
				if strings.Contains(string(l.Data), "sleeping") {
					cancelled = time.Now()
					cancel()
				}
			}
		}
	}()
	_, err := SolveStatus(ctx, s.client, s.root, Step("echo sleeping; sleep 1000 # "+name).Root(), "", client.SolveOpt{}, status)
	if err == nil || ctx.Err() == nil {
		t.Fatalf("the step was not cancelled: %v", err)
	}
	if waited := time.Since(cancelled); waited > 10*time.Second {
		t.Errorf("cancelling took %s", waited)
	}
	s.solve(t, clock(name), "tmp/out", client.SolveOpt{})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
