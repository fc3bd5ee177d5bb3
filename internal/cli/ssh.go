package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"

	"lpipe/internal/access"
	"lpipe/internal/plan"
	"lpipe/internal/progress"
)

// access is what the fetch steps of the projects may fetch, and with what: a run has one agent and one list of
// repositories. It serves the other secrets as well. The notes are for the report.
func (a *app) access(projects []*project, ssh []string, secrets map[string][]byte, log func(string)) (granted *access.Access, notes []string, err error) {
	cfg, err := common(projects)
	if err != nil {
		return nil, nil, err
	}
	var repositories []plan.Repository
	var registries []plan.Registry
	for _, p := range projects {
		repositories = append(repositories, p.plan.Repositories...)
		registries = append(registries, p.plan.Registries...)
	}
	slices.SortFunc(repositories, func(a, b plan.Repository) int { return cmp.Compare(a.String(), b.String()) })
	repositories = slices.Compact(repositories)
	cwd, err := os.Getwd()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the current folder: %w", err)
	}
	n, err := a.network(cfg)
	if err != nil {
		return nil, nil, err
	}
	crates := a.crates(projects)
	for name, index := range crates.Registries {
		registries = append(registries, plan.Registry{Index: plan.IndexURL(index), Name: name})
	}
	for _, s := range crates.Sources {
		if s.Registry != "" {
			registries = append(registries, plan.Registry{Index: plan.IndexURL(s.Registry)})
		}
	}
	granted, err = access.New(access.Options{
		Config: cfg, Repositories: repositories, Registries: registries, Network: n, Crates: crates.TOML(), Env: a.env, Cwd: cwd, SSH: ssh, Secrets: secrets, Log: log,
	})
	return granted, crates.Notes, err
}

// sshUsage is the help of --ssh.
const sshUsage = "keys for private repositories, as for docker buildx build: `default`, default=SOCKET or default=KEY,KEY"

// sayer hands lines to a display that starts later than what writes them.
type sayer struct {
	mu      sync.Mutex
	display *progress.Display
}

func (s *sayer) start(d *progress.Display) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.display = d
}

func (s *sayer) say(line string) {
	s.mu.Lock()
	d := s.display
	s.mu.Unlock()
	if d != nil {
		d.Say("%s", line)
	}
}
