package engine

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"lpipe/internal/engine/daemon"
)

// TestMain lets the test program be the daemon that the tests start, as lpipe is its own daemon.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "engine-run" {
		if err := serve(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config, err := daemon.Load(file)
	if err != nil {
		return err
	}
	return daemon.Run(ctx, config)
}
