//go:build linux

package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"golang.org/x/sys/unix"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/engine/enginetest"
	"lpipe/internal/fault"
)

func TestEmbeddedPassesTheSuite(t *testing.T) {
	e := open(t, embeddedOptions(t))
	enginetest.Run(t, e.Client(), enginetest.Lacks{})
	e.complete = false // which says that it need not be asked: it is, and does all
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
	open(t, o).Close()
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
	pass := startHeld(t, old.Client(), root, built)

	other := o
	other.Idle = time.Hour
	var notices []string
	noticed := make(chan struct{}, 10)
	other.Log = func(n string) {
		notices = append(notices, n)
		noticed <- struct{}{}
	}
	opened := make(chan error, 1)
	go func() {
		e, err := Open(t.Context(), other)
		if err == nil {
			err = e.Close()
		}
		opened <- err
	}()
	<-noticed // the new daemon waits
	pass()
	must(t, <-built)
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

// A daemon's configuration is gone once it has been read; what killed runs left beside the sockets, and daemons that can
// no longer be reached, goes with the next start.
func TestTheRuntimeFolderHoldsWhatIsInUse(t *testing.T) {
	o := embeddedOptions(t)
	must(t, os.Mkdir(o.Runtime, 0o700))
	var served []net.Listener
	old := time.Now().Add(-time.Hour)
	for name, keep := range map[string]bool{
		"00112233aabbccdd.json":          false, // of a release that kept them
		"00112233aabbccdd.json.12345":    false,
		"00112233aabbccdd-67890.json":    false,
		"00112233aabbccdd.sock":          false,
		"44556677aabbccdd.sock":          true, // another engine's, which is served
		"notes.json":                     true, // not of lpipe
		"00112233aabbccdd-new.json":      true,
		"88990011aabbccdd-13579.json":    true, // whose daemon is just starting
		"runc/00112233aabbccdd-1.json":   true, // in a folder of runc
		"8899001122334455aabbccdd-1.old": true,
	} {
		path := filepath.Join(o.Runtime, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if strings.HasSuffix(name, ".sock") {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			must(t, err)
			l.SetUnlinkOnClose(false)
			if keep {
				served = append(served, l)
			} else {
				l.Close()
			}
		} else {
			must(t, os.WriteFile(path, []byte("{}"), 0o600))
		}
		if !strings.Contains(name, "13579") {
			must(t, os.Chtimes(path, old, old))
		}
	}
	e := open(t, o)
	for _, l := range served {
		defer l.Close()
	}
	p, _ := daemon.Running(o.Root)
	var want []string
	for _, name := range []string{"", "00112233aabbccdd-new.json", "44556677aabbccdd.sock", "88990011aabbccdd-13579.json", "8899001122334455aabbccdd-1.old", filepath.Base(p.Socket), "notes.json", "runc", "runc/00112233aabbccdd-1.json"} {
		want = append(want, filepath.Join(o.Runtime, name))
	}
	slices.Sort(want)
	if got := tree(t, o.Runtime); got != strings.Join(want, "\n") {
		t.Errorf("the folder holds\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	e.Close()
	_, err := Stop(t.Context(), o)
	must(t, err)
	if _, err := os.Lstat(p.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket of a daemon that left: %v", err)
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
	// What runc knows nothing of, such as a container whose runc was killed with the daemon.
	groups := controlGroups(t, o)
	var lost *exec.Cmd
	if os.Geteuid() == 0 {
		if len(groups) == 0 {
			t.Fatal("the container has no control group, so this test proves nothing")
		}
		must(t, os.MkdirAll(filepath.Join(groups[0], "buildkit/lost/below"), 0o755))
		lost = exec.Command("sleep", "1000")
		must(t, lost.Start())
		must(t, os.WriteFile(filepath.Join(groups[0], "buildkit/lost/below/cgroup.procs"), []byte(fmt.Sprint(lost.Process.Pid)), 0o644))
	}

	again := open(t, o)
	eventually(t, "the container is gone", func() bool { return len(processes(t, marker)) == 0 })
	if left := controlGroups(t, o); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	if lost != nil {
		if err := lost.Wait(); lost.ProcessState.ExitCode() != -1 {
			t.Errorf("a process in a group of the daemon ended with %v", err)
		}
	}
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
	again.Close()
	_, err = Stop(t.Context(), o)
	must(t, err)
	if left := controlGroups(t, o); len(left) > 0 {
		t.Errorf("a daemon that left in order left the control groups %v", left)
	}
}

// controlGroups are the folders of the control group of o's containers, in all hierarchies.
func controlGroups(t *testing.T, o Options) (found []string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(o.Root)
	must(t, err)
	name := fmt.Sprintf("lpipe-%x", sha256.Sum256([]byte(root)))[:len("lpipe-")+16]
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		more, err := filepath.Glob(pattern + name)
		must(t, err)
		found = append(found, more...)
	}
	return found
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

// A build of another client finds the engine suspended: it waits, says for what, and builds once the engine goes on.
func TestASuspendedDaemonIsWaitedFor(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	open(t, o).Close()
	p, _ := daemon.Running(o.Root)
	must(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	defer syscall.Kill(p.PID, syscall.SIGCONT)
	eventually(t, "the engine is suspended", func() bool {
		s, err := Status(t.Context(), o)
		return err == nil && s.Process.Suspended
	})
	o.StallTimeout = 2 * time.Minute
	told := make(chan string, 10)
	o.Log = func(n string) { told <- n }
	type opened struct {
		engine *Engine
		err    error
	}
	done := make(chan opened)
	go func() {
		e, err := Open(t.Context(), o)
		done <- opened{e, err}
	}()
	if notice := <-told; !strings.Contains(notice, fmt.Sprintf("kill -CONT %d", p.PID)) || strings.Contains(notice, "kill -9") {
		t.Errorf("notice %q", notice)
	}
	must(t, syscall.Kill(p.PID, syscall.SIGCONT))
	got := <-done
	must(t, got.err)
	defer got.engine.Close()
	_, err := enginetest.Solve(t.Context(), got.engine.Client(), root, enginetest.Step("echo fine > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
	must(t, err)
	if now, _ := daemon.Running(o.Root); now.PID != p.PID {
		t.Errorf("process %d was replaced by %d", p.PID, now.PID)
	}
}

func TestASuspendedDaemonIsGivenUp(t *testing.T) {
	o := embeddedOptions(t)
	open(t, o).Close()
	p, _ := daemon.Running(o.Root)
	must(t, syscall.Kill(p.PID, syscall.SIGSTOP))
	defer syscall.Kill(p.PID, syscall.SIGCONT)
	other := o // which would have the engine replaced
	other.Idle = time.Hour
	wait := fmt.Sprintf("kill -CONT %d", p.PID)
	for name, o := range map[string]Options{"the same": o, "another configuration": other} {
		o.StallTimeout = 400 * time.Millisecond
		_, err := Open(t.Context(), o)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Why, "suspended") ||
			!strings.Contains(f.Fix, wait) || strings.Index(f.Fix, "kill -9") < strings.Index(f.Fix, wait) {
			t.Errorf("%s: error %#v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o.StallTimeout = 0 // for ever
		o.Log = func(string) { t.Errorf("%s: the user waited", name) }
		cancel()
		if _, err := Open(ctx, o); fault.Worst(err) != fault.Cancelled {
			t.Errorf("%s: error %v after an interrupt", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var f *fault.Error
	if _, err := Stop(ctx, o); !errors.As(err, &f) || !strings.Contains(f.Fix, wait) {
		t.Errorf("stop: %#v", err)
	}
}

func TestAnInterruptIsNoEngineError(t *testing.T) {
	o := embeddedOptions(t)
	gate := filepath.Join(t.TempDir(), "gate")
	must(t, syscall.Mkfifo(gate, 0o600))
	o.DaemonCommand = []string{"/bin/sh", "-c", "exec cat " + gate} // never listens
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w, err := os.OpenFile(gate, os.O_WRONLY, 0) // once the daemon reads
		if err == nil {
			t.Cleanup(func() { w.Close() })
		}
		cancel()
	}()
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

// Nobody but the user may have written what the engine starts from, or could put something else in its place.
func TestFoldersOfOthersAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root alone can give files away")
	}
	const stranger = 12345
	give := func(t *testing.T, path string) { must(t, os.Lchown(path, stranger, -1)) }
	folder := func(t *testing.T, path string, mode os.FileMode) {
		must(t, os.Mkdir(path, 0o700))
		must(t, os.Chmod(path, mode))
	}
	for name, test := range map[string]struct {
		set  func(t *testing.T, dir string) (root, runtime string)
		want string
	}{
		"a state folder of another user": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o700)
			give(t, dir+"/r")
			return "r", "run"
		}, "/r: it belongs to user 12345"},
		"a state folder of another user that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o777)
			give(t, dir+"/r")
			return "r", "run"
		}, "/r: it belongs to user 12345"},
		"a state folder that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o777)
			return "r", "run"
		}, "/r: every user may write it"},
		"a state folder that its group may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o770)
			return "r", "run"
		}, "its group may write it"},
		"in a folder of another user": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/theirs", 0o755)
			give(t, dir+"/theirs")
			return "theirs/r", "run"
		}, "/theirs: it belongs to user 12345"},
		"in a folder that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/open", 0o777)
			folder(t, dir+"/open/r", 0o700)
			return "open/r", "run"
		}, "/open: every user may write it"},
		"a link of another user": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/sticky", 0o777|os.ModeSticky)
			folder(t, dir+"/r", 0o700)
			must(t, os.Symlink("../r", dir+"/sticky/link"))
			give(t, dir+"/sticky/link")
			return "sticky/link", "run"
		}, "/sticky/link: it belongs to user 12345"},
		"a link through a folder that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/open", 0o777)
			folder(t, dir+"/open/r", 0o700)
			must(t, os.Symlink("open/r", dir+"/link"))
			return "link", "run"
		}, "/open: every user may write it"},
		"the owner's note of another user": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o700)
			must(t, os.WriteFile(dir+"/r/daemon.json", []byte("{}"), 0o644))
			give(t, dir+"/r/daemon.json")
			return "r", "run"
		}, "/r/daemon.json: it belongs to user 12345"},
		"a lock that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/r", 0o700)
			must(t, os.WriteFile(dir+"/r/buildkitd.lock", nil, 0o600))
			must(t, os.Chmod(dir+"/r/buildkitd.lock", 0o666))
			return "r", "run"
		}, "/r/buildkitd.lock: every user may write it"},
		"a socket folder in a folder that all may write": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/open", 0o777)
			return "r", "open/run"
		}, "/open: every user may write it"},
		"a socket folder that another user made in a sticky one": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/sticky", 0o777|os.ModeSticky)
			folder(t, dir+"/sticky/run", 0o700)
			give(t, dir+"/sticky/run")
			return "r", "sticky/run"
		}, "/sticky/run: it belongs to user 12345"},
		"a link to the socket folder that another user made": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/sticky", 0o777|os.ModeSticky)
			folder(t, dir+"/mine", 0o700)
			must(t, os.Symlink("../mine", dir+"/sticky/run"))
			give(t, dir+"/sticky/run")
			return "r", "sticky/run"
		}, "/sticky/run: it belongs to user 12345"},
		"a socket folder that is a link": {func(t *testing.T, dir string) (string, string) {
			folder(t, dir+"/mine", 0o700)
			must(t, os.Symlink("mine", dir+"/run"))
			return "r", "run"
		}, "/run is L"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			root, runtime := test.set(t, dir)
			before := tree(t, dir)
			o := Options{
				Engine: "embedded", Getenv: os.Getenv, Root: filepath.Join(dir, root), Runtime: filepath.Join(dir, runtime),
				DaemonCommand: []string{"/bin/sh", "-c", "touch " + dir + "/started"},
			}
			_, err := Open(t.Context(), o)
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(err.Error(), test.want) || f.Fix == "" {
				t.Errorf("error %#v, want one with %q", err, test.want)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("there is now\n%s\nand was\n%s", after, before)
			}
			if strings.Contains(f.What, "socket") {
				return // of which the other verbs know nothing
			}
			if _, err := Status(t.Context(), o); err == nil {
				t.Error("the status of a stranger's engine is told")
			}
			if _, err := Stop(t.Context(), o); err == nil {
				t.Error("a stranger's engine is stopped")
			}
		})
	}
}

