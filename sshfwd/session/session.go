// Package session offers agents of package sshfwd to the builds of a BuildKit session. It is apart from them so that their
// rules can be used, and served on a connection, without BuildKit.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	buildkit "github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"lpipe/sshfwd"
)

// ErrUnknownID says that a step asks for an agent that the session does not have.
var ErrUnknownID = errors.New("no SSH agent of that id")

// Provider offers agents to the builds of a BuildKit session. A session can have one such provider: registering
// BuildKit's own beside it ends the process.
type Provider struct {
	agents map[string]*sshfwd.Agent
}

var (
	_ buildkit.Attachable  = (*Provider)(nil)
	_ sshforward.SSHServer = (*Provider)(nil)
)

// NewProvider returns a provider of the agents, or all mistakes in their ids, sources and policies.
func NewProvider(agents ...*sshfwd.Agent) (*Provider, error) {
	p := &Provider{agents: make(map[string]*sshfwd.Agent, len(agents))}
	var errs []error
	for _, a := range agents {
		id := cmp.Or(a.ID, sshforward.DefaultID)
		if p.agents[id] != nil {
			errs = append(errs, fmt.Errorf("SSH agent %q is given twice", id))
		}
		if len(a.Sources) == 0 {
			errs = append(errs, fmt.Errorf("SSH agent %q has no source of identities", id))
		}
		if err := a.Policy.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("policy of SSH agent %q: %w", id, err))
		}
		p.agents[id] = a
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// Register adds the provider to the server of a session.
func (p *Provider) Register(server *grpc.Server) {
	sshforward.RegisterSSHServer(server, p)
}

// CheckAgent runs [sshfwd.Agent.Check]. BuildKit asks for it before a step with an SSH mount, unless that step is cached.
func (p *Provider) CheckAgent(ctx context.Context, req *sshforward.CheckAgentRequest) (*sshforward.CheckAgentResponse, error) {
	a, err := p.agent(req.GetID())
	if err != nil {
		return nil, err
	}
	if err := a.Check(ctx); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return &sshforward.CheckAgentResponse{}, nil
}

// ForwardAgent serves one connection that a step made to its agent socket.
func (p *Provider) ForwardAgent(stream sshforward.SSH_ForwardAgentServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	var id string
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		if v := md.Get(sshforward.KeySSHID); len(v) > 0 {
			id = v[0]
		}
	}
	a, err := p.agent(id)
	if err != nil {
		return err
	}
	ours, theirs := duplex()
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, ours) }()
	copied := sshforward.Copy(ctx, theirs, stream, nil)
	cancel()
	// The reason for which the agent hung up, if it did, says more than that the pipe is closed.
	if err := <-served; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return copied
}

func (p *Provider) agent(id string) (*sshfwd.Agent, error) {
	id = cmp.Or(id, sshforward.DefaultID)
	if a := p.agents[id]; a != nil {
		return a, nil
	}
	known := make([]string, 0, len(p.agents))
	for name := range p.agents {
		known = append(known, name)
	}
	slices.Sort(known)
	return nil, status.Error(codes.NotFound, (&sshfwd.Error{
		Err: fmt.Errorf("%w: %q", ErrUnknownID, id),
		Fix: "known ids: " + strings.Join(known, ", "),
	}).Error())
}

// pipeEnd is one end of a connection in memory of which, other than with net.Pipe, each direction ends by itself,
// so that an answer under way is not lost when the build has closed its side.
type pipeEnd struct {
	*io.PipeReader
	w *io.PipeWriter
}

func duplex() (pipeEnd, pipeEnd) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return pipeEnd{r1, w2}, pipeEnd{r2, w1}
}

func (p pipeEnd) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p pipeEnd) CloseWrite() error           { return p.w.Close() }
func (p pipeEnd) Close() error {
	return errors.Join(p.PipeReader.Close(), p.w.Close())
}
