package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"lpipe/internal/awsapi"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/deployable"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/report"
)

// nameFlags are those of lpipe deploy that say which functions are meant.
var nameFlags = deployFlags[:2]

// onFunctions declares the flags of a verb about functions that are there, which gets them.
func (a *app) onFunctions(cmd *cobra.Command, do func(ctx context.Context, aws *awsapi.Client, all []deploy.Wanted, o deploy.Options) error) {
	f := cmd.Flags()
	settings, naming := settingFlags(f, aboutProject, 0), keyFlags(f, nameFlags)
	out, all, account := outFlag(f), allFlag(f), awsFlags(f)
	cmd.ValidArgsFunction = a.completeLambdas
	if cmd.Args != nil {
		cmd.ValidArgsFunction = a.completeLambda
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var given []config.Setting
		given = append(append(given, settings()...), naming()...)
		here, projects, err := a.open(args, *all, out, given)
		if err != nil {
			return err
		}
		o, err := deployable.Options(projects, deploy.Options{})
		if err != nil {
			return err
		}
		aws, err := a.aws(cmd.Context(), projects[0].Config, *account)
		if err != nil {
			return err
		}
		return do(cmd.Context(), aws, deployable.Functions(here, projects), o)
	}
}

// logger writes lines about functions, of which several are worked on at a time.
func (a *app) logger() deploy.Log {
	var mu sync.Mutex
	return func(function, what string) {
		mu.Lock()
		defer mu.Unlock()
		foreign.Fprintf(a.Err, "lpipe: %s\n", strings.TrimPrefix(function+": "+what, ": "))
	}
}

func (a *app) rollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback [NAME|PATH ...]",
		Short: "Make the versions of functions live that were before, all or none",
		Long: `Move the alias of the functions back to the version that was live before the one that is, which lpipe deploy has written into
the description of each version. Without an alias the code of that version is downloaded from AWS and uploaded; the configuration
stays. --to names another version. docs/deploy.md has the details.`,
	}
	to := cmd.Flags().String("to", "", "`VERSION` to make live, for one function")
	dry := cmd.Flags().Bool("dry-run", false, "print what would change, and change nothing")
	cmd.PreRunE = func(*cobra.Command, []string) error { // before AWS is asked
		if _, err := strconv.ParseUint(*to, 10, 32); *to != "" && err != nil {
			return &fault.Error{Kind: fault.Usage, What: "--to cannot be " + fault.Quote(*to), Why: "a version is a number", Fix: "lpipe status names the version that is live; aws lambda list-versions-by-function lists all"}
		}
		return nil
	}
	a.onFunctions(cmd, func(ctx context.Context, aws *awsapi.Client, all []deploy.Wanted, o deploy.Options) error {
		if *to != "" && len(all) > 1 {
			return &fault.Error{Kind: fault.Usage, What: "--to is for one function", Why: fmt.Sprintf("these are %d, and each counts its own versions", len(all)), Fix: "name one lambda"}
		}
		back, err := deploy.Before(ctx, aws, all, o.Alias, *to)
		if err != nil {
			return alike(err)
		}
		rows := make([][]string, len(back))
		for i, b := range back {
			rows[i] = []string{b.Lambda, b.Function, strings.TrimSpace(o.Alias + " version " + b.From.Version + " -> " + b.To.Version)}
		}
		if *dry {
			printRows(a.Out, rows)
			return nil
		}
		printRows(a.Err, rows)
		if err := deploy.Rollback(ctx, aws, back, o, a.logger()); err != nil {
			return alike(err)
		}
		for _, b := range back {
			foreign.Fprintf(a.Out, "%s\n", b.To.ARN+":"+cmp.Or(o.Alias, b.To.Version))
		}
		return nil
	})
	return cmd
}

