package testparts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// Moto is AWS's API on this machine, with no function, bucket or alarm in it.
type Moto struct {
	URL  string
	Role string // the ARN of a role that functions may have
}

// NewMoto starts moto. Functions in it do not run: each answers as [Moto.Answer] says.
func NewMoto(t testing.TB) *Moto {
	t.Helper()
	program := motoServer()
	require.Part(t, program != "", "moto_server", "scripts/parts")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(free.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	var log bytes.Buffer
	cmd := exec.Command(program, "-H", host, "-p", port)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
	})
	m := &Moto{URL: "http://" + net.JoinHostPort(host, port)}
	for started := time.Now(); ; {
		answer, err := http.Get(m.URL + "/moto-api/")
		if err == nil {
			answer.Body.Close()
			break
		}
		select {
		case <-gone:
			t.Fatalf("moto ended:\n%s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Since(started) > time.Minute {
			t.Fatal("moto does not listen")
		}
	}
	m.Post(t, "/moto-api/config", `{"lambda": {"use_docker": false}}`)
	trust := `{"Version":"2012-10-17","Statement":[]}`
	form := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"lambda"}, "AssumeRolePolicyDocument": {trust}}
	m.Query(t, "iam", form)
	m.Role = "arn:aws:iam::123456789012:role/lambda"
	return m
}

// motoServer is the last on PATH, which scripts/parts appends: another that the machine has may be of another version, and 5.2.1 knows no
// layers of functions that do not run.
func motoServer() string {
	for _, dir := range slices.Backward(filepath.SplitList(os.Getenv("PATH"))) {
		if program, err := exec.LookPath(filepath.Join(dir, "moto_server")); err == nil {
			return program
		}
	}
	return ""
}

// Env are the variables by which AWS's programs and SDKs find it.
func (m *Moto) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": m.URL, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	}
}

// Post sends JSON to Lambda, or to moto's own API.
func (m *Moto) Post(t testing.TB, path, body string) []byte {
	t.Helper()
	return m.send(t, "lambda", http.MethodPost, path, "application/json", body)
}

// Query asks a service whose requests are forms.
func (m *Moto) Query(t testing.TB, service string, form url.Values) {
	t.Helper()
	m.send(t, service, http.MethodPost, "/", "application/x-www-form-urlencoded", form.Encode())
}

// S3 sends XML to S3, as by PUT.
func (m *Moto) S3(t testing.TB, path, body string) {
	t.Helper()
	m.send(t, "s3", http.MethodPut, path, "application/xml", body)
}

func (m *Moto) send(t testing.TB, service, method, path, kind, body string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, m.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Authorization", signature(service))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %v\n%s", method, filepath.Base(path), answer.Status, err, data)
	}
	return data
}

// signature is what moto tells services apart by; it checks none.
func signature(service string) string {
	return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/%s/aws4_request, SignedHeaders=host, Signature=0", service)
}
