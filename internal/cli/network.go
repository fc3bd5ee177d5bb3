package cli

import (
	"fmt"
	"maps"
	"os"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/login"
	"lpipe/internal/network"
)

// network is how the run reaches the network. From the first call on this process, the engine that it starts and the
// credential helpers that it calls reach it in that way too.
func (a *app) network(cfg *config.Config) (*network.Network, error) {
	if a.joined != nil {
		return a.joined, nil
	}
	home, err := cargo.ReadHome(os.DirFS("/"), a.env)
	if err != nil {
		return nil, err
	}
	n, err := network.New(cfg, a.env, home, login.Dir(a.getenv))
	if err != nil {
		return nil, err
	}
	more, err := n.Environment(a.env)
	if err != nil {
		return nil, err
	}
	env := maps.Clone(a.env)
	for name, value := range more {
		env[name] = value
		if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	a.env, a.joined, a.cargo = env, n, home
	return n, nil
}

// crates are where the crates of the projects come from, as far as the user's own configuration of cargo decides that.
func (a *app) crates(projects []*project) *cargo.Crates {
	crates := cargo.NewCrates()
	for _, p := range projects {
		crates.Add(a.cargo, p.plan.Workspace)
	}
	return crates
}
