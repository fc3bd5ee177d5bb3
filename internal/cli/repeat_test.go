package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"lpipe/internal/measure"
)

func TestTimesAreATable(t *testing.T) {
	var out strings.Builder
	writeStats(&out, measure.Stats{
		Took: 2 * time.Second, Memory: 17, Init: []time.Duration{10 * time.Millisecond}, Cold: []time.Duration{12500 * time.Microsecond},
		Warm: []time.Duration{time.Millisecond, 2 * time.Millisecond, 300 * time.Millisecond}, Errors: map[string]int{"Runtime.ExitError": 1, "\x1b[31mred": 2},
	})
	const want = `        calls       min       p50        p99        max
  init      1  10.00 ms  10.00 ms   10.00 ms   10.00 ms
  cold      1  12.50 ms  12.50 ms   12.50 ms   12.50 ms
  warm      3   1.00 ms   2.00 ms  300.00 ms  300.00 ms
4 calls in 2.00s, 2 a second
17 MB of memory
`
	if got := out.String(); !strings.HasPrefix(got, want) || strings.Contains(got, "\x1b") || !strings.Contains(got, "\nRuntime.ExitError: 1 error\n") {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestCallsThatMakeNoSenseAreRefused(t *testing.T) {
	for arguments, want := range map[string]string{
		"":                            "",
		"--repeat 10":                 "",
		"--repeat 10 --concurrency 3": "",
		"--repeat 0":                  "--repeat 0 invokes nothing",
		"--repeat=-1":                 "--repeat -1 invokes nothing",
		"--concurrency 4":             "--concurrency 4 is more than all calls",
		"--repeat 3 --concurrency 0":  "--concurrency 0 invokes nothing",
		"--repeat 0 --concurrency 0":  "--concurrency 0 invokes nothing",
	} {
		f := pflag.NewFlagSet("invoke", pflag.ContinueOnError)
		repeat := repeatFlags(f)
		if err := f.Parse(strings.Fields(arguments)); err != nil {
			t.Fatal(err)
		}
		if _, err := repeat(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arguments, err, want)
		}
	}
}
