package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestExtensionOfTheProgramItself(t *testing.T) {
	_, w := serve(t, Config{Name: "report"})
	base := strings.Replace(w.base, "2018-06-01/runtime", "2020-01-01/extension", 1)
	call := func(ctx context.Context, method, path, body string, header ...string) (*http.Response, string, error) {
		r, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return response, string(text), err
	}
	for _, bad := range []struct{ body, name, want string }{
		{`{"events":[]}`, "", "Extension.InvalidExtensionName"},
		{`{"events":`, "own", "InvalidRequestFormat"},
		{`{"events":["INVOKE"]}`, "own", "Extension.UnsupportedEvents"},
	} {
		if _, text, err := call(t.Context(), "POST", "register", bad.body, "Lambda-Extension-Name", bad.name); err != nil || !strings.Contains(text, bad.want) {
			t.Errorf("%s of %q: %s (%v)", bad.body, bad.name, text, err)
		}
	}
	response, text, err := call(t.Context(), "POST", "register", `{"events":[]}`, "Lambda-Extension-Name", "own")
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(text, `"functionName":"report"`) {
		t.Fatalf("%s (%v)", text, err)
	}
	id := response.Header.Get("Lambda-Extension-Identifier")
	if _, text, err := call(t.Context(), "GET", "event/next", "", "Lambda-Extension-Identifier", "another"); err != nil || !strings.Contains(text, "UnknownExtensionIdentifier") {
		t.Errorf("another identifier: %s (%v)", text, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, text, err := call(short, "GET", "event/next", "", "Lambda-Extension-Identifier", id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it does not wait: %s (%v)", text, err)
	}
}
