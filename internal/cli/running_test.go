package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/limits"
)

// TestHowProgramsRun: what the flags say, and all that is wrong with them.
func TestHowProgramsRun(t *testing.T) {
	parse := func(args ...string) (running, error) {
		t.Helper()
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		run := runFlags(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return run(&app{})
	}
	r, err := parse("--memory", "512", "--log-format", "json", "--managed-concurrency", "8")
	if err != nil || r.memory != 512 || r.log != emulator.LogJSON || r.managed != 8 {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := parse(); err != nil || r.log != "" || r.managed != 0 || r.memory != limits.LeastMemory {
		t.Errorf("%+v %v", r, err)
	}
	_, err = parse("--memory", "1", "--log-format", "xml", "--managed-concurrency", "0", "--timeout", "0s")
	for _, want := range []string{"--memory 1 ", "--log-format xml ", "--managed-concurrency 0 ", "--timeout 0s "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestFixesOfFunctionErrors(t *testing.T) {
	c := emulator.Config{Memory: 256, Timeout: 3e9}
	for errorType, want := range map[string]string{"Runtime.OutOfMemory": "256 MB; give it more by --memory", "Sandbox.Timedout": "it has 3s; give it more by --timeout", "My.Error": "correct the lambda"} {
		if got := fixFor(errorType, c); !strings.Contains(got, want) {
			t.Errorf("%s: %s", errorType, got)
		}
	}
}
