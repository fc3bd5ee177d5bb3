package dockerfile

import (
	"bytes"
	"compress/zlib"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// TestCratesAreListedAsCargoAuditableDoes: each kind of package id, in the shells of Debian and of Alpine, with their own tools.
func TestCratesAreListedAsCargoAuditableDoes(t *testing.T) {
	script, err := scripts.ReadFile("auditable.sh")
	if err != nil {
		t.Fatal(err)
	}
	const ids = `git+https://github.com/org/mono?rev=abc#part@2.1.0
git+https://github.com/org/thing.git?branch=main#2.0.0
path+file:///src/orders#1.0.0
path+file:///src/orders-lib#orders-core@1.1.0
registry+https://github.com/rust-lang/crates.io-index#hex@0.4.3
registry+https://reg.example.com/index#inner@0.1.0+build.1
sparse+https://index.crates.io/#serde@1.0.200
`
	const want = `{"packages":[{"name":"part","version":"2.1.0","source":"git"},{"name":"thing","version":"2.0.0","source":"git"},` +
		`{"name":"orders","version":"1.0.0","source":"local","root":true},{"name":"orders-core","version":"1.1.0","source":"local"},` +
		`{"name":"hex","version":"0.4.3","source":"crates.io"},{"name":"inner","version":"0.1.0+build.1","source":"registry"},` +
		`{"name":"serde","version":"1.0.200","source":"crates.io"}]}`
	for _, shell := range [][]string{dash, ash} {
		t.Run(shell[0], func(t *testing.T) {
			at, err := exec.LookPath(shell[0])
			require.Part(t, err == nil, shell[0], "apt-get install dash busybox-static")
			dir := t.TempDir()
			text := strings.ReplaceAll(string(script)+"list_crates 'path+file:///src/orders#1.0.0' >/tmp/crates.json\nto_zlib /tmp/crates.json\n", "/tmp/", filepath.ToSlash(dir)+"/")
			cmd := exec.CommandContext(t.Context(), at, append(shell[1:], "-euc", text)...)
			cmd.Stdin = strings.NewReader(ids)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			r, err := zlib.NewReader(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%v: got\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}
