package cli

import (
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
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

// TestIsolatedNetworks: none unless it is asked for.
func TestIsolatedNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"none": "no network (", "default": "the network of this machine", "5432": "no network but this machine's loopback at 5432", "80,79,80": "no network but this machine's loopback at 79, 80",
		"host": `"host" is no port`, "": `"" is no port`, "5432,": `"" is no port`, "0": "ports are 1 to 65535", "65536": "ports are 1 to 65535", "9001": "that of the Runtime API",
		strings.TrimSuffix(strings.Repeat("1,", 65), ","): "no network but this machine's loopback at 1",
	} {
		var l fault.List
		got := checkIsolatedNetwork(text, &l).String()
		if err := l.Err(); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
	var l fault.List
	var many []string
	for port := range emulator.MostPorts + 1 {
		many = append(many, strconv.Itoa(port+1))
	}
	if checkIsolatedNetwork(strings.Join(many, ","), &l); l.Err() == nil {
		t.Error("too many ports are taken")
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
