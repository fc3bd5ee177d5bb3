package hostkeys

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// login connects as a client that uses the pins as documented. The server lets nobody in, so a right host key ends in
// an error of the login.
func login(pins *Pins, addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, _, err = ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: "git", HostKeyAlgorithms: pins.Algorithms(addr), HostKeyCallback: pins.Callback(),
	})
	return err
}

func TestCallbackAcceptsThePinnedKeyWhateverElseTheServerHas(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []ssh.Signer
		pin  func(addr string) string
	}{
		{"ed25519", []ssh.Signer{ed25519Key(), ecdsaKey(), rsaKey()}, func(a string) string { return line(a, ed25519Key().PublicKey()) }},
		{"ecdsa", []ssh.Signer{ed25519Key(), ecdsaKey(), rsaKey()}, func(a string) string { return line(a, ecdsaKey().PublicKey()) }},
		{"rsa", []ssh.Signer{ed25519Key(), ecdsaKey(), rsaKey()}, func(a string) string { return line(a, rsaKey().PublicKey()) }},
		{"the new of two", []ssh.Signer{otherKey()}, func(a string) string {
			return line(a, ed25519Key().PublicKey()) + line(a, otherKey().PublicKey())
		}},
		{"certificate", []ssh.Signer{certify(ed25519Key(), caKey(), 0, "127.0.0.1"), ecdsaKey()}, func(a string) string {
			return "@cert-authority " + line(a, caKey().PublicKey())
		}},
		{"RSA certificate", []ssh.Signer{certify(rsaKey(), caKey(), 0, "127.0.0.1"), ecdsaKey()}, func(a string) string {
			return "@cert-authority " + line(a, caKey().PublicKey())
		}},
		{"plain key beside an authority", []ssh.Signer{ecdsaKey()}, func(a string) string {
			return "@cert-authority " + line(a, caKey().PublicKey()) + line(a, ecdsaKey().PublicKey())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.keys...)
			pins := with(t, defaults(t), tt.pin(s.addr))
			err := login(pins, s.addr)
			if err == nil || !strings.Contains(err.Error(), "unable to authenticate") || s.logins.Load() == 0 {
				t.Errorf("the client did not come as far as the login: %v", err)
			}
		})
	}
}

func TestCallbackRefusesOtherKeys(t *testing.T) {
	unknown, mismatch, revoked, certificate := new(*UnknownHostError), new(*MismatchError), new(*RevokedError), new(*CertificateError)
	ca := caKey().PublicKey()
	for _, tt := range []struct {
		name string
		key  ssh.Signer
		pin  func(addr string) string
		want any
	}{
		{"unknown host", ed25519Key(), func(string) string { return line("other.corp", ed25519Key().PublicKey()) }, unknown},
		{"other key", ed25519Key(), func(a string) string { return line(a, otherKey().PublicKey()) }, mismatch},
		{"revoked", ed25519Key(), func(a string) string {
			return line(a, ed25519Key().PublicKey()) + "@revoked " + line("*", ed25519Key().PublicKey())
		}, revoked},
		{"certificate by another authority", certify(ed25519Key(), otherKey(), 0, "127.0.0.1"), func(a string) string { return "@cert-authority " + line(a, ca) }, mismatch},
		{"certificate of another host", certify(ed25519Key(), caKey(), 0, "other.corp"), func(a string) string { return "@cert-authority " + line(a, ca) }, certificate},
		{"certificate expired", certify(ed25519Key(), caKey(), -2*time.Hour, "127.0.0.1"), func(a string) string { return "@cert-authority " + line(a, ca) }, certificate},
		{"certificate not yet valid", certify(ed25519Key(), caKey(), 2*time.Hour, "127.0.0.1"), func(a string) string { return "@cert-authority " + line(a, ca) }, certificate},
		{"certificate by a revoked authority", certify(ed25519Key(), caKey(), 0, "127.0.0.1"), func(a string) string {
			return "@cert-authority " + line(a, ca) + "@cert-authority " + line(a, otherKey().PublicKey()) + "@revoked " + line("*", ca)
		}, revoked},
		{"certificate of a revoked key", certify(ed25519Key(), caKey(), 0, "127.0.0.1"), func(a string) string {
			return "@cert-authority " + line(a, ca) + "@revoked " + line("*", ed25519Key().PublicKey())
		}, revoked},
		{"authority of another host", certify(ed25519Key(), caKey(), 0, "127.0.0.1"), func(a string) string {
			return "@cert-authority " + line("other.corp", ca)
		}, unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.key)
			err := login(with(t, defaults(t), tt.pin(s.addr)), s.addr)
			if err == nil || !errors.As(err, tt.want) {
				t.Errorf("error is %v, want %T", err, tt.want)
			}
			if s.logins.Load() != 0 {
				t.Error("the client tried to log in")
			}
		})
	}
}

func TestAnAuthorityIsNoHostKeyAndAHostKeyNoAuthority(t *testing.T) {
	authority := with(t, new(Pins), "@cert-authority "+line("git.corp", caKey().PublicKey()))
	if err := authority.Check("git.corp", caKey().PublicKey()); !errors.As(err, new(*MismatchError)) {
		t.Errorf("the authority's key as host key: Check = %v", err)
	}
	plain := with(t, new(Pins), line("git.corp", caKey().PublicKey()))
	if err := plain.Check("git.corp", certify(ed25519Key(), caKey(), 0, "git.corp").PublicKey()); !errors.As(err, new(*MismatchError)) {
		t.Errorf("a certificate signed by a host key: Check = %v", err)
	}
}

