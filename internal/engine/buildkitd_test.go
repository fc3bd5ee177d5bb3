//go:build linux

package engine

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/engine/enginetest"
	"lpipe/internal/testparts/require"
)

func TestBuildkitdPassesTheSuite(t *testing.T) {
	pki := newPKI(t)
	socket, tcp := buildkitd(t, pki)
	env := map[string]string{"BUILDKIT_TLS_DIR": pki.client, "BUILDKIT_TLS_SERVER_NAME": "buildkitd"}
	for name, o := range map[string]Options{
		"unix":            {Engine: "unix://" + socket},
		"tcp, mutual TLS": {Engine: "tcp://" + tcp, Getenv: func(n string) string { return env[n] }},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, open(t, o).Client(), enginetest.Lacks{})
		})
	}
	t.Run("no client certificate", func(t *testing.T) {
		f := failure(t, Options{Engine: "tcp://" + tcp, Getenv: func(n string) string {
			return map[string]string{"BUILDKIT_TLS_CACERT": pki.client + "/ca.pem", "BUILDKIT_TLS_SERVER_NAME": "buildkitd"}[n]
		}}, 5*time.Second)
		if !strings.Contains(f.Why, "did not accept the client certificate") {
			t.Errorf("why %q", f.Why)
		}
	})
	t.Run("ssh", func(t *testing.T) {
		addr := sshd(t)
		enginetest.Run(t, open(t, Options{Engine: addr + socket}).Client(), enginetest.Lacks{})
	})
}

// buildkitd starts the buildkitd on PATH, listening on a socket and, with mutual TLS, on a port.
func buildkitd(t *testing.T, p pki) (socket, tcp string) {
	t.Helper()
	path, err := exec.LookPath("buildkitd")
	require.Part(t, err == nil, "buildkitd", "build it from its module")
	require.Part(t, os.Geteuid() == 0, "root's rights", "run as root")
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	tcp = l.Addr().String()
	l.Close()
	socket = filepath.Join(dir, "b.sock")
	log := filepath.Join(dir, "log")
	run(t, log, exec.Command(path, "--root", dir+"/root", "--config", "/dev/null", "--addr", "unix://"+socket, "--addr", "tcp://"+tcp,
		"--otel-socket-path", dir+"/otel.sock", "--oci-worker-net", "host", "--containerd-worker=false",
		"--tlscacert", p.client+"/ca.pem", "--tlscert", p.files+"/cert.pem", "--tlskey", p.files+"/key.pem"))
	awaitListener(t, "unix", socket)
	return socket, tcp
}

// sshd starts an SSH server for the current user and returns an address without path. The ssh that tests call
// uses a key and a configuration of its own.
func sshd(t *testing.T) string {
	t.Helper()
	server, err := exec.LookPath("sshd")
	if err != nil {
		server, err = exec.LookPath("/usr/sbin/sshd")
	}
	require.Part(t, err == nil, "sshd", "apt-get install openssh-server")
	client, err := exec.LookPath("ssh")
	require.Part(t, err == nil, "ssh", "apt-get install openssh-client")
	buildctl, err := exec.LookPath("buildctl")
	require.Part(t, err == nil, "buildctl", "build it from its module")
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	_ = os.MkdirAll("/run/sshd", 0o755) // sshd's own, which its service makes
	for _, key := range []string{"host", "user"} {
		must(t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).Run())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	host, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	l.Close()
	config := fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nStrictModes no\nUsePAM no\nPidFile none\nListenAddress %[2]s:%[3]s\nSetEnv PATH=%[4]s:/usr/bin:/bin\n", dir, host, port, filepath.Dir(buildctl))
	must(t, os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600))
	run(t, filepath.Join(dir, "log"), exec.Command(server, "-D", "-e", "-f", filepath.Join(dir, "sshd_config")))
	awaitListener(t, "tcp", host+":"+port)

	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec %s -F /dev/null -i %s/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \"$@\"\n", client, dir)
	must(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte(script), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return "ssh://" + host + ":" + port
}

// run starts a server until the test ends, and shows its log when the test failed.
func run(t *testing.T, log string, cmd *exec.Cmd) {
	t.Helper()
	out, err := os.Create(log)
	must(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	must(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-exited
		}
		if text, _ := os.ReadFile(log); t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, text)
		}
	})
}

func awaitListener(t *testing.T, network, addr string) {
	t.Helper()
	eventually(t, "something listens on "+addr, func() bool {
		conn, err := net.Dial(network, addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
