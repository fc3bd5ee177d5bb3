package testparts_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

func TestCratesHaveAnIndex(t *testing.T) {
	r := testparts.NewCrateRegistry(t)
	for _, version := range []string{"1.0.0", "1.1.0"} {
		dir := t.TempDir()
		manifest := "[package]\nname = \"Leaf\"\nversion = \"" + version + "\"\n\n[dependencies]\nroot = \"2\"\n"
		if err := os.WriteFile(filepath.Join(dir, "Cargo.toml"), []byte(manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		r.Publish(t, dir)
	}
	url := strings.TrimPrefix(r.IndexURL, "sparse+")
	for path, want := range map[string]string{
		"config.json":                    `{"dl":"` + url + `crates"}`,
		"le/af/leaf":                     `"name":"Leaf","vers":"1.1.0","deps":[{"name":"root","req":"2"`,
		"no/su/no-such-crate":            "404 page not found",
		"crates/Leaf/0.0.1/download":     "there is no Leaf 0.0.1",
		"crates/no-such/1.0.0/download":  "there is no no-such 1.0.0",
		"leaves/nothing/at/this/path/no": "404 page not found",
	} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %q has no %q (%v)", path, body, want, err)
		}
	}
}
