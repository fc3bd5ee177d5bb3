package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/fault"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder",
		Long: "Write a manual page of lpipe and of each verb into the folder: lpipe.1, lpipe-build.1 and so on. With\n" +
			"~/.local/share/man/man1 as the folder, \"man lpipe-build\" shows one.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := writeManual(cmd.Root(), args[0]); err != nil {
				return &fault.Error{Kind: fault.Usage, What: "the manual pages cannot be written", Err: err, Fix: "name a folder that can be written to"}
			}
			return nil
		},
	}
}

// writeManual writes the pages of a verb and of those below it.
func writeManual(cmd *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), []byte(manual(cmd)), 0o644); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			if err := writeManual(c, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual is the manual page of a verb, in the macros of man(7). Cobra has a writer of such pages, which takes what verbs
// say of themselves for Markdown: patterns such as 'api-*' come out as emphasis.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	lpipe, _ := versions()
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"lpipe %s\" \"lpipe\"\n", roff(strings.ToUpper(pageName(cmd))), roff(lpipe))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(usageLine(cmd)))
	}
	b.WriteString(".SH DESCRIPTION\n" + roffText(about(cmd)))
	if verbs := listedVerbs(cmd); len(verbs) > 0 {
		b.WriteString(".SH VERBS\n")
		for _, v := range verbs {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roff(v.left), roff(v.right))
		}
	}
	var flags strings.Builder
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		flag, value, usage := flagWords(f)
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		fmt.Fprintf(&flags, ".TP\n\\fB%s\\fR", roff(flag))
		if value != "" {
			fmt.Fprintf(&flags, " \\fI%s\\fR", roff(value))
		}
		fmt.Fprintf(&flags, "\n%s\n", roff(usage))
	})
	if flags.Len() > 0 {
		b.WriteString(".SH OPTIONS\n" + flags.String())
	}
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageName(cmd.Parent())))
	} else {
		b.WriteString(".SH NOTES\n" + roffText(helpRest))
	}
	return b.String()
}

// roffText is a text of paragraphs, of which indented lines stay as they are.
func roffText(text string) string {
	var b strings.Builder
	literal := false
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		indented := line != "" && strings.ContainsAny(line[:1], " \t#")
		switch {
		case line == "" && !literal:
			b.WriteString(".PP\n")
			continue
		case indented && !literal:
			b.WriteString(".nf\n")
		case !indented && line != "" && literal:
			b.WriteString(".fi\n")
		}
		literal = literal && line == "" || indented
		b.WriteString(roff(line) + "\n")
	}
	if literal {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// roff escapes a line of text.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
