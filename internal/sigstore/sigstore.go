// Package sigstore signs statements by the identity that a CI system gives its jobs, and checks such signatures. A key is made
// for a run, Fulcio certifies it for the identity, and the log Rekor witnesses each signature: https://docs.sigstore.dev.
//
// The requests are made here, since sigstore-go's own client links readers of PGP, minisign and TUF keys that lpipe has no use
// for. What comes of them is checked by sigstore-go, which BuildKit links too.
package sigstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"lpipe/internal/pattern"
)

// Root is whom signatures have to be witnessed by.
type Root = root.TrustedMaterial

// Services are those of one instance that a signature takes.
type Services struct {
	fulcio root.Service
	rekor  []root.Service
	stamps []root.Service // timestamp authorities; none where Rekor says the time itself
}

// PublicServices are those of the instance that everybody may use, as its signed repository of metadata names them.
func PublicServices() (Services, error) {
	c, err := root.FetchSigningConfig()
	if err != nil {
		return Services{}, fmt.Errorf("asking for the services of the public instance: %w", err)
	}
	return choose(c)
}

// ReadServices reads a signing config, as cosign has it.
func ReadServices(data []byte) (Services, error) {
	c, err := root.NewSigningConfigFromJSON(data)
	if err != nil {
		return Services{}, noForm("signing config", err)
	}
	return choose(c)
}

// place is where in a file an error is.
var place = pattern.Of(`\(line \d+:\d+\)`)

// noForm is the error of a file that is not what it is to be, without a word of the file: a project can name any file of the
// machine, and what is said goes to logs.
func noForm(form string, err error) error {
	return errors.New(strings.TrimSpace("it is no " + form + " " + place().FindString(err.Error())))
}

func choose(c *root.SigningConfig) (s Services, err error) {
	now := time.Now()
	if s.fulcio, err = root.SelectService(c.FulcioCertificateAuthorityURLs(), []uint32{1}, now); err != nil {
		return s, fmt.Errorf("of certificate authorities: %w", err)
	}
	if s.rekor, err = root.SelectServices(c.RekorLogURLs(), c.RekorLogURLsConfig(), []uint32{1, 2}, now); err != nil {
		return s, fmt.Errorf("of logs: %w", err)
	}
	if all := c.TimestampAuthorityURLs(); len(all) > 0 {
		if s.stamps, err = root.SelectServices(all, c.TimestampAuthorityURLsConfig(), []uint32{1}, now); err != nil {
			return s, fmt.Errorf("of timestamp authorities: %w", err)
		}
	}
	for _, service := range append(append([]root.Service{s.fulcio}, s.rekor...), s.stamps...) {
		if err := checkAddress(service.URL); err != nil {
			return s, err
		}
	}
	return s, nil
}

// checkAddress refuses an address to which a token would go in the clear.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no address of a server", address)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s is reached without encryption, and a token of the CI system would go there", address)
}

// ErrNoIdentity is why nothing can be signed where no CI system says who runs.
var ErrNoIdentity = errors.New("there is no identity to sign with")

// Identity gives tokens that say who runs, for the audience sigstore.
type Identity func(ctx context.Context) (string, error)

// FindIdentity finds what gives tokens in an environment: the token itself in SIGSTORE_ID_TOKEN, as GitLab has it with
// id_tokens and as cosign reads it, or the service of GitHub's jobs that have the permission id-token. The error is
// [ErrNoIdentity] where there is neither.
//
// https://docs.gitlab.com/ci/secrets/id_token_authentication/,
// https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
func FindIdentity(env map[string]string) (Identity, error) {
	if token := strings.TrimSpace(env["SIGSTORE_ID_TOKEN"]); token != "" {
		return func(context.Context) (string, error) { return token, nil }, nil
	}
	address, bearer := env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
	if address == "" || bearer == "" {
		return nil, ErrNoIdentity
	}
	return func(ctx context.Context) (string, error) {
		u, err := url.Parse(address)
		if err != nil || checkAddress(address) != nil {
			return "", errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no address that a token can be asked of")
		}
		query := u.Query()
		query.Set("audience", "sigstore")
		u.RawQuery = query.Encode()
		body, err := ask(ctx, http.MethodGet, u.String(), nil, http.Header{"Authorization": {"bearer " + bearer}})
		if err != nil {
			return "", fmt.Errorf("asking GitHub for a token of this job: %w", err)
		}
		var answer struct {
			Value string `json:"value"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Value == "" {
			return "", errors.New("asking GitHub for a token of this job: the answer holds none")
		}
		return answer.Value, nil
	}, nil
}

const (
	// askTimeout is for one request; Rekor may take some seconds until an entry is in its tree.
	askTimeout = time.Minute
	// maxAnswer is far above what any of the services answers, in bytes.
	maxAnswer = 10 << 20
	// maxShown bounds what is shown of an answer that is an error, in bytes.
	maxShown = 500
	// attempts is how often a service is asked that has no time.
	attempts = 4
)

// pause is how long to wait before the attempt after that many; a variable for tests.
var pause = func(failed int) time.Duration { return time.Second << (failed - 1) }

// ask makes a request, again where the service has no time, and returns the body of an answer that is no error.
func ask(ctx context.Context, method, address string, body []byte, header http.Header) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for failed := 1; ; failed++ {
		answer, again, err := askOnce(ctx, method, address, body, header)
		if err == nil || !again || failed == attempts {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause(failed)):
		}
	}
}

func askOnce(ctx context.Context, method, address string, body []byte, header http.Header) (answer []byte, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	request.Header = header.Clone()
	request.Header.Set("User-Agent", "lpipe")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, false, err
	}
	if response.StatusCode >= 300 {
		shown := strings.TrimSpace(string(answer[:min(len(answer), maxShown)]))
		again = response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
		return nil, again, fmt.Errorf("%s answers %s: %s", request.URL.Host, response.Status, shown)
	}
	return answer, false, nil
}
