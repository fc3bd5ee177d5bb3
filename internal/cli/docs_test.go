package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
	"mvdan.cc/sh/v3/syntax"

	"lpipe/internal/help"
	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/pages"
	"lpipe/internal/usage"
)

// TestDocsCallLpipeAsItIs: every command line of the README and of docs has verbs, flags and arguments that lpipe takes.
func TestDocsCallLpipeAsItIs(t *testing.T) {
	found := 0
	for _, page := range pages.Read(t, "../..") {
		if page.Name == "docs/flags.md" { // written from the verbs
			continue
		}
		for _, code := range page.Code {
			commands, err := calls(code.Commands("lpipe"))
			if err != nil {
				t.Errorf("%s: no line of a shell: %v", code.Where, err)
			}
			for _, args := range commands {
				found++
				if err := takes(t, args, code.Block); err != nil {
					t.Errorf("%s: lpipe %s: %v", code.Where, strings.Join(args, " "), err)
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("%d command lines were found: the test looks in the wrong places", found)
	}
}

// TestFlagsInSentencesAreThoseOfLpipe: a flag of another program stands behind its name, but on the pages about other programs.
func TestFlagsInSentencesAreThoseOfLpipe(t *testing.T) {
	root, _ := newRoot(t)
	for _, page := range pages.Read(t, "../..") {
		if page.Name == "docs/coming-from.md" || page.Name == "docs/conventions.md" {
			continue
		}
		for _, code := range page.Code {
			if code.Block || !strings.HasPrefix(code.Text, "--") {
				continue
			}
			for word := range strings.FieldsSeq(code.Text) {
				name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
				if strings.HasPrefix(word, "--") && name != "help" && len(usage.VerbsWith(root, name)) == 0 {
					t.Errorf("%s: no verb has --%s", code.Where, name)
				}
			}
		}
	}
}

// TestJobsCallLpipeAsItIs: the same for the files in docs/ci.
func TestJobsCallLpipeAsItIs(t *testing.T) {
	files, err := filepath.Glob("../../docs/ci/*")
	if err != nil || files == nil {
		t.Fatal("there are no files in docs/ci", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts := ofJenkins(string(data))
		if filepath.Ext(file) == ".yml" {
			for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; { // what says which inputs there are, and the job
				var job yaml.Node
				if err := decoder.Decode(&job); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(file, err)
				}
				scripts = append(scripts, scalars(&job)...)
			}
		}
		found := 0
		for _, script := range scripts {
			if !strings.Contains(script, "lpipe ") && !strings.Contains(script, "ci-build") {
				continue
			}
			commands, err := calls(strings.ReplaceAll(script, "$$", "$")) // as Buildkite has it
			if err != nil {
				t.Errorf("%s: %q: %v", file, script, err)
			}
			for _, args := range commands {
				found++
				if err := takes(t, args, true); err != nil {
					t.Errorf("%s: lpipe %s: %v", file, strings.Join(args, " "), err)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s calls no lpipe", file)
		}
	}
}

// ofJenkins returns the scripts of a Jenkinsfile: what follows sh in quotes.
func ofJenkins(text string) (all []string) {
	for _, found := range regexp.MustCompile(`(?s)\bsh '(?:''(.*?)''|([^']*))'`).FindAllStringSubmatch(text, -1) {
		all = append(all, found[1]+found[2])
	}
	return all
}

func scalars(n *yaml.Node) (all []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, child := range n.Content {
		all = append(all, scalars(child)...)
	}
	return all
}

// TestCommandLinesAreLookedAt: what a page must not say is seen.
func TestCommandLinesAreLookedAt(t *testing.T) {
	for line, want := range map[string]string{
		"lpipe buidl":                       `there is no verb "buidl"`,
		"a | LPIPE_ARCH=x lpipe build --al": "unknown flag: --al",
		"x $(lpipe build --push=perhaps)":   "--push cannot be",
		"sudo lpipe man":                    "lpipe man needs an argument",
		"lpipe engine start":                `"start" is no verb of lpipe engine`,
		"scripts/ci-build --no-zip":         "unknown flag: --no-zip",
		"lpipe build api --since $X | cat":  "",
		"lpipe serve --exec -- npm --test":  "",
		"go install ./cmd/lpipe":            "",
	} {
		commands, err := calls(line)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, args := range commands {
			if err := takes(t, args, true); err != nil {
				got += err.Error()
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// takes is nil if lpipe would run with the arguments; where these are not all, as in a sentence on a verb, there may be more.
func takes(t *testing.T, args []string, all bool) error {
	t.Helper()
	root, _ := newRoot(t)
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return usage.FlagError(cmd, nil, err)
	}
	if cmd.Flags().NArg() == 0 && !all {
		return nil
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// calls are the arguments of each call of lpipe in lines of a shell. What the shell would fill in is "1", which is text, a
// number and a boolean.
func calls(lines string) (all [][]string, err error) {
	file, err := syntax.NewParser().Parse(strings.NewReader(lines), "")
	if err != nil {
		return nil, err
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		var words []string
		for _, word := range call.Args {
			words = append(words, literal(word.Parts))
		}
		if len(words) > 0 && slices.Contains([]string{"sudo", "exec", "time"}, words[0]) {
			words = words[1:]
		}
		switch {
		case len(words) == 0:
		case path.Base(words[0]) == "lpipe":
			all = append(all, words[1:])
		case words[0] == "scripts/ci-build":
			all = append(all, append([]string{"build"}, words[1:]...))
		}
		return true
	})
	return all, nil
}

func literal(parts []syntax.WordPart) string {
	var b strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(part.Value)
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			b.WriteString(literal(part.Parts))
		default:
			b.WriteString("1")
		}
	}
	return b.String()
}

// TestDocsListEveryFlag keeps docs/flags.md equal to the verbs; -update rewrites it.
func TestDocsListEveryFlag(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Verbs and flags\n\n[All pages](README.md). Written by `go test ./internal/cli -update`; `lpipe help VERB` says the same.\n")
	root, _ := newRoot(t)
	eachVerb(root, func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "\n## %s\n\n", cmd.CommandPath())
		if cmd.HasParent() {
			fmt.Fprintf(&b, "```text\n%s\n```\n\n", help.UsageLine(cmd))
		}
		b.WriteString(markdown(help.About(cmd)))
		if verbs := help.Verbs(cmd); len(verbs) > 0 {
			b.WriteString("\n| verb | what it does |\n|---|---|\n" + rows(verbs))
		}
		if flags := help.Flags(cmd); len(flags) > 0 {
			b.WriteString("\n| flag | what it does |\n|---|---|\n" + rows(flags))
		}
		if !cmd.HasParent() {
			b.WriteString("\n" + markdown(outro))
		}
	})
	golden.Check(t, "../../docs/flags.md", b.String())
}

// escape keeps what Markdown would take for its own.
var escape = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "|", `\|`).Replace

func rows(all []help.Entry) string {
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(strings.TrimSpace(e.Left), "|", `\|`), escape(e.Right))
	}
	return b.String()
}

// markdown is a text of paragraphs, of which indented lines are code.
func markdown(text string) string {
	var b strings.Builder
	code, blank := false, true
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if indented := strings.TrimLeft(line, " \t") != line; line != "\n" && indented != code {
			code = indented
			if !blank {
				b.WriteString("\n")
			}
		}
		blank = line == "\n"
		switch {
		case code && !blank:
			b.WriteString("  " + line)
		case code:
			b.WriteString(line)
		default:
			b.WriteString(escape(line))
		}
	}
	return b.String()
}
