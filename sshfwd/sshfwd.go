// Package sshfwd lends a build the least SSH agent that a git fetch needs.
//
// The build may list the identities that a [Policy] names and have them sign logins to the hosts that it pins,
// as the users it names. Every other request is refused, including ones that the agent protocol may gain later:
// each request is written out here and none is inherited from an embedded agent. What this cannot do is tell
// repositories apart: code that runs in a step which has the agent can fetch whatever the identity may fetch
// from a pinned host. So only steps that run no foreign code should have it.
//
// The sources, such as the user's agent, see one connection at a time, and only while a request that the policy allows is
// answered. Connections and requests are bounded in number, size and time.
//
// An [Agent] joins sources of identities ([Socket], [KeyFile], [EnvKey], [Path]) to a policy. [Agent.Serve]
// speaks the agent protocol on one connection, and each request leaves an [Event]. Package session, in the folder of that
// name, offers agents to BuildKit.
//
// The terms: a bind is OpenSSH's session-bind@openssh.com message, by which the SSH client shows the agent the
// server's host key with its signature over the session id of the connection it is about to log in on. A session
// id is the hash of the first key exchange and part of the data that a login signs, so a verified bind ties a
// signature to a server. The sources are RFC 4251 and 4252, draft-ietf-sshm-ssh-agent, and OpenSSH's PROTOCOL,
// PROTOCOL.agent and PROTOCOL.sshsig.
package sshfwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// checkTimeout bounds how long the sources may take to list their identities in [Agent.Check]. An agent may ask
// its user to unlock it first, which takes a person some seconds.
const checkTimeout = 30 * time.Second

// Agent is a restricting agent: identities, and the rule for what may be done with them. It must not be changed
// once in use.
type Agent struct {
	// ID is the name that a build step asks for, as in RUN --mount=type=ssh,id=ID. Empty is "default".
	ID      string
	Sources []Source
	Policy  Policy
	// Preflight, if set, is called by Check, which BuildKit calls only when a step with an SSH mount really runs.
	Preflight func(context.Context) error
	// Log, if set, receives what happens, in order for one connection; several connections may call it at once.
	Log func(Event)

	serving atomic.Int32 // connections of the build
	asking  sync.Mutex   // held while the sources are asked
}

// Check asks whether a build can use the agent: every source can be reached, together they have identities, and
// those that the policy names are among them. It then runs Preflight. All problems come back, joined; those of
// sources are [Error] values.
func (a *Agent) Check(ctx context.Context) error {
	err := a.checkIdentities(ctx)
	if a.Preflight != nil {
		err = errors.Join(err, a.Preflight(ctx))
	}
	if err != nil {
		a.log(CheckFailed{ID: a.id(), Err: err})
	}
	return err
}

func (a *Agent) checkIdentities(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var errs []error
	var have, names []string
	for _, src := range a.Sources {
		ids, err := src.Identities(ctx)
		errs = append(errs, err)
		names = append(names, src.String())
		for _, id := range ids {
			have = append(have, id.Fingerprint)
		}
	}
	// What an unreachable source would have had is not known, so nothing is said about missing identities.
	if err := errors.Join(errs...); err != nil {
		return err
	}
	source := strings.Join(names, ", ")
	if len(have) == 0 {
		return &Error{Source: source, Err: ErrEmptyAgent, Fix: `add a key with "ssh-add", or unlock the agent with "ssh-add -X"`}
	}
	var missing []string
	for _, want := range a.Policy.Identities {
		if !slices.Contains(have, want) {
			missing = append(missing, want)
		}
	}
	if len(missing) > 0 {
		return &Error{
			Source: source,
			Err:    fmt.Errorf("%w: %s (there: %s)", ErrMissingIdentity, strings.Join(missing, ", "), strings.Join(have, ", ")),
			Fix:    `add the key with "ssh-add FILE", or allow one that is there; "ssh-add -l" lists them`,
		}
	}
	return nil
}

// id is that of the agent: a build step that names none asks for "default".
func (a *Agent) id() string { return cmp.Or(a.ID, "default") }

func (a *Agent) log(e Event) {
	if a.Log != nil {
		a.Log(e)
	}
}