// standing is a function in the JSON of lpipe status.
type standing struct {
	Name     string  `json:"name"`
	Function string  `json:"function"`
	State    string  `json:"state"`           // in words
	Built    string  `json:"built,omitempty"` // CodeSha256 of the zip
	Latest   string  `json:"latest,omitempty"`
	Live     string  `json:"live,omitempty"` // CodeSha256 of what the alias names
	Version  string  `json:"version,omitempty"`
	Other    string  `json:"other,omitempty"` // a version that gets a share
	Weight   float64 `json:"weight,omitempty"`
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [NAME|PATH ...]",
		Short: "Compare what is deployed with what is built",
		Long:  `Say of each lambda whether its function on AWS, or the version that the alias names, runs the zip that was built here. Changes nothing.`,
	}
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	a.onFunctions(cmd, func(ctx context.Context, aws *awsapi.Client, all []deploy.Wanted, o deploy.Options) error {
		conditions, err := deploy.Status(ctx, aws, all, o.Alias)
		if err != nil {
			return alike(err)
		}
		shown := struct {
			Version   int        `json:"version"`
			Alias     string     `json:"alias,omitempty"`
			Functions []standing `json:"functions"`
		}{report.Version, o.Alias, []standing{}}
		var rows [][]string
		for _, c := range conditions {
			s := standing{Name: c.Lambda, Function: c.Function, State: c.Words(), Built: c.Built, Version: c.Alias.Version, Other: c.Alias.Other, Weight: c.Alias.Weight}
			row := []string{c.Lambda, c.Function, s.State}
			if c.Latest != nil {
				s.Latest = c.Latest.CodeSHA256
			}
			switch {
			case c.Live != nil:
				s.Live = c.Live.CodeSHA256
				row = append(row, "alias "+o.Alias+" is version "+c.Alias.Version+c.Ahead())
			case c.Latest != nil && o.Alias != "":
				row = append(row, "there is no alias "+o.Alias)
			}
			shown.Functions, rows = append(shown.Functions, s), append(rows, row)
		}
		if *asJSON {
			return foreign.WriteJSON(a.Out, shown, "")
		}
		printRows(a.Out, rows)
		return nil
	})
	return cmd
}

// printRows writes rows of a table, whose columns but the last are as wide as they must be.
func printRows(w io.Writer, rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			fmt.Fprintf(&line, "%s%*s", text, widths[i]+2-utf8.RuneCountInString(text), "")
		}
		foreign.Fprintf(w, "%s\n", strings.TrimRight(line.String(), " "))
	}
}

func (a *app) logsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs NAME", Short: "Print the log of a function on AWS", Args: cobra.ExactArgs(1),
		Long: `Print what CloudWatch has of the function of a lambda, the oldest line first, and with -f what comes.`,
	}
	f := cmd.Flags()
	follow := f.BoolP("follow", "f", false, "go on, until interrupted")
	since := f.Duration("since", 10*time.Minute, "`TIME` before now to begin at")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *since <= 0 {
			return &fault.Error{Kind: fault.Usage, What: "--since cannot be " + since.String(), Why: "the log ends now", Fix: "write how long ago to begin, as in 10m or 2h"}
		}
		return nil
	}
	a.onFunctions(cmd, func(ctx context.Context, aws *awsapi.Client, all []deploy.Wanted, _ deploy.Options) error {
		if len(all) != 1 {
			return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("there are %d lambdas to choose from", len(all)), Why: "the log of one is printed", Fix: "name it: lpipe logs " + all[0].Lambda}
		}
		function, err := aws.Function(ctx, all[0].Function, "")
		if err != nil {
			return err
		}
		return a.logs(ctx, aws, cmp.Or(function.LogGroup, "/aws/lambda/"+function.Name), time.Now().Add(-*since), *follow)
	})
	return cmd
}

// logs prints the events of a group.
func (a *app) logs(ctx context.Context, aws *awsapi.Client, group string, since time.Time, follow bool) error {
	lines := 0
	err := aws.Tail(ctx, group, since, follow, func(e awsapi.Event) {
		lines++
		foreign.Fprintf(a.Out, "%s %s\n", e.At.UTC().Format("2006-01-02T15:04:05.000Z"), strings.TrimRight(e.Message, "\n"))
	})
	if !follow && err == nil && lines == 0 {
		foreign.Fprintf(a.Err, "lpipe: %s has nothing since %s\n", group, since.UTC().Format(time.RFC3339))
	}
	return err
}
