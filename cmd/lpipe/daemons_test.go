package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// withDaemons adds the commands for scripts that need another engine. Both are stopped at the end of the script, and
// use the network of this machine, so that they reach its registries:
//
//	buildkitd NAME   starts the buildkitd on PATH and sets NAME to its address
//	dockerd NAME     starts the dockerd on PATH and sets NAME to its address
func withDaemons(commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	commands["buildkitd"] = func(ts *testscript.TestScript, _ bool, args []string) {
		dir := daemonFolder(ts)
		socket := filepath.Join(dir, "s")
		startDaemon(ts, socket, "buildkitd", "--root", dir+"/root", "--config", "/dev/null", "--addr", "unix://"+socket,
			"--otel-socket-path", dir+"/otel", "--oci-worker-net", "host", "--containerd-worker=false")
		ts.Setenv(args[0], "unix://"+socket)
	}
	commands["dockerd"] = func(ts *testscript.TestScript, _ bool, args []string) {
		dir := daemonFolder(ts)
		socket := filepath.Join(dir, "s")
		startDaemon(ts, socket, "dockerd", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
			"-H", "unix://"+socket, "--iptables=false", "--ip6tables=false", "--bridge=none")
		ts.Setenv(args[0], "unix://"+socket)
	}
	return commands
}

// daemonFolder is one with a short path, as sockets need.
func daemonFolder(ts *testscript.TestScript) string {
	dir, err := os.MkdirTemp("", "lpipe-engine-")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	return dir
}

func startDaemon(ts *testscript.TestScript, socket string, command ...string) {
	log, err := os.Create(socket + ".log")
	ts.Check(err)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		ts.Fatalf("starting %s: %v", command[0], err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); _ = cmd.Wait() }()
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
	})
	for range 300 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		select {
		case <-gone:
			text, _ := os.ReadFile(log.Name())
			ts.Fatalf("%s ended:\n%s", command[0], text)
		case <-time.After(100 * time.Millisecond):
		}
	}
	ts.Fatalf("%s does not listen", command[0])
}
