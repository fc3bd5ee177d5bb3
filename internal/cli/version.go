package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"lpipe/internal/fault"
	"lpipe/internal/program"
)

// releases is the URL of the releases, whose files are at releases/download/VERSION/ as on GitHub; "" in a program that
// scripts/release did not make.
var releases string

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of lpipe and of the BuildKit in it",
		Long:  "Print the versions of lpipe and of the BuildKit in it. Only with --check anybody is asked whether there is a newer one.",
		Args:  cobra.NoArgs,
	}
	check := cmd.Flags().Bool("check", false, "ask whether there is a newer release, and say where")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *check {
			mine, _ := program.Versions()
			return a.checkVersion(cmd.Context(), releases, mine)
		}
		return a.printVersions()
	}
	return cmd
}

// checkVersion says whether the releases at a URL have a newer one than mine.
func (a *app) checkVersion(ctx context.Context, releases, mine string) error {
	if releases == "" {
		return &fault.Error{
			Kind: fault.Usage, What: "this lpipe does not know where its releases are", Why: "it was built from sources, and not by scripts/release",
			Fix: "compare lpipe version with the tags of the repository that it was built from",
		}
	}
	newest, err := program.Newest(ctx, releases)
	switch {
	case err != nil:
		return &fault.Error{Kind: fault.Build, What: "whether there is a newer lpipe is not known", Err: err, Fix: "try it later, or open " + releases + "; behind a proxy set HTTPS_PROXY"}
	case semver.Compare(newest, mine) > 0:
		fmt.Fprintf(a.Out, "lpipe %s is there, and this is %s: %s/download/%s/install.sh installs it\n", newest, mine, releases, newest)
	default:
		fmt.Fprintf(a.Out, "lpipe %s is the newest\n", mine)
	}
	return nil
}

func (a *app) printVersions() error {
	lpipe, buildkit := program.Versions()
	fmt.Fprintf(a.Out, "lpipe %s, BuildKit %s\n", lpipe, buildkit)
	return nil
}
