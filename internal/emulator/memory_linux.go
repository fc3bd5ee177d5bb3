package emulator

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// descendants returns the processes that a process has started, and those that they have.
func descendants(pid int) (pids []int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, child := range bytes.Fields(children) {
			if pid, err := strconv.Atoi(string(child)); err == nil {
				pids = append(append(pids, pid), descendants(pid)...)
			}
		}
	}
	return pids
}

// usageOf adds up what processes use: https://docs.kernel.org/filesystems/proc.html
func usageOf(pids []int) (u usage) {
	for _, pid := range pids {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		u.peak += field(status, "VmHWM:")
		u.anonymous += field(status, "RssAnon:") + field(status, "RssShmem:")
	}
	return u
}

// field returns the number in a line of a status file, 0 where there is none.
func field(status []byte, name string) int {
	_, after, _ := bytes.Cut(status, []byte("\n"+name))
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(string(fields[0]))
	return n
}