// Whoever serves the socket is sent sources and secrets, so it is the user or nobody.
func TestASocketOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root alone can become another user")
	}
	o := embeddedOptions(t)
	d, err := newEmbedded(o)
	must(t, err)
	listening := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, which alone is another user, ends with the goroutine
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: d.config.Socket})
		}
		if err == nil {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), 12345, ^uintptr(0)); errno != 0 {
				err = errno
			}
		}
		if err == nil {
			err = unix.Listen(fd, 10)
		}
		listening <- err
		<-t.Context().Done()
		unix.Close(fd)
	}()
	must(t, <-listening)
	_, err = Open(t.Context(), o)
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Engine || !errors.Is(err, daemon.ErrStranger) || !strings.Contains(f.Fix, d.config.Socket) {
		t.Errorf("error %#v", err)
	}
	must(t, os.WriteFile(filepath.Join(o.Root, "daemon.json"), []byte(`{"Socket": "`+d.config.Socket+`"}`), 0o600))
	if was, err := Stop(t.Context(), o); was || err != nil {
		t.Errorf("a stranger's process was stopped: %v, %v", was, err)
	}
}

// tree lists the files in a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return strings.Join(all, "\n")
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
func startStep(t *testing.T, c *client.Client, root, script string, done chan<- error, opts ...llb.RunOption) <-chan struct{} {
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
		_, err := enginetest.SolveStatus(context.WithoutCancel(t.Context()), c, root, enginetest.Step(script, opts...).Root(), "", client.SolveOpt{}, status)
		done <- err
	}()
	return started
}

