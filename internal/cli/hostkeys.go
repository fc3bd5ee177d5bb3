package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/hostkeys"
	"lpipe/internal/access"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
)

func (a *app) hostkeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hostkeys list|verify|update",
		Short: "Look at, check and update the pinned keys of git servers",
		Long: `A build logs in to git servers only if they show a host key that is pinned: those of GitHub, GitLab, Bitbucket and
Azure DevOps are built in, others come from the files that [ssh] known-hosts names.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	update := &cobra.Command{
		Use: "update", Args: cobra.NoArgs,
		Short: "Compare the pins of GitHub with the keys that it publishes",
		Long: `Fetch the host keys that GitHub publishes at ` + hostkeys.MetaURL + ` and print how the pins differ. With --write, add
what differs to the first file of [ssh] known-hosts. The exit status is 1 if the pins differ and nothing was written.`,
	}
	write := update.Flags().Bool("write", false, "add the difference to the first file of [ssh] known-hosts")
	update.RunE = func(cmd *cobra.Command, _ []string) error { return a.updateHostKeys(cmd, *write) }
	cmd.AddCommand(
		&cobra.Command{
			Use: "list [HOST ...]", Short: "Print the pinned keys, with the file and line of each",
			RunE: func(_ *cobra.Command, hosts []string) error { return a.listHostKeys(hosts) },
		},
		&cobra.Command{
			Use: "verify [HOST ...]", Short: "Ask servers for their host keys, and compare with the pins; without a host, those of the project's private repositories",
			RunE: a.verifyHostKeys,
		},
		update)
	return cmd
}

// pins are the built-in keys with the project's files laid over them.
func (a *app) pins(here *project.Here) (*hostkeys.Pins, *config.Config, error) {
	cfg, err := here.Config(nil)
	if err != nil {
		return nil, nil, err
	}
	pins, err := hostkeys.Load(cfg.SSH.KnownHosts...)
	return pins, cfg, access.Explained(err)
}

func (a *app) listHostKeys(hosts []string) error {
	here, err := a.here()
	if err != nil {
		return err
	}
	pins, _, err := a.pins(here)
	if err != nil {
		return err
	}
	list := pins.All()
	if len(hosts) > 0 {
		list = nil
	}
	var l fault.List
	for _, host := range hosts {
		found := pins.Lookup(host)
		if len(found) == 0 {
			l.Add(access.Explained(&hostkeys.UnknownHostError{Host: host}))
		}
		list = append(list, found...)
	}
	for _, p := range list {
		use := ""
		switch {
		case p.Revoked:
			use = "revoked "
		case p.Authority:
			use = "authority "
		}
		foreign.Fprintf(a.Out, "%s %s%s %s %s:%d\n", strings.Join(p.Hosts, ","), use, p.Key.Type(), p.Fingerprint, here.Show(p.File), p.Line)
	}
	return l.Err()
}

func (a *app) verifyHostKeys(cmd *cobra.Command, hosts []string) error {
	here, err := a.here()
	if err != nil {
		return err
	}
	pins, cfg, err := a.pins(here)
	if err != nil {
		return err
	}
	joined, err := a.join(cfg)
	if err != nil {
		return err
	}
	if len(hosts) == 0 {
		projects, err := here.Open(nil, false, nil)
		if err != nil {
			return err
		}
		var granted *access.Access
		if joined, granted, err = a.credentials(here, projects, nil); err != nil {
			return err
		}
		if hosts = granted.Hosts(); len(hosts) == 0 {
			return &fault.Error{
				Kind: fault.Usage, What: "there is no host to verify", Why: "Cargo.lock names no repository that is fetched over SSH",
				Fix: "name one: lpipe hostkeys verify github.com",
			}
		}
	}
	var l fault.List
	for _, host := range hosts {
		probed, err := pins.Probe(cmd.Context(), host, hostkeys.ProbeOptions{Getenv: lookup(joined.Env)})
		if err != nil {
			l.Add(unverified(host, err))
			continue
		}
		foreign.Fprintf(a.Out, "%s %s is pinned: %s\n", probed.Host, probed.ServerVersion, probed.Pin)
	}
	return l.Err()
}

// unverified is the fault for a host that did not show a pinned key.
func unverified(host string, err error) error {
	var known interface{ What() string } // of package hostkeys
	var f *fault.Error
	if errors.As(err, &known) && errors.As(access.Explained(err), &f) {
		f.Kind = fault.Build
		return f
	}
	return &fault.Error{
		Kind: fault.Build, What: "cannot ask " + host + " for its host key", Err: err,
		Fix: "check the name, the network and the proxy (ALL_PROXY, HTTPS_PROXY, NO_PROXY)",
	}
}

func (a *app) updateHostKeys(cmd *cobra.Command, write bool) error {
	here, err := a.here()
	if err != nil {
		return err
	}
	pins, cfg, err := a.pins(here)
	if err != nil {
		return err
	}
	if write && len(cfg.SSH.KnownHosts) == 0 {
		return &fault.Error{
			Kind: fault.Usage, What: "there is no file to write host keys to",
			Fix: "make an empty file known_hosts and name it in lpipe.toml: [ssh] known-hosts = [\"known_hosts\"]",
		}
	}
	if _, err := a.join(cfg); err != nil {
		return err
	}
	diff, err := pins.Update(cmd.Context(), http.DefaultClient, hostkeys.MetaURL)
	if err != nil {
		f := &fault.Error{Kind: fault.Build, What: "cannot learn GitHub's host keys", Err: err, Fix: "check the network and the proxy, and compare with https://docs.github.com/authentication by hand"}
		if revoked := new(hostkeys.RevokedError); errors.As(err, &revoked) {
			f.What, f.Why, f.Fix = revoked.What(), revoked.Why(), revoked.Fix()
		}
		return f
	}
	if diff.Empty() {
		fmt.Fprintln(a.Out, "the pins are the keys that GitHub publishes")
		return nil
	}
	fmt.Fprint(a.Out, foreign.Text(diff.String()))
	if !write {
		return &fault.Error{
			Kind: fault.Build, What: "the pins differ from the keys that GitHub publishes",
			Fix: "if GitHub has announced the change, take it over: lpipe hostkeys update --write",
		}
	}
	name := cfg.SSH.KnownHosts[0]
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.Write(diff.Lines())
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return &fault.Error{Kind: fault.Usage, What: "cannot write to " + here.Show(name), Err: err, Fix: "make the file writable, or append the lines above to it by hand"}
	}
	foreign.Fprintf(a.Err, "lpipe: written to %s\n", here.Show(name))
	return nil
}
