//go:build linux

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/engine/enginetest"
	"lpipe/internal/fault"
)

func TestEmbeddedPassesTheSuite(t *testing.T) {
	e := open(t, embeddedOptions(t))
	enginetest.Run(t, e.Client(), enginetest.Lacks{})
	must(t, e.Check(t.Context(), Needs{OCILayout: true, SecretEnv: true, ImageFile: true, CacheExports: []string{"registry", "local", "inline"}}))
}

func TestEmbeddedDescribesItself(t *testing.T) {
	o := embeddedOptions(t)
	d := open(t, o).Description()
	if d.Kind != Embedded || d.Address != o.Root || d.Why != "--engine embedded" {
		t.Errorf("described as %+v", d.Choice)
	}
	if len(d.Platforms) == 0 || !strings.HasPrefix(d.Platforms[0], "linux/") {
		t.Errorf("platforms %v", d.Platforms)
	}
	s, err := Status(t.Context(), o)
	if err != nil || !s.Running || s.Process.PID == os.Getpid() {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestAStateFolderMayBeRelative(t *testing.T) {
	o := embeddedOptions(t)
	t.Chdir(filepath.Dir(o.Root))
	o.Root = filepath.Base(o.Root)
	open(t, o)
	if s, err := Status(t.Context(), o); err != nil || !s.Running || !filepath.IsAbs(s.Root) {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestSixStartedAtOnceLeaveOne(t *testing.T) {
	o := embeddedOptions(t)
	for _, when := range []string{"cold", "after a kill"} {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				e, err := Open(t.Context(), o)
				if err != nil {
					t.Errorf("%s: %v", when, err)
					return
				}
				e.Close()
			})
		}
		wg.Wait()
		eventually(t, "all daemons but one are gone, "+when, func() bool { return len(daemons(t, o)) == 1 })
		p, ok := daemon.Running(o.Root)
		if left := daemons(t, o); !ok || left[0] != p.PID {
			t.Errorf("%s: daemon %d is left, and %+v answers", when, left[0], p)
		}
		must(t, syscall.Kill(p.PID, syscall.SIGKILL))
	}
}

func TestTheDaemonIsDetached(t *testing.T) {
	o := embeddedOptions(t)
	t.Setenv("LPIPE_TEST_SECRET", "hunter2")
	// A pipe that the daemon inherited would keep its reader waiting, as in $(lpipe build).
	r, w, err := os.Pipe()
	must(t, err)
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), syscall.F_SETFD, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	open(t, o)
	w.Close()
	must(t, r.SetReadDeadline(time.Now().Add(5*time.Second)))
	if _, err := r.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the daemon holds a file of its parent open")
	}

	p, _ := daemon.Running(o.Root)
	proc := fmt.Sprintf("/proc/%d/", p.PID)
	environ, err := os.ReadFile(proc + "environ")
	must(t, err)
	if bytes.Contains(environ, []byte("hunter2")) {
		t.Errorf("the daemon knows the caller's environment: %q", environ)
	}
	if cwd, _ := os.Readlink(proc + "cwd"); cwd != "/" {
		t.Errorf("the daemon works in %s", cwd)
	}
	if in, _ := os.Readlink(proc + "fd/0"); in != "/dev/null" {
		t.Errorf("the daemon reads %s", in)
	}
	stat, err := os.ReadFile(proc + "stat")
	must(t, err)
	_, after, _ := strings.Cut(string(stat), ") ")
	if session := strings.Fields(after)[3]; session != fmt.Sprint(p.PID) {
		t.Errorf("the daemon is in session %s", session)
	}
	if info, err := os.Stat(o.Runtime); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the socket: %v, %v", info.Mode(), err)
	}
}

func TestTheDaemonLeavesWhenIdleAndComesBack(t *testing.T) {
	o := embeddedOptions(t)
	o.Idle = 200 * time.Millisecond
	e := open(t, o)
	time.Sleep(3 * o.Idle)
	if s, _ := Status(t.Context(), o); !s.Running {
		t.Error("the daemon left while a client was connected")
	}
	e.Close()
	eventually(t, "the idle daemon leaves", func() bool { return len(daemons(t, o)) == 0 })
	open(t, o)
}

func TestStopEndsTheDaemon(t *testing.T) {
	o := embeddedOptions(t)
	open(t, o).Close()
	if was, err := Stop(t.Context(), o); !was || err != nil {
		t.Errorf("stop: %v, %v", was, err)
	}
	eventually(t, "the stopped daemon leaves", func() bool { return len(daemons(t, o)) == 0 })
	if was, err := Stop(t.Context(), o); was || err != nil {
		t.Errorf("second stop: %v, %v", was, err)
	}
}

