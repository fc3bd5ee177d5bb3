package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/limits"
	"lpipe/internal/page"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/route"
	"lpipe/internal/runnable"
	"lpipe/internal/serve"
	"lpipe/internal/shell"
	"lpipe/internal/stack"
	"lpipe/internal/trace"
	"lpipe/internal/usage"
)

// The address of lpipe serve unless flags say otherwise: the port is that of cargo lambda watch.
const (
	servedHost = "127.0.0.1"
	servedPort = 9000
)

// samNames are the names that SAM has for flags.
var samNames = map[string]string{"port": "invoke-port", "host": "invoke-address"}

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "serve [NAME|PATH ...] [--exec -- COMMAND ...]",
		Aliases:           []string{"watch"}, // as in cargo lambda watch
		ValidArgsFunction: a.completeLambdas,
		Short:             "Answer for lambdas on this machine, as Lambda does",
		Long: `Build lambdas and answer for them on this machine, on one address: Lambda's API for AWS's SDKs and "aws lambda invoke
--endpoint-url", function URLs at /lambda-url/NAME/, of a single lambda also at /, and the routes of [serve] in lpipe.toml and of
SAM or CloudFormation templates, with the events of API Gateway or a load balancer. What answers is the zip that is
deployed: its bootstrap runs here as with "lpipe invoke", without credentials unless a flag gives them.

A page at /_lpipe/ shows invocations and the last build, and sends events.

When sources change, the lambdas are built again and take over; requests under way end with the program that they began with.
A build that fails leaves the last good program. Tests are not run; "lpipe test" runs them.

Only programs of this user on this machine are answered. The address goes to standard output when everything is ready.
With --exec, COMMAND is run instead, with AWS_ENDPOINT_URL_LAMBDA and what else AWS's SDKs need to find the lambdas, and its exit
status is that of lpipe: so a project's own integration tests run against the programs that are deployed.`,
	}
	settings := settingFlags(cmd.Flags(), aboutBuild, 0)
	out := outFlag(cmd.Flags())
	all := allFlag(cmd.Flags())
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	run := runFlags(cmd.Flags())
	f := cmd.Flags()
	port := f.IntP("invoke-port", "P", servedPort, "`PORT` to answer on; 0 takes one that is free, as does --exec")
	host := f.StringP("invoke-address", "A", servedHost, "`ADDRESS` of this machine's loopback to answer on")
	concurrency := f.Int("concurrency", 10, "a lambda has at most `N` processes, each with one request at a time")
	bandwidth := f.Bool("limit-bandwidth", false, "stream as slowly as Lambda: the first 6 MB of an answer at any speed, then 2 MB a second")
	watch := f.Bool("watch", true, "build again when sources change")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(cmp.Or(samNames[name], name))
	})
	for other, name := range samNames {
		_ = f.SetAnnotation(name, usage.AlsoCalled, []string{other}) // the flag is there
	}
	secure := tlsFlags(f)
	templates := listFlag(f, "template", "`FILE` with a SAM or CloudFormation template whose routes are answered too; give it again for another")
	external := f.Bool("only-lambda-apis", false, "build and start nothing: wait for programs that you start, such as in a debugger, and print the variables that they need")
	execute := f.Bool("exec", false, "run the command after --, and end with it")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		given := cmd.ArgsLenAtDash() >= 0 && cmd.ArgsLenAtDash() < len(args)
		switch {
		case *execute && !given:
			return &fault.Error{Kind: fault.Usage, What: "--exec has no command", Fix: "give it last: lpipe serve --exec -- npm test"}
		case given && !*execute:
			return &fault.Error{Kind: fault.Usage, What: "there is a command after --", Why: "it is for --exec", Fix: "lpipe serve --exec -- COMMAND"}
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var command []string
		if n := cmd.ArgsLenAtDash(); n >= 0 {
			args, command = args[:n], args[n:]
		}
		if *execute {
			*watch = *watch && f.Changed("watch")
			if !f.Changed("invoke-port") {
				*port = 0
			}
		}
		running, err := run(a)
		if *concurrency < 1 {
			err = errors.Join(err, &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("--concurrency %d answers nobody", *concurrency), Fix: "give 1 or more"})
		}
		running.LimitBandwidth = *bandwidth
		certificate, tlsErr := secure(a)
		if err := errors.Join(err, tlsErr); err != nil {
			return err
		}
		if *external {
			if err := forExternal(f); err != nil {
				return err
			}
			*watch = false
			if !f.Changed("timeout") {
				running.Timeout = limits.MostTimeout * time.Second // of a program that somebody steps through
			}
		}
		fixed := []config.Setting{{Key: "build.test", Values: []string{"false"}, Flag: "lpipe serve"}}
		if f.Changed("template") {
			fixed = append(fixed, config.Setting{Key: "serve.template", Values: *templates, Flag: "--template"})
		}
		address := net.JoinHostPort(*host, strconv.Itoa(*port))
		listener, err := emulator.Listen(cmd.Context(), address)
		if err != nil {
			return &fault.Error{
				Kind: fault.Usage, What: "cannot answer on " + address, Err: err, Fix: "take another --invoke-port, such as 0 for any, and an --invoke-address of the loopback, such as 127.0.0.1",
			}
		}
		defer listener.Close()
		s := &serving{
			app: a, args: args, all: *all, settings: slices.Concat(settings(), fixed),
			out: out, ssh: *ssh, running: running, certificate: certificate, external: *external, lines: &serve.Lines{W: a.shown(running)}, codes: map[string]string{},
		}
		if err := s.prepare(*concurrency); err != nil {
			return err
		}
		defer s.server.Close()
		return s.serve(cmd.Context(), listener, *watch, command)
	}
	return cmd
}

