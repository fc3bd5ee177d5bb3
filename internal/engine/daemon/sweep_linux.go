package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	runc "github.com/containerd/go-runc"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// sweep removes the leftovers of a daemon that was killed. The lock must be held: then nothing below c.Root is
// in use by anyone but leftovers. What cannot be removed is logged and left.
func sweep(ctx context.Context, c Config) {
	// A container outlives its daemon, and holds files and locks of the build it belonged to.
	bundles, _ := filepath.Glob(filepath.Join(c.Root, "runc-*", "executor", "*", "config.json"))
	for _, b := range bundles {
		id := filepath.Base(filepath.Dir(b))
		if err := (&runc.Runc{Command: c.Runc}).Delete(ctx, id, &runc.DeleteOpts{Force: true}); err == nil {
			bklog.L.Infof("removed container %s of an earlier daemon", id)
		}
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(c.Root))
	if err != nil {
		bklog.L.WithError(err).Warn("listing mounts")
		return
	}
	for _, m := range slices.Backward(mounts) {
		if m.Mountpoint == c.Root || strings.HasPrefix(m.Mountpoint, filepath.Join(c.Root, RegistriesName)+"/") {
			continue // the state folder may well be a disk of its own, and other daemons have theirs in it
		}
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			bklog.L.WithError(err).Warnf("unmounting %s", m.Mountpoint)
		}
	}
	executors, _ := filepath.Glob(filepath.Join(c.Root, "runc-*/executor"))
	leftovers := slices.Concat([]string{filepath.Join(c.Root, "tmp")}, executors, unusable(c.Root))
	still, err := mountinfo.GetMounts(mountinfo.PrefixFilter(c.Root))
	for _, path := range leftovers {
		holds := func(m *mountinfo.Info) bool { return strings.HasPrefix(m.Mountpoint+"/", path+"/") }
		if err != nil || slices.ContainsFunc(still, holds) {
			continue // deleting would reach into what is mounted there
		}
		if err := os.RemoveAll(path); err != nil {
			bklog.L.WithError(err).Warnf("removing %s", path)
		}
	}
	// BuildKit mounts layers in the folder for temporary files; there they are found again.
	tmp := filepath.Join(c.Root, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err == nil {
		_ = os.Setenv("TMPDIR", tmp)
	}
}
