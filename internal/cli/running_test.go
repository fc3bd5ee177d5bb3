package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/limits"
	"lpipe/internal/runnable"
)

// TestHowProgramsRun: what the flags say, and all that is wrong with them.
func TestHowProgramsRun(t *testing.T) {
	parse := func(args ...string) (runnable.Settings, error) {
		t.Helper()
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		run := runFlags(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		return run(&app{})
	}
	r, err := parse("--memory", "512", "--log-format", "json", "--managed-concurrency", "8")
	if err != nil || r.Memory != 512 || r.Log != emulator.LogJSON || r.Managed != 8 {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := parse(); err != nil || r.Log != "" || r.Managed != 0 || r.Memory != limits.LeastMemory {
		t.Errorf("%+v %v", r, err)
	}
	_, err = parse("--memory", "1", "--log-format", "xml", "--managed-concurrency", "0", "--timeout", "0s")
	for _, want := range []string{"--memory 1 ", "--log-format xml ", "--managed-concurrency 0 ", "--timeout 0s "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
