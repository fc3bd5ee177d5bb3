package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"lpipe/internal/fault"
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
			mine, _ := versions()
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
	newest, err := newestVersion(ctx, releases)
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

// newestVersion is that of the newest release, such as v1.2.3.
func newestVersion(ctx context.Context, releases string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, releases+"/latest/download/VERSION", nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 100))
	if err != nil {
		return "", err
	}
	version := "v" + strings.TrimSpace(string(text))
	if resp.StatusCode != http.StatusOK || !semver.IsValid(version) {
		return "", errors.New(req.URL.String() + " is answered with " + resp.Status + " and no version")
	}
	return version, nil
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
