package hostkeys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestLinesMatchHostsAsOpenSSHReadsThem(t *testing.T) {
	key := keyText(ed25519Key().PublicKey())
	hashed := func(host string) string { return knownhosts.HashHostname(host) }
	for _, tt := range []struct {
		name, hosts string
		match, miss []string
	}{
		{"name", "git.corp", []string{"git.corp", "git.corp:22", "GIT.corp"}, []string{"git.corp:2222", "xgit.corp", "git.corp.evil"}},
		{"upper case in the file", "Git.Corp", []string{"git.corp"}, nil},
		{"port", "[git.corp]:2222", []string{"git.corp:2222", "[git.corp]:2222"}, []string{"git.corp"}},
		{"list", "a.corp,b.corp,10.0.0.1", []string{"a.corp", "b.corp", "10.0.0.1"}, []string{"c.corp", "a.corp,b.corp"}},
		{"star", "*.corp", []string{"git.corp", "a.b.corp"}, []string{"corp", "git.corp:2222"}},
		{"question mark", "git?.corp", []string{"git1.corp"}, []string{"git.corp", "git12.corp"}},
		{"negation wins", "*.corp,!bad.corp", []string{"git.corp"}, []string{"bad.corp"}},
		{"negation first", "!bad.corp,*.corp", []string{"git.corp"}, []string{"bad.corp"}},
		{"IPv6", "2001:db8::1", []string{"2001:db8::1", "[2001:db8::1]:22", "[2001:DB8::1]"}, []string{"[2001:db8::1]:2222"}},
		{"IPv6 with port", "[2001:db8::1]:2222", []string{"[2001:db8::1]:2222"}, []string{"2001:db8::1"}},
		{"hashed", hashed("git.corp"), []string{"git.corp", "GIT.corp:22"}, []string{"git.corp:2222", "other.corp"}},
		{"hashed with port", hashed("[git.corp]:2222"), []string{"git.corp:2222"}, []string{"git.corp"}},
		{"hashed IPv6", hashed("2001:db8::1"), []string{"2001:db8::1"}, []string{"2001:db8::2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pins := with(t, new(Pins), tt.hosts+" "+key+" a comment\n")
			for _, host := range tt.match {
				if got := pins.Lookup(host); len(got) != 1 || got[0].Comment != "a comment" {
					t.Errorf("Lookup(%q) = %v, want the line", host, got)
				}
				if err := pins.Check(host, ed25519Key().PublicKey()); err != nil {
					t.Errorf("Check(%q): %v", host, err)
				}
			}
			for _, host := range tt.miss {
				if got := pins.Lookup(host); len(got) != 0 {
					t.Errorf("Lookup(%q) = %v, want nothing", host, got)
				}
				if err := pins.Check(host, ed25519Key().PublicKey()); !errors.As(err, new(*UnknownHostError)) {
					t.Errorf("Check(%q) = %v, want an unknown host", host, err)
				}
			}
		})
	}
}

func TestAStringThatIsNoHostIsNeverPinned(t *testing.T) {
	pins := with(t, new(Pins), "*,[*]:0,[*]:65536,[*]:ssh "+keyText(ed25519Key().PublicKey())+"\n")
	if len(pins.Lookup("any.host")) != 1 {
		t.Fatal("the wildcard does not match")
	}
	for _, host := range []string{
		"", "*", "a,b", "!a", "a b", "a\nb", "|1|x|y", "@revoked", "#a", "-v", "a:0", "a:65536", "a:ssh", "a:", ":22",
		"::g", "fe80::1%eth0", "git@host", "[a", "ä",
	} {
		if got := pins.Lookup(host); got != nil {
			t.Errorf("Lookup(%q) = %v", host, got)
		}
		if err := pins.Check(host, ed25519Key().PublicKey()); err == nil {
			t.Errorf("Check(%q) passes", host)
		}
		if out, err := pins.Render(host); err == nil {
			t.Errorf("Render(%q) = %q", host, out)
		}
	}
}

func TestUserLinesAddToBuiltinHostsAndTakeNothingAway(t *testing.T) {
	before := defaults(t).Lookup("github.com")
	pins := with(t, defaults(t), line("github.com", otherKey().PublicKey())+line("git.corp", ed25519Key().PublicKey()))
	after := pins.Lookup("github.com")
	if len(after) != len(before)+1 || types(after[:len(before)]) != types(before) || types(after[len(before):]) != "user:1 " {
		t.Errorf("github.com is pinned by %v", after)
	}
	if got := pins.Additions(); types(got) != "user:1 " {
		t.Errorf("Additions = %v, want the line that adds to github.com and no other", got)
	}
	if len(defaults(t).Lookup("git.corp")) != 0 {
		t.Error("With changed the pins that it was called on")
	}
	repeated := with(t, defaults(t), line("github.com", before[0].Key))
	if got := repeated.Additions(); len(got) != 0 {
		t.Errorf("Additions = %v for a key that is built in", got)
	}
}

