package help

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// WriteManual writes the pages of a verb and of those below it.
func WriteManual(cmd *cobra.Command, dir, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, PageName(cmd)+".1"), []byte(Manual(cmd, version)), 0o644); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			if err := WriteManual(c, dir, version); err != nil {
				return err
			}
		}
	}
	return nil
}

// PageName is the name of the manual page of a verb.
func PageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Manual is the manual page of a verb of that version of lpipe, in the macros of man(7). Cobra has a writer of such pages, which takes what verbs
// say of themselves for Markdown: patterns such as 'api-*' come out as emphasis.
func Manual(cmd *cobra.Command, version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"lpipe %s\" \"lpipe\"\n", roff(strings.ToUpper(PageName(cmd))), roff(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(PageName(cmd)), roff(cmd.Short))
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(UsageLine(cmd)))
	}
	b.WriteString(".SH DESCRIPTION\n" + roffText(About(cmd)))
	if verbs := Verbs(cmd); len(verbs) > 0 {
		b.WriteString(".SH VERBS\n")
		for _, v := range verbs {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roff(v.Left), roff(v.Right))
		}
	}
	var flags strings.Builder
	eachFlag(cmd, func(letter, flag, value, usage string) {
		fmt.Fprintf(&flags, ".TP\n\\fB%s\\fR", roff(letter+flag))
		if value != "" {
			fmt.Fprintf(&flags, " \\fI%s\\fR", roff(value))
		}
		fmt.Fprintf(&flags, "\n%s\n", roff(usage))
	})
	if flags.Len() > 0 {
		b.WriteString(".SH OPTIONS\n" + flags.String())
	}
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(PageName(cmd.Parent())))
	}
	if notes := cmd.Annotations[Notes]; notes != "" {
		b.WriteString(".SH NOTES\n" + roffText(notes))
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