// serving is lpipe serve at work.
type serving struct {
	*app
	args     []string
	all      bool
	settings []config.Setting
	out      func(*project.Here) error // says where the results go
	ssh      []string
	running  runnable.Settings

	certificate serve.Certificate
	external    bool                    // others start the programs
	runtimes    map[string]http.Handler // the Runtime API of each of them

	server  *serve.Server
	lines   *serve.Lines
	sources []string          // the files of the last request
	codes   map[string]string // what answers, as of [runnable.Codes]
}

// input is what lpipe serve has read before a build.
type input struct {
	here     *project.Here
	projects []*project.Project
	stack.Routes
}

// read reads the projects as they are now, without the lambdas that cannot run here, and their routes.
func (s *serving) read() (input, error) {
	here, projects, err := s.open(s.args, s.all, s.out, s.settings)
	if err != nil {
		return input{}, err
	}
	if !s.external {
		if projects, err = s.running.Keep(projects); err != nil {
			return input{}, err
		}
	}
	routes, err := stack.ReadRoutes(here, projects)
	return input{here, projects, routes}, err
}

// prepare reads the projects and makes the server of their lambdas.
func (s *serving) prepare(concurrency int) error {
	in, err := s.read()
	if err != nil {
		return err
	}
	names, err := runnable.Names(in.projects)
	if err != nil {
		return err
	}
	if s.external {
		s.server = serve.New(nil, concurrency, inert{s.Err})
		s.runtimes = map[string]http.Handler{}
		for _, name := range names {
			s.runtimes[name] = s.server.Wait(s.running.Config(name))
		}
		s.server.Route(in.Table)
		s.server.SetCORS(in.URLs)
		report.Notes(s.Err, in.Notes)
		return nil
	}
	s.server = serve.New(names, concurrency, inert{s.Err})
	return nil
}

// serve builds, answers and builds again until ctx ends or the command does.
func (s *serving) serve(ctx context.Context, listener net.Listener, watch bool, command []string) error {
	var files serve.Files
	apis, closeAPIs, err := serve.Listen(ctx, listener.Addr(), s.runtimes)
	defer closeAPIs()
	if err == nil && !s.external {
		files, err = s.build(ctx, "")
	}
	if err != nil && (!watch || ctx.Err() != nil) {
		return err
	}
	web := &http.Server{Handler: s.server.Handler(), ReadHeaderTimeout: time.Minute, TLSConfig: s.certificate.Config}
	failed := make(chan error, 1)
	go func() {
		if web.TLSConfig != nil {
			failed <- web.ServeTLS(listener, "", "")
			return
		}
		failed <- web.Serve(listener)
	}()
	defer web.Close()
	url := s.certificate.URL(listener.Addr())
	if warning := s.certificate.Warning(listener.Addr()); warning != "" {
		fmt.Fprintf(s.Err, "warning: %s\n", warning)
	}
	if err != nil {
		fault.PrintOn(s.Err, err, screen(s.Err))
	}
	if len(command) == 0 {
		s.announcePrograms(apis)
		s.announce(url)
		if _, err := fmt.Fprintln(s.Out, url); err != nil {
			return fmt.Errorf("writing the address: %w", err)
		}
	}
	if watch {
		watching, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.watch(watching, files)
		}()
		defer func() {
			stop()
			<-done
		}()
	}
	if len(command) > 0 {
		return s.execute(ctx, url, command)
	}
	select {
	case <-ctx.Done():
		return nil // which is how it ends
	case err := <-failed:
		return fmt.Errorf("answering on %s: %w", url, err)
	}
}

// words are what a terminal would show of an error, as far as it fits a page.
func words(err error) string {
	if err == nil {
		return ""
	}
	var b strings.Builder
	fault.PrintOn(&b, err, fault.Screen{Columns: 120, Rows: 200})
	return b.String()
}

// shownRoutes is how many routes are listed.
const shownRoutes = 20

