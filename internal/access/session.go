package access

import (
	"context"
	_ "embed"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"lpipe/internal/network"
)

// The secrets that the fetch stage mounts; Dockerfile.tmpl says where.
const (
	secretGit          = "lpipe-git"
	secretRepositories = "lpipe-repositories"
	secretKnownHosts   = "lpipe-known-hosts"
	secretFetch        = "lpipe-fetch"
	secretRegistries   = "lpipe-registries"
	secretCrates       = "lpipe-crates"
)

//go:embed git.sh
var gitScript []byte

//go:embed fetch.sh
var fetchScript []byte

// Session returns the providers of secrets and of the agent. A BuildKit session can have one of each.
func (a *Access) Session() []session.Attachable {
	return []session.Attachable{secretsprovider.NewSecretProvider(store{a}), server{a}}
}

// store answers for the secrets.
type store struct{ *Access }

// GetSecret returns the secret of that id. BuildKit asks when a step that mounts it runs.
func (s store) GetSecret(_ context.Context, id string) ([]byte, error) {
	switch id {
	case secretGit:
		return gitScript, nil
	case secretFetch:
		return fetchScript, nil
	case secretRegistries:
		return s.registryList(), nil
	case secretCrates:
		return []byte(s.o.Crates), nil
	case network.SecretNetwork:
		s.hide(s.o.Network.Secrets()...)
		return s.o.Network.Script(), nil
	case network.SecretAuthorities:
		return s.o.Network.Authorities()
	case secretRepositories, secretKnownHosts:
		g, err := s.prepare()
		if err != nil {
			return nil, err
		}
		if id == secretRepositories {
			return g.list, nil
		}
		return g.knownHosts, nil
	}
	if secret, ok := s.o.Secrets[id]; ok {
		return secret, nil
	}
	return nil, secrets.ErrNotFound
}

// server is the agent, made when a step first asks for it.
type server struct{ *Access }

var _ sshforward.SSHServer = server{}

// Register adds the agent to the server of a session.
func (s server) Register(to *grpc.Server) { sshforward.RegisterSSHServer(to, s) }

// CheckAgent is what BuildKit asks for before a step with an SSH mount runs.
func (s server) CheckAgent(ctx context.Context, req *sshforward.CheckAgentRequest) (*sshforward.CheckAgentResponse, error) {
	provider, err := s.provider()
	if err != nil {
		return nil, err
	}
	return provider.CheckAgent(ctx, req)
}

// ForwardAgent serves one connection of the step.
func (s server) ForwardAgent(stream sshforward.SSH_ForwardAgentServer) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	return provider.ForwardAgent(stream)
}

func (s server) provider() (sshforward.SSHServer, error) {
	g, err := s.prepare()
	if err == nil && g.provider != nil {
		return g.provider, nil
	}
	text := "nothing is fetched over SSH"
	if err != nil {
		text = err.Error()
	}
	return nil, status.Error(codes.FailedPrecondition, text)
}
