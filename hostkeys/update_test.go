package hostkeys

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"lpipe/internal/testparts/golden"
)

// meta is the answer of GitHub's meta endpoint, of which these are a few of many fields.
type meta struct {
	Password     bool              `json:"verifiable_password_authentication"`
	Fingerprints map[string]string `json:"ssh_key_fingerprints"`
	Keys         []string          `json:"ssh_keys"`
	Git          []string          `json:"git"`
}

func githubMeta(t testing.TB) meta {
	m := meta{Fingerprints: make(map[string]string), Git: []string{"192.0.2.0/24"}}
	for label, pin := range map[string]string{"ED25519": "ssh-ed25519", "ECDSA": "ecdsa-sha2-nistp256", "RSA": "ssh-rsa"} {
		for _, p := range defaults(t).Lookup("github.com") {
			if p.Key.Type() == pin {
				m.add(label, p.Key)
			}
		}
	}
	return m
}

func (m *meta) add(label string, key ssh.PublicKey) {
	m.Keys = append(m.Keys, keyText(key))
	m.Fingerprints["SHA256_"+label] = strings.TrimPrefix(ssh.FingerprintSHA256(key), "SHA256:")
}

func (m *meta) remove(label, keyType string) {
	delete(m.Fingerprints, "SHA256_"+label)
	var rest []string
	for _, key := range m.Keys {
		if !strings.HasPrefix(key, keyType) {
			rest = append(rest, key)
		}
	}
	m.Keys = rest
}

func (m *meta) json() string { return string(must(json.Marshal(m))) }

func metaServer(t *testing.T, status int, body string) *httptest.Server {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestUpdateFindsNothingWhereThePinsAreWhatIsPublished(t *testing.T) {
	m := githubMeta(t)
	s := metaServer(t, http.StatusOK, m.json())
	diff, err := defaults(t).Update(t.Context(), s.Client(), s.URL+"/meta")
	if err != nil || !diff.Empty() || diff.String() != "" || len(diff.Lines()) != 0 {
		t.Errorf("Update = %v, %v", diff, err)
	}
}

func TestUpdateShowsARotationAndItsLinesMakeThePinsWhatIsPublished(t *testing.T) {
	// A key of no one: rotation.golden names it.
	const text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	next, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := githubMeta(t)
	m.remove("ED25519", "ssh-ed25519")
	m.remove("RSA", "ssh-rsa")
	m.add("ED25519", next)
	s := metaServer(t, http.StatusOK, m.json())
	pins := defaults(t)
	diff, err := pins.Update(t.Context(), s.Client(), s.URL+"/meta")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`known_hosts:\d+`).ReplaceAllString(diff.String(), "known_hosts:N")
	golden.Check(t, "testdata/rotation.golden", shown+"---"+string(diff.Lines()))

	over := with(t, pins, "# a file without a last line end"+string(diff.Lines()))
	for _, host := range GitHub {
		if err := over.Check(host, next); err != nil {
			t.Errorf("the new key: %v", err)
		}
		for _, pin := range pins.Lookup(host) {
			err := over.Check(host, pin.Key)
			if kept := pin.Key.Type() == "ecdsa-sha2-nistp256"; kept != (err == nil) || !kept && !errors.As(err, new(*RevokedError)) {
				t.Errorf("%s: %v", pin, err)
			}
		}
	}
	if again, err := over.Update(t.Context(), s.Client(), s.URL+"/meta"); err != nil || !again.Empty() {
		t.Errorf("a second update = %v, %v", again, err)
	}
}

func TestUpdateTellsAKeyThatOneOfTheHostsLacks(t *testing.T) {
	m := githubMeta(t)
	m.remove("ED25519", "ssh-ed25519")
	m.add("ED25519", otherKey().PublicKey())
	s := metaServer(t, http.StatusOK, m.json())
	diff, err := with(t, defaults(t), line("github.com", otherKey().PublicKey())).Update(t.Context(), s.Client(), s.URL)
	if err != nil || len(diff.Added) != 1 || len(diff.Removed) != 1 {
		t.Errorf("Update = %v, %v", diff, err)
	}
}

