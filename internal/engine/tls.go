package engine

import (
	"fmt"
	"os"
	"path/filepath"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// tlsFiles are the certificates for one engine. The zero value means no TLS.
type tlsFiles struct {
	ca, cert, key string
	serverName    string // what the server's certificate must be for; default the host of the address
	skipVerify    bool   // as a docker context can ask for
}

// tlsFromEnv reads BUILDKIT_TLS_ variables, named after the flags of buildctl: --tlscacert, --tlscert, --tlskey,
// --tlsservername, and --tlsdir with ca.pem, cert.pem and key.pem, or ca.crt, tls.crt and tls.key.
func tlsFromEnv(getenv func(string) string) (tlsFiles, error) {
	t := tlsFiles{
		ca:         getenv("BUILDKIT_TLS_CACERT"),
		cert:       getenv("BUILDKIT_TLS_CERT"),
		key:        getenv("BUILDKIT_TLS_KEY"),
		serverName: getenv("BUILDKIT_TLS_SERVER_NAME"),
	}
	if dir := getenv("BUILDKIT_TLS_DIR"); dir != "" {
		if t.ca != "" || t.cert != "" || t.key != "" {
			return t, &fault.Error{
				Kind: fault.Usage,
				What: "BUILDKIT_TLS_DIR and single BUILDKIT_TLS_ files are both set",
				Fix:  "set the folder, or the files",
			}
		}
		t.ca, t.cert, t.key = either(dir, "ca.pem", "ca.crt"), either(dir, "cert.pem", "tls.crt"), either(dir, "key.pem", "tls.key")
	}
	return t, t.check("BUILDKIT_TLS_CERT", "BUILDKIT_TLS_KEY")
}

// either returns the first name when neither file exists, so that the error names it.
func either(dir, first, second string) string {
	if _, err := os.Stat(filepath.Join(dir, first)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, second)); err == nil {
			return filepath.Join(dir, second)
		}
	}
	return filepath.Join(dir, first)
}

// check reports all files that are missing; certName and keyName are what the user calls the client's pair.
func (t tlsFiles) check(certName, keyName string) error {
	var wrong fault.List
	if (t.cert == "") != (t.key == "") {
		wrong.Addf("half of the client certificate is missing",
			fmt.Sprintf("%s is %q and %s is %q", certName, t.cert, keyName, t.key), "give both")
	}
	for _, file := range []string{t.ca, t.cert, t.key} {
		if file == "" {
			continue
		}
		if _, err := disk.ReadFile(file, disk.MaxSmall); err != nil {
			wrong.Add(&fault.Error{Kind: fault.Usage, What: "cannot read a certificate for the engine", Err: err, Fix: "correct its path or its permissions"})
		}
	}
	return wrong.Err()
}
