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

// TestMain lets the test program be the daemon that the tests start, as lpipe is its own daemon, and the far end of
// a connection through another program.
func TestMain(m *testing.M) {
	roles := map[string]func(string) error{"engine-run": serve, "dial-stdio": dialStdio}
	if len(os.Args) == 3 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](os.Args[2]); err != nil {
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
