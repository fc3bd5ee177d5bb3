package testparts_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"lpipe/internal/testparts"
)

// registryClient speaks the distribution protocol to one registry.
type registryClient struct {
	*http.Client
	url, username, password string
}

func (c registryClient) do(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = c.url + url
	}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	if c.username != "" {
		request.SetBasicAuth(c.username, c.password)
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

// push uploads a blob and reads it back.
func (c registryClient) push(t *testing.T, content string) {
	t.Helper()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content)))
	upload, answer := c.do(t, "POST", "/v2/team/lambda/blobs/uploads/", "")
	if upload.StatusCode != http.StatusAccepted {
		t.Fatalf("starting an upload: %s: %s", upload.Status, answer)
	}
	done, answer := c.do(t, "PUT", upload.Header.Get("Location")+"&digest="+digest, content)
	if done.StatusCode != http.StatusCreated {
		t.Fatalf("uploading: %s: %s", done.Status, answer)
	}
	if response, answer := c.do(t, "GET", "/v2/team/lambda/blobs/"+digest, ""); answer != content {
		t.Fatalf("reading back: %s: %q", response.Status, answer)
	}
}

func TestRegistryKeepsABlob(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{})
	registryClient{Client: http.DefaultClient, url: "http://" + r.Host}.push(t, "a layer")
	if r.CAFile != "" {
		t.Errorf("a plain registry has the certificate %s", r.CAFile)
	}
}

func TestRegistryAsksForThePasswordOverTLS(t *testing.T) {
	r := testparts.NewRegistry(t, testparts.RegistryOptions{TLS: true, Username: "ci", Password: "s3cret"})
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", pem)
	}
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer trusting.CloseIdleConnections()
	c := registryClient{Client: trusting, url: "https://" + r.Host}

	if response, _ := c.do(t, "GET", "/v2/", ""); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a password: %s", response.Status)
	}
	c.username, c.password = "ci", "wrong"
	if response, _ := c.do(t, "GET", "/v2/", ""); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %s", response.Status)
	}
	c.password = "s3cret"
	c.push(t, "a layer")

	if _, err := http.Get("https://" + r.Host + "/v2/"); err == nil {
		t.Error("the certificate is trusted without CAFile")
	}
}

func TestRegistryLetsATestMakeRequestsFail(t *testing.T) {
	var requests atomic.Int32
	r := testparts.NewRegistry(t, testparts.RegistryOptions{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if requests.Add(1) == 1 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, request)
		})
	}})
	c := registryClient{Client: http.DefaultClient, url: "http://" + r.Host}
	if response, _ := c.do(t, "GET", "/v2/", ""); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the first request: %s", response.Status)
	}
	c.push(t, "a layer")
}
