package hostkeys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// MetaURL is where GitHub publishes its host keys, "ssh_keys" and "ssh_key_fingerprints":
// https://docs.github.com/en/rest/meta/meta#get-github-meta-information
const MetaURL = "https://api.github.com/meta"

// maxMeta is ample: most of the answer is address ranges, some hundred kilobytes of them.
const maxMeta = 16 << 20

// GitHub lists the hosts that use the keys of [MetaURL].
var GitHub = []string{"github.com", "ssh.github.com:443"}

// Published fetches the host keys that GitHub publishes at url, which must be https; redirects are not followed, so the
// certificate checked is that of the host in url. Each fingerprint published beside the keys must be that of one
// of the keys, and each key must have one: two copies of the same fact that differ are an error, not a choice.
func Published(ctx context.Context, client *http.Client, url string) ([]ssh.PublicKey, error) {
	keys, err := fetch(ctx, client, url)
	if err != nil {
		return nil, fmt.Errorf("fetching the host keys that GitHub publishes at %s: %w", url, err)
	}
	return keys, nil
}

func fetch(ctx context.Context, client *http.Client, url string) ([]ssh.PublicKey, error) {
	if !strings.HasPrefix(url, "https://") {
		return nil, errors.New("not an https URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := direct.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxMeta+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMeta {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxMeta)
	}
	return parseMeta(data)
}

// parseMeta reads the answer of [MetaURL].
func parseMeta(data []byte) ([]ssh.PublicKey, error) {
	var meta struct {
		Keys         []string          `json:"ssh_keys"`             // "ssh-ed25519 AAAA…"
		Fingerprints map[string]string `json:"ssh_key_fingerprints"` // "SHA256_ED25519": base64 without "SHA256:"
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, fmt.Errorf("the answer is not the expected JSON: %w", err)
	}
	if len(meta.Keys) == 0 {
		return nil, errors.New("the answer has no ssh_keys")
	}
	var keys []ssh.PublicKey
	found := make(map[string]bool)
	for _, text := range meta.Keys {
		key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(options) > 0 || len(rest) > 0 {
			return nil, fmt.Errorf("%q in ssh_keys is not a public key", text)
		}
		if _, ok := key.(*ssh.Certificate); ok {
			return nil, fmt.Errorf("%q in ssh_keys is a certificate", text)
		}
		keys = append(keys, key)
		found[ssh.FingerprintSHA256(key)] = false
	}
	for _, name := range slices.Sorted(maps.Keys(meta.Fingerprints)) {
		if !strings.HasPrefix(name, "SHA256_") {
			continue
		}
		fingerprint := "SHA256:" + meta.Fingerprints[name]
		if _, ok := found[fingerprint]; !ok {
			return nil, fmt.Errorf("the published fingerprint %s (%s) is of none of the published keys", fingerprint, name)
		}
		found[fingerprint] = true
	}
	for _, key := range keys {
		if !found[ssh.FingerprintSHA256(key)] {
			return nil, fmt.Errorf("the published key %s is not among the published fingerprints", describe(key))
		}
	}
	return keys, nil
}

// Update compares the pins of [GitHub] with the keys [Published] at url.
func (p *Pins) Update(ctx context.Context, client *http.Client, url string) (Diff, error) {
	keys, err := Published(ctx, client, url)
	if err != nil {
		return Diff{}, err
	}
	return p.Compare(GitHub, keys)
}
