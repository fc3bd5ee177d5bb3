package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/limits"
	"lpipe/internal/testparts/require"
)

// hostFileEnv names a file of this machine to an isolated program.
const hostFileEnv = "LPIPE_TEST_HOST_FILE"

func init() {
	otherMains["look around"] = func() {
		text, _ := json.Marshal(lookAround())
		fmt.Printf("%s\n", text)
		work("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/")
	}
	otherMains["isolate"] = isolateMain
}

// lookAround tries what a program may and may not do in a container.
func lookAround() map[string]string {
	found := map[string]string{"task root": os.Getenv("LAMBDA_TASK_ROOT")}
	found["folder"], _ = os.Getwd()
	found["layers"] = fmt.Sprint(exists("/opt/lib"))
	said := func(err error) string {
		var errno syscall.Errno
		if err == nil {
			return "done"
		}
		errors.As(err, &errno)
		return errno.Error()
	}
	for _, dir := range []string{"/", "/etc", "/dev", "/var/task", "/proc", "/tmp"} {
		found["write to "+dir] = said(os.Mkdir(filepath.Join(dir, "made"), 0o700))
	}
	_, err := os.ReadFile(os.Getenv(hostFileEnv))
	found["read a file of the machine"] = said(err)
	found["fill /tmp"] = said(os.WriteFile("/tmp/large", make([]byte, 2<<20), 0o600))
	found["name the machine"] = said(os.WriteFile("/proc/sys/kernel/hostname", []byte("mine"), 0))
	found["mount"] = said(syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	found["write to /dev/null"] = said(os.WriteFile("/dev/null", []byte("x"), 0))
	random, err := os.Open("/dev/urandom")
	if err == nil {
		_, err = io.ReadFull(random, make([]byte, 8))
	}
	found["read /dev/urandom"] = said(err)
	found["the supervisor's memory"] = said(func() error { _, err := os.Open("/proc/1/mem"); return err }())
	found["signal the starter"] = said(syscall.Kill(syscall.Getppid(), 0))
	processes, _ := filepath.Glob("/proc/[0-9]*")
	found["processes"] = fmt.Sprint(len(processes))
	status, _ := os.ReadFile("/proc/self/status")
	for _, name := range []string{"CapEff", "CapPrm", "CapBnd", "NoNewPrivs"} {
		_, after, _ := strings.Cut(string(status), "\n"+name+":")
		found[name] = strings.Fields(after)[0]
	}
	return found
}

// isolateMain runs the program beside it isolated, with one event, and prints what it printed.
func isolateMain() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p := Program{
		Path: self, Dir: filepath.Dir(self), Opt: filepath.Join(filepath.Dir(self), "layers"), Env: []string{runtimeEnv + "=look around", hostFileEnv + "=" + self}, Stdout: os.Stdout, Stderr: os.Stderr,
		Supervisor: []string{self, superviseArg}, Isolation: &Isolation{Root: os.Getenv("LPIPE_TEST_ROOT"), Temp: 1},
	}
	results, err := Run(context.Background(), p, Event{Payload: []byte(`{"a":1}`)})
	fmt.Printf("answers %+v %v\n", results, err)
}