func TestAnotherConfigurationReplacesTheDaemonAfterItsBuilds(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	old := open(t, o)
	before, _ := daemon.Running(o.Root)
	built := make(chan error, 1)
	<-startStep(t, old.Client(), root, "echo started; sleep 0.5; echo done > /tmp/out", built)

	other := o
	other.Registries = map[string]Registry{"registry.example.com": {HTTP: true}}
	var notices []string
	other.Log = func(n string) { notices = append(notices, n) }
	opened := make(chan error, 1)
	go func() {
		e, err := Open(t.Context(), other)
		if err == nil {
			err = e.Close()
		}
		opened <- err
	}()
	must(t, <-built)
	time.Sleep(time.Second) // what a run does between two builds
	_, err := enginetest.Solve(t.Context(), old.Client(), root, enginetest.Step("echo again > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
	must(t, err)
	select {
	case err := <-opened:
		t.Errorf("the new daemon did not wait for the old one's client: %v", err)
	default:
	}
	old.Close()
	must(t, <-opened)
	after, _ := daemon.Running(o.Root)
	if after.PID == before.PID || after.Socket == before.Socket {
		t.Errorf("still served by %+v", after)
	}
	if want := fmt.Sprintf("process %d", before.PID); len(notices) != 1 || !strings.Contains(notices[0], want) {
		t.Errorf("notices %q", notices)
	}
}

func TestAKilledDaemonLeavesNothingBehind(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	e := open(t, o)
	p, _ := daemon.Running(o.Root)
	built := make(chan error, 1)
	marker := fmt.Sprintf("lpipe-leftover-%d", os.Getpid())
	<-startStep(t, e.Client(), root, "echo started; sleep 1000; echo "+marker, built)
	must(t, syscall.Kill(p.PID, syscall.SIGKILL))
	if err := <-built; err == nil {
		t.Error("the build survived its daemon")
	}
	e.Close()
	ingest := filepath.Join(o.Root, "runc-overlayfs/content/ingest/half")
	must(t, os.MkdirAll(ingest, 0o700))
	if len(processes(t, marker)) == 0 {
		t.Error("no container outlived the daemon, so this test proves nothing")
	}

	again := open(t, o)
	eventually(t, "the container is gone", func() bool { return len(processes(t, marker)) == 0 })
	if _, err := os.Stat(ingest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written blob: %v", err)
	}
	folders, _ := filepath.Glob(filepath.Join(o.Root, "runc-*/executor/*/"))
	if len(folders) > 0 {
		t.Errorf("container folders are left: %v", folders)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	if strings.Contains(string(mounts), o.Root) {
		t.Errorf("mounts are left:\n%s", mounts)
	}
	_, err = enginetest.Solve(t.Context(), again.Client(), root, enginetest.Step("echo fine > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
	must(t, err)
}

func TestADamagedDatabaseIsMovedAside(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	build := func() {
		t.Helper()
		e := open(t, o)
		defer e.Close()
		_, err := enginetest.Solve(t.Context(), e.Client(), root, enginetest.Step("echo fine > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
		must(t, err)
	}
	random := rand.New(rand.NewSource(1))
	damages := map[string]func([]byte){
		"overwritten pages": func(b []byte) {
			for page := 0; page+4096 <= len(b); page += 4096 {
				if page >= 2*4096 || random.Intn(2) == 0 {
					random.Read(b[page : page+4096])
				}
			}
		},
		"all zero": func(b []byte) { clear(b) },
	}
	for _, file := range []string{"cache.db", "history.db", "runc-overlayfs/metadata_v2.db", "runc-overlayfs/containerdmeta.db", "runc-overlayfs/snapshots/metadata.db"} {
		for _, damage := range slices.Sorted(maps.Keys(damages)) {
			t.Run(file+" "+damage, func(t *testing.T) {
				build()
				_, err := Stop(t.Context(), o)
				must(t, err)
				path := filepath.Join(o.Root, file)
				content, err := os.ReadFile(path)
				must(t, err)
				damages[damage](content)
				must(t, os.WriteFile(path, content, 0o600))

				var notices []string
				o.Log = func(n string) { notices = append(notices, n) }
				build()
				if len(notices) != 1 || !strings.Contains(notices[0], file) {
					t.Errorf("notices %q", notices)
				}
				aside := filepath.Join(o.Root, filepath.Base(file)+".damaged")
				if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, content) {
					t.Errorf("the damaged database was not kept: %v", err)
				}
			})
		}
	}
}

// TestACacheIsKeptUnlessTheMachineWentDown: killing the daemon tears no database, the machine's end may.
func TestACacheIsKeptUnlessTheMachineWentDown(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	marker := filepath.Join(o.Root, "unsynced")
	// run opens the engine and builds; it returns how many records were cached before, and what the user was told.
	run := func() (cached int, notices []string) {
		t.Helper()
		o.Log = func(n string) { notices = append(notices, n) }
		e := open(t, o)
		defer e.Close()
		before, err := e.Client().DiskUsage(t.Context())
		must(t, err)
		_, err = enginetest.Solve(t.Context(), e.Client(), root, enginetest.Step("echo fine > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
		must(t, err)
		return len(before), notices
	}
	kill := func() {
		t.Helper()
		p, _ := daemon.Running(o.Root)
		must(t, syscall.Kill(p.PID, syscall.SIGKILL))
		eventually(t, "the daemon is gone", func() bool { return len(daemons(t, o)) == 0 })
	}
	run()
	kill()
	if cached, notices := run(); cached == 0 || len(notices) > 0 {
		t.Errorf("after a kill: %d records, notices %q", cached, notices)
	}
	kill()
	must(t, os.WriteFile(marker, []byte("another boot"), 0o600))
	if cached, notices := run(); cached != 0 || len(notices) != 1 || !strings.Contains(notices[0], "the machine went down") {
		t.Errorf("after another boot: %d records, notices %q", cached, notices)
	}
	_, err := Stop(t.Context(), o)
	must(t, err)
	if _, err := os.Lstat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a daemon that left in order left its mark: %v", err)
	}
	if cached, notices := run(); cached == 0 || len(notices) > 0 {
		t.Errorf("after an orderly end: %d records, notices %q", cached, notices)
	}
}

func TestADaemonThatDoesNotStartShowsItsLog(t *testing.T) {
	o := embeddedOptions(t)
	o.DaemonCommand = []string{"/bin/sh", "-c", "echo no luck today >&2; exit 3"}
	_, err := Open(t.Context(), o)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Output, "no luck today") {
		t.Errorf("error %#v", err)
	}
}

func TestAFrozenDaemonIsReported(t *testing.T) {
	o := embeddedOptions(t)
	open(t, o).Close()
	p, _ := daemon.Running(o.Root)
	must(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	defer syscall.Kill(p.PID, syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, o)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Fix, fmt.Sprintf("kill -9 %d", p.PID)) {
		t.Errorf("error %#v", err)
	}
}

func TestAnInterruptIsNoEngineError(t *testing.T) {
	o := embeddedOptions(t)
	o.DaemonCommand = []string{"/bin/sh", "-c", "exec sleep 1"} // never listens
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := Open(ctx, o); fault.Worst(err) != fault.Cancelled {
		t.Errorf("error %v", err)
	}
}

func TestASharedRuntimeFolderIsRefused(t *testing.T) {
	o := embeddedOptions(t)
	must(t, os.Mkdir(o.Runtime, 0o755))
	must(t, os.Chmod(o.Runtime, 0o777))
	_, err := Open(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "only you can enter") {
		t.Errorf("error %v", err)
	}
}

func TestMissingRegistryCertificatesAreReportedTogether(t *testing.T) {
	o := embeddedOptions(t)
	o.Registries = map[string]Registry{"a.example.com": {CA: []string{"/nowhere/a.pem"}}, "b.example.com": {CA: []string{"/nowhere/b.pem"}}}
	_, err := Open(t.Context(), o)
	if fault.Worst(err) != fault.Usage || !strings.Contains(err.Error(), "a.example.com") || !strings.Contains(err.Error(), "b.example.com") {
		t.Errorf("error %v", err)
	}
}

// startStep runs a step in the background; the channel it returns closes when the step says "started".
func startStep(t *testing.T, c *client.Client, root, script string, done chan<- error) <-chan struct{} {
	t.Helper()
	started := make(chan struct{})
	status := make(chan *client.SolveStatus)
	go func() {
		var once sync.Once
		for st := range status {
			for _, l := range st.Logs {
				if strings.Contains(string(l.Data), "started") {
					once.Do(func() { close(started) })
				}
			}
		}
	}()
	go func() {
		_, err := enginetest.SolveStatus(context.WithoutCancel(t.Context()), c, root, enginetest.Step(script).Root(), "", client.SolveOpt{}, status)
		done <- err
	}()
	return started
}

// daemons lists the processes that run a daemon of o.
func daemons(t *testing.T, o Options) []int {
	t.Helper()
	return processes(t, o.Runtime)
}

// processes lists the processes with a text in their command line.
func processes(t *testing.T, text string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, f := range files {
		line, err := os.ReadFile(f)
		var pid int
		if _, scanErr := fmt.Sscanf(f, "/proc/%d/cmdline", &pid); err == nil && scanErr == nil && bytes.Contains(line, []byte(text)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func eventually(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after 20 s: %s", what)
		}
	}
}
