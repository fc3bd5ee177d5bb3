//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/tonistiigi/fsutil"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/engine/enginetest"
	"lpipe/internal/testparts/require"
)

// kill ends the daemon as nothing can prevent.
func kill(t *testing.T, o Options) {
	t.Helper()
	p, ok := daemon.Running(o.Root)
	if !ok {
		t.Fatal("no daemon is running")
	}
	must(t, syscall.Kill(p.PID, syscall.SIGKILL))
	eventually(t, "the daemon is gone", func() bool { return len(daemons(t, o)) == 0 })
}

// heldBack is a tree of files, one of which is not sent before the engine is gone.
type heldBack struct {
	fsutil.FS
	name string
	asks func() // called when it is asked for
}

func (h *heldBack) Open(name string) (io.ReadCloser, error) {
	if filepath.Base(name) != h.name {
		return h.FS.Open(name)
	}
	h.asks()
	return nil, os.ErrClosed
}

// copied sends a tree and returns a file of it, through a step that the content of the file alone decides about.
func copied(ctx context.Context, c *client.Client, tree fsutil.FS, name string) (string, error) {
	def, err := llb.Scratch().File(llb.Copy(llb.Local("tree", llb.SharedKeyHint("tree")), name, "/out")).Marshal(ctx)
	if err != nil {
		return "", err
	}
	opt := client.SolveOpt{LocalMounts: map[string]fsutil.FS{"tree": tree}, SharedKey: "one", FrontendAttrs: map[string]string{}}
	var content []byte
	_, err = c.Build(ctx, opt, "lpipe", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
		res, err := g.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
		if err != nil {
			return nil, err
		}
		ref, err := res.SingleRef()
		if err != nil {
			return nil, err
		}
		content, err = ref.ReadFile(ctx, gateway.ReadRequest{Filename: "out"})
		return res, err
	}, nil)
	return string(content), err
}

