package awsapi

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"lpipe/internal/deploy"
	"lpipe/internal/fault"
)

// configured is an environment with that configuration of AWS alone.
func configured(t *testing.T, config string) string {
	t.Helper()
	home := t.TempDir()
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, ".aws", "config")) // of HOME it takes what that was as the process began
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if err := os.MkdirAll(filepath.Join(home, ".aws", "sso", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestWhatIsMissingToAskAWS(t *testing.T) {
	const sso = "[profile work]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = dev\nregion = eu-west-1\n" +
		"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n"
	for _, c := range []struct{ config, profile, what, fix string }{
		{"", "", "AWS's region is not known", "--region REGION"},
		{"[default]\nregion = eu-west-1\n", "", "there are no credentials for AWS", "aws sso login"},
		{"", "none", `AWS's configuration has no profile "none"`, "aws configure list-profiles"},
		{sso, "work", "the login to AWS by SSO has expired", "aws sso login --profile work"},
	} {
		home := configured(t, c.config)
		// A token that expired, as aws sso login leaves it.
		token := fmt.Sprintf("%x.json", sha1.Sum([]byte("s")))
		if err := os.WriteFile(filepath.Join(home, ".aws", "sso", "cache", token), []byte(`{"accessToken":"x","expiresAt":"2020-01-01T00:00:00Z"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Profile: c.profile})
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(f.What, c.what) || !strings.Contains(f.Fix, c.fix) || f.Kind != fault.Usage {
			t.Errorf("%q: %v, fix %v", c.what, err, f)
		}
	}
}

// TestWhatAWSRefuses says it in words, and what is done about it.
func TestWhatAWSRefuses(t *testing.T) {
	for _, c := range []struct {
		status    int
		code, fix string
		is        error
		message   string // "" for "as it is"
	}{
		{404, "ResourceNotFoundException", "the name and the region", deploy.ErrNotFound, ""},
		{409, "ResourceConflictException", "goes on from there", deploy.ErrConflict, ""},
		{412, "PreconditionFailedException", "goes on from there", deploy.ErrConflict, ""},
		{403, "AccessDeniedException", "lambda:UpdateFunctionCode", nil, ""},
		{403, "ExpiredTokenException", "log in again", nil, ""},
		{400, "CodeStorageExceededException", "delete versions", nil, ""},
		{413, "RequestEntityTooLargeException", "--s3-bucket", nil, ""},
		{400, "InvalidCodeSignatureException", "AWS Signer", nil, ""},
		{502, "KMSDisabledException", "KMSKeyArn", nil, ""},
		{403, "AccessDeniedException", "allowed iam:PassRole on it", nil, "User: arn:aws:iam::1:user/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/lambda because no identity-based policy allows it"},
		{403, "AccessDeniedException", "allowed lambda:UpdateFunctionCode on it", nil, "User: x is not authorized to perform: lambda:UpdateFunctionCode on resource: echo"},
		{403, "AccessDeniedException", "allowed s3:GetObject on it", nil, "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for b/k. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"},
		{400, "InvalidParameterValueException", "a bucket in the region of the functions", nil, "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this region: us-east-1. Please use this region to retry the request"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-ErrorType", c.code)
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `{"message":%q}`, cmp.Or(c.message, "as it is"))
		}))
		configured(t, "")
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
		client, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		err = client.UpdateCode(t.Context(), "echo", "", deploy.Code{Zip: []byte("x")})
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(f.Why, c.code) || !strings.Contains(f.Fix, c.fix) || f.Kind != fault.Publish || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, fix %+v", c.code, err, f)
		}
		server.Close()
	}
}

// TestValuesOfVariablesAreNotTold: AWS repeats variables that it does not take, secrets and those that were there before.
func TestValuesOfVariablesAreNotTold(t *testing.T) {
	var message string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", "InvalidParameterValueException")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
	}))
	t.Cleanup(server.Close)
	configured(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
	client, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"A": "pass\"word", "B": "pass", "C": "x"}
	for _, message = range []string{
		`exceeded the 4KB limit. String measured: {"A":"pass\"word","B":"pass","OLD":"pass"}`, `Value '{A=pass"word, B=pass}' at 'environment' failed`, `Value {"A":"pass\"word"} failed`,
	} {
		for _, err := range []error{
			client.UpdateSettings(t.Context(), "echo", "", "", deploy.Settings{Env: env}), client.Create(t.Context(), "echo", deploy.New{Settings: deploy.Settings{Env: env}}),
		} {
			var f *fault.Error
			if !errors.As(err, &f) || strings.Contains(f.Error(), "pass") || strings.Contains(f.Error(), "word") || !strings.Contains(f.Why, "InvalidParameterValueException") {
				t.Errorf("of %s is said: %v", message, err)
			}
		}
	}
}

// TestAnInterruptIsNoFailure: whoever interrupts is not told what AWS did not answer.
func TestAnInterruptIsNoFailure(t *testing.T) {
	configured(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
	client, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Function(ctx, "echo", ""); !errors.Is(err, context.Canceled) || errors.As(err, new(*fault.Error)) {
		t.Errorf("%v", err)
	}
}

// TestTheLocationOfCodeIsNotTold: its URL is signed, and so a secret.
func TestTheLocationOfCodeIsNotTold(t *testing.T) {
	client := &Client{http: http.DefaultClient}
	for _, location := range []string{"http://127.0.0.1:1/code?X-Amz-Signature=secret", "http://127.0.0.1:1/\x7f?X-Amz-Signature=secret"} {
		if _, err := client.Download(t.Context(), location); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

// TestCodesOfAllFunctions: over pages, and with an alias of those that have it.
func TestCodesOfAllFunctions(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		name, isFunction := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
		switch {
		case isFunction && name == "one" && r.URL.Query().Get("Qualifier") == "live":
			fmt.Fprint(w, `{"Configuration":{"FunctionName":"one","CodeSha256":"live"}}`)
		case isFunction && name != "":
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"Message":"Function not found"}`)
		case r.URL.Query().Get("Marker") == "":
			fmt.Fprint(w, `{"Functions":[{"FunctionName":"one","CodeSha256":"a"}],"NextMarker":"more"}`)
		default:
			fmt.Fprint(w, `{"Functions":[{"FunctionName":"two","CodeSha256":"b"}]}`)
		}
	}))
	t.Cleanup(server.Close)
	configured(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
	client, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for alias, want := range map[string]map[string]string{"": {"one": "a", "two": "b"}, "live": {"one:live": "live"}} {
		if got, err := client.Codes(t.Context(), alias); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %q, %v", alias, got, err)
		}
	}
}

