package sshfwd_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"lpipe/hostkeys"
	"lpipe/sshfwd"
)

// An agent that signs logins of git to GitHub with the keys of the user's agent, and nothing else.
func Example() {
	pins, err := hostkeys.Default()
	if err != nil {
		log.Fatal(err)
	}
	agent := &sshfwd.Agent{
		Sources: []sshfwd.Source{sshfwd.Socket(os.Getenv("SSH_AUTH_SOCK"))},
		Policy:  sshfwd.Policy{Hosts: []sshfwd.Host{{Name: "github.com", User: "git"}}, Pinned: pins.Check},
		Log:     func(e sshfwd.Event) { log.Println(e) },
	}
	if err := agent.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("unix", "/tmp/agent.sock")
	if err != nil {
		log.Fatal(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go agent.Serve(context.Background(), c)
	}
}

// Mistakes in a policy show before it is used.
func ExamplePolicy_Validate() {
	policy := sshfwd.Policy{Hosts: []sshfwd.Host{{Name: "github.com", User: "git"}}, Identities: []string{"MD5:aa"}}
	fmt.Println(policy.Validate())
	// Output:
	// "MD5:aa" is no fingerprint: "ssh-add -l" prints them as SHA256:… with 43 characters
	// no function to check host keys
}
