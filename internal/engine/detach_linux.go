package engine

import (
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startDetached starts cmd in a session of its own, with no file of this process open, and with root's rights,
// if need be in a user namespace.
//
// It also gets its own view of the mounts. What it mounts vanishes with it, even when it is killed; what the
// host unmounts vanishes there too, so it keeps no disk busy.
func startDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Go opens its own files close-on-exec. What a shell or a test runner left open in us would be held open by
	// the daemon, and whoever waits for its end would hang. Kernels before 5.11 lack this; nothing is lost then.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if os.Geteuid() != 0 {
		return startMapped(cmd)
	}
	started := make(chan error)
	go func() {
		// Never unlocked: the thread, which alone has the new mounts, ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNS); err == nil {
			_ = unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
		}
		started <- cmd.Start()
	}()
	return <-started
}

func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