// containerRoot is a file system with what the test binary needs.
func containerRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lpipe-test-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	copied := func(path string) error {
		data, err := os.ReadFile(path)
		to := filepath.Join(dir, path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o755))
	}
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 6 && strings.Contains(fields[5], ".so") {
			if err := copied(fields[5]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if loader := "/lib64/ld-linux-x86-64.so.2"; exists(loader) {
		if err := copied(loader); err != nil {
			t.Fatal(err)
		}
	}
	// What a hostile image would have.
	if err := errors.Join(os.Chmod(dir, 0o755), os.MkdirAll(filepath.Join(dir, "etc"), 0o755),
		os.Symlink("/proc/self/cwd/etc/resolv.conf", filepath.Join(dir, "etc", "resolv.conf")), PrepareRoot(dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// TestIsolatedPrograms: a program in a container answers, and sees and changes nothing but what Lambda lets it.
func TestIsolatedPrograms(t *testing.T) {
	require.Part(t, os.Geteuid() == 0, "root, to be another user too", "run as root")
	root := containerRoot(t)
	for name, credential := range map[string]*syscall.Credential{"root": nil, "a user": {Uid: 65534, Gid: 65534}} {
		t.Run(name, func(t *testing.T) {
			cmd := starter(t, NewID(), "", credential, 0)
			if err := os.MkdirAll(filepath.Join(cmd.Dir, "layers", "lib"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(cmd.Env, runtimeEnv+"=isolate", "LPIPE_TEST_ROOT="+root)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			looked, answered, _ := strings.Cut(string(out), "\n")
			if !strings.Contains(answered, "answers [") || !strings.Contains(answered, `FunctionError: `) || strings.Contains(answered, "Unhandled") {
				t.Errorf("%s", out)
			}
			var got map[string]string
			if err := json.Unmarshal([]byte(looked), &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			none := "0000000000000000"
			readOnly, denied, missing := syscall.EROFS.Error(), syscall.EPERM.Error(), syscall.ENOENT.Error()
			want := map[string]string{
				"task root": "/var/task", "folder": "/var/task", "layers": "true", "write to /": readOnly, "write to /etc": readOnly, "write to /dev": readOnly,
				"write to /var/task": readOnly, "write to /proc": missing, "write to /tmp": "done", "read a file of the machine": missing,
				"fill /tmp": syscall.ENOSPC.Error(), "name the machine": readOnly, "mount": denied, "write to /dev/null": "done", "read /dev/urandom": "done",
				"the supervisor's memory": syscall.EACCES.Error(), "signal the starter": "done", "processes": "2",
				"CapEff": none, "CapPrm": none, "CapBnd": none, "NoNewPrivs": "1",
			}
			if !maps.Equal(got, want) {
				for name := range want {
					if got[name] != want[name] {
						t.Errorf("%s: %q instead of %q", name, got[name], want[name])
					}
				}
			}
		})
	}
	if written, _ := filepath.Glob(filepath.Join(root, "*", "made")); len(written) > 0 {
		t.Errorf("written to the image: %q", written)
	}
}

// TestIsolationIsRequired: a program is not run elsewhere where there is no container for it.
func TestIsolationIsRequired(t *testing.T) {
	var out bytes.Buffer
	p := program(t, "run", func(p *Program) {
		p.Stdout, p.Isolation = &out, &Isolation{Root: filepath.Join(p.Dir, "missing"), Temp: 1}
	})
	_, err := Run(t.Context(), p, Event{})
	if failed := new(IsolationError); !errors.As(err, &failed) || out.Len() > 0 {
		t.Errorf("%v, and it printed %q", err, out.String())
	}
	p.Supervisor = nil
	if _, err := Run(t.Context(), p, Event{}); err == nil {
		t.Error("a program without a supervisor runs")
	}
}

// TestPrepareRootStaysInside: links of an image lead nowhere else.
func TestPrepareRootStaysInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "var")); err != nil {
		t.Fatal(err)
	}
	err := PrepareRoot(dir)
	if made, _ := os.ReadDir(outside); err == nil || len(made) > 0 {
		t.Errorf("%v, and %v is outside", err, made)
	}
}

func TestControlGroups(t *testing.T) {
	for own, want := range map[string]string{
		"9:name=systemd:/\n4:memory:/a\n1:cpu:/a/b\n0::/\n":                       "/sys/fs/cgroup/cpu/a/b/lpipe-1 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000 ",
		"3:cpu,cpuacct:/\n0::/user.slice\n":                                       "/sys/fs/cgroup/cpu,cpuacct/lpipe-1 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000 ",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n": "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/lpipe-1 cpu.max=50000 100000 ",
		"nonsense\n": " ",
	} {
		dir, settings := groupFor(own, "lpipe-1", 50_000)
		got := dir + " "
		for _, l := range settings {
			got += l.file + "=" + l.text + " "
		}
		if got != want {
			t.Errorf("%q: %s", own, got)
		}
	}
}

// TestAbandonedControlGroups: a program that was killed leaves its groups, and the next one removes them.
func TestAbandonedControlGroups(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{fmt.Sprintf("lpipe-%d-a", gone.Process.Pid), fmt.Sprintf("lpipe-%d-b/busy", gone.Process.Pid), fmt.Sprintf("lpipe-%d-c", os.Getpid()), "lpipe-other", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	removeAbandoned(dir)
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 4 || exists(filepath.Join(dir, fmt.Sprintf("lpipe-%d-a", gone.Process.Pid))) {
		t.Errorf("%q are left", left)
	}
}

// TestSharedCPU: a program with little memory has as little of a processor.
func TestSharedCPU(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	err := CanShareCPU()
	require.Part(t, err == nil, fmt.Sprintf("a control group for processors: %v", err), "run as root")
	root := containerRoot(t)
	busy := func(memory int) time.Duration {
		p := isolated(t, root)
		p.Timeout, p.Memory = time.Minute, memory
		b, _ := json.Marshal(order{Do: "eat", Ms: 16})
		return run(t, p, Event{Payload: b})[0].Duration
	}
	if whole, shared := busy(limits.MemoryPerProcessor), busy(128); shared < 2*whole {
		t.Errorf("%s with a fourteenth of a processor, %s with one", shared, whole)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/lpipe-*-*-*-*-*"); len(left) > 0 {
		t.Errorf("control groups are left: %q", left)
	}
}

// isolated is a program in a container.
func isolated(t *testing.T, root string) Program {
	p := program(t, "run", func(p *Program) { p.Isolation = &Isolation{Root: root, Temp: 1} })
	self, err := os.ReadFile(p.Path)
	p.Path = filepath.Join(p.Dir, "bootstrap")
	if err := errors.Join(err, os.WriteFile(p.Path, self, 0o700)); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRunnerInAContainer: it is there, and the program cannot write to it.
func TestRunnerInAContainer(t *testing.T) {
	require.Part(t, CanShareCPU() == nil, "a control group, and so root", "run as root")
	busybox, err := exec.LookPath("busybox")
	require.Part(t, err == nil, "busybox", "apt-get install busybox-static")
	script := `echo "$(cat /proc/mounts | grep ' /dev/busybox ')"; exec "$0"`
	p := isolated(t, containerRoot(t))
	var out buffer
	p.Runner, p.Stdout = []string{busybox, "sh", "-c", script}, &out
	if r := run(t, p, do("count"))[0]; r.FunctionError != "" || !strings.Contains(out.String(), " /dev/busybox ") || !strings.Contains(out.String(), " ro,") {
		t.Errorf("%s, and it printed %q", r.Payload, &out)
	}
}

// TestRunner: what starts the program is given it as its last argument.
func TestRunner(t *testing.T) {
	var out buffer
	for _, supervised := range []bool{true, false} {
		p := program(t, "run", func(p *Program) {
			p.Runner, p.Stdout = []string{"/usr/bin/env", "RUN_BY=a runner"}, &out
			if !supervised {
				p.Supervisor = nil
			}
		})
		if r := run(t, p, do("environment"))[0]; !strings.Contains(string(r.Payload), "RUN_BY=a runner") {
			t.Errorf("%s", r.Payload)
		}
	}
}
