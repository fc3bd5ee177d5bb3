package sshfwd

import (
	"context"
	"encoding/pem"
	"io"
	"os"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func pemText(b *pem.Block) string { return string(pem.EncodeToMemory(b)) }

// need skips the test if a part is missing, or fails it where all parts are required.
func need(t testing.TB, what string, ok bool) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("LPIPE_TEST_PARTS") == "require" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

// touchAgent stands for an agent with one hardware key.
type touchAgent struct {
	agent.ExtendedAgent
	t      testing.TB
	key    *agent.Key
	asked  func() string
	before string // the events when it was asked to sign
	binds  int
}

func (a *touchAgent) source() Source {
	return Source{"touch", func(context.Context) (agent.ExtendedAgent, io.Closer, error) { return a, io.NopCloser(nil), nil }}
}

func (a *touchAgent) List() ([]*agent.Key, error) { return []*agent.Key{a.key}, nil }

func (a *touchAgent) SignWithFlags(ssh.PublicKey, []byte, agent.SignatureFlags) (*ssh.Signature, error) {
	a.before = a.asked()
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: make([]byte, 64), Rest: make([]byte, 5)}, nil
}

func (a *touchAgent) Extension(string, []byte) ([]byte, error) {
	a.binds++
	return nil, agent.ErrExtensionUnsupported
}
