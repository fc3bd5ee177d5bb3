package engine

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"

	"lpipe/internal/engine/enginetest"
)

// dialStdio is what "buildctl dial-stdio" does at the other end of an ssh or docker connection.
func dialStdio(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}

func TestAddressesThroughOtherPrograms(t *testing.T) {
	socket, dir := embeddedSocket(t), t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for addr, c := range map[string]struct{ program, args string }{
		"docker-container://b0?context=far": {"docker", "--context=far exec -i b0 buildctl dial-stdio"},
		"podman-container://b1":             {"podman", "exec -i b1 buildctl dial-stdio"},
		"nerdctl-container://b2":            {"nerdctl", "exec -i b2 buildctl dial-stdio"},
		"kube-pod://b3?namespace=n":         {"kubectl", "--context= --namespace=n exec --container= -i b3 -- buildctl dial-stdio"},
		"ssh://me@far:2222/run/b.sock":      {"ssh", "-l me -p 2222 -- far buildctl --addr unix:///run/b.sock dial-stdio"},
	} {
		t.Run(addr, func(t *testing.T) {
			said := filepath.Join(dir, c.program+".args")
			script := fmt.Sprintf("#!/bin/sh\necho \"$@\" > %s\nexec %s dial-stdio %s\n", said, os.Args[0], socket)
			must(t, os.WriteFile(filepath.Join(dir, c.program), []byte(script), 0o755))
			e := open(t, Options{Engine: addr})
			state := llb.Scratch().File(llb.Mkfile("/file", 0o600, []byte(addr)))
			got, err := enginetest.Solve(t.Context(), e.Client(), dir, state, "file", client.SolveOpt{})
			must(t, err)
			if string(got) != addr {
				t.Errorf("built %q", got)
			}
			if args, err := os.ReadFile(said); err != nil || strings.TrimSpace(string(args)) != c.args {
				t.Errorf("called with %q, %v", args, err)
			}
		})
	}
}
