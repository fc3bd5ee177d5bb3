package cli

import (
	"github.com/spf13/cobra"

	"lpipe/internal/fault"
	"lpipe/internal/help"
	"lpipe/internal/program"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder",
		Long: "Write a manual page of lpipe and of each verb into the folder: lpipe.1, lpipe-build.1 and so on. With\n" +
			"~/.local/share/man/man1 as the folder, \"man lpipe-build\" shows one.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lpipe, _ := program.Versions()
			if err := help.WriteManual(cmd.Root(), args[0], lpipe); err != nil {
				return &fault.Error{Kind: fault.Usage, What: "the manual pages cannot be written", Err: err, Fix: "name a folder that can be written to"}
			}
			return nil
		},
	}
}
