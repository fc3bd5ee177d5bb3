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

	"github.com/moby/buildkit/worker/label"

	"lpipe/internal/engine/enginetest"
	"lpipe/internal/testparts/require"
)

func TestDockerPassesTheSuite(t *testing.T) { dockerSuite(t, "dockerd") }

func TestARecentDockerPassesTheSuite(t *testing.T) {
	if require.Slow(t) {
		dockerSuite(t, "dockerd-new")
	}
}

func dockerSuite(t *testing.T, program string) {
	address := dockerd(t, program)
	e := open(t, Options{Engine: "docker", Getenv: func(n string) string {
		return map[string]string{"DOCKER_HOST": address}[n]
	}})
	d := e.Description()
	if d.Kind != Docker || d.Address != address || len(d.Platforms) == 0 {
		t.Errorf("described as %+v", d)
	}
	// What Check says it lacks, as a build would: the suite shows that it does, and that it lacks nothing else.
	old := e.Check(t.Context(), Needs{SecretEnv: true}) != nil
	_, containerd := d.Labels[label.Snapshotter]
	enginetest.Run(t, e.Client(), enginetest.Lacks{LocalCache: !containerd, TypedErrors: old, SecretEnv: old, ImageFile: !containerd})

	err := e.Check(t.Context(), Needs{OCILayout: true, SecretEnv: true, ImageFile: true, CacheExports: []string{"inline", "registry", "local"}})
	for what, refused := range map[string]bool{
		"a base image from a folder": old, "a secret into": old, "an image to a file": !containerd, "type registry": !containerd, "type local": !containerd, "type inline": false,
	} {
		if got := err != nil && strings.Contains(err.Error(), what); got != refused {
			t.Errorf("refused %q: %v, in %v", what, got, err)
		}
	}
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

// dockerd starts the program of that name on PATH, in a network of its own, and returns its address.
func dockerd(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.Part(t, err == nil, program, "PATH=$PATH:$(scripts/parts)")
	require.Part(t, os.Geteuid() == 0, "root's rights", "run as root")
	dir := t.TempDir()
	socket := filepath.Join(dir, "docker.sock")
	cmd := exec.Command(path, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "-H", "unix://"+socket,
		"--iptables=false", "--ip6tables=false")
	// What it mounts goes with it, so that nothing keeps its folder from being removed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS}
	run(t, filepath.Join(dir, "log"), cmd)
	awaitListener(t, "unix", socket)
	return "unix://" + socket
}