func TestWildcardsOfUserFilesDoNotReachBuiltinHosts(t *testing.T) {
	key := otherKey().PublicKey()
	builtin := []string{"github.com", "ssh.github.com:443", "gitlab.com", "bitbucket.org", "ssh.dev.azure.com"}
	for _, tt := range []struct {
		name, hosts string
		reaches     []string
	}{
		{"everything", "*", nil},
		{"a domain", "*.com,*.org", nil},
		{"a port", "[*.github.com]:443,[*]:443", nil},
		{"question marks", "git???.com", nil},
		{"a negation of one", "*,!gitlab.com", nil},
		{"a name beside a wildcard", "*,GitHub.com", []string{"github.com"}},
		{"a port beside a wildcard", "*,[ssh.github.com]:443", []string{"ssh.github.com:443"}},
		{"a hashed name", knownhosts.HashHostname("github.com"), []string{"github.com"}},
	} {
		for _, marker := range []string{"", "@cert-authority "} {
			t.Run(marker+tt.name, func(t *testing.T) {
				pins := with(t, defaults(t), marker+tt.hosts+" "+keyText(key)+"\n")
				for _, host := range builtin {
					want := slices.Contains(tt.reaches, host)
					got := slices.ContainsFunc(pins.Lookup(host), func(p Pin) bool { return p.is(key) })
					if got != want {
						t.Errorf("the line vouches for %s: %t, want %t", host, got, want)
					}
					if checked := pins.Check(host, key) == nil; checked != (want && marker == "") {
						t.Errorf("Check(%s) passes: %t", host, checked)
					}
				}
			})
		}
	}
	if len(with(t, defaults(t), "* "+keyText(key)+"\n").Lookup("git.corp")) != 1 {
		t.Error("the wildcard does not reach other hosts")
	}
}

func TestRevokedWins(t *testing.T) {
	github := defaults(t).Lookup("github.com")[0].Key
	own := ed25519Key().PublicKey()
	retired := defaults(t).All()[slices.IndexFunc(defaults(t).All(), func(p Pin) bool { return p.Revoked })]
	for _, tt := range []struct {
		name, text, host, place string
		key                     ssh.PublicKey
	}{
		{"a built-in key by a user's line", "@revoked * " + keyText(github), "github.com", "user:1", github},
		{"whatever hosts the line names", "@revoked other.corp " + keyText(github), "github.com", "user:1", github},
		{"before the pin", "@revoked * " + keyText(own) + "\n" + line("git.corp", own), "git.corp", "user:1", own},
		{"after the pin", line("git.corp", own) + "@revoked * " + keyText(own), "git.corp", "user:2", own},
		{"a built-in revocation over a user's pin", line("github.com", retired.Key), "github.com", retired.position(), retired.Key},
		{"for a host nobody pins", "@revoked * " + keyText(own), "git.corp", "user:1", own},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pins := with(t, defaults(t), tt.text+"\n")
			var revoked *RevokedError
			if err := pins.Check(tt.host, tt.key); !errors.As(err, &revoked) {
				t.Fatalf("Check = %v, want revoked", err)
			}
			if revoked.Pin.position() != tt.place || !strings.Contains(revoked.Error(), tt.place) {
				t.Errorf("%v: want the line at %s", revoked, tt.place)
			}
			if slices.ContainsFunc(pins.Lookup(tt.host), func(p Pin) bool { return p.is(tt.key) }) {
				t.Error("Lookup returns a revoked key")
			}
		})
	}
}

func TestEveryBadLineIsReported(t *testing.T) {
	good := keyText(ed25519Key().PublicKey())
	cert := keyText(certify(ed25519Key(), caKey(), 0, "git.corp").PublicKey())
	text := strings.Join([]string{
		"# a comment", "", "git.corp " + good, // 1 to 3
		"oneword",
		"git.corp ssh-ed25519",
		"git.corp ssh-rsa " + strings.Fields(good)[1],
		"@trusted git.corp " + good,
		"@cert-authority @revoked " + good,
		"@cert-authority git.corp " + cert,
		"git.corp ssh-ed25519 AAAA!!!!",
		"|1|bad|hash " + good,
		"|2|AAAA|AAAA " + good,
		"! " + good,
		strings.Repeat("host,", 20000) + "host " + good,
		"git.corp " + good[:len(good)-8],
	}, "\r\n")
	_, err := new(Pins).With("my_hosts", []byte(text))
	if err == nil {
		t.Fatal("bad lines are taken")
	}
	for n := 4; n <= 15; n++ {
		if !strings.Contains(err.Error(), fmt.Sprintf("my_hosts:%d: ", n)) {
			t.Errorf("line %d is not reported:\n%v", n, err)
		}
	}
	var lineErr *LineError
	if !errors.As(err, &lineErr) || lineErr.Line < 4 || strings.Contains(err.Error(), os.TempDir()) {
		t.Errorf("want the lines of the user's file:\n%v", err)
	}
}

func TestLoadLaysFilesOverTheBuiltinPins(t *testing.T) {
	dir := t.TempDir()
	first, second, bad := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "bad")
	for file, text := range map[string]string{
		first:  line("git.corp", ed25519Key().PublicKey()),
		second: "\n" + line("git.corp", rsaKey().PublicKey()),
		bad:    "nonsense",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pins, err := Load(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := types(pins.Lookup("git.corp")), first+":1 "+second+":2 "; got != want {
		t.Errorf("git.corp is pinned at %s, want %s", got, want)
	}
	if len(pins.Lookup("github.com")) != 3 {
		t.Error("the built-in pins are gone")
	}
	_, err = Load(bad, filepath.Join(dir, "absent"))
	if !errors.Is(err, os.ErrNotExist) || !errors.As(err, new(*LineError)) {
		t.Errorf("Load = %v, want both the bad line and the absent file", err)
	}
}

func TestTheZeroPinsPinNothing(t *testing.T) {
	pins := new(Pins)
	if err := pins.Check("github.com", ed25519Key().PublicKey()); !errors.As(err, new(*UnknownHostError)) {
		t.Errorf("Check = %v", err)
	}
	if out, err := pins.Render(); len(out) != 0 || err != nil {
		t.Errorf("Render = %q, %v", out, err)
	}
}

// TestLoadTakesRegularFiles: a named pipe blocks whoever opens it, and a device may have no end.
func TestLoadTakesRegularFiles(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, large, "/dev/zero", dir} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