// startHeld starts a step that runs until pass is called: another step of the engine then makes a file in a folder that both have.
func startHeld(t *testing.T, c *client.Client, root string, done chan<- error) (pass func()) {
	t.Helper()
	shared := llb.AddMount("/gate", llb.Scratch(), llb.AsPersistentCacheDir(t.Name(), llb.CacheMountShared))
	<-startStep(t, c, root, "echo started; until [ -e /gate/open ]; do sleep 0.05; done; echo done > /tmp/out", done, shared)
	return func() {
		t.Helper()
		_, err := enginetest.Solve(t.Context(), c, root, enginetest.Step("touch /gate/open; echo > /tmp/out", shared).Root(), "tmp/out", client.SolveOpt{})
		must(t, err)
	}
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
	for end := time.Now().Add(time.Minute); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after a minute: %s", what)
		}
	}
}

// TestRegistriesHaveEnginesOfTheirOwn: two projects that reach registries in other ways build at the same time, and what one
// got of a registry is not the other's.
func TestRegistriesHaveEnginesOfTheirOwn(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	plain := open(t, o)
	built := make(chan error, 1)
	pass := startHeld(t, plain.Client(), root, built)
	other := o
	other.Registries = map[string]Registry{"registry.example.com": {HTTP: true}}
	second := open(t, other)
	_, err := enginetest.Solve(t.Context(), second.Client(), root, enginetest.Step("echo other > /tmp/out").Root(), "tmp/out", client.SolveOpt{})
	must(t, err)
	pass()
	must(t, <-built)
	s, err := Status(t.Context(), o)
	must(t, err)
	if !s.Running || len(s.Others) != 1 || s.Others[0].Root == s.Root || s.Others[0].Process.PID == s.Process.PID {
		t.Errorf("%+v", s)
	}
	if stateFolder(other) != s.Others[0].Root || stateFolder(o) != s.Root {
		t.Errorf("in %s and %s", stateFolder(o), stateFolder(other))
	}
	plain.Close()
	second.Close()
	if was, err := Stop(t.Context(), o); !was || err != nil {
		t.Errorf("stopped: %t, %v", was, err)
	}
	if s, err := Status(t.Context(), o); err != nil || s.Running || len(s.Others) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
