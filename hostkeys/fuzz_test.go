package hostkeys

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Whatever a user's file holds, it takes no built-in pin away but by @revoked, gives built-in hosts no key by a
// wildcard, and what is rendered from it reads back as the same pins.
func FuzzWith(f *testing.F) {
	key := keyText(ed25519Key().PublicKey())
	for _, seed := range []string{
		"", "# comment\n\ngit.corp " + key, "*,!bad.corp " + key + " c\r\n", "@cert-authority *.com " + key, "@revoked * " + key,
		"@other x " + key, "[git.corp]:2222,10.0.0.1 " + key, "::1,[::1]:22 " + key, knownhosts.HashHostname("git.corp") + " " + key,
		"|1|bad|hash " + key, "git.corp ssh-rsa " + key, "!,, " + key, "git* " + key, "x", "#a,@b " + key, "\x00 " + key,
		"ab\n@revoked github.com " + keyText(must(Default()).Lookup("github.com")[0].Key), string(builtin),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		base := defaults(t)
		pins, err := base.With("user", data)
		if err != nil {
			return
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, pin := range pins.All()[len(base.All()):] {
			if pin.File != "user" || pin.Line < 1 || pin.Line > lines || len(pin.Hosts) == 0 {
				t.Fatalf("%+v of %d lines", pin, lines)
			}
		}
		for _, host := range []string{"github.com", "ssh.github.com:443", "git.corp", "::1"} {
			got := pins.Lookup(host)
			for _, pin := range base.Lookup(host) {
				if !slices.ContainsFunc(got, func(p Pin) bool { return p.is(pin.Key) }) && !bytes.Contains(data, []byte("@revoked")) {
					t.Fatalf("%s lost %s", host, pin)
				}
			}
			for _, pin := range got {
				if !pin.builtin && len(base.Lookup(host)) > 0 && !names(pin, host) {
					t.Fatalf("%s is pinned by %s, of %q", host, pin, pin.Hosts)
				}
				if err := pins.Check(host, pin.Key); (err == nil) == (pin.Authority && !plain(got, pin)) {
					t.Fatalf("Check(%s, %s) = %v", host, pin, err)
				}
			}
			if len(got) == 0 {
				continue
			}
			out, err := pins.Render(host)
			if err != nil {
				t.Fatal(err)
			}
			back, err := new(Pins).With("rendered", out)
			if err != nil {
				t.Fatalf("%v in\n%s", err, out)
			}
			if a, b := set(got), set(back.Lookup(host)); !slices.Equal(a, b) {
				t.Fatalf("%s: rendered from %q, read back %q", host, a, b)
			}
		}
	})
}

func names(pin Pin, host string) bool {
	return strings.HasPrefix(pin.Hosts[0], "|") ||
		slices.ContainsFunc(pin.Hosts, func(h string) bool { return knownhosts.Normalize(strings.ToLower(h)) == display(host) })
}

// plain reports whether one of the pins has the key of pin for the host itself.
func plain(pins []Pin, pin Pin) bool {
	return slices.ContainsFunc(pins, func(p Pin) bool { return !p.Authority && p.is(pin.Key) })
}

func set(pins []Pin) []string {
	var texts []string
	for _, pin := range pins {
		texts = append(texts, pin.marker()+pin.Fingerprint)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// Whatever the endpoint answers, each key taken from it has one of its fingerprints.
func FuzzParseMeta(f *testing.F) {
	m := githubMeta(f)
	for _, seed := range []string{m.json(), "", "{}", `{"ssh_keys":["ssh-ed25519 AAAA"]}`, `{"ssh_keys":null,"ssh_key_fingerprints":{"SHA256_RSA":""}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseMeta(data)
		if err == nil && len(keys) == 0 {
			t.Fatal("no keys and no error")
		}
		for _, key := range keys {
			if !bytes.Contains(data, []byte(strings.TrimPrefix(ssh.FingerprintSHA256(key), "SHA256:"))) && !bytes.Contains(data, []byte(`\`)) {
				t.Fatalf("%s has no fingerprint in %s", describe(key), data)
			}
		}
	})
}
