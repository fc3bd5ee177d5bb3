package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/help"
	"lpipe/internal/testparts/golden"
)

func newRoot(t *testing.T) (*cobra.Command, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	a := &app{Streams: Streams{In: strings.NewReader(""), Out: &out, Err: io.Discard}, env: map[string]string{"HOME": t.TempDir()}}
	root := a.root()
	root.SetOut(&out)
	root.SetErr(io.Discard)
	return root, &out
}

// eachVerb calls do for lpipe and for each verb that is listed.
func eachVerb(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && !strings.HasPrefix(cmd.Name(), "completion") {
			eachVerb(c, do)
		}
	}
}

func TestHelpOfEachVerb(t *testing.T) {
	for _, terminal := range []int{80, 200} {
		var all strings.Builder
		root, _ := newRoot(t)
		eachVerb(root, func(cmd *cobra.Command) {
			text := help.Text(cmd, min(terminal, widest))
			fmt.Fprintf(&all, "==== %s\n%s", cmd.CommandPath(), text)
			for line := range strings.Lines(text) {
				if len(line) > terminal {
					t.Errorf("%s: a line has %d columns on a terminal of %d: %s", cmd.CommandPath(), len(line)-1, terminal, line)
				}
				if line != "\n" && strings.HasSuffix(line, " \n") {
					t.Errorf("%s: blanks end the line %q", cmd.CommandPath(), line)
				}
			}
		})
		golden.Check(t, fmt.Sprintf("testdata/help-%d.golden", terminal), all.String())
	}
}

func TestHelpIsAsWideAsTheTerminal(t *testing.T) {
	for columns, want := range map[string]int{"": 80, "60": 60, "500": widest, "none": 80, "-3": 80} {
		a := &app{Streams: Streams{Out: io.Discard}, env: map[string]string{"COLUMNS": columns}}
		if got := a.helpWidth(); got != want {
			t.Errorf("COLUMNS=%s: %d, want %d", columns, got, want)
		}
	}
}

// placeholder is what stands for a value: no value, of which "static" was one.
var placeholder = regexp.MustCompile(`^[A-Z]+([/=][A-Z]+)?$`)

func TestFlagsSayWhatTheyTake(t *testing.T) {
	root, _ := newRoot(t)
	eachVerb(root, func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			flag, value, about := help.FlagWords(f)
			if takes := f.NoOptDefVal == ""; takes != (value != "") || takes && !placeholder.MatchString(value) {
				t.Errorf("%s %s takes %q", cmd.CommandPath(), flag, value)
			}
			if about == "" || strings.Contains(about, "(default false)") || strings.Contains(about, "(default 0") {
				t.Errorf("%s %s: %q", cmd.CommandPath(), flag, about)
			}
		})
	})
}

// TestVerbsListWhatMeansSomethingToThem: a flag that is listed changes something, and what a build takes a plan takes too.
func TestVerbsListWhatMeansSomethingToThem(t *testing.T) {
	root, _ := newRoot(t)
	for verb, c := range map[string]struct{ listed, taken, refused []string }{
		"build":  {listed: []string{"push", "no-test", "progress", "features", "cache-to"}},
		"test":   {listed: []string{"progress", "features", "cache-to"}, refused: []string{"push", "no-test", "tag"}},
		"plan":   {listed: []string{"features", "since", "arch"}, taken: []string{"progress", "quiet", "engine", "cache-from"}, refused: []string{"push"}},
		"render": {listed: []string{"features", "engine"}, taken: []string{"progress", "cache-from"}},
		"doctor": {listed: []string{"base", "engine", "ssh", "cache-from"}, taken: []string{"features", "progress"}},
		"invoke": {listed: []string{"arch", "config", "data"}, refused: []string{"features", "cache-to", "engine", "progress", "base"}},
	} {
		cmd, _, err := root.Find([]string{verb})
		if err != nil {
			t.Fatal(err)
		}
		has := func(name string) string {
			switch f := cmd.LocalFlags().Lookup(name); {
			case f == nil:
				return "refused"
			case f.Hidden:
				return "taken"
			}
			return "listed"
		}
		for want, names := range map[string][]string{"listed": c.listed, "taken": c.taken, "refused": c.refused} {
			for _, name := range names {
				if got := has(name); got != want {
					t.Errorf("lpipe %s --%s is %s, want %s", verb, name, got, want)
				}
			}
		}
	}
}

func TestManualPages(t *testing.T) {
	root, _ := newRoot(t)
	dir := filepath.Join(t.TempDir(), "man", "man1")
	root.SetArgs([]string{"man", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	var want []string
	eachVerb(root, func(cmd *cobra.Command) { want = append(want, help.PageName(cmd)+".1") })
	for _, name := range want {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for line := range strings.Lines(string(page)) {
			if macro, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); strings.HasPrefix(line, "'") ||
				strings.HasPrefix(line, ".") && !slices.Contains([]string{".TH", ".SH", ".PP", ".TP", ".BR", ".nf", ".fi"}, macro) {
				t.Errorf("%s: text is taken for a macro: %q", name, line)
			}
		}
	}
	for _, name := range []string{"lpipe.1", "lpipe-invoke.1"} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+name+".golden", regexp.MustCompile(`"lpipe [^"]*" "lpipe"`).ReplaceAllString(string(page), `"lpipe VERSION" "lpipe"`))
	}
}

func TestShellsComplete(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml":    "[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[features]\nfast = []\n[profile.lambda]\ninherits = \"release\"\n",
		"Cargo.lock":    "version = 4\n[[package]]\nname = \"api\"\nversion = \"0.1.0\"\n",
		"src/main.rs":   "fn main() {}\n",
		"src/bin/jo.rs": "fn main() {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for words, want := range map[string][]string{
		"build ":                {"api", "jo"},
		"build api ":            {"jo"},
		"plan ":                 {"api", "jo"},
		"build --profile ":      {"dev", "lambda", "release"},
		"build --features ":     {"fast"},
		"build --arch ":         {"x86_64", "arm64"},
		"test --progress ":      {"auto", "plain", "tty", "quiet", "rawjson"},
		"cache ":                {"usage", "prune"},
		"cache usage ":          nil,
		"engine status ":        nil,
		"cache usage --engine ": {"embedded", "docker"},
		"new --event-type ":     {"json", "s3", "sqs", "sns", "dynamodb", "eventbridge", "kinesis"},
		"init --runtime ":       {"crate", "none"},
		"invoke ":               {"api", "jo"},
		"invoke api ":           nil,
		"size api ":             nil,
		"symbolize api ":        nil,
		"logs api ":             nil,
	} {
		var out, messages strings.Builder
		s := Streams{In: strings.NewReader(""), Out: &out, Err: &messages}
		if status := Main(append([]string{"__completeNoDesc"}, strings.Split(words, " ")...), s, os.Environ()); status != 0 {
			t.Errorf("%q: status %d: %s", words, status, messages.String())
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, ":") {
				got = append(got, line)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", words, got, want)
		}
	}
}
