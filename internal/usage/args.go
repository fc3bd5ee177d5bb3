package usage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/help"
)

// ExplainArgs makes faults of what cmd and its verbs say about arguments.
func ExplainArgs(cmd *cobra.Command) {
	check := cmd.Args
	if cmd.HasSubCommands() {
		check = CheckVerb
		if !cmd.Runnable() {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		own := args
		if n := cmd.ArgsLenAtDash(); n >= 0 { // what follows is a command's, if any
			own = args[:n]
		}
		if slices.Contains(own, "") {
			return &fault.Error{
				Kind: fault.Usage, What: "an argument is empty", Why: "a variable of the shell that is not set gives one, and without arguments more would be done than you may want",
				Fix: "leave it out, or give it a value",
			}
		}
		if err := cmp.Or(emptyFlag(cmd), flagAsValue(cmd)); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		err := check(cmd, args)
		if err == nil || errors.As(err, new(*fault.Error)) {
			return err
		}
		if what, _, ok := strings.Cut(err.Error(), " for \"lpipe"); ok { // of a verb that takes no arguments
			err = errors.New(strings.Replace(what, "unknown command", "there is no argument", 1))
		}
		what := err.Error()
		switch n := allowed(cmd, check, args); {
		case n > 0 && n == len(args)-1:
			what = "there is one argument too many: " + fault.Quote(args[n])
		case n > 0:
			what = fmt.Sprintf("there are %d arguments too many, from %s on", len(args)-n, fault.Quote(args[n]))
		case len(args) == 0:
			what = cmd.CommandPath() + " needs an argument"
		}
		return &fault.Error{Kind: fault.Usage, What: what, Fix: "write it as: " + help.UsageLine(cmd)}
	}
	for _, verb := range cmd.Commands() {
		ExplainArgs(verb)
	}
}

// allowed is how many of the arguments there may be; 0 where fewer would be wrong too.
func allowed(cmd *cobra.Command, check cobra.PositionalArgs, args []string) int {
	for n := len(args) - 1; n > 0; n-- {
		if check(cmd, args[:n]) == nil {
			return n
		}
	}
	return 0
}

// list is the value of a flag that may be given several times, as of [pflag.SliceValue].
type list interface{ GetSlice() []string }

// mayBeNone are the flags that take away what lpipe.toml says with an empty value.
var mayBeNone = []string{"features", "description", "layer", "alarm"}

// emptyFlag refuses a flag whose value is empty: it would be as if it was not given, and more would be done, or less written,
// than the user wants.
func emptyFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if l, ok := f.Value.(list); ok && !slices.Contains(mayBeNone, f.Name) {
			empty = slices.Contains(l.GetSlice(), "")
		}
		if empty && err == nil {
			err = &fault.Error{
				Kind: fault.Usage, What: "--" + f.Name + " is empty", Why: "a variable of the shell that is not set gives such a value",
				Fix: "leave it out, or give it a value",
			}
		}
	})
	return err
}

// flagAsValue refuses the next flag as the value of one, as in "--junit --json", which would write a file of that name.
func flagAsValue(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if l, ok := f.Value.(list); ok {
			values = l.GetSlice()
		}
		for _, v := range values {
			long, dashes := strings.CutPrefix(v, "--")
			long, _, _ = strings.Cut(long, "=")
			switch {
			case err != nil:
			case dashes && cmd.Flags().Lookup(long) != nil, len(v) == 2 && v[0] == '-' && cmd.Flags().ShorthandLookup(v[1:]) != nil:
				_, value, usage := help.FlagWords(f)
				err = &fault.Error{Kind: fault.Usage, What: "--" + f.Name + " needs a value", Why: v + " is a flag", Fix: value + ": " + usage}
			}
		}
	})
	return err
}

// errTwice is of a flag that takes one value and was given two.
var errTwice = errors.New("it takes one value, and was given another before")

// TakeOnce has flags that take one value refuse a second one, as settings of lpipe.toml do: one of the two would have no effect.
func TakeOnce(f *pflag.FlagSet) {
	f.VisitAll(func(f *pflag.Flag) {
		if _, several := f.Value.(list); !several && f.Value.Type() != "bool" {
			f.Value = &once{Value: f.Value}
		}
	})
}

type once struct {
	pflag.Value
	given *string
}

func (o *once) Set(v string) error {
	if o.given != nil && *o.given != v {
		return errTwice
	}
	o.given = &v
	return o.Value.Set(v)
}
