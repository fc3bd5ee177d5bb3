package testparts

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"
)

// RegistryOptions say how a registry is reached. The zero value serves plain HTTP to everybody.
type RegistryOptions struct {
	// TLS serves HTTPS, with a certificate that no system trusts: see [Registry.CAFile].
	TLS bool
	// Username and Password, if set, are asked for with HTTP basic authentication.
	Username, Password string
	// Wrap, if set, stands between the client and the registry, to count requests or make some fail.
	Wrap func(http.Handler) http.Handler
}

// Registry is a container registry, the CNCF's own implementation.
type Registry struct {
	// Host is 127.0.0.1:PORT, what an image's name begins with.
	Host string
	// CAFile is a PEM file with the certificate to trust, empty without TLS.
	CAFile string
}

// NewRegistry serves an empty registry. It quietens the process's logrus below warnings, since the registry logs every
// request there.
func NewRegistry(t testing.TB, opt RegistryOptions) *Registry {
	t.Helper()
	if logrus.GetLevel() > logrus.WarnLevel {
		logrus.SetLevel(logrus.WarnLevel)
	}
	dir := t.TempDir()
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  configuration.Parameters{"rootdirectory": filepath.Join(dir, "blobs")},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	config.Catalog.MaxEntries = 1000
	config.HTTP.Secret = "loopback"
	if opt.Username != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(opt.Password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users := filepath.Join(dir, "htpasswd")
		write(t, users, opt.Username+":"+string(hash)+"\n", 0o600)
		config.Auth = configuration.Auth{"htpasswd": configuration.Parameters{"realm": "testparts", "path": users}}
	}

	var handler http.Handler = handlers.NewApp(t.Context(), config)
	if opt.Wrap != nil {
		handler = opt.Wrap(handler)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that refuses the certificate is no news
	t.Cleanup(server.Close)
	r := &Registry{Host: server.Listener.Addr().String()}
	if !opt.TLS {
		server.Start()
		return r
	}
	server.StartTLS()
	r.CAFile = filepath.Join(dir, "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, r.CAFile, string(ca), 0o644)
	return r
}

func write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
