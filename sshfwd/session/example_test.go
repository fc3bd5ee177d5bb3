package session_test

import (
	"context"
	"log"

	"github.com/moby/buildkit/client"
	buildkit "github.com/moby/buildkit/session"

	"lpipe/hostkeys"
	"lpipe/sshfwd"
	"lpipe/sshfwd/session"
)

// A build whose steps may log in to GitHub: RUN --mount=type=ssh git fetch …
func Example() {
	pins, err := hostkeys.Default()
	if err != nil {
		log.Fatal(err)
	}
	key, err := sshfwd.KeyFile("deploy_key", "")
	if err != nil {
		log.Fatal(err)
	}
	provider, err := session.NewProvider(&sshfwd.Agent{
		Sources: []sshfwd.Source{key},
		Policy:  sshfwd.Policy{Hosts: []sshfwd.Host{{Name: "github.com", User: "git"}}, Pinned: pins.Check},
	})
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(context.Background(), "unix:///run/buildkit/buildkitd.sock")
	if err != nil {
		log.Fatal(err)
	}
	opt := client.SolveOpt{Frontend: "dockerfile.v0", Session: []buildkit.Attachable{provider}}
	if _, err := c.Solve(context.Background(), nil, opt, nil); err != nil {
		log.Fatal(err)
	}
}
