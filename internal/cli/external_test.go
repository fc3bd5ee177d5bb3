package cli

import (
	"io"
	"strings"
	"testing"
)

func TestFlagsThatMeanNothingForOthersProgramsAreRefused(t *testing.T) {
	root, _ := newRoot(t)
	root.SetArgs([]string{"serve", "--only-lambda-apis", "--env", "A=b", "--concurrency", "3", "--tls-key", "x"})
	root.SetErr(io.Discard)
	err := root.Execute()
	if err == nil || !strings.Contains(err.Error(), "TLS needs a certificate") {
		t.Error(err)
	}
	root, _ = newRoot(t)
	root.SetArgs([]string{"serve", "--only-lambda-apis", "--env", "A=b", "--concurrency", "3", "--watch"})
	err = root.Execute()
	for _, want := range []string{"--concurrency has no effect with --only-lambda-apis", "--env has no effect", "--watch has no effect"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
