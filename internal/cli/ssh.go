package cli

import (
	"fmt"
	"os"
	"sync"

	"lpipe/internal/access"
	"lpipe/internal/progress"
)

// access is what the run's fetch steps may fetch, and with what. It serves the other secrets as well.
func (a *app) access(p *project, ssh []string, secrets map[string][]byte, log func(string)) (*access.Access, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the current folder: %w", err)
	}
	return access.New(access.Options{
		Config: p.cfg, Repositories: p.plan.Repositories, Env: a.env, Cwd: cwd, SSH: ssh, Secrets: secrets, Log: log,
	})
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
		d.Say(line)
	}
}
