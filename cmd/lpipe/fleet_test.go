//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// withFleet adds the commands for scripts that need engines which can die:
//
//	member NAME [STEPS]   starts the buildkitd on PATH with namespaces of its own, so that it shares no network with
//	                      anything and all that it runs ends with it, and sets NAME to its address. It is killed when
//	                      it begins the program of so many steps, and else at the end of the script. One that is started
//	                      again under a name has the same address, and has forgotten all it knew but the root that the
//	                      function makes
//	member NAME --FLAG    the same with a flag for buildkitd
func withFleet(root func(*testscript.TestScript, string), commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	commands["member"] = func(ts *testscript.TestScript, _ bool, args []string) {
		var flags []string
		if len(args) > 1 && strings.HasPrefix(args[1], "--") {
			args, flags = args[:1], args[1:]
		}
		dir := daemonFolder(ts)
		root(ts, dir+"/root")
		socket, again := strings.CutPrefix(ts.Getenv(args[0]), "unix://")
		if !again {
			socket = filepath.Join(dir, "s")
		}
		_ = os.Remove(socket)
		log, err := os.Create(filepath.Join(dir, "log"))
		ts.Check(err)
		cmd := exec.Command("unshare", append([]string{
			"--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
			"buildkitd", "--root", dir + "/root", "--config", "/dev/null", "--addr", "unix://" + socket,
			"--otel-socket-path", dir + "/otel", "--oci-worker-net", "host", "--containerd-worker=false",
		}, flags...)...)
		cmd.Stdout, cmd.Stderr = log, log
		ts.Check(cmd.Start())
		gone := make(chan struct{})
		go func() { defer close(gone); _ = cmd.Wait() }()
		ts.Defer(func() {
			_ = cmd.Process.Signal(syscall.SIGKILL)
			<-gone
		})
		if len(args) > 1 {
			steps, err := strconv.Atoi(args[1])
			ts.Check(err)
			go func() {
				for seen := map[string]bool{}; len(seen) < steps; {
					select {
					case <-gone:
						return
					case <-time.After(10 * time.Millisecond):
					}
					running, _ := filepath.Glob(dir + "/root/runc-*/executor/*/rootfs")
					for _, name := range running {
						seen[name] = true
					}
				}
				_ = cmd.Process.Signal(syscall.SIGKILL)
			}()
		}
		for range 300 {
			if _, err := os.Stat(socket); err == nil {
				ts.Setenv(args[0], "unix://"+socket)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("buildkitd does not listen:\n%s", text)
	}
	return commands
}