func TestUpdateRefusesToBringBackARevokedKey(t *testing.T) {
	m := githubMeta(t)
	s := metaServer(t, http.StatusOK, m.json())
	pins := with(t, defaults(t), "@revoked "+line("*", defaults(t).Lookup("github.com")[0].Key))
	if _, err := pins.Update(t.Context(), s.Client(), s.URL); !errors.As(err, new(*RevokedError)) || !strings.Contains(err.Error(), "user:1") {
		t.Errorf("Update = %v", err)
	}
}

func TestPublishedRefusesAnswersItCannotTrust(t *testing.T) {
	edit := func(change func(*meta)) string {
		m := githubMeta(t)
		change(&m)
		return m.json()
	}
	cert := certify(ed25519Key(), caKey(), 0).PublicKey()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"error status", http.StatusForbidden, edit(func(*meta) {}), "403 Forbidden"},
		{"redirect", http.StatusFound, edit(func(*meta) {}), "302 Found"},
		{"not JSON", http.StatusOK, "<html>", "not the expected JSON"},
		{"cut off", http.StatusOK, edit(func(*meta) {})[:200], "not the expected JSON"},
		{"no keys", http.StatusOK, `{"ssh_key_fingerprints": {}}`, "no ssh_keys"},
		{"other JSON", http.StatusOK, `[]`, "not the expected JSON"},
		{"garbled key", http.StatusOK, edit(func(m *meta) { m.Keys[1] = m.Keys[1][:60] }), "is not a public key"},
		{"key with options", http.StatusOK, edit(func(m *meta) { m.Keys[1] = `command="x" ` + m.Keys[1] }), "is not a public key"},
		{"two keys in one", http.StatusOK, edit(func(m *meta) { m.Keys[1] += "\n" + m.Keys[0] }), "is not a public key"},
		{"a certificate", http.StatusOK, edit(func(m *meta) { m.Keys[0] = keyText(cert) }), "is a certificate"},
		{"key swapped", http.StatusOK, edit(func(m *meta) { m.Keys[0] = keyText(otherKey().PublicKey()) }), "of none of the published keys"},
		{"key added without fingerprint", http.StatusOK, edit(func(m *meta) { m.Keys = append(m.Keys, keyText(otherKey().PublicKey())) }), "is not among the published fingerprints"},
		{"fingerprint swapped", http.StatusOK, edit(func(m *meta) { m.Fingerprints["SHA256_RSA"] = strings.Repeat("A", 43) }), "(SHA256_RSA) is of none"},
		{"no fingerprints", http.StatusOK, edit(func(m *meta) { m.Fingerprints = nil }), "is not among the published fingerprints"},
		{"too long", http.StatusOK, `{"x": "` + strings.Repeat("x", maxMeta) + `"}`, "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := metaServer(t, tt.status, tt.body)
			keys, err := Published(t.Context(), s.Client(), s.URL+"/meta")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), s.URL+"/meta") {
				t.Errorf("Published = %v, %v; want %q", keys, err, tt.want)
			}
		})
	}
}

func TestPublishedNeedsAVerifiedServer(t *testing.T) {
	m := githubMeta(t)
	s := metaServer(t, http.StatusOK, m.json())
	if _, err := Published(t.Context(), http.DefaultClient, s.URL); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with an unknown certificate: %v", err)
	}
	plain := httptest.NewServer(s.Config.Handler)
	defer plain.Close()
	if _, err := Published(t.Context(), plain.Client(), plain.URL); err == nil || !strings.Contains(err.Error(), "not an https URL") {
		t.Errorf("over http: %v", err)
	}
	away := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer away.Close()
	if _, err := Published(t.Context(), away.Client(), away.URL); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("redirected: %v", err)
	}
	client := *s.Client()
	if _, err := Published(t.Context(), &client, s.URL); err != nil || client.CheckRedirect != nil {
		t.Errorf("%v; the caller's client was changed: %t", err, client.CheckRedirect != nil)
	}
}
