package cli

import (
	"fmt"
	"maps"
	"os"

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
	n, err := network.New(cfg, a.env, login.Dir(a.getenv))
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
	a.env, a.joined = env, n
	return n, nil
}
