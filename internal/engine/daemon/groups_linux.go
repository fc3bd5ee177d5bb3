package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// groupOf names the control group of all containers of a state folder. Its name holds the folder's, so what is found in
// it belongs to whoever holds the folder's lock.
func groupOf(root string) string {
	sum := sha256.Sum256([]byte(root))
	return "lpipe-" + hex.EncodeToString(sum[:8])
}

// groupFolders are the folders of a group: one for each hierarchy of version 1, one for version 2, without those that
// are not there.
func groupFolders(group string) []string {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		bklog.L.WithError(err).Warn("listing control groups")
	}
	var folders []string
	for _, m := range mounts {
		folder := filepath.Join(m.Mountpoint, group)
		if info, err := os.Lstat(folder); err == nil && info.IsDir() && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// clearGroup ends all processes of a group that a killed daemon left, and removes it.
func clearGroup(group string) {
	// A process that was killed is in its group until the kernel has cleared up.
	for range 100 {
		for _, folder := range groupFolders(group) {
			killAll(folder)
		}
		if removeGroup(group) {
			return
		}
		time.Sleep(lockPoll)
	}
	bklog.L.Warnf("the control group %s of an earlier daemon cannot be removed", group)
}

// removeGroup removes a group and those in it, and reports whether all are gone. The kernel refuses to remove one with
// processes.
func removeGroup(group string) bool {
	for _, folder := range groupFolders(group) {
		for _, dir := range slices.Backward(below(folder)) {
			_ = os.Remove(dir)
		}
	}
	return len(groupFolders(group)) == 0
}

func killAll(folder string) {
	for _, dir := range below(folder) {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for line := range strings.Lines(string(text)) {
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// below lists a folder and those in it, each before what is in it.
func below(folder string) (all []string) {
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil // what vanishes meanwhile needs no removing
	})
	return all
}
