package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// hello opens a connection of HTTP/2, which gRPC speaks: the preface and empty settings (RFC 9113, 3.4 and 6.5).
const hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// engine measures the embedded engine itself: the command that lpipe starts it with, on the state of this run.
func (b *bench) engine(ctx context.Context, rounds int) ([]Fact, error) {
	start := Fact{What: "start, from the command to the first answer", Unit: "ms"}
	idle := Fact{What: "memory of the engine after its start", Unit: "MiB"}
	warm := Fact{What: "memory of the engine after the builds before this scenario", Unit: "MiB"}
	size := Fact{What: "lpipe, stripped", Unit: "MB"}

	status, err := b.lpipe(ctx, "engine", "status")
	if err != nil {
		return nil, err
	}
	var running int
	if _, err := fmt.Sscanf(status, "running, process %d", &running); err != nil {
		return nil, fmt.Errorf("reading the engine's status %q: %w", status, err)
	}
	if err := memory(&warm, running); err != nil {
		return nil, err
	}
	config := strings.TrimSuffix(b.socket, ".sock") + ".json"
	for range rounds {
		if _, err := b.lpipe(ctx, "engine", "stop"); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "lpipe"), "engine", "run", config)
		cmd.Env = b.env
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("starting the engine: %w", err)
		}
		if err := answers(ctx, b.socket); err != nil {
			return nil, err
		}
		start.Samples = append(start.Samples, float64(time.Since(begin).Microseconds())/1000)
		if err := memory(&idle, cmd.Process.Pid); err != nil {
			return nil, err
		}
		if _, err := b.lpipe(ctx, "engine", "stop"); err != nil {
			return nil, err
		}
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("running the engine: %w", err)
		}
	}
	info, err := os.Stat(filepath.Join(b.bin, "lpipe"))
	if err != nil {
		return nil, err
	}
	size.Samples = append(size.Samples, float64(info.Size())/1e6)
	b.socket = "" // the next scenario starts the engine again
	return []Fact{start, idle, warm, size}, nil
}

// answers waits until the engine says something on its socket.
func answers(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		_, err = io.WriteString(conn, hello)
		if err == nil {
			_, err = io.ReadFull(conn, make([]byte, 9)) // the head of a frame
		}
		conn.Close()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("the engine does not answer: %w", ctx.Err())
}

// memory adds what a process holds in memory at the moment.
func memory(f *Fact, pid int) error {
	var kib float64
	if _, err := fmt.Sscan(value(read(fmt.Sprintf("/proc/%d/status", pid)), "VmRSS"), &kib); err != nil {
		return fmt.Errorf("reading the engine's memory: %w", err)
	}
	f.Samples = append(f.Samples, kib/1024)
	return nil
}
