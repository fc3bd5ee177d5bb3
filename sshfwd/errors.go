package sshfwd

import "errors"

// Error is a problem with a source of identities that the user can mend. It never quotes key material.
type Error struct {
	Source string // the source's name, such as "env:DEPLOY_KEY" or the path of a socket
	Err    error  // one of this package's errors, perhaps wrapped with details
	Fix    string // what to do about it
}

// Error returns the source, the problem and the fix on one line.
func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Source != "" {
		s = e.Source + ": " + s
	}
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// The problems with agents.
var (
	ErrNoAgent         = errors.New("no SSH agent can be reached")
	ErrEmptyAgent      = errors.New("there are no identities")
	ErrMissingIdentity = errors.New("wanted identities are missing")
)

// The problems with keys.
var (
	ErrNoKey          = errors.New("there is no private key in it")
	ErrCutKey         = errors.New("the private key is cut off: it has no END line")
	ErrUnreadableKey  = errors.New("the private key is damaged or of an unknown kind")
	ErrEncrypted      = errors.New("the private key is encrypted and no passphrase is given")
	ErrPassphrase     = errors.New("the passphrase does not open the private key")
	ErrEncryptedPKCS8 = errors.New("the private key is encrypted in PKCS #8 format, which is not supported")
	ErrPuTTY          = errors.New("the private key is in PuTTY's .ppk format")
	ErrPublicKey      = errors.New("this is a public key")
	ErrDSA            = errors.New("DSA keys are refused, as servers refuse them too")
	ErrHardwareKey    = errors.New("this is the handle of a hardware key, which only an agent can use")
)

// The reasons for which a request of the build is refused.
var (
	ErrRequest     = errors.New("this agent only lists identities and signs logins")
	ErrExtension   = errors.New("the extension is not offered")
	ErrMalformed   = errors.New("the message is malformed")
	ErrTooMany     = errors.New("the build has too many connections to the agent open")
	ErrSlow        = errors.New("no complete request came in time")
	ErrPoisoned    = errors.New("a session bind on this connection was refused")
	ErrForwarded   = errors.New("the session bind is for a forwarded agent")
	ErrRebind      = errors.New("the connection is bound already")
	ErrBindInvalid = errors.New("the host's signature over the session is invalid")
	ErrUnpinned    = errors.New("the host key is pinned for no allowed host")
	ErrUnbound     = errors.New("the connection is not bound to a host: the build needs OpenSSH 8.9 or later, or userauth mode")
	ErrSession     = errors.New("the login is for another session than the one bound")
	ErrUser        = errors.New("the user is not allowed on that host")
	ErrService     = errors.New("the login asks for another service than ssh-connection")
	ErrMethod      = errors.New("the login uses another method than publickey")
	ErrHostbound   = errors.New("the login names another host key than the one bound")
	ErrKeyMismatch = errors.New("the login names another identity than the one asked to sign")
	ErrIdentity    = errors.New("the identity is not allowed or not there")
	ErrSSHSIG      = errors.New("signing files and commits is refused")
	ErrAlgorithm   = errors.New("the signature algorithm is refused")
)
