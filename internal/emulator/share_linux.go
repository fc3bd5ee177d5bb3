package emulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lpipe/internal/limits"
)

// period is that in which the kernel counts the time of a control group.
const period = 100 * time.Millisecond

// CanShareCPU reports why this user cannot limit here what an isolated program has of the processors.
func CanShareCPU() error {
	_, remove, err := shareCPU(limits.MemoryPerProcessor)
	if err == nil {
		remove()
	}
	return err
}

// shareCPU makes a control group whose processes have the share of the processors that Lambda gives a function with memory MB.
// remove takes it away once they are gone.
func shareCPU(memory int) (dir string, remove func(), err error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", nil, err
	}
	quota := max(period.Microseconds()*int64(memory)/limits.MemoryPerProcessor, 1000) // the kernel takes no less
	dir, settings := groupFor(string(own), fmt.Sprintf("%s%d-%s", groupPrefix, os.Getpid(), NewID()), quota)
	if dir == "" {
		return "", nil, errors.New("there are no control groups for processors")
	}
	removeAbandoned(filepath.Dir(dir))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("making a control group: %w", err)
	}
	remove = func() {
		for range 100 { // the kernel lets go of processes a moment after they have ended
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, l := range settings { // in their order
		if err := os.WriteFile(filepath.Join(dir, l.file), []byte(l.text), 0); err != nil {
			remove()
			return "", nil, fmt.Errorf("limiting a control group: %w", err)
		}
	}
	return dir, remove, nil
}

// groupPrefix begins the names of control groups, before the id of the process that made one.
const groupPrefix = "lpipe-"

// removeAbandoned removes the control groups in a folder whose makers are gone: one that was killed removed none of its own. One
// with processes stays.
func removeAbandoned(dir string) {
	all, _ := filepath.Glob(filepath.Join(dir, groupPrefix+"*"))
	for _, group := range all {
		maker, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(group), groupPrefix), "-")
		if pid, err := strconv.Atoi(maker); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.Remove(group)
		}
	}
}

// groupSetting is what a file of a control group is to say.
type groupSetting struct{ file, text string }

// groupFor returns the folder of a new group beside or below that of a process, whose /proc/PID/cgroup is own, and the files in it
// with its limits: https://docs.kernel.org/admin-guide/cgroup-v2.html and
// https://docs.kernel.org/scheduler/sched-bwc.html
func groupFor(own, name string, quota int64) (dir string, settings []groupSetting) {
	const top = "/sys/fs/cgroup"
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		switch controllers, at := fields[1], fields[2]; {
		case controllers == "cpu" || strings.HasPrefix(controllers, "cpu,"):
			return filepath.Join(top, controllers, at, name), []groupSetting{
				{"cpu.cfs_period_us", fmt.Sprint(period.Microseconds())}, {"cpu.cfs_quota_us", fmt.Sprint(quota)},
			}
		case controllers == "" && fields[0] == "0":
			// Beside it: a group with processes has no groups with limits below.
			dir, settings = filepath.Join(top, filepath.Dir(at), name), []groupSetting{{"cpu.max", fmt.Sprintf("%d %d", quota, period.Microseconds())}}
		}
	}
	return dir, settings
}
