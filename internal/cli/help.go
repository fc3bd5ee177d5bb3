package cli

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// widest is the width at which prose is wrapped on a terminal that is wider: longer lines are hard to read.
const widest = 120

// helpWidth is how wide help is: as the terminal, or as COLUMNS says, or 80 columns.
func (a *app) helpWidth() int {
	width := 80
	if n, err := strconv.Atoi(a.env["COLUMNS"]); err == nil && n > 0 {
		width = n
	}
	out := a.Out
	if checked, ok := out.(*checkedWriter); ok {
		out = checked.Writer
	}
	if f, ok := out.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			width = n
		}
	}
	return min(width, widest)
}

// helpText is the help of a verb, or of lpipe, wrapped to a width.
func helpText(cmd *cobra.Command, width int) string {
	var b strings.Builder
	if cmd.HasParent() {
		b.WriteString(wrap("Usage: "+usageLine(cmd), "", "       ", width) + "\n")
	}
	b.WriteString(reflow(about(cmd), width))
	if verbs := listedVerbs(cmd); len(verbs) > 0 {
		b.WriteString("\nVerbs:\n" + table(verbs, width))
	}
	if flags := listedFlags(cmd); len(flags) > 0 {
		b.WriteString("\nFlags:\n" + table(flags, width))
	}
	if !cmd.HasParent() {
		b.WriteString("\n" + reflow(helpRest, width))
	}
	return b.String()
}

// usageLine is how the verb is written.
func usageLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + arguments
	}
	if len(listedFlags(cmd)) > 0 {
		line += " [FLAG ...]"
	}
	return line
}

// about is what a verb does, as long as there are words for it.
func about(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// entry is a line of a table: what is written, and what it is for.
type entry struct{ left, right string }

func listedVerbs(cmd *cobra.Command) (all []entry) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, entry{cmd.CommandPath() + " " + c.Use, c.Short})
		}
	}
	return all
}

func listedFlags(cmd *cobra.Command) (all []entry) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		left, value, usage := flagWords(f)
		if f.Shorthand != "" {
			left = "-" + f.Shorthand + ", " + left
		} else {
			left = "    " + left
		}
		all = append(all, entry{strings.TrimRight(left+" "+value, " "), usage})
	})
	return all
}

// flagWords are a flag, what its value is called, which is "" for one that needs none, and what it is for.
func flagWords(f *pflag.Flag) (flag, value, usage string) {
	value, usage = pflag.UnquoteUsage(f)
	if f.NoOptDefVal != "" {
		value = ""
	}
	if initial := strings.TrimSuffix(f.DefValue, "m0s"); initial != f.DefValue {
		usage += " (default " + initial + "m)"
	} else if !slices.Contains([]string{"", "false", "0", "0s"}, f.DefValue) {
		usage += " (default " + f.DefValue + ")"
	}
	return "--" + f.Name, value, usage
}

// table has what the entries are for beside them, or below those that are long.
func table(all []entry, width int) string {
	const most = 30
	column := 0
	for _, e := range all {
		if len(e.left) <= most {
			column = max(column, len(e.left))
		}
	}
	if width < 2*most {
		column = 4
	}
	indent := strings.Repeat(" ", column+4)
	var b strings.Builder
	for _, e := range all {
		left := "  " + e.left
		if len(e.left) > column {
			b.WriteString(left + "\n")
			left = ""
		}
		b.WriteString(wrap(e.right, left+indent[min(len(left), len(indent)):], indent, width))
	}
	return b.String()
}

// reflow wraps the paragraphs of a text. Lines that are indented, or are a heading of others, stay as they are.
func reflow(text string, width int) string {
	var b strings.Builder
	var paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			b.WriteString(wrap(strings.Join(paragraph, " "), "", "", width))
		}
		paragraph = nil
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if line != "" && !strings.ContainsAny(line[:1], " \t#") {
			paragraph = append(paragraph, line)
			continue
		}
		end()
		b.WriteString(line + "\n")
	}
	end()
	return b.String()
}

// wrap breaks a paragraph into lines, of which the first and the others begin in their own way.
func wrap(text, first, others string, width int) string {
	var b strings.Builder
	line, empty := first, true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) >= width {
			b.WriteString(line + "\n")
			line, empty = others, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}
