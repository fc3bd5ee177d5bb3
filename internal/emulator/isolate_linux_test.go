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
	"net"
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

// What an isolated program is told of this machine: a file, and two ports of the loopback.
const (
	hostFileEnv  = "LPIPE_TEST_HOST_FILE"
	hostPortsEnv = "LPIPE_TEST_HOST_PORTS"
	networkEnv   = "LPIPE_TEST_NETWORK" // for the starter: whether the program has the network of this machine
)

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
	interfaces, _ := net.Interfaces()
	found["interfaces"] = fmt.Sprint(len(interfaces))
	ports := strings.Split(os.Getenv(hostPortsEnv), ",")
	for i, what := range []string{"a port", "another port"} {
		found[what] = greeting(ports[i])
	}
	hosts, _ := os.ReadFile("/etc/hosts")
	found["sandbox.localdomain"] = fmt.Sprint(bytes.Contains(hosts, []byte("sandbox.localdomain")))
	status, _ := os.ReadFile("/proc/self/status")
	for _, name := range []string{"CapEff", "CapPrm", "CapBnd", "NoNewPrivs"} {
		_, after, _ := strings.Cut(string(status), "\n"+name+":")
		found[name] = strings.Fields(after)[0]
	}
	return found
}

// greet listens on a port of this machine that says hello to who has said so.
func greet() (port int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			said, _ := io.ReadAll(c)
			fmt.Fprintf(c, "%s too", said)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// greeting is what a port answers to a greeting.
func greeting(port string) string {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return "refused"
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	said, err := io.ReadAll(c)
	if err != nil {
		return "reset"
	}
	return string(said)
}

// isolateMain runs the program beside it isolated, with one event, and prints what it printed.
func isolateMain() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	ports := []int{greet(), greet()}
	p := Program{
		Path: self, Dir: filepath.Dir(self), Opt: filepath.Join(filepath.Dir(self), "layers"), Env: []string{runtimeEnv + "=look around", hostFileEnv + "=" + self, fmt.Sprintf("%s=%d,%d", hostPortsEnv, ports[0], ports[1])}, Stdout: os.Stdout, Stderr: os.Stderr,
		Supervisor: []string{self, superviseArg}, Isolation: &Isolation{Root: os.Getenv("LPIPE_TEST_ROOT"), Temp: 1, HostNetwork: os.Getenv(networkEnv) == "host", Ports: []int{ports[0], 80}},
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
	type user struct {
		network    string
		credential *syscall.Credential
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for name, u := range map[string]user{"root": {}, "a user": {"", nobody}, "root in the network of this machine": {"host", nil}, "a user in the network of this machine": {"host", nobody}} {
		t.Run(name, func(t *testing.T) {
			cmd := starter(t, NewID(), "", u.credential, 0)
			if err := os.MkdirAll(filepath.Join(cmd.Dir, "layers", "lib"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(cmd.Env, runtimeEnv+"=isolate", "LPIPE_TEST_ROOT="+root, networkEnv+"="+u.network)
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
				"interfaces": "1", "a port": "hello too", "another port": "refused", "sandbox.localdomain": "true",
				"CapEff": none, "CapPrm": none, "CapBnd": none, "NoNewPrivs": "1",
			}
			if u.network == "host" {
				interfaces, _ := net.Interfaces()
				want["interfaces"], want["another port"], want["sandbox.localdomain"] = fmt.Sprint(len(interfaces)), "hello too", "false"
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

// TestTelemetryInANetworkOfItsOwn: an extension listens there, and is sent what the function does.
func TestTelemetryInANetworkOfItsOwn(t *testing.T) {
	require.Part(t, os.Geteuid() == 0, "namespaces", "run as root")
	for _, name := range []string{"listens", "listens-tcp"} {
		p := isolated(t, containerRoot(t))
		file := filepath.Join(p.Dir, limits.ExtensionsDir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.Link(p.Path, file)); err != nil {
			t.Fatal(err)
		}
		var out buffer
		p.Stdout = &out
		e := do("count")
		e.ID = NewID()
		if r := run(t, p, e)[0]; r.FunctionError != "" || !strings.Contains(out.String(), name+" INVOKE "+e.ID) {
			t.Errorf("%s, and it printed %q", r.Payload, &out)
		}
	}
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
