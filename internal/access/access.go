// Package access gives the fetch step of a build what it needs to fetch private dependencies: an agent that signs
// logins, pinned host keys, the list of repositories that may be fetched, and tokens.
//
// It decides which key is for which repository and serves all of it to BuildKit as session providers; what an agent
// signs is decided by package sshfwd, and which host keys are right by package hostkeys. Nothing is read or
// contacted before a fetch step really runs: a build whose dependencies are cached needs no agent and no key.
//
// A deploy key is one that lpipe.toml gives to one repository. The others, of the agent or of [ssh] key, are the
// general keys. git.sh and fetch.sh beside this code are what runs in the step.
package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"lpipe/hostkeys"
	"lpipe/internal/config"
	"lpipe/internal/network"
	"lpipe/internal/plan"
	"lpipe/sshfwd"
	"lpipe/sshfwd/session"
)

// Options are what [New] needs.
type Options struct {
	Config       *config.Config
	Repositories []plan.Repository
	Registries   []plan.Registry
	Crates       string            // where the user says that crates come from, as of [cargo.Crates.TOML]
	Network      *network.Network  // nil where nothing is said of it
	Env          map[string]string // of lpipe
	Cwd          string            // where relative paths of SSH start
	SSH          []string          // values of --ssh, as of docker buildx build: ID[=SOCKET|KEY[,KEY]]
	// Secrets are further ones, by id, for steps that mount them: a session has one provider of secrets.
	Secrets map[string][]byte
	// Log takes one line for each login and each refusal; nil drops them. Several goroutines may call it.
	Log func(line string)
}

// Access serves one run.
type Access struct {
	o         Options
	flagPaths []string // of --ssh; nil without the flag
	// prepare reads the credentials when a step first asks for them.
	prepare func() (*credentials, error)

	mu       sync.Mutex
	failed   error    // of prepare
	refusals []string // lines on what the agent did not sign
	hidden   []string // what no output may show
}

// credentials are what a fetch step gets.
type credentials struct {
	pins       *hostkeys.Pins
	knownHosts []byte
	list       []byte
	provider   *session.Provider // nil when nothing is fetched over SSH
	chosen     map[string][]key  // by [plan.Repository.String]
}

// New returns the access that the options ask for. Mistakes in them are [fault.Usage] errors; keys are not read yet.
func New(o Options) (*Access, error) {
	flagPaths, err := parseSSH(o)
	if err != nil {
		return nil, err
	}
	if o.Network == nil {
		o.Network = &network.Network{}
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	a := &Access{o: o, flagPaths: flagPaths}
	a.prepare = sync.OnceValues(func() (*credentials, error) {
		// Not the context of the caller: all steps of a run share what is prepared once.
		g, err := a.read(context.Background()) //nolint:forbidigo // see above
		a.mu.Lock()
		defer a.mu.Unlock()
		a.failed = err
		return g, err
	})
	return a, nil
}

// overSSH are the repositories that are fetched over SSH.
func (a *Access) overSSH() []plan.Repository {
	return slices.DeleteFunc(slices.Clone(a.o.Repositories), func(r plan.Repository) bool { return r.Scheme != "ssh" })
}

// Hosts are the SSH servers of the repositories, each once, as of [plan.Repository.Address].
func (a *Access) Hosts() []string {
	var all []string
	for _, r := range a.overSSH() {
		if !slices.Contains(all, r.Address()) {
			all = append(all, r.Address())
		}
	}
	return all
}

// read reads the keys and decides which is for what. The error joins every problem, as faults.
func (a *Access) read(ctx context.Context) (*credentials, error) {
	g := &credentials{chosen: map[string][]key{}}
	var errs []error
	if len(a.overSSH()) > 0 {
		errs = append(errs, a.pin(g), a.choose(ctx, g))
	}
	tokens, err := a.tokens()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	g.list = a.list(g, tokens)
	return g, nil
}

// pin loads the host keys and picks those of the hosts.
func (a *Access) pin(g *credentials) error {
	pins, err := hostkeys.Load(a.o.Config.SSH.KnownHosts...)
	if err != nil {
		return Explained(err)
	}
	g.pins = pins
	for _, p := range pins.Additions() {
		a.o.Log(fmt.Sprintf("ssh: %s:%d adds a host key to %s, which has built-in ones", p.File, p.Line, strings.Join(p.Hosts, ",")))
	}
	g.knownHosts, err = pins.Render(a.Hosts()...)
	return Explained(err)
}

// choose picks the keys of each repository and makes the agent.
func (a *Access) choose(ctx context.Context, g *credentials) error {
	sources, err := a.sources()
	if err != nil {
		return err
	}
	agent := &sshfwd.Agent{Policy: a.policy(g), Log: a.record}
	var errs []error
	var keyring []key
	for _, s := range sources {
		agent.Sources = append(agent.Sources, s.Source)
		keys, err := s.keys(ctx, a.o.Config.SSH.Keys)
		errs = append(errs, Explained(err))
		keyring = append(keyring, keys...)
	}
	if err := errors.Join(errs...); err != nil || g.pins == nil {
		return err
	}
	if len(a.o.Config.SSH.Keys) > 0 {
		for _, k := range keyring {
			agent.Policy.Identities = append(agent.Policy.Identities, k.Fingerprint)
		}
	}
	for _, r := range a.overSSH() {
		for _, k := range keyring {
			if k.from == r.Key {
				g.chosen[r.String()] = append(g.chosen[r.String()], k)
			}
		}
	}
	g.provider, err = session.NewProvider(agent)
	return err
}

// policy is the rule of the agent: the logins that the repositories need, to pinned hosts.
func (a *Access) policy(g *credentials) sshfwd.Policy {
	p := sshfwd.Policy{}
	if a.o.Config.SSH.Mode == "userauth" {
		p.Mode = sshfwd.Userauth
	}
	for _, r := range a.overSSH() {
		h := sshfwd.Host{Name: knownhosts.Normalize(r.Address()), User: r.User}
		if !slices.Contains(p.Hosts, h) {
			p.Hosts = append(p.Hosts, h)
		}
	}
	if g.pins != nil {
		p.Pinned = func(host string, key ssh.PublicKey) error { return brief(g.pins.Check(host, key)) }
	}
	return p
}

// brief is the result of a check of a host key in few words, since it becomes part of a line for each host.
func brief(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*hostkeys.RevokedError)):
		return errors.New("the key is revoked")
	case errors.As(err, new(*hostkeys.CertificateError)):
		return errors.New("the certificate is not valid")
	default:
		return errors.New("other keys are pinned")
	}
}

// hide remembers secrets that a step is given.
func (a *Access) hide(secrets ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= shortest && !slices.Contains(a.hidden, s) {
			a.hidden = append(a.hidden, s)
		}
	}
}

// shortest is the length below which a secret is not hidden: its letters stand in much else.
const shortest = 6

// Hidden are the secrets that steps were given up to now, which no output may show.
func (a *Access) Hidden() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.hidden)
}

// record keeps the refusals for the report and shows what a person should see.
func (a *Access) record(e sshfwd.Event) {
	switch e := e.(type) {
	case sshfwd.Refused:
		a.mu.Lock()
		defer a.mu.Unlock()
		if line := e.String(); !slices.Contains(a.refusals, line) {
			a.refusals = append(a.refusals, line)
			a.o.Log(line)
		}
	case sshfwd.Signed, sshfwd.Waiting:
		a.o.Log(e.String())
	}
}
