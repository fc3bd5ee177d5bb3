//go:build unix

package emulator

import (
	"os/exec"
	"syscall"
)

// killWithChildren makes the end of the command's context end its children too: they share a process group.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
