package proof

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/attest"
	"lpipe/internal/awsapi"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
)

// TestTheWorkspaceIsOfTheCommit: a statement names it, and the commit may have links.
func TestTheWorkspaceIsOfTheCommit(t *testing.T) {
	dir, beyond := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "w"), 0o700), os.Symlink("w", filepath.Join(dir, "in")), os.Symlink(beyond, filepath.Join(dir, "out")), os.Symlink("..", filepath.Join(dir, "up"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{".": true, "w": true, "in": true, "out": false, "up": false, "..": false, beyond: false, "none": false, "": false} {
		if got := leadsInto(dir, name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// TestWhatIsDownloadedIsWhatRuns: the code of a function is verified, and not what somebody hands out in its place.
func TestWhatIsDownloadedIsWhatRuns(t *testing.T) {
	sum := ""
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/code" {
			_, _ = w.Write([]byte("PK"))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"Configuration": map[string]string{"FunctionName": "shop", "CodeSha256": sum}, "Code": map[string]string{"Location": server.URL + "/code"},
		})
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir()} {
		t.Setenv(name, value)
	}
	client, err := awsapi.Open(t.Context(), awsapi.Options{Region: "eu-west-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	code := func() (string, error) {
		data, err := code(t.Context(), client, "shop", "")
		return string(data), err
	}
	for _, sum = range []string{"", deploy.Sum([]byte("PK"))} {
		if data, err := code(); err != nil || data != "PK" {
			t.Errorf("with the sum %q: %q, %v", sum, data, err)
		}
	}
	sum = deploy.Sum([]byte("other"))
	if data, err := code(); fault.Worst(err) != fault.Artifact || data != "" || !strings.Contains(err.Error(), "not the code of the function shop") {
		t.Errorf("other code is taken: %q, %v", data, err)
	}
}

// TestStatementsBesideAZip: they are called as the zip is, whatever that is.
func TestStatementsBesideAZip(t *testing.T) {
	for zip, want := range map[string]string{
		"/a/bootstrap.zip": "/a/bootstrap.zip.intoto.jsonl", "/a/some.zip": "/a/some.zip.intoto.jsonl", "/a/my-bootstrap.zip": "/a/my-bootstrap.zip.intoto.jsonl",
	} {
		find, err := Finder("", attest.BundleName, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := find(Subject{Zip: zip}, nil); got != want || err != nil {
			t.Errorf("%s: %s, %v", zip, got, err)
		}
	}
}
