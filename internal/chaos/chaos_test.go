// Package chaos has a driver that builds under random edits and faults, and compares every program with its sources.
package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

var (
	seed     = flag.Uint64("chaos.seed", 0, "what decides about edits and faults; zero takes another each time")
	duration = flag.Duration("chaos.for", 4*time.Minute, "after how long no cycle begins any more")
	faults   = flag.String("chaos.faults", strings.Join(allFaults, ","), "which faults happen")
)

// diskSize is that of the engine's disk: the base image, unpacked and packed, and room to build in.
const diskSize = 4 << 30

var allFaults = []string{"none", "full", "kill-client", "stop-client", "kill-engine", "stop-engine", "prune", "engine-stop", "edit"}

// world is what the cycles share.
type world struct {
	t       *testing.T
	r       *rand.Rand
	program string
	root    string // of the engine: a disk of its own
	env     []string
	begun   time.Time
}

// TestChaos edits and builds for a while: several clients, edits that keep times, kills, stops, full disks, and what
// removes the cache or the engine in the middle of a build. Whatever happened, a build that ended well has left programs
// that say what their sources said, and the next one without a fault ends well.
func TestChaos(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	_, err := exec.LookPath("runc")
	require.Part(t, err == nil && os.Geteuid() == 0, "root and runc", "apt-get install runc")
	base := testparts.BaseImage(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("scripts/chaos %d repeats these edits and faults", *seed)
	w := &world{t: t, r: rand.New(rand.NewPCG(*seed, 0)), program: filepath.Join(t.TempDir(), "lpipe"), begun: time.Now()}
	if out, err := exec.Command("go", "build", "-o", w.program, "lpipe/cmd/lpipe").CombinedOutput(); err != nil {
		t.Fatalf("building lpipe: %v\n%s", err, out)
	}
	w.root = disk(t)
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LPIPE_ENGINE=embedded", "LPIPE_ENGINE_ROOT=" + w.root,
		"LPIPE_BASE=oci-layout://" + base, "LPIPE_PROGRESS=plain",
	}
	t.Cleanup(w.end)
	registry := publish(t, w.r)
	projects := []*project{newProject(t, w.r, registry), newProject(t, w.r, registry)}
	for n := 1; time.Since(w.begun) < *duration; n++ {
		w.cycle(n, projects)
	}
}

// disk mounts an empty one until the test ends.
func disk(t *testing.T) string {
	root, err := os.MkdirTemp("", "lpipe-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskSize)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.Remove(root)
	})
	return root
}

func (w *world) ballast() string { return filepath.Join(w.root, "ballast") }

// leaves are the bytes that a full disk has left.
var leaves = []int64{0, 4 << 10, 1 << 20}

// fill leaves nothing, a page or a bit more free on the engine's disk.
func (w *world) fill() {
	var stat unix.Statfs_t
	if err := unix.Statfs(w.root, &stat); err != nil {
		w.t.Fatal(err)
	}
	free := int64(stat.Bavail) * stat.Bsize
	f, err := os.OpenFile(w.ballast(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return // not even a name fits
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		w.t.Fatal(err)
	}
	want := max(free-leaves[w.r.IntN(len(leaves))], 1)
	for errors.Is(unix.Fallocate(int(f.Fd()), 0, info.Size(), want), unix.EINTR) {
		continue
	}
}

func (w *world) makeRoom() { os.Remove(w.ballast()) }

// cycle edits, builds under a fault, and builds once more without one.
func (w *world) cycle(n int, projects []*project) {
	t, p := w.t, projects[w.r.IntN(len(projects))]
	chosen := strings.Split(*faults, ",")
	fault := chosen[w.r.IntN(len(chosen))]
	var edits []string
	for range 1 + w.r.IntN(3) {
		edits = append(edits, p.edit(t, w.r))
	}
	line := fmt.Sprintf("%4d  %6s  %s: %s; %s", n, time.Since(w.begun).Round(time.Second), filepath.Base(p.dir), strings.Join(edits, "; "), fault)
	var other *build
	if fault != "full" && w.r.IntN(4) == 0 { // another client
		o := projects[w.r.IntN(len(projects))]
		line += "; beside it " + filepath.Base(o.dir)
		if o != p {
			o.edit(t, w.r)
		}
		other = w.start(o)
	}
	switch fault {
	case "full":
		w.fullDisk(p, &line)
	default:
		b := w.start(p, w.options()...)
		w.disturb(fault, p, b)
		b.wait()
		line += "; " + b.outcome()
		b.check(fault != "none")
	}
	if other != nil {
		other.wait()
		line += "; beside it " + other.outcome()
		other.check(true)
	}
	b := w.start(p)
	b.wait()
	b.check(false)
	t.Log(line + "; then " + b.outcome())
}

func (w *world) options() []string {
	if w.r.IntN(6) == 0 {
		return []string{"--no-cache"}
	}
	return nil
}

// fullDisk builds while the engine's disk is full, kills the engine, and builds on the full disk once more.
func (w *world) fullDisk(p *project, line *string) {
	b := w.start(p, w.options()...)
	w.wait(3000)
	w.fill()
	if w.r.IntN(2) == 0 {
		w.wait(1500)
		w.fill() // what the build freed meanwhile
	}
	b.wait()
	*line += "; " + b.outcome()
	b.check(true)
	w.fill()
	if w.r.IntN(2) == 0 {
		b = w.start(p, w.options()...)
		w.wait(2000)
		w.signal(syscall.SIGKILL)
		b.wait()
		*line += "; full, killed: " + b.outcome()
		b.check(true)
	} else {
		w.signal(syscall.SIGKILL)
	}
	w.fill()
	b = w.start(p, w.options()...)
	b.wait()
	*line += "; full: " + b.outcome()
	b.check(true)
	w.makeRoom()
}

// wait lets a part of a build pass.
func (w *world) wait(most int) { time.Sleep(time.Duration(w.r.IntN(most)) * time.Millisecond) }

// signal sends the engine some, with pauses between them.
func (w *world) signal(signals ...syscall.Signal) {
	p, ok := daemon.Running(w.root)
	if !ok {
		return
	}
	for i, s := range signals {
		if i > 0 {
			w.wait(2000)
		}
		_ = syscall.Kill(p.PID, s)
	}
}

// disturb does something to a build that runs.
func (w *world) disturb(fault string, p *project, b *build) {
	w.wait(4000)
	switch fault {
	case "kill-client":
		_ = b.cmd.Process.Kill()
	case "stop-client":
		_ = b.cmd.Process.Signal(syscall.SIGSTOP)
		w.wait(2000)
		_ = b.cmd.Process.Signal(syscall.SIGCONT)
	case "kill-engine":
		w.signal(syscall.SIGKILL)
	case "stop-engine":
		w.signal(syscall.SIGSTOP, syscall.SIGCONT)
	case "prune":
		w.run("cache", "prune")
	case "engine-stop":
		w.run("engine", "stop")
	case "edit":
		p.edit(w.t, w.r)
		b.may = append(b.may, snapshot(p))
	}
}

func (w *world) run(args ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Errorf("lpipe %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func snapshot(p *project) map[string]string {
	said := map[string]string{}
	for lambda := range lambdas {
		said[lambda] = p.says(lambda)
	}
	return said
}
