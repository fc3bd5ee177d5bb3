package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/serve"
)

// forExternal refuses flags that mean nothing for programs that somebody else starts.
func forExternal(f *pflag.FlagSet) error {
	var l fault.List
	fixes := map[string]string{
		"env": "set it where you start the program", "env-file": "set its variables where you start the program", "aws-credentials": "the program has the credentials of where you start it",
		"watch": "nothing is built: leave it out", "concurrency": "there is the one program that you start: leave it out", "managed-concurrency": "there is the one program that you start: leave it out",
		"log-format": "the program is told where you start it: AWS_LAMBDA_LOG_FORMAT", "isolate": "the program is where you start it: leave it out", "qemu": "the program is where you start it: leave it out",
		"tls-cert": "the runtime in a program speaks plain HTTP: leave it out", "out-dir": "nothing is built: leave it out",
	}
	for _, name := range slices.Sorted(maps.Keys(fixes)) {
		if f.Changed(name) {
			l.Addf("--"+name+" has no effect with --only-lambda-apis", "", fixes[name])
		}
	}
	return l.Err()
}

// announcePrograms tells how to start the programs so that they are found, with lines to copy.
func (s *serving) announcePrograms(apis map[string]string) {
	if len(apis) == 0 {
		return
	}
	fmt.Fprint(s.Err, "lpipe: waiting for programs that you start, such as in the debugger of an IDE, with these variables:\n")
	names := slices.Sorted(maps.Keys(apis))
	for _, name := range names {
		fmt.Fprintf(s.Err, "  %s\n", strings.Join(serve.Variables(s.running.Config(name), apis[name]), " "))
	}
	fmt.Fprintf(s.Err, "  as in: env %s cargo run --bin %s\n", strings.Join(serve.Variables(s.running.Config(names[0]), apis[names[0]]), " "), names[0])
}
