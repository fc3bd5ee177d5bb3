package hostkeys

import (
	"maps"
	"slices"
	"testing"
)

// published has the SHA256 fingerprints that the operators publish, by host and key type.
// GitHub: https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints
// GitLab: https://docs.gitlab.com/user/gitlab_com/#ssh-host-keys-fingerprints
// Bitbucket: https://support.atlassian.com/bitbucket-cloud/docs/configure-ssh-and-two-step-verification/
// Azure DevOps: https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
var published = map[string]string{
	"github.com ssh-ed25519":                     "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
	"github.com ecdsa-sha2-nistp256":             "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
	"github.com ssh-rsa":                         "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
	"[ssh.github.com]:443 ssh-ed25519":           "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
	"[ssh.github.com]:443 ecdsa-sha2-nistp256":   "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
	"[ssh.github.com]:443 ssh-rsa":               "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
	"gitlab.com ssh-ed25519":                     "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
	"gitlab.com ecdsa-sha2-nistp256":             "SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
	"gitlab.com ssh-rsa":                         "SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
	"bitbucket.org ssh-ed25519":                  "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
	"bitbucket.org ecdsa-sha2-nistp256":          "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
	"bitbucket.org ssh-rsa":                      "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
	"ssh.dev.azure.com ssh-rsa":                  "SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og",
	"@revoked github.com, retired 2023-03-24":    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
	"@revoked bitbucket.org, retired 2023-06-20": "SHA256:zzXQOXSRBEiUtuE8AikJYKwbHaxvSc0ojez9YXaGp1A",
}

func TestBuiltinKeysHaveThePublishedFingerprints(t *testing.T) {
	unseen := maps.Clone(published)
	for _, pin := range defaults(t).All() {
		if len(pin.Hosts) != 1 || pin.Authority {
			t.Fatalf("%s: want one host and no authority", pin)
		}
		if pin.Revoked {
			found := false
			for name, fingerprint := range published {
				if fingerprint == pin.Fingerprint && name[0] == '@' {
					delete(unseen, name)
					found = true
				}
			}
			if !found || pin.Hosts[0] != "*" {
				t.Errorf("%s is revoked for %s: not a known retired key", pin, pin.Hosts)
			}
			continue
		}
		name := pin.Hosts[0] + " " + pin.Key.Type()
		if published[name] != pin.Fingerprint {
			t.Errorf("%s: published is %q", pin, published[name])
		}
		delete(unseen, name)
	}
	if len(unseen) > 0 {
		t.Errorf("published and not pinned: %q", slices.Sorted(maps.Keys(unseen)))
	}
}

func TestBuiltinHostsAreKnownByNameAndPort(t *testing.T) {
	pins := defaults(t)
	all := []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"}
	for host, want := range map[string][]string{
		"github.com":         all,
		"github.com:22":      all,
		"GitHub.com":         all,
		"ssh.github.com:443": all,
		"gitlab.com":         all,
		"bitbucket.org":      all,
		"ssh.dev.azure.com":  {"rsa-sha2-512", "rsa-sha2-256"},
		"github.com:443":     nil,
		"ssh.github.com":     nil,
		"evil-github.com":    nil,
		"github.com.":        nil,
		"":                   nil,
	} {
		if got := pins.Algorithms(host); !slices.Equal(got, want) {
			t.Errorf("Algorithms(%q) = %q, want %q", host, got, want)
		}
		if got := len(pins.Lookup(host)) > 0; got != (want != nil) {
			t.Errorf("Lookup(%q): pinned = %t", host, got)
		}
	}
}