// announce tells what there is, with lines to copy.
func (s *serving) announce(url string) {
	names := s.server.Names()
	fmt.Fprintf(s.Err, "lpipe: serving %s on %s; Ctrl-C ends it\n", strings.Join(names, ", "), url)
	fmt.Fprintf(s.Err, "  %s%s shows what they are asked and answer\n", url, page.Root)
	routes := s.server.Routes()
	for _, r := range routes[:min(len(routes), shownRoutes)] {
		foreign.Fprintf(s.Err, "  %s (%s)\n", r, string(r.Service))
	}
	if more := len(routes) - shownRoutes; more > 0 {
		fmt.Fprintf(s.Err, "  and %s\n", report.Count(more, "route", "routes"))
	}
	if i := slices.IndexFunc(routes, func(r route.Route) bool { return r.Method == http.MethodGet || r.Method == route.Any }); i >= 0 {
		foreign.Fprintf(s.Err, "  curl%s %s\n", s.certificate.Trust("--cacert"), shell.Quote(foreign.Line(url+routes[i].Sample())))
	}
	fmt.Fprintf(s.Err, "  curl%s %s%s%s/\n", s.certificate.Trust("--cacert"), url, serve.Prefix, names[0])
	// fileb:// is the one way that both versions of the AWS CLI take JSON as it is.
	fmt.Fprintf(s.Err, "  echo '{}' | aws lambda invoke%s --endpoint-url %s --no-sign-request --region us-east-1 --function-name %s \\\n"+
		"    --payload fileb:///dev/stdin /dev/stdout\n", s.certificate.Trust("--ca-bundle"), url, names[0])
}

// watch builds again whenever the files change, until ctx ends.
func (s *serving) watch(ctx context.Context, files serve.Files) {
	for files.Wait(ctx) == nil {
		var err error
		files, err = s.build(ctx, "quiet")
		if err != nil && ctx.Err() == nil {
			fault.PrintOn(s.Err, err, screen(s.Err))
			fmt.Fprintln(s.Err, "lpipe: the last good programs answer until the next build succeeds")
		}
	}
}

// build builds the lambdas as their sources are now, and has those that became other programs answer. It returns the state of
// the sources before, also where it fails.
func (s *serving) build(ctx context.Context, progress string) (files serve.Files, err error) {
	start := time.Now()
	s.trace = &trace.Recorder{}
	s.server.BeginBuild()
	defer func() { s.server.EndBuild(words(err), page.Steps(s.trace)) }()
	if s.sources == nil {
		s.sources = []string{filepath.Join(s.env["PWD"], "Cargo.toml")} // until a request could be made
	}
	before := serve.Look(s.sources)
	in, err := s.read()
	if err != nil {
		return before, err
	}
	here, projects := in.here, in.projects
	s.server.SetCORS(in.URLs)
	if changed := !reflect.DeepEqual(s.server.Routes(), in.Table); changed {
		s.server.Route(in.Table)
		if progress != "" {
			fmt.Fprintf(s.Err, "lpipe: %s now\n", report.Count(len(in.Table), "route", "routes"))
			report.Notes(s.Err, in.Notes)
		}
	}
	cfg, err := here.Common(projects)
	if err != nil {
		return before, err
	}
	if progress != "" {
		quiet := *cfg
		quiet.Progress, cfg = progress, &quiet
	}
	key, notice := here.Key(projects)
	o := build.Options{Stage: dockerfile.StageLambda, Partial: true, StallTimeout: stallTimeout, SSH: s.ssh, Key: key, Commits: build.CommitsOf(here, s.settings)}
	if joined, err := s.join(cfg); err == nil {
		asked := o
		asked.Network = joined
		if request, err := build.Prepare(ctx, here, projects, asked); err == nil {
			s.sources = append(request.Watched(), in.Files...)
			before = serve.Look(s.sources) // and only then does the build read them: what changes from here on is built again
		}
	}
	summary, err := s.app.build(ctx, here, projects, cfg, o)
	if summary == nil {
		return before, err
	}
	if progress == "" {
		summary.Notes = distinct(slices.Concat(planNotes(projects, notice), in.Notes, summary.Notes))
		summary.Seconds = time.Since(start).Seconds()
		report.Text(s.Err, *summary)
	}
	var fresh []string
	codes := runnable.Codes(projects, *summary)
	for _, t := range project.Functions(projects) {
		label := t.Lambda.Label()
		if codes[label] == "" || codes[label] == s.codes[label] {
			continue
		}
		program, clean, startErr := s.program(ctx, here, cfg, t, s.running)
		if startErr != nil {
			err = errors.Join(err, startErr)
			continue
		}
		if len(s.server.Names()) > 1 {
			program.Stdout = s.lines.Of(t.Lambda.Name)
			program.Stderr = program.Stdout
		}
		program.Log = program.Stderr
		s.server.Replace(program, clean)
		s.codes[label] = codes[label]
		fresh = append(fresh, t.Lambda.Name)
	}
	if progress != "" && len(fresh) > 0 {
		fmt.Fprintf(s.Err, "lpipe: %s answers with the new program, after %.1fs\n", strings.Join(fresh, ", "), time.Since(start).Seconds())
	}
	return before, err
}
