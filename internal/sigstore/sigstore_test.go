package sigstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	instance "lpipe/internal/testparts/sigstore"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"bootstrap.zip","digest":{"sha256":"00"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`

// signer signs by the instance, with the log of that version, and checks what it signed.
func signer(t *testing.T, i *instance.Instance, env map[string]string, version uint32) *Signer {
	t.Helper()
	identity, err := FindIdentity(env)
	if err != nil {
		t.Fatal(err)
	}
	return &Signer{
		Identity: identity, Services: func() (Services, error) { return ReadServices(i.Config(version)) }, Trusted: func() (Root, error) { return ReadRoot(i.Root) },
	}
}

func verifier(t *testing.T, trusted []byte, who Signatory) *Verifier {
	t.Helper()
	r, err := ReadRoot(trusted)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(r, who)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var who = Signatory{Identity: instance.Identity, Issuer: instance.Issuer}

func TestWhatIsSignedIsAccepted(t *testing.T) {
	i := instance.New(t)
	for name, env := range map[string]map[string]string{
		"github": i.Job(),
		"token":  {"SIGSTORE_ID_TOKEN": i.Token() + "\n", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"},
	} {
		for _, version := range []uint32{1, 2} {
			t.Run(fmt.Sprint(name, version), func(t *testing.T) {
				before := i.Certificates.Load()
				s := signer(t, i, env, version)
				for range 3 {
					data, err := s.Bundle(t.Context(), []byte(statement))
					if err != nil {
						t.Fatal(err)
					}
					if err := verifier(t, i.Root, who).Verify(data); err != nil {
						t.Error(err)
					}
				}
				if n := i.Certificates.Load() - before; n != 1 {
					t.Errorf("%d certificates for one run", n)
				}
			})
		}
	}
}

func TestACertificateThatEndsIsReplaced(t *testing.T) {
	i := instance.New(t)
	s := signer(t, i, i.Job(), 1)
	for range 2 {
		if _, err := s.Bundle(t.Context(), []byte(statement)); err != nil {
			t.Fatal(err)
		}
		s.own.ends = time.Now().Add(time.Minute)
	}
	if n := i.Certificates.Load(); n != 2 {
		t.Errorf("%d certificates", n)
	}
}

func TestWhoeverElseSignedIsRefused(t *testing.T) {
	i, other := instance.New(t), instance.New(t)
	data, err := signer(t, i, i.Job(), 1).Bundle(t.Context(), []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	change := func(edit func(b map[string]any)) []byte {
		var b map[string]any
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatal(err)
		}
		edit(b)
		changed, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	material := func(b map[string]any) map[string]any { return b["verificationMaterial"].(map[string]any) }
	envelope := func(b map[string]any) map[string]any { return b["dsseEnvelope"].(map[string]any) }
	for name, c := range map[string]struct {
		data    []byte
		trusted []byte
		who     Signatory
		want    string // in the error; "" for none
	}{
		"as it is":             {data, i.Root, who, ""},
		"expressions":          {data, i.Root, Signatory{IdentityRegexp: "^repo:org/", IssuerRegexp: `example\.com$`}, ""},
		"other identity":       {data, i.Root, Signatory{Identity: "repo:org/shop:ref:refs/heads/x", Issuer: instance.Issuer}, "expected SAN value"},
		"other issuer":         {data, i.Root, Signatory{Identity: instance.Identity, Issuer: "https://example.com"}, "expected issuer value"},
		"other instance":       {data, other.Root, who, "not enough verified log entries"},
		"unlogged certificate": {data, i.Strict, who, "SCT"},
		"other statement": {change(func(b map[string]any) {
			envelope(b)["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(statement, "00", "11", 1)))
		}), i.Root, who, "does not match envelope payload"},
		"no log":    {change(func(b map[string]any) { delete(material(b), "tlogEntries") }), i.Root, who, "not enough verified log entries"},
		"no bundle": {[]byte(statement), i.Root, who, "it is no bundle"},
		"no statement": {change(func(b map[string]any) {
			delete(b, "dsseEnvelope")
			b["messageSignature"] = map[string]any{"messageDigest": map[string]any{"algorithm": "SHA2_256", "digest": "AA=="}, "signature": "AA=="}
		}), i.Root, who, "holds no statement"},
	} {
		err := verifier(t, c.trusted, c.who).Verify(c.data)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, who := range map[string]Signatory{"nobody": {}, "no issuer": {Identity: "x"}, "no identity": {Issuer: "x"}, "no expression": {IdentityRegexp: "(", Issuer: "x"}} {
		r, err := ReadRoot(i.Root)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewVerifier(r, who); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestFaultsOfServices(t *testing.T) {
	before := pause
	pause = func(int) time.Duration { return 0 }
	t.Cleanup(func() { pause = before })
	i := instance.New(t)

	// A service that has no time is asked again, and not for ever.
	i.Refuse.Store(attempts - 1)
	if _, err := signer(t, i, i.Job(), 1).Bundle(t.Context(), []byte(statement)); err != nil {
		t.Error(err)
	}
	i.Refuse.Store(attempts)
	if _, err := signer(t, i, i.Job(), 1).Bundle(t.Context(), []byte(statement)); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("%v", err)
	}
	// What is wrong with a token is said, and the token is not.
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"bearer":  {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": i.URL + "/token?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hunter2"}, "no token for this job"},
		"address": {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "http://example.com/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hunter2"}, "no address that a token can be asked of"},
		"no jwt":  {map[string]string{"SIGSTORE_ID_TOKEN": "hunter2"}, "is no JWT"},
		"refused": {map[string]string{"SIGSTORE_ID_TOKEN": i.Token() + "hunter2"}, "error processing the identity token Bearer ***"},
		"claims":  {map[string]string{"SIGSTORE_ID_TOKEN": "e30.hunter2.x"}, "is no JWT"},
	} {
		_, err := signer(t, i, c.env, 1).Bundle(t.Context(), []byte(statement))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := FindIdentity(map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": i.URL}); !errors.Is(err, ErrNoIdentity) {
		t.Errorf("%v", err)
	}
	// A root that does not know the instance: nothing is handed out.
	s := signer(t, i, i.Job(), 1)
	s.Trusted = func() (Root, error) { return ReadRoot(instance.New(t).Root) }
	if data, err := s.Bundle(t.Context(), []byte(statement)); err == nil || !strings.Contains(err.Error(), "what was signed does not hold") {
		t.Errorf("%s, %v", data, err)
	}
	// Tokens never go to another machine in the clear.
	for _, address := range []string{"http://fulcio.example.com", "fulcio.example.com", ""} {
		config := strings.ReplaceAll(string(i.Config(1)), i.URL, address)
		if _, err := ReadServices([]byte(config)); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signer(t, i, i.Job(), 1).Bundle(ctx, []byte(statement)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestNoWordOfAFileIsSaid: a project names these files, and could name any of the machine.
func TestNoWordOfAFileIsSaid(t *testing.T) {
	for _, text := range []string{"hvs.SECRET", `{"SECRET": 1}`, `{"mediaType": "SECRET"}`, `{"caUrls": [{"url": "SECRET", "validFor": {"start": "SECRET"}}]}`, "\x00SECRET", `{"tlogs": [{"logId": {"keyId": "SECRET!"}}]}`} {
		_, services := ReadServices([]byte(text))
		_, trusted := ReadRoot([]byte(text))
		for _, err := range []error{services, trusted} {
			if err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("of %q is said: %v", text, err)
			}
		}
	}
	if _, err := ReadRoot([]byte("{\n x")); err == nil || !strings.Contains(err.Error(), "(line 2:2)") {
		t.Errorf("where it is wrong is not said: %v", err)
	}
}

func TestSubject(t *testing.T) {
	for claims, want := range map[string]string{
		`{"sub":"a"}`: "a",
		`{"sub":"a","email":"b","email_verified":true}`:   "b",
		`{"sub":"a","email":"b","email_verified":"true"}`: "b",
		`{"sub":"a","email":"b"}`:                         "",
		`{"sub":"a","email":"b","email_verified":false}`:  "",
		`{"sub":""}`: "",
		`[]`:         "",
	} {
		got, err := subject("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", claims, got, err)
		}
	}
}
