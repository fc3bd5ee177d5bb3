package cli

import (
	"maps"
	"testing"
)

// TestCommandsFindTheLambdas, whatever the shell has for AWS and for proxies.
func TestCommandsFindTheLambdas(t *testing.T) {
	const url = "http://127.0.0.1:9000"
	always := map[string]string{
		"AWS_ENDPOINT_URL_LAMBDA": url, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "lpipe", "AWS_SECRET_ACCESS_KEY": "lpipe",
	}
	const direct = "127.0.0.1,localhost"
	for name, c := range map[string]struct{ own, more map[string]string }{
		"nothing":            {},
		"an endpoint":        {own: map[string]string{"AWS_ENDPOINT_URL_LAMBDA": "https://example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}},
		"a region":           {own: map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": ""}, more: map[string]string{"AWS_REGION": "eu-west-1"}},
		"a proxy":            {own: map[string]string{"HTTP_PROXY": "http://p:1"}, more: map[string]string{"HTTP_PROXY": "http://p:1", "no_proxy": direct, "NO_PROXY": direct}},
		"a proxy, not for x": {own: map[string]string{"http_proxy": "p:1", "NO_PROXY": "x"}, more: map[string]string{"http_proxy": "p:1", "no_proxy": "x," + direct, "NO_PROXY": "x," + direct}},
	} {
		want := maps.Clone(always)
		maps.Copy(want, c.more)
		if got := commandEnvironment(c.own, url); !maps.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	mine := map[string]string{"AWS_PROFILE": "p"}
	if got := commandEnvironment(mine, url); got["AWS_ACCESS_KEY_ID"] != "" || len(mine) != 1 {
		t.Errorf("%q, of %q", got, mine)
	}
}