// TestAKillWhileFilesAreSentHidesNoEdit: the engine has the new file on its disk, and the checksum of the old one.
func TestAKillWhileFilesAreSentHidesNoEdit(t *testing.T) {
	o, dir := embeddedOptions(t), t.TempDir()
	tree, err := fsutil.NewFS(dir)
	must(t, err)
	write := func(text string) {
		t.Helper()
		for _, name := range []string{"edited", "held"} {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
	}
	write("old")
	e := open(t, o)
	if got, err := copied(t.Context(), e.Client(), tree, "/edited"); err != nil || got != "old" {
		t.Fatalf("%q, %v", got, err)
	}
	write("new!")
	_, err = copied(t.Context(), e.Client(), &heldBack{tree, "held", func() {
		eventually(t, "the edited file is on the engine's disk", func() bool {
			found, _ := filepath.Glob(filepath.Join(o.Root, "runc-*/snapshots/snapshots/*/fs/edited"))
			for _, name := range found {
				if text, _ := os.ReadFile(name); string(text) == "new!" {
					return true
				}
			}
			return false
		})
		kill(t, o)
	}}, "/edited")
	if err == nil {
		t.Fatal("the build survived its engine")
	}
	e.Close()
	if got, err := copied(t.Context(), open(t, o).Client(), tree, "/edited"); err != nil || got != "new!" {
		t.Errorf("after the kill the engine builds from %q, %v", got, err)
	}
}

// TestAKilledDaemonsLayersAreCheckedOrMadeAgain: what of layers a kill, or somebody, took away is made again.
func TestAKilledDaemonsLayersAreCheckedOrMadeAgain(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	var notices []string
	o.Log = func(n string) { notices = append(notices, n) }
	layers := filepath.Join(o.Root, "runc-overlayfs/snapshots/snapshots")
	build := func() {
		t.Helper()
		e := open(t, o)
		defer e.Close()
		state := enginetest.Step("echo one > /tmp/one").Root().Run(llb.Args([]string{"/bin/sh", "-c", "cat /tmp/one > /tmp/out"})).Root()
		state = state.Run(llb.Args([]string{"/bin/sh", "-c", fmt.Sprintf("echo %d; cat /tmp/one /tmp/out > /tmp/both", time.Now().UnixNano())})).Root()
		got, err := enginetest.Solve(t.Context(), e.Client(), root, state, "tmp/both", client.SolveOpt{})
		if err != nil || string(got) != "one\none\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	build()
	t.Run("a layer whose database entry was not written", func(t *testing.T) {
		kill(t, o)
		// What the next layer would be called: the last number is in the name of the newest folder.
		last := 0
		folders, err := os.ReadDir(layers)
		must(t, err)
		for _, f := range folders {
			var n int
			if _, err := fmt.Sscanf(f.Name(), "%d", &n); err == nil {
				last = max(last, n)
			}
		}
		for n := last + 1; n < last+50; n++ {
			must(t, os.MkdirAll(filepath.Join(layers, fmt.Sprint(n), "fs/half"), 0o755))
		}
		build()
	})
	t.Run("a layer that one database knows and the other does not", func(t *testing.T) {
		kill(t, o)
		db, err := bolt.Open(filepath.Join(o.Root, "runc-overlayfs/containerdmeta.db"), 0o644, nil)
		must(t, err)
		removed := 0
		must(t, db.Update(func(tx *bolt.Tx) error {
			known := tx.Bucket([]byte("v1")).Bucket([]byte("buildkit")).Bucket([]byte("snapshots")).Bucket([]byte("overlayfs"))
			var keys [][]byte
			must(t, known.ForEachBucket(func(key []byte) error { keys = append(keys, append([]byte(nil), key...)); return nil }))
			for _, key := range keys {
				must(t, known.DeleteBucket(key))
				removed++
			}
			return nil
		}))
		must(t, db.Close())
		if removed == 0 {
			t.Fatal("there was no layer")
		}
		build()
	})
	if len(notices) > 0 {
		t.Errorf("notices %q", notices)
	}
	t.Run("a layer whose folder is gone", func(t *testing.T) {
		_, err := Stop(t.Context(), o)
		must(t, err)
		folders, err := filepath.Glob(filepath.Join(layers, "[0-9]*"))
		must(t, err)
		must(t, os.RemoveAll(folders[0]))
		build()
		if len(notices) != 1 || !strings.Contains(notices[0], "is gone") {
			t.Errorf("notices %q", notices)
		}
	})
}

// TestAFullDiskLeavesTheDatabasesWhole: they have room of their own, and when that is used up no build begins.
func TestAFullDiskLeavesTheDatabasesWhole(t *testing.T) {
	o, root := embeddedOptions(t), enginetest.Busybox(t)
	require.Part(t, os.Geteuid() == 0, "root", "run the tests as root")
	must(t, unix.Mount("tmpfs", o.Root, "tmpfs", 0, "size=160m,mode=700"))
	t.Cleanup(func() { must(t, unix.Unmount(o.Root, unix.MNT_DETACH)) })
	e := open(t, o)
	solve := func(script string) error {
		_, err := enginetest.Solve(t.Context(), e.Client(), root, enginetest.Step(script).Root(), "", client.SolveOpt{Internal: true})
		return err
	}
	must(t, solve("echo fine > /tmp/out"))
	ballast := filepath.Join(o.Root, "ballast")
	must(t, os.WriteFile(ballast, nil, 0o600))
	fill := func() {
		var stat unix.Statfs_t
		must(t, unix.Statfs(o.Root, &stat))
		f, err := os.OpenFile(ballast, os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		defer f.Close()
		info, err := f.Stat()
		must(t, err)
		for err := error(unix.EINTR); stat.Bavail > 0 && err != nil; {
			if err = unix.Fallocate(int(f.Fd()), 0, info.Size(), int64(stat.Bavail)*stat.Bsize); !errors.Is(err, unix.EINTR) {
				must(t, err)
			}
		}
	}
	databases, err := filepath.Glob(filepath.Join(o.Root, "*.db"))
	must(t, err)
	more, err := filepath.Glob(filepath.Join(o.Root, "runc-*/*.db"))
	must(t, err)
	for i := range 8 {
		fill()
		if err := solve(fmt.Sprintf("echo %d; cat /bin/busybox > /tmp/out", i)); err == nil || !strings.Contains(strings.ToLower(err.Error()), "no space left") || strings.Contains(err.Error(), "keeping space for") {
			t.Errorf("on a full disk: %v", err)
		}
	}
	log, err := os.ReadFile(filepath.Join(o.Root, "daemon.log"))
	must(t, err)
	for _, name := range append(databases, more...) {
		if strings.Contains(string(log), "write "+name) {
			t.Errorf("%s found the disk full:\n%s", name, log)
		}
	}
	kill(t, o)
	must(t, os.Remove(ballast))
	e.Close()
	e = open(t, o)
	must(t, solve("echo fine > /tmp/out"))
	must(t, solve("echo other; cat /bin/busybox > /tmp/out"))

	// Without the room that they had, as where it is used up.
	for _, name := range append(databases, more...) {
		info, err := os.Stat(name)
		must(t, err)
		must(t, os.Truncate(name, info.Size()))
	}
	must(t, os.WriteFile(ballast, nil, 0o600))
	fill()
	if err := solve("echo more"); err == nil || !strings.Contains(err.Error(), "keeping space for") {
		t.Errorf("without room for the databases: %v", err)
	}
	must(t, e.Client().Prune(t.Context(), nil, client.PruneAll))
	must(t, os.Remove(ballast))
	must(t, solve("echo more"))
}
