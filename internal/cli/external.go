package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
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

// listenForPrograms serves the Runtime API of each program that somebody else starts, at the ports after that of address, so
// that they stay the same, or at others where these are taken. It returns their addresses by the name of the lambda.
func (s *serving) listenForPrograms(ctx context.Context, address net.Addr) (apis map[string]string, closeAll func(), err error) {
	apis = map[string]string{}
	var servers []*http.Server
	closeAll = func() {
		for _, web := range servers {
			web.Close()
		}
	}
	host, port, _ := net.SplitHostPort(address.String())
	first, _ := strconv.Atoi(port)
	for i, name := range slices.Sorted(maps.Keys(s.runtimes)) {
		listener, err := emulator.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(first+1+i)))
		if err != nil {
			listener, err = emulator.Listen(ctx, net.JoinHostPort(host, "0"))
		}
		if err != nil {
			return apis, closeAll, fmt.Errorf("listening for the program of %s: %w", name, err)
		}
		web := &http.Server{Handler: s.runtimes[name], ReadHeaderTimeout: time.Minute}
		servers = append(servers, web)
		go func() { _ = web.Serve(listener) }() // ends with closeAll
		apis[name] = listener.Addr().String()
	}
	return apis, closeAll, nil
}

// announcePrograms tells how to start the programs so that they are found, with lines to copy.
func (s *serving) announcePrograms(apis map[string]string) {
	if len(apis) == 0 {
		return
	}
	fmt.Fprint(s.Err, "lpipe: waiting for programs that you start, such as in the debugger of an IDE, with these variables:\n")
	names := slices.Sorted(maps.Keys(apis))
	for _, name := range names {
		fmt.Fprintf(s.Err, "  %s\n", strings.Join(s.variables(apis[name], name), " "))
	}
	fmt.Fprintf(s.Err, "  as in: env %s cargo run --bin %s\n", strings.Join(s.variables(apis[names[0]], names[0]), " "), names[0])
}

// variables are those that a runtime needs, as a shell takes them.
func (s *serving) variables(api, name string) (needed []string) {
	for _, v := range s.running.Config(name).Environment(api, "", limits.Opt) {
		switch variable, value, _ := strings.Cut(v, "="); variable {
		case "AWS_LAMBDA_FUNCTION_VERSION":
			needed = append(needed, variable+"='"+value+"'")
		case "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE":
			needed = append(needed, v)
		}
	}
	return needed
}
