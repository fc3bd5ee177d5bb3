package cli

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlagsForTLSBelongTogether(t *testing.T) {
	for arguments, want := range map[string]string{
		"":                               "",
		"--tls-cert a.pem":               "TLS needs a certificate and its key",
		"--tls-key a.pem":                "TLS needs a certificate and its key",
		"--tls-cert none --tls-key none": "the certificate cannot be used",
	} {
		f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		secure := tlsFlags(f)
		if err := f.Parse(strings.Fields(arguments)); err != nil {
			t.Fatal(err)
		}
		if _, err := secure(&app{}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arguments, err, want)
		}
	}
}
