package usage

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lpipe/internal/fault"
)

// several is the value of a flag that may be given several times.
type several []string

func (s *several) String() string     { return strings.Join(*s, ",") }
func (s *several) Set(v string) error { *s = append(*s, v); return nil }
func (s *several) Type() string       { return "stringArray" }
func (s *several) GetSlice() []string { return *s }

// run runs lpipe with some of its verbs and flags, and returns what it says in one line.
func run(args ...string) string {
	root := &cobra.Command{Use: "lpipe", Args: CheckVerb, RunE: func(*cobra.Command, []string) error { return nil }, SilenceErrors: true, SilenceUsage: true}
	verb := func(use string, args cobra.PositionalArgs) *cobra.Command {
		return &cobra.Command{Use: use, Args: args, RunE: func(*cobra.Command, []string) error { return nil }}
	}
	build, cache, logs, deploy := verb("build [NAME ...]", nil), &cobra.Command{Use: "cache usage|prune"}, verb("logs NAME", cobra.ExactArgs(1)), verb("deploy", cobra.NoArgs)
	f := build.Flags()
	f.String("junit", "", "`FILE` for tests")
	f.Bool("json", false, "print JSON")
	f.IntP("jobs-at-once", "j", 1, "`N` jobs")
	f.String("invoke-port", "", "`PORT`")
	_ = f.SetAnnotation("invoke-port", AlsoCalled, []string{"port"})
	f.Duration("wait", 0, "`TIME` to wait")
	for _, name := range []string{"layer", "env", "tags"} {
		f.Var(&several{}, name, "`VALUE`")
	}
	deploy.Flags().String("role", "", "`ARN`")
	cache.AddCommand(verb("usage", cobra.NoArgs), verb("prune", cobra.NoArgs))
	root.AddCommand(build, cache, logs, deploy)
	ExplainArgs(root)
	TakeOnce(f)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return FlagError(cmd, args, err) })
	root.SetArgs(args)
	root.SetOut(io.Discard)
	err := root.Execute()
	if err == nil {
		return ""
	}
	said := new(fault.Error)
	if !errors.As(err, &said) || said.Kind != fault.Usage {
		return "no usage fault: " + err.Error()
	}
	return said.What + " | " + said.Reason() + " | " + said.Fix
}

func TestWhatIsSaidOfCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		// verbs
		"":            "",
		"biuld":       `there is no verb "biuld" |  | did you mean "lpipe build"?`,
		"clippy":      "cargo clippy runs on this machine",
		"xyzzy":       "lpipe help lists the verbs",
		"cache us":    `"us" is no verb of lpipe cache |  | did you mean "lpipe cache usage"?`,
		"cache df":    `did you mean "lpipe cache usage"?`,
		"cache usag":  `did you mean "lpipe cache usage"?`,
		"cache x --y": `"x" is no verb of lpipe cache |  | write one of: prune, usage`,
		// arguments
		"build a b":        "",
		"build a EMPTY":    "an argument is empty",
		"logs":             "lpipe logs needs an argument |  | write it as: lpipe logs NAME",
		"logs a b":         `there is one argument too many: "b"`,
		"logs a b c":       `there are 2 arguments too many, from "b" on`,
		"deploy x":         `there is no argument "x"`,
		"build -- EMPTY":   "",
		"build --env x -j": "needs a value",
		// values
		"build --junit EMPTY":        "--junit is empty",
		"build --env EMPTY":          "--env is empty",
		"build --layer EMPTY":        "",
		"build --junit --json":       "--junit needs a value | --json is a flag | FILE: FILE for tests",
		"build --env a --env --json": "--env needs a value | --json is a flag",
		"build --junit -j":           "--junit needs a value | -j is a flag",
		"build --junit a --junit b":  "--junit is given twice | it takes one value, and was given another before | give it once",
		"build --junit a --junit a":  "",
		"build --env a --env b":      "",
		"build -j many":              `--jobs-at-once cannot be "many" | it is no whole number that fits | N: N jobs`,
		"build --json=perhaps":       "it is a switch, which takes no value but true and false",
		"build --wait 5":             "it is no time, such as 90s, 5m or 1h30m",
		"build --junit":              "--junit needs a value |  | FILE: FILE for tests",
		// flags
		"build --version":      "lpipe --version prints it",
		"build -wait 5s":       "unknown flag: -wait |  | write it as: --wait",
		"build --jobs_at_once": "write it as: --jobs-at-once",
		"build --tag x":        "did you mean --tags?",
		"build --release":      "the profile is release unless --profile names another",
		"deploy --g":           "lpipe deploy puts code into functions without a stack",
		"build --role":         "it is a flag of lpipe deploy",
		"build --prot x":       "did you mean --port?",
		"build --junti x":      "did you mean --junit?",
		"build --invoke":       "did you mean --invoke-port?",
		"build --xyzzy":        "unknown flag: --xyzzy |  | lpipe build --help lists the flags",
		"cache --mounts xx":    "unknown flag: --mounts",
	} {
		args := strings.Fields(line)
		for i := range args {
			if args[i] == "EMPTY" {
				args[i] = ""
			}
		}
		if got := run(args...); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("lpipe %s: %s, want %s", line, got, want)
		}
	}
}
