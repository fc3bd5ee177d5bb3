package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/artifact"
	"lpipe/internal/disk"
	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

func (a *app) invokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invoke [NAME|PATH]",
		Short: "Run a built lambda once, on this machine",
		Long: `Run the bootstrap that "lpipe build" made, as Lambda would, with one event, and print its answer. The program
runs on this machine as this user, with the variables that Lambda sets and no others.

An answer goes to standard output and what the program prints to standard error; a function error is exit status 1.`,
		Args: cobra.MaximumNArgs(1),
	}
	settings := settingFlags(cmd.Flags())
	file := cmd.Flags().StringP("event", "e", "", "`FILE` with the event, - for standard input")
	data := cmd.Flags().StringP("data", "d", "{}", "the event as `JSON`")
	timeout := cmd.Flags().Duration("timeout", 30*time.Second, "`TIME` after which the invocation fails")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		projects, err := a.open(args, false, settings())
		if err != nil {
			return err
		}
		payload, err := a.event(*file, *data)
		if err != nil {
			return err
		}
		built := parts(projects)
		if len(built) != 1 {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("there are %d lambdas to choose from", len(built)),
				Why: "one is invoked at a time", Fix: "name it: lpipe invoke " + built[0].lambda.Name,
			}
		}
		program, err := a.program(built[0].project, built[0].lambda)
		if err != nil {
			return err
		}
		program.Timeout = *timeout
		return a.invoke(cmd.Context(), program, payload)
	}
	return cmd
}

// maxEvent is the largest event that Lambda takes in an invocation that waits for the answer, in bytes.
const maxEvent = 6 << 20

// event reads what the flags name.
func (a *app) event(file, data string) ([]byte, error) {
	switch file {
	case "":
		return []byte(data), nil
	case "-":
		payload, err := io.ReadAll(io.LimitReader(a.In, maxEvent+1))
		if len(payload) > maxEvent {
			return nil, &fault.Error{Kind: fault.Usage, What: "the event is too large", Why: "Lambda takes 6 MiB", Fix: "give a smaller one"}
		}
		return payload, err
	}
	payload, err := disk.ReadFile(file, maxEvent)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "reading the event", Err: err, Fix: "name a file of at most 6 MiB, or pipe the event in: --event -"}
	}
	return payload, nil
}

// program is the lambda's bootstrap as the last build left it.
func (a *app) program(p *project, l *plan.Lambda) (emulator.Program, error) {
	file := filepath.Join(p.folder(l), artifact.ProgramName)
	if _, err := os.Stat(file); err != nil {
		return emulator.Program{}, &fault.Error{
			Kind: fault.Usage, What: l.Label() + " has not been built", Err: err, Fix: "lpipe build " + l.Name,
		}
	}
	if native := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]; runtime.GOOS != "linux" || native != l.Arch {
		return emulator.Program{}, &fault.Error{
			Kind: fault.Usage, What: l.Label() + " cannot run on this machine",
			Why: fmt.Sprintf("it is built for Linux on %s, and this is %s on %s", l.Arch, runtime.GOOS, runtime.GOARCH),
		}
	}
	return emulator.Program{
		Config: emulator.Config{Name: l.Name}, Path: file, Dir: p.dir, Stdout: a.Err, Stderr: a.Err,
	}, nil
}

func (a *app) invoke(ctx context.Context, program emulator.Program, payload []byte) error {
	results, err := emulator.Run(ctx, program, emulator.Event{Payload: payload})
	if err != nil {
		return err
	}
	result := results[0]
	fmt.Fprintf(a.Out, "%s\n", bytes.TrimRight(result.Payload, "\n"))
	if result.FunctionError != "" {
		return &fault.Error{Kind: fault.Build, What: program.Name + " failed", Why: result.ErrorType}
	}
	return nil
}
