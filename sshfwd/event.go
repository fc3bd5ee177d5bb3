package sshfwd

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Event is something that happened to an [Agent]: [Signed], [Refused], [Listed], [Waiting] or [CheckFailed]. Its
// String is one line for a log, safe to print: what comes from the build is quoted.
type Event interface {
	fmt.Stringer
	event()
}

// Signed is a login that was signed.
type Signed struct {
	ID       string        // the agent's
	User     string        // as whom
	Host     string        // the pinned host, empty when it could not be verified
	HostKey  ssh.PublicKey // its key, nil when it could not be verified
	Identity string        // fingerprint of the key that signed
}

// Refused is a request that was refused.
type Refused struct {
	ID      string
	Request string // what was asked for: "a login", "removing all identities"
	Err     error  // the reason, one of this package's errors
}

// Listed is a listing of the identities.
type Listed struct {
	ID         string
	Identities []string // fingerprints of those that were shown
}

// Waiting is a signature of a hardware key (sk-…), which most of them give only after a touch.
type Waiting struct {
	ID       string
	Identity string // fingerprint
}

// CheckFailed is an [Agent.Check] that failed. BuildKit hands on only the text of the error, so this is where
// to find its type.
type CheckFailed struct {
	ID  string
	Err error
}

func (Signed) event()      {}
func (Refused) event()     {}
func (Listed) event()      {}
func (Waiting) event()     {}
func (CheckFailed) event() {}

func (e Signed) String() string {
	if e.HostKey == nil {
		return fmt.Sprintf("ssh: signed login as %s (the host is not verified) with %s", e.User, e.Identity)
	}
	return fmt.Sprintf("ssh: signed login as %s@%s (pinned %s) with %s", e.User, e.Host, describe(e.HostKey), e.Identity)
}

func (e Refused) String() string {
	return fmt.Sprintf("ssh: refused %s: %s", e.Request, oneLine(e.Err))
}

func (e Listed) String() string {
	if len(e.Identities) == 0 {
		return "ssh: listed no identities"
	}
	return "ssh: listed " + strings.Join(e.Identities, ", ")
}

func (e Waiting) String() string {
	return fmt.Sprintf("ssh: waiting for a touch of the hardware key %s", e.Identity)
}

func (e CheckFailed) String() string {
	return fmt.Sprintf("ssh: agent %q cannot be used: %s", e.ID, oneLine(e.Err))
}

func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// clip bounds what a message of the build can put on the user's terminal; the caller quotes it.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
