package usage

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/fault"
	"lpipe/internal/help"
)

// afterVerbs is the argument after those that name a verb, "" where it is a flag or there is none.
func afterVerbs(cmd *cobra.Command, args []string) string {
	if n := len(strings.Fields(cmd.CommandPath())) - 1; len(args) > n && !strings.HasPrefix(args[n], "-") {
		return args[n]
	}
	return ""
}

// FlagError is the fault for a flag that a verb does not have, or that has a bad value. args are all that lpipe was called with.
func FlagError(cmd *cobra.Command, args []string, err error) error {
	f := &fault.Error{Kind: fault.Usage, What: err.Error(), Fix: cmd.CommandPath() + " --help lists the flags"}
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		_, value, usage := help.FlagWords(missing.GetFlag())
		f.What, f.Fix = "--"+missing.GetFlag().Name+" needs a value", value+": "+usage
		return f
	case errors.As(err, &invalid):
		_, value, usage := help.FlagWords(invalid.GetFlag())
		f.What = "--" + invalid.GetFlag().Name + " cannot be " + fault.Quote(invalid.GetValue())
		f.Why, f.Fix = errors.Unwrap(invalid).Error(), strings.TrimPrefix(value+": "+usage, ": ")
		if errors.Is(invalid, errTwice) {
			f.What, f.Why, f.Fix = "--"+invalid.GetFlag().Name+" is given twice", errTwice.Error(), "give it once"
			return f
		}
		switch invalid.GetFlag().Value.Type() { // the words of package strconv are for programmers
		case "bool":
			f.Why, f.Fix = "it is a switch, which takes no value but true and false", "write it as: --"+invalid.GetFlag().Name
		case "int", "int32", "int64", "uint", "uint16":
			f.Why = "it is no whole number that fits"
		case "float64":
			f.Why = "it is no number"
		case "duration":
			f.Why = "it is no time, such as 90s, 5m or 1h30m"
		}
		return f
	}
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if letter, _, short := strings.Cut(strings.TrimPrefix(err.Error(), "unknown shorthand flag: '"), "' in "); short && !ok {
		name, ok = letter, true
		f.What = "unknown flag: -" + letter
	}
	if !ok {
		return f
	}
	if name == "version" || name == "V" {
		f.Fix = "lpipe --version prints it"
		return f
	}
	if verb := afterVerbs(cmd, args); verb != "" && cmd.HasAvailableSubCommands() {
		return CheckVerb(cmd, []string{verb})
	}
	if _, word, short := strings.Cut(err.Error(), "' in -"); short { // one dash before a long name, as Go's own flags have it
		if word, _, _ = strings.Cut(word, "="); slices.Contains(names(cmd), word) {
			f.What, f.Fix = "unknown flag: -"+word, "write it as: --"+word
			return f
		}
	}
	dashed := strings.ReplaceAll(name, "_", "-")
	if cmd.Flags().Lookup(dashed) != nil {
		f.Fix = "write it as: --" + dashed
	} else if many := cmd.Flags().Lookup(dashed + "s"); many != nil && !many.Hidden {
		f.Fix = "did you mean --" + many.Name + "?"
	} else if instead := cmp.Or(foreignHere[cmd.CommandPath()+" "+name], foreignFlags[name], foreignFlags[dashed]); instead != "" {
		f.Fix = instead
	} else if verbs := VerbsWith(cmd.Root(), name); len(verbs) > 0 {
		f.Fix = "it is a flag of " + strings.Join(verbs, ", ")
	} else if near := cmp.Or(fault.Nearest(name, names(cmd)), abbreviated(name, names(cmd))); near != "" {
		f.Fix = "did you mean --" + near + "?"
	}
	return f
}

// abbreviated is the one flag that begins with a word, or with what is most like it, such as function-name for functoin; "" for none.
func abbreviated(word string, flags []string) string {
	const shortest = 3 // below, too many begin alike
	if len(word) < shortest {
		return ""
	}
	var begins, firsts []string
	for _, flag := range flags {
		if first, _, more := strings.Cut(flag, "-"); more {
			firsts = append(firsts, first)
		}
		if strings.HasPrefix(flag, word) {
			begins = append(begins, flag)
		}
	}
	if first := fault.Nearest(word, firsts); len(begins) == 0 && first != "" {
		begins = slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !strings.HasPrefix(flag, first+"-") })
	}
	if len(begins) != 1 {
		return ""
	}
	return begins[0]
}

// AlsoCalled is the annotation of a flag with the names that it has beside its own.
const AlsoCalled = "also-called"

// names are those of the flags of a verb.
func names(cmd *cobra.Command) (all []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(append(all, f.Name), f.Annotations[AlsoCalled]...) })
	slices.Sort(all)
	return all
}
