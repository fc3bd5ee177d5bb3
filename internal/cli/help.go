package cli

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"lpipe/internal/usage"
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

// helpCommand is cobra's, which knows no mistakes.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Short: "Print the help of a verb",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			verb, _, err := root.Find(args)
			if err == nil {
				for _, c := range verb.Commands() {
					if !c.IsAvailableCommand() {
						continue
					}
					names = append(names, c.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			verb, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				if verb == nil {
					verb, rest = root, args
				}
				return usage.CheckVerb(verb, rest)
			}
			return verb.Help()
		},
	}
}
