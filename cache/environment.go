package cache

import (
	"maps"
	"strconv"
)

// FromEnvironment adds what clients of BuildKit take from their environment, since the engine cannot see it: the
// cache service and token of GitHub Actions, and the AWS keys. What e says itself stays. lookup is os.LookupEnv
// or its like. The error is an [*Error] when a GitHub Actions cache has no service or token.
func (e Entry) FromEnvironment(lookup func(string) (string, bool)) (Entry, error) {
	e.Attrs = maps.Clone(e.Attrs)
	if e.Attrs == nil {
		e.Attrs = map[string]string{}
	}
	fill := func(key string, names ...string) {
		for _, name := range names {
			if v, ok := lookup(name); ok && v != "" && e.Attrs[key] == "" {
				e.Attrs[key] = v
			}
		}
	}
	switch e.Type {
	case "gha":
		// The variables that a runner sets: https://github.com/actions/toolkit/blob/main/packages/cache/src/internal/config.ts
		flag, _ := lookup("ACTIONS_CACHE_SERVICE_V2")
		second, _ := strconv.ParseBool(flag)
		if version := e.Attrs["version"]; version == "2" || version == "" && second {
			fill("url_v2", "ACTIONS_RESULTS_URL")
		}
		fill("url", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
		fill("token", "ACTIONS_RUNTIME_TOKEN")
		if e.Attrs["token"] == "" || e.Attrs["url"] == "" && e.Attrs["url_v2"] == "" {
			return Entry{}, &Error{
				"type=gha", "the cache service of GitHub Actions and its token are not in the environment",
				"it works inside a workflow, where a step such as crazy-max/ghaction-github-runtime exports them",
			}
		}
	case "s3":
		// All or none: a key id from here and a secret from there do not fit.
		if e.Attrs["access_key_id"] == "" && e.Attrs["secret_access_key"] == "" {
			fill("access_key_id", "AWS_ACCESS_KEY_ID")
			fill("secret_access_key", "AWS_SECRET_ACCESS_KEY")
			fill("session_token", "AWS_SESSION_TOKEN")
		}
	}
	return e, nil
}
