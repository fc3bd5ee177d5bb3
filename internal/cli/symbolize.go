package cli

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/debuginfo"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/report"
)

func (a *app) symbolizeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "symbolize NAME|FILE [LOG]",
		Short: "Turn the backtraces of a log into functions and lines",
		Long: `Read a log, of CloudWatch for one, from LOG or from standard input, and print it with the function and the line of each
frame of its backtraces. NAME is a lambda that was built here with debug = "split", FILE a bootstrap.debug, or any program
with symbols. Of a program or zip without symbols the debug file is fetched from a debuginfod server by its build-id: that of
--debuginfod, or those of DEBUGINFOD_URLS.

A program without symbols prints addresses only with RUST_BACKTRACE=full, which is to be set for the function. They differ
from start to start; where the program was loaded is found from the calls that stand before them, for which a backtrace
needs three frames or more of the program.`,
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.completeLambda,
	}
	server := cmd.Flags().String("debuginfod", "", "`URL` of a debuginfod server")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		var text []byte
		if len(args) > 1 {
			text, err = os.ReadFile(here.Abs(args[1]))
		} else {
			text, err = io.ReadAll(a.In)
		}
		if err != nil {
			return &fault.Error{Kind: fault.Usage, What: "cannot read the log", Err: err, Fix: "name a file, or hand it to standard input"}
		}
		file, err := debuginfo.File(here, args[0])
		if err != nil {
			return err
		}
		servers := strings.Fields(a.env["DEBUGINFOD_URLS"])
		if *server != "" {
			servers = []string{*server}
		}
		if len(servers) > 0 {
			cfg, err := here.Config(nil)
			if err != nil {
				return err
			}
			if _, err := a.join(cfg); err != nil {
				return err
			}
		}
		p, err := debuginfo.Open(cmd.Context(), file, servers)
		if err != nil {
			return err
		}
		r := p.Text(string(text))
		if _, err := io.WriteString(a.Out, foreign.Text(r.Text)); err != nil {
			return err
		}
		report.Notes(a.Err, r.Notes)
		return nil
	}
	return cmd
}
