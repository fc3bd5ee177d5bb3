// Package help writes what verbs and flags say of themselves: as text for a terminal, and as manual pages.
package help

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Notes is the annotation of a verb with what is said of it after its verbs and flags.
const Notes = "notes"

// Text is the help of a verb, or of lpipe, wrapped to a width.
func Text(cmd *cobra.Command, width int) string {
	var b strings.Builder
	if cmd.HasParent() {
		b.WriteString(wrap("Usage: "+UsageLine(cmd), "", "       ", width) + "\n")
	}
	b.WriteString(reflow(About(cmd), width))
	if verbs := Verbs(cmd); len(verbs) > 0 {
		b.WriteString("\nVerbs:\n" + table(verbs, width))
	}
	if flags := Flags(cmd); len(flags) > 0 {
		b.WriteString("\nFlags:\n" + table(flags, width))
	}
	if notes := cmd.Annotations[Notes]; notes != "" {
		b.WriteString("\n" + reflow(notes, width))
	}
	return b.String()
}

// UsageLine is how the verb is written.
func UsageLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + arguments
	}
	if len(Flags(cmd)) > 0 {
		line += " [FLAG ...]"
	}
	return line
}

// About is what a verb does, as long as there are words for it.
func About(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// Entry is a line of a table: what is written, and what it is for.
type Entry struct{ Left, Right string }

// Verbs are those below a verb.
func Verbs(cmd *cobra.Command) (all []Entry) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, Entry{cmd.CommandPath() + " " + c.Use, c.Short})
		}
	}
	return all
}

// Flags are those of a verb.
func Flags(cmd *cobra.Command) (all []Entry) {
	eachFlag(cmd, func(letter, flag, value, usage string) {
		if letter == "" {
			letter = "    "
		}
		all = append(all, Entry{strings.TrimRight(letter+flag+" "+value, " "), usage})
	})
	return all
}

// eachFlag calls do for the flags of a verb that help names, with the words for each and before them its letter, as "-x, ", or "".
func eachFlag(cmd *cobra.Command, do func(letter, flag, value, usage string)) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		letter := ""
		if f.Shorthand != "" {
			letter = "-" + f.Shorthand + ", "
		}
		flag, value, usage := FlagWords(f)
		do(letter, flag, value, usage)
	})
}

// FlagWords are a flag, what its value is called, which is "" for one that needs none, and what it is for.
func FlagWords(f *pflag.Flag) (flag, value, usage string) {
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
func table(all []Entry, width int) string {
	const most = 30
	column := 0
	for _, e := range all {
		if len(e.Left) <= most {
			column = max(column, len(e.Left))
		}
	}
	if width < 2*most {
		column = 4
	}
	indent := strings.Repeat(" ", column+4)
	var b strings.Builder
	for _, e := range all {
		left := "  " + e.Left
		if len(e.Left) > column {
			b.WriteString(left + "\n")
			left = ""
		}
		b.WriteString(wrap(e.Right, left+indent[min(len(left), len(indent)):], indent, width))
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
