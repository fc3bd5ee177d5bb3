package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s (%v)", url, response.Status, err)
	}
	return string(text)
}

func TestRegistryOfCratesServesWhatItsIndexSays(t *testing.T) {
	index, err := newCrates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(index, "sparse+")
	var config struct{ DL string }
	if err := json.Unmarshal([]byte(fetch(t, url+"config.json")), &config); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(fetch(t, url+"le/af/leaf")), "\n")
	if len(lines) != leafVersions {
		t.Errorf("%d versions, not %d", len(lines), leafVersions)
	}
	var release struct{ Name, Vers, Cksum string }
	if err := json.Unmarshal([]byte(lines[7]), &release); err != nil {
		t.Fatal(err)
	}
	crate := fetch(t, config.DL+"/"+release.Name+"/"+release.Vers+"/download")
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(crate))); sum != release.Cksum || release.Vers != "0.1.7" {
		t.Errorf("%s has the checksum %s, and the index says %+v", release.Vers, sum, release)
	}
}

func TestLockHoldsTheLeafInItsPlace(t *testing.T) {
	p := hyperEchoWithLeaf(t)
	var names []string
	for _, m := range lockedPackage.FindAllStringSubmatch(p.files["Cargo.lock"], -1) {
		names = append(names, m[1])
	}
	for i := range names[1:] {
		if names[i] > names[i+1] {
			t.Errorf("%s stands before %s", names[i], names[i+1])
		}
	}
	_, sum := leaf("0.1.9")
	bumped := bumpLeaf(p.files, 9)
	want := "[[package]]\nname = \"leaf\"\nversion = \"0.1.9\"\nsource = \"sparse+http://127.0.0.1:1234/\"\nchecksum = \"" + sum + "\"\n\n"
	if !strings.Contains(bumped["Cargo.lock"], want) {
		t.Errorf("no\n%s in\n%s", want, bumped["Cargo.lock"])
	}
}