// TestALogIsFollowed: over pages, each event once, and on where the clock of a function is ahead; the group may be made later.
func TestALogIsFollowed(t *testing.T) {
	type event struct {
		EventID   string `json:"eventId"`
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}
	start := time.Now()
	at := func(id string, d time.Duration) event { return event{id, start.Add(d).UnixMilli(), id} }
	var mu sync.Mutex
	var there []event
	reads := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var in struct {
			StartTime int64
			NextToken string
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in.NextToken == "" {
			reads++
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch reads {
		case 1:
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"message":"The specified log group does not exist."}`)
			return
		case 2:
			there = []event{at("early", -time.Hour), at("one", 0), at("ahead", 2*time.Hour), at("two", time.Millisecond)}
		case 3:
			there = append(there, at("late", 2*time.Millisecond))
		}
		var page []event
		next := ""
		for i, e := range there {
			if first := fmt.Sprint(i); e.Timestamp >= in.StartTime && (in.NextToken == "" || in.NextToken <= first) {
				if len(page) == 2 {
					next = first
					break
				}
				page = append(page, e)
			}
		}
		out := map[string]any{"events": page}
		if next != "" {
			out["nextToken"] = next
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	configured(t, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
	client, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told []string
	err = client.Tail(ctx, "/aws/lambda/echo", start.Add(-time.Minute), true, func(e Event) {
		if told = append(told, e.Message); e.Message == "late" {
			cancel()
		}
	})
	if want := []string{"one", "ahead", "two", "late"}; !slices.Equal(told, want) || !errors.Is(err, context.Canceled) {
		t.Errorf("%q: %v", told, err)
	}
}

// TestAWSThatIsNotReached is said within seconds, and not after the minutes for which requests are sent again.
func TestAWSThatIsNotReached(t *testing.T) {
	configured(t, "[default]\nregion = eu-west-1\naws_access_key_id = x\naws_secret_access_key = y\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	c, err := Open(t.Context(), Options{Endpoint: "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = c.Function(ctx, "f", "")
	var f *fault.Error
	if !errors.As(err, &f) || f.What != "AWS is not reached, for GetFunction of f" || !strings.Contains(f.Fix, "the region is right") {
		t.Error(err)
	}
	for _, endpoint := range []string{"nonsense", "ftp://x", "http://"} {
		if _, err := Open(t.Context(), Options{Endpoint: endpoint}); err == nil || !strings.Contains(err.Error(), "--endpoint-url cannot be") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// TestWhatIsSentAgainForLongIsSaidOnce, by all clients of an account together.
func TestWhatIsSentAgainForLongIsSaidOnce(t *testing.T) {
	var said []string
	fresh := retryers(func(line string) { said = append(said, line) })
	throttled := &smithy.GenericAPIError{Code: "TooManyRequestsException"}
	for range 2 {
		r := fresh()
		for attempt := 1; attempt <= unannounced; attempt++ {
			if _, err := r.RetryDelay(attempt, throttled); err != nil || len(said) > 1 {
				t.Errorf("attempt %d: %q, %v", attempt, said, err)
			}
		}
		if _, err := r.RetryDelay(unannounced+1, throttled); err != nil {
			t.Error(err)
		}
	}
	want := []string{"AWS does not take requests for now (TooManyRequestsException); they are sent again, for some minutes at most"}
	if !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
	if _, err := retryers(nil)().RetryDelay(unannounced+1, throttled); err != nil {
		t.Error(err)
	}
}
