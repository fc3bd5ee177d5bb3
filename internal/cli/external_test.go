package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"lpipe/internal/runnable"
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

func TestVariablesForAProgramThatIsStartedElsewhere(t *testing.T) {
	s := &serving{running: runnable.Settings{Memory: 512, Timeout: time.Second}}
	got := strings.Join(s.variables("127.0.0.1:9001", "orders"), " ")
	if want := "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512 AWS_LAMBDA_FUNCTION_NAME=orders AWS_LAMBDA_FUNCTION_VERSION='$LATEST' AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
