package emulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// Environment of the test binary as a lambda's starter, which is killed.
const (
	markEnv      = "LPIPE_TEST_MARK"      // in the environment of all that a test starts
	isolationEnv = "LPIPE_TEST_ISOLATION" // the index of one of [isolations]
)

// marked lists the processes that have the mark in their environment.
func marked(t *testing.T, mark string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		env, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && bytes.Contains(env, []byte(markEnv+"="+mark)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// eventually waits until a condition holds, and reports whether it came to that.
func eventually(condition func() bool) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// users runs a test as root, whose supervisor is in a PID namespace, and as another user, whose is in a user namespace
// too; each of them also where the kernel allows no namespace.
func users(t *testing.T, test func(t *testing.T, credential *syscall.Credential, isolation int)) {
	require.Part(t, os.Geteuid() == 0, "root, to be another user too", "run as root")
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for name, c := range map[string]struct {
		credential *syscall.Credential
		isolation  int
	}{"root": {nil, 0}, "root without namespaces": {nil, 1}, "a user": {nobody, 0}, "a user without namespaces": {nobody, 1}} {
		t.Run(name, func(t *testing.T) { test(t, c.credential, c.isolation) })
	}
}

// starter is the test binary, where every user may read it, as a process that runs a lambda until it is killed.
func starter(t *testing.T, mark, how string, credential *syscall.Credential, isolation int) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("", "lpipe-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "starter")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), runtimeEnv+"=starter", markEnv+"="+mark, isolationEnv+"="+strconv.Itoa(isolation), "LPIPE_TEST_HOW="+how)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	cmd.Stderr = os.Stderr
	return cmd
}

func init() { otherMains["starter"] = starterMain }

// starterMain starts a lambda with one way of isolation, prints a line when it waits for events, and stays.
func starterMain() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	isolation, err := strconv.Atoi(os.Getenv(isolationEnv))
	if err != nil {
		panic(err)
	}
	env := []string{runtimeEnv + "=" + os.Getenv("LPIPE_TEST_HOW"), markEnv + "=" + os.Getenv(markEnv), "PATH=" + os.Getenv("PATH")}
	l := launch{supervisor: []string{self, superviseArg}, path: self, env: env, stdout: os.Stdout, stderr: os.Stderr}
	p, err := l.supervise(context.Background(), isolations()[isolation])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.wait())
}

// TestNothingOutlivesAKill: what daemons the program started, and whoever kills lpipe, nothing stays.
func TestNothingOutlivesAKill(t *testing.T) {
	users(t, func(t *testing.T, credential *syscall.Credential, isolation int) {
		mark := rand.Text()
		cmd := starter(t, mark, "daemon then hang", credential, isolation)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The starter, the supervisor, the program, and four of its daemons.
		if !eventually(func() bool { return len(marked(t, mark)) >= 7 }) {
			_ = cmd.Process.Kill()
			text, _ := io.ReadAll(stdout)
			t.Fatalf("%d processes were started: %s", len(marked(t, mark)), text)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if !eventually(func() bool { return len(marked(t, mark)) == 0 }) {
			t.Errorf("processes live on: %v", marked(t, mark))
		}
	})
}

// TestNothingOutlivesTheSupervisor: in a namespace not even a kill of the supervisor, as "killall -9 lpipe" does it,
// leaves anything.
func TestNothingOutlivesTheSupervisor(t *testing.T) {
	users(t, func(t *testing.T, credential *syscall.Credential, isolation int) {
		if isolation != 0 {
			return // the program alone ends
		}
		mark := rand.Text()
		cmd := starter(t, mark, "daemon then hang", credential, isolation)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return len(marked(t, mark)) >= 7 }) {
			t.Fatalf("%d processes were started", len(marked(t, mark)))
		}
		for _, pid := range marked(t, mark) {
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.Contains(line, []byte(superviseArg)) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		_ = cmd.Wait()
		if !eventually(func() bool { return len(marked(t, mark)) == 0 }) {
			t.Errorf("processes live on: %v", marked(t, mark))
		}
	})
}

// TestNothingOutlivesTheProgram: when the program has ended and its result is there, so have its daemons.
func TestNothingOutlivesTheProgram(t *testing.T) {
	for isolation, attr := range isolations() {
		mark := rand.Text()
		p := program(t, "daemon")
		env := append(p.environment("127.0.0.1:1"), runtimeEnv+"=daemon then die", markEnv+"="+mark)
		process, err := launch{supervisor: p.Supervisor, path: p.Path, dir: p.Dir, env: env}.supervise(t.Context(), attr)
		if err != nil {
			t.Fatal(err)
		}
		if err := process.wait(); err == nil || err.Error() != "exit status 7" {
			t.Errorf("isolation %d: the program ended with %v", isolation, err)
		}
		if left := marked(t, mark); len(left) > 0 {
			t.Errorf("isolation %d: processes live on: %v", isolation, left)
		}
	}
}

// TestCloseLeavesNothing: the end of a sandbox ends daemons too.
func TestCloseLeavesNothing(t *testing.T) {
	mark := rand.Text()
	run(t, program(t, "daemon", func(p *Program) { p.Env = append(p.Env, markEnv+"="+mark) }), Event{})
	if left := marked(t, mark); len(left) > 0 {
		t.Errorf("processes live on: %v", left)
	}
}

// TestSupervisorSaysHowItEnded: a signal is told as one.
func TestSupervisorSaysHowItEnded(t *testing.T) {
	for _, attr := range isolations() {
		p := program(t, "")
		process, err := launch{supervisor: p.Supervisor, path: p.Path, env: []string{runtimeEnv + "=abort"}}.supervise(t.Context(), attr)
		if err != nil {
			t.Fatal(err)
		}
		if err := process.wait(); err == nil || !strings.HasPrefix(err.Error(), "signal: killed") {
			t.Errorf("the program ended with %v", err)
		}
	}
	// Nobody else starts one.
	out, err := exec.CommandContext(t.Context(), os.Args[0], superviseArg, noContainer, "/bin/true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "only lpipe itself") {
		t.Errorf("%v: %s", err, out)
	}
}

func init() { otherMains["foreign listener"] = foreignListener }

// foreignListener takes connections, until it is killed.
func foreignListener() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(os.Stdout, c) }()
	}
}

// TestTelemetryIsForThisUser: another user who listens where an extension said it would gets nothing of the log.
func TestTelemetryIsForThisUser(t *testing.T) {
	require.Part(t, os.Geteuid() == 0, "root, to be another user too", "run as root")
	cmd := starter(t, NewID(), "", &syscall.Credential{Uid: 65534, Gid: 65534}, 0)
	cmd.Env = append(cmd.Env, runtimeEnv+"=foreign listener")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := bufio.NewReader(stdout)
	address, err := printed.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, deliver := range []delivery{
		tcpDelivery(strings.TrimSpace(address), dialOwn), httpDelivery(&url.URL{Scheme: "http", Host: strings.TrimSpace(address)}, dialOwn),
	} {
		if err := deliver(t.Context(), []json.RawMessage{[]byte(`"secret"`)}); err == nil || !strings.Contains(err.Error(), "is not this user") {
			t.Error(err)
		}
	}
	_ = cmd.Process.Kill()
	if rest, _ := io.ReadAll(printed); len(rest) > 0 {
		t.Errorf("another user got %s", rest)
	}
	_ = cmd.Wait()
}
