package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/symbolize"
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
		file, err := debugFile(here, args[0])
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
		p, err := openDebug(cmd.Context(), file, servers)
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

// debugFile is the file that a name means: a path, or what a lambda was built to.
func debugFile(here *project.Here, name string) (string, error) {
	if info, err := os.Stat(here.Abs(name)); err == nil && info.Mode().IsRegular() {
		return here.Abs(name), nil
	}
	projects, err := here.Open([]string{name}, false, nil)
	if err != nil {
		return "", err
	}
	dir := project.Targets(projects)[0].OutputDir()
	for _, file := range []string{artifact.DebugName, artifact.ProgramName} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return filepath.Join(dir, file), nil
		}
	}
	return "", &fault.Error{Kind: fault.Usage, What: name + " has not been built", Fix: "lpipe build " + name}
}

// openDebug opens a program, and in place of one without symbols what a server has of it.
func openDebug(ctx context.Context, file string, servers []string) (*symbolize.Program, error) {
	refuse := func(err error, fix string) error {
		return &fault.Error{Kind: fault.Usage, What: file + " cannot be read for its symbols", Err: err, Fix: fix}
	}
	data, err := readProgram(file)
	if err != nil {
		return nil, refuse(err, "name a program, or a zip of one")
	}
	p, err := symbolize.Open(data)
	if err == nil {
		return p, nil
	}
	if !errors.Is(err, symbolize.ErrStripped) {
		return nil, refuse(err, "name a program for Lambda, or its bootstrap.debug")
	}
	const fix = `build with debug = "split" in [build] and name bootstrap.debug, or name a server with --debuginfod`
	id := p.BuildID()
	switch {
	case id == "":
		return nil, refuse(errors.New("it has neither symbols nor a build-id"), fix)
	case len(servers) == 0:
		return nil, refuse(err, fix)
	}
	var all []error
	for _, server := range servers {
		data, err := fetchDebug(ctx, server, id)
		if err == nil {
			var debug *symbolize.Program
			if debug, err = symbolize.Open(data); err == nil && debug.BuildID() != id {
				err = errors.New("what it has is of another build-id")
			}
			if err == nil {
				debug.RunsAs(p)
				return debug, nil
			}
		}
		all = append(all, fmt.Errorf("%s: %w", server, err))
	}
	return nil, refuse(errors.Join(all...), fix)
}

// The bounds of what is fetched from a server.
const (
	maxFetched   = maxProgram // bytes
	fetchTimeout = 5 * time.Minute
)

// fetchDebug fetches a debug file: https://sourceware.org/elfutils/Debuginfod.html.
func fetchDebug(ctx context.Context, server, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/buildid/"+id+"/debuginfo", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s for the build-id %s", response.Status, id)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxFetched+1))
	if err == nil && len(data) > maxFetched {
		err = errors.New("what it sends is larger than 2 GiB")
	}
	return data, err
}
