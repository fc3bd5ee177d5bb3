package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/disk"
	"lpipe/internal/emulator"
	"lpipe/internal/examples"
	"lpipe/internal/fault"
)

// eventFlags declares the flags that give an event; the function returns it, which is JSON as Lambda's Invoke wants it.
func eventFlags(f *pflag.FlagSet) func(*app) ([]byte, error) {
	file := f.StringP("event", "e", "", "`FILE` with the event, - for standard input")
	data := f.StringP("data", "d", "{}", "the event as `JSON`, or @FILE")
	example := f.StringP("data-example", "E", "", "`NAME` of an example, such as sqs-event, or sqs-event-null with fields that are null; lpipe examples lists them")
	return func(a *app) ([]byte, error) {
		var set []string
		for _, name := range []string{"event", "data", "data-example"} {
			if f.Changed(name) {
				set = append(set, "--"+name)
			}
		}
		switch {
		case len(set) > 1:
			return nil, &fault.Error{Kind: fault.Usage, What: strings.Join(set, " and ") + " both give the event", Fix: "leave one of them out"}
		case f.Changed("data-example"):
			return exampleEvent(*example)
		}
		payload, err := a.payload(*file, *data)
		if err != nil {
			return nil, err
		}
		if err := emulator.CheckEvent(payload); err != nil {
			return nil, &fault.Error{
				Kind: fault.Usage, What: "the event is not JSON", Why: err.Error(), Fix: "correct it; on a command line JSON needs quotes: -d '{\"id\": 1}', and a text is -d '\"text\"'",
			}
		}
		return payload, nil
	}
}

func (a *app) payload(file, data string) ([]byte, error) {
	if named, ok := strings.CutPrefix(data, "@"); ok && file == "" {
		file = named
	}
	switch file {
	case "":
		return []byte(data), nil
	case "-":
		payload, err := io.ReadAll(io.LimitReader(a.In, emulator.EventLimit+1))
		if len(payload) > emulator.EventLimit {
			return nil, &fault.Error{Kind: fault.Usage, What: "the event is too large", Why: "Lambda takes 6 MiB", Fix: "give a smaller one"}
		}
		return payload, err
	}
	payload, err := disk.ReadFile(file, emulator.EventLimit)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "reading the event", Err: err, Fix: "name a file of at most 6 MiB, or pipe the event in: --event -"}
	}
	return payload, nil
}

// exampleEvent is the example of a name.
func exampleEvent(name string) ([]byte, error) {
	if event, ok := examples.Event(name); ok {
		return event, nil
	}
	f := &fault.Error{Kind: fault.Usage, What: "there is no example " + fault.Quote(name), Fix: "lpipe examples lists them"}
	if like := examples.Like(name); len(like) > 0 && len(like) <= 12 {
		f.Fix = "write one of: " + strings.Join(like, ", ")
	} else if near := fault.Nearest(name, examples.Names()); near != "" {
		f.Fix = "did you mean " + near + "?"
	}
	return nil, f
}

func (a *app) examplesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "examples [NAME]",
		Short: "List the example events for lpipe invoke, or print one",
		Long: `List the names of the events that "lpipe invoke --data-example NAME" takes, or print the event of a name, to be
changed and given to "lpipe invoke --event". They are events as AWS's services send them, with the names that they have in AWS's
libraries and in cargo lambda. A name with -null has null in the fields that a service may leave without a value.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeExamples,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				fmt.Fprintln(a.Out, strings.Join(examples.Names(), "\n"))
				return nil
			}
			event, err := exampleEvent(args[0])
			if err != nil {
				return err
			}
			_, err = a.Out.Write(event)
			return err
		},
	}
}

func completeExamples(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return slices.DeleteFunc(examples.Names(), func(string) bool { return len(args) > 0 }), cobra.ShellCompDirectiveNoFileComp
}
