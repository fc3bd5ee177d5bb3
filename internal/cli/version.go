package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of lpipe and of the BuildKit in it",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.printVersions() },
	}
}

func (a *app) printVersions() error {
	lpipe, buildkit := versions()
	fmt.Fprintf(a.Out, "lpipe %s, BuildKit %s\n", lpipe, buildkit)
	return nil
}

// versions reads what the Go toolchain recorded in the program.
func versions() (lpipe, buildkit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	lpipe = info.Main.Version
	for _, m := range info.Deps {
		if m.Path == "github.com/moby/buildkit" {
			buildkit = m.Version
		}
	}
	return lpipe, buildkit
}