func TestAUserCertificateIsNoHostCertificate(t *testing.T) {
	cert := certify(ed25519Key(), caKey(), 0, "git.corp").PublicKey().(*ssh.Certificate)
	user := *cert
	user.CertType = ssh.UserCert
	pins := with(t, new(Pins), "@cert-authority "+line("git.corp", caKey().PublicKey()))
	if err := pins.Check("git.corp", cert); err != nil {
		t.Fatal(err)
	}
	if err := pins.Check("git.corp", &user); !errors.As(err, new(*CertificateError)) {
		t.Errorf("Check = %v", err)
	}
	forged := *cert
	forged.ValidPrincipals = []string{"git.corp", "more.corp"}
	if err := pins.Check("git.corp", &forged); !errors.As(err, new(*CertificateError)) {
		t.Errorf("a certificate changed after signing: Check = %v", err)
	}
}

func TestAMismatchNamesHostFingerprintsPinAndWhatToDo(t *testing.T) {
	shown := otherKey().PublicKey()
	for _, tt := range []struct {
		host, text string
		want, not  []string
	}{
		{
			"github.com", "",
			[]string{
				"github.com", "the server showed ssh-ed25519 " + ssh.FingerprintSHA256(shown),
				"ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU (built-in known_hosts:", "lpipe hostkeys update",
			},
			[]string{"ecdsa", "rsa"},
		},
		{
			"ssh.github.com:443", "", []string{"[ssh.github.com]:443", "keys that GitHub publishes: lpipe hostkeys update"}, nil,
		},
		{
			"git.corp:2222", "\n\n" + line("git.corp:2222", rsaKey().PublicKey()), []string{
				"[git.corp]:2222", ssh.FingerprintSHA256(shown), ssh.FingerprintSHA256(rsaKey().PublicKey()), "(user:3)",
				"only then change the pin", "lpipe hostkeys update",
			}, nil,
		},
		{
			"gitlab.com", "", []string{"SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8", "install a newer lpipe", "lpipe hostkeys update"}, nil,
		},
		{
			"notgithub.com", line("notgithub.com", rsaKey().PublicKey()), []string{"ask whoever runs the host"}, nil,
		},
	} {
		t.Run(tt.host, func(t *testing.T) {
			err := with(t, defaults(t), tt.text).Check(tt.host, shown)
			var mismatch *MismatchError
			if !errors.As(err, &mismatch) {
				t.Fatalf("Check = %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in:\n%v", want, err)
				}
			}
			for _, not := range append(tt.not, "continue", "anyway", "keyscan", "yes/no") {
				if strings.Contains(err.Error(), not) {
					t.Errorf("%q is in:\n%v", not, err)
				}
			}
		})
	}
}

func TestNoErrorOffersToTrustTheNetwork(t *testing.T) {
	pin := defaults(t).All()[0]
	key := certify(ed25519Key(), caKey(), 0).PublicKey()
	for _, err := range []error{
		&UnknownHostError{Host: "git.corp"}, &UnknownHostError{Host: "git.corp", Key: key},
		&MismatchError{Host: "git.corp", Key: key, Pins: []Pin{pin}}, &RevokedError{Host: "git.corp", Key: key, Pin: pin},
		&CertificateError{Host: "git.corp", Key: key, Pin: pin, Err: errors.New("expired")},
	} {
		for _, not := range []string{"continue", "anyway", "keyscan", "StrictHostKeyChecking"} {
			if strings.Contains(err.Error(), not) {
				t.Errorf("%q is in: %v", not, err)
			}
		}
		if !strings.Contains(err.Error(), "git.corp") {
			t.Errorf("no host in: %v", err)
		}
	}
}

func TestAlgorithmsFollowThePins(t *testing.T) {
	const cert = "-cert-v01@openssh.com"
	pins := with(t, new(Pins), line("rsa", rsaKey().PublicKey())+line("two", ecdsaKey().PublicKey())+line("two", ed25519Key().PublicKey())+
		line("two", otherKey().PublicKey())+"@cert-authority "+line("ca", ed25519Key().PublicKey())+
		line("both", rsaKey().PublicKey())+"@cert-authority "+line("both", rsaKey().PublicKey()))
	for host, want := range map[string][]string{
		"rsa":  {"rsa-sha2-512", "rsa-sha2-256"},
		"two":  {"ecdsa-sha2-nistp256", "ssh-ed25519"},
		"none": nil,
	} {
		if got := pins.Algorithms(host); !slices.Equal(got, want) {
			t.Errorf("Algorithms(%s) = %q, want %q", host, got, want)
		}
	}
	ca := pins.Algorithms("ca")
	for _, want := range []string{"ssh-ed25519" + cert, "ecdsa-sha2-nistp256" + cert, "rsa-sha2-512" + cert} {
		if !slices.Contains(ca, want) {
			t.Errorf("Algorithms(ca) = %q: no %s", ca, want)
		}
	}
	if i := slices.IndexFunc(ca, func(a string) bool { return !strings.HasSuffix(a, cert) && !strings.Contains(a, "-cert-") }); i >= 0 || slices.Contains(ca, "ssh-rsa"+cert) {
		t.Errorf("Algorithms(ca) = %q: want certificates only, none of them with SHA-1", ca)
	}
	if got, want := pins.Algorithms("both"), append(slices.Clone(ca), "rsa-sha2-512", "rsa-sha2-256"); !slices.Equal(got, want) {
		t.Errorf("Algorithms(both) = %q, want %q", got, want)
	}
}
