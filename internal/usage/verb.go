// Package usage tells whoever wrote a command line that lpipe does not take what to write instead.
package usage

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/fault"
)

// CheckVerb refuses an argument where a verb is expected.
func CheckVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	f := &fault.Error{Kind: fault.Usage, What: "there is no verb " + fault.Quote(args[0]), Fix: "lpipe help lists the verbs"}
	if len(known) == 0 { // as in "lpipe help build foo"
		verb := strings.TrimPrefix(cmd.CommandPath(), "lpipe ")
		f.What, f.Fix = "there is no verb "+fault.Quote(verb+" "+args[0]), "lpipe help "+verb+" is about "+cmd.CommandPath()
		return f
	}
	if cmd.HasParent() {
		f.What, f.Fix = fault.Quote(args[0])+" is no verb of "+cmd.CommandPath(), "write one of: "+strings.Join(known, ", ")
	}
	if instead := foreignVerbs[strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), "lpipe")+" "+args[0])]; instead != "" {
		f.Fix = instead
		return f
	}
	near := fault.Nearest(args[0], known)
	if longer := slices.DeleteFunc(known, func(name string) bool { return !strings.HasPrefix(name, args[0]) }); len(longer) == 1 {
		near = longer[0]
	}
	if near != "" {
		f.Fix = "did you mean \"" + cmd.CommandPath() + " " + near + "\"?"
	}
	return f
}

// VerbsWith are the verbs that list a flag of this name, or letter.
func VerbsWith(cmd *cobra.Command, name string) (verbs []string) {
	for _, c := range cmd.Commands() {
		f := c.LocalFlags().Lookup(name)
		if len(name) == 1 {
			f = c.LocalFlags().ShorthandLookup(name)
		}
		if f != nil && !f.Hidden && c.IsAvailableCommand() {
			verbs = append(verbs, c.CommandPath())
		}
		verbs = append(verbs, VerbsWith(c, name)...)
	}
	return verbs
}
