package deploy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func post(t testing.TB, url, body string) { t.Helper(); send(t, http.MethodPost, url, body) }

func put(t testing.TB, url, body string) { t.Helper(); send(t, http.MethodPut, url, body) }

func send(t testing.TB, method, url, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if data, _ := io.ReadAll(answer.Body); answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s\n%s", method, url, answer.Status, data)
	}
}
