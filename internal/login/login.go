// Package login finds the credentials for container registries where docker login left them: in Docker's
// configuration file, in its credential helpers, or in DOCKER_AUTH_CONFIG.
//
// It stores nothing and contacts no registry; package publish and the engine do, the engine through a BuildKit
// session. Without credentials, or with a broken helper, a registry is asked as anybody would ask it: most base
// images are public.
package login

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
)

// keep is how long an answer is used again: a build asks several times within seconds, a helper may take one,
// and the tokens that helpers hand out live for minutes.
const keep = time.Minute

// Options say where credentials are.
type Options struct {
	Dir string            // of Docker's config.json
	CA  map[string]string // PEM file to trust, by host, for the token services of registries
	// Warn takes a line for each host whose credentials could not be read; nil drops them.
	Warn func(line string)
}

// Dir is Docker's configuration folder for a user with this environment.
func Dir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".docker")
}

// Logins hands out credentials. Several goroutines may use it.
type Logins struct {
	o     Options
	mu    sync.Mutex
	known map[string]login
}

type login struct {
	config types.AuthConfig
	err    error
	read   time.Time
}

// New returns the logins that o names. Nothing is read before somebody asks.
func New(o Options) *Logins {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	return &Logins{o: o, known: map[string]login{}}
}

// Session returns the provider for a BuildKit session.
func (l *Logins) Session() session.Attachable {
	tls := map[string]*authprovider.AuthTLSConfig{}
	for host, ca := range l.o.CA {
		tls[host] = &authprovider.AuthTLSConfig{RootCAs: []string{ca}}
	}
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		TLSConfigs: tls,
		AuthConfigProvider: func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			config, err := l.get(host)
			if err != nil {
				return types.AuthConfig{}, nil //nolint:nilerr // said by get; the registry may not want any
			}
			return config, nil
		},
	})
}

// For returns the user and the secret for a host; an empty user with a secret stands for an identity token, and
// two empty words for no login. The error names the helper that failed.
func (l *Logins) For(host string) (user, secret string, err error) {
	c, err := l.get(host)
	if c.IdentityToken != "" {
		return "", c.IdentityToken, err
	}
	return c.Username, c.Password, err
}

// Forget makes the next question for the host read its credentials anew.
func (l *Logins) Forget(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, host)
}

func (l *Logins) get(host string) (types.AuthConfig, error) {
	// One at a time: helpers such as the macOS keychain's do not bear more.
	l.mu.Lock()
	defer l.mu.Unlock()
	if k, ok := l.known[host]; ok && time.Since(k.read) < keep {
		return k.config, k.err
	}
	c, err := l.read(host)
	if err != nil {
		l.o.Warn(err.Error() + "; going on without a login")
	}
	l.known[host] = login{c, err, time.Now()}
	return c, err
}

func (l *Logins) read(host string) (types.AuthConfig, error) {
	file, err := config.Load(l.o.Dir)
	if err != nil {
		return types.AuthConfig{}, fmt.Errorf("reading the credentials for %s: %w", host, err)
	}
	key := host
	if host == authprovider.DockerHubRegistryHost {
		key = authprovider.DockerHubConfigfileKey
	}
	c, err := file.GetAuthConfig(key)
	if err != nil {
		return types.AuthConfig{}, fmt.Errorf("asking %s for the credentials of %s: %w", helper(file, key), host, err)
	}
	return c, nil
}

// helper is what holds the credentials of a host, in words.
func helper(file *configfile.ConfigFile, host string) string {
	name := file.CredentialsStore
	if own, ok := file.CredentialHelpers[host]; ok {
		name = own
	}
	if name == "" {
		return file.Filename
	}
	return "docker-credential-" + name + " (named in " + file.Filename + ")"
}
