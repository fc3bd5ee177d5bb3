//go:build linux

package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/engine/enginetest"
)

func TestDockerPassesTheSuite(t *testing.T) {
	address := dockerd(t)
	e := open(t, Options{Engine: "docker", Getenv: func(n string) string {
		return map[string]string{"DOCKER_HOST": address}[n]
	}})
	d := e.Description()
	t.Logf("%+v", d)
	if d.Kind != Docker || d.Address != address || len(d.Platforms) == 0 {
		t.Errorf("described as %+v", d)
	}
	// Engines before 23.0 report no version of their BuildKit.
	old := d.Version == ""
	enginetest.Run(t, e.Client(), enginetest.Lacks{LocalCache: old, TypedErrors: old})
}

func TestDockerThatIsNotThere(t *testing.T) {
	for _, address := range []string{"unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"} {
		f := failure(t, Options{Engine: "docker", Getenv: func(n string) string {
			return map[string]string{"DOCKER_HOST": address}[n]
		}}, 5*time.Second)
		if !strings.Contains(f.What, address) || !strings.Contains(f.What, "DOCKER_HOST") || !strings.Contains(f.Fix, "start Docker") {
			t.Errorf("%s: what %q, fix %q", address, f.What, f.Fix)
		}
	}
}

// dockerd starts the dockerd on PATH, in a network of its own, and returns its address.
func dockerd(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("dockerd")
	enginetest.Need(t, "dockerd (Debian: docker.io)", err == nil)
	enginetest.Need(t, "root's rights", os.Geteuid() == 0)
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	cmd := exec.Command(path, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "-H", "unix://"+socket,
		"--iptables=false", "--ip6tables=false")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true}
	must(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("dockerd's log:\n%s", text)
		}
	})
	for end := time.Now().Add(time.Minute); (thisHost{}).accepts("unix://"+socket) != nil; time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("dockerd: %v", err)
		default:
		}
		if time.Now().After(end) {
			t.Fatal("dockerd does not start")
		}
	}
	return "unix://" + socket
}
