package network

import (
	"maps"
	"os"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
)

// Joined is how a run and the programs that it starts reach the network.
type Joined struct {
	Network *Network
	Home    *cargo.Home       // the user's configuration of cargo
	Env     map[string]string // the environment of lpipe with Added
	Added   map[string]string // variables for this process and what it starts, as of [Network.Environment]
}

// Join reads what this machine and lpipe.toml say of the network: see [New]. With an error, which is a [fault.Usage] fault,
// it returns one that says nothing of the network.
func Join(cfg *config.Config, env map[string]string, docker string) (Joined, error) {
	none := Joined{Network: &Network{}, Home: &cargo.Home{}, Env: env}
	home, err := cargo.ReadHome(os.DirFS("/"), env)
	if err != nil {
		return none, err
	}
	n, err := New(cfg, env, home, docker)
	if err != nil {
		return none, err
	}
	added, err := n.Environment(env)
	if err != nil {
		return none, err
	}
	all := maps.Clone(env)
	maps.Copy(all, added)
	return Joined{Network: n, Home: home, Env: all, Added: added}, nil
}
