package serve

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"lpipe/internal/emulator"
	"lpipe/internal/limits"
)

// Environment is the environment of a command that is to find the lambdas at the URL by AWS's SDKs.
func Environment(own map[string]string, served string) map[string]string {
	env := map[string]string{}
	maps.Copy(env, own)
	defaults := map[string]string{"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
	if env["AWS_ACCESS_KEY_ID"] == "" && env["AWS_PROFILE"] == "" {
		// SDKs sign what they send, and nobody here looks at the signature.
		maps.Copy(defaults, map[string]string{"AWS_ACCESS_KEY_ID": "lpipe", "AWS_SECRET_ACCESS_KEY": "lpipe"})
	}
	for name, value := range defaults {
		if env[name] == "" {
			env[name] = value
		}
	}
	env["AWS_ENDPOINT_URL_LAMBDA"] = served
	env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false" // what a shell or a profile says otherwise would lead to AWS itself
	// No proxy reaches this machine's loopback. Some programs read the one variable, some the other.
	proxied := slices.ContainsFunc([]string{"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, func(name string) bool { return env[name] != "" })
	at, err := url.Parse(served)
	if !proxied || err != nil {
		return env
	}
	direct := cmp.Or(own["no_proxy"], own["NO_PROXY"])
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		env[name] = strings.TrimPrefix(cmp.Or(own[name], direct)+","+at.Hostname()+",localhost", ",")
	}
	return env
}

// Variables are those that the runtime of a program needs which somebody starts, as a shell takes them. api is the address for it.
func Variables(c emulator.Config, api string) (needed []string) {
	for _, v := range c.Environment(api, "", limits.Opt) {
		switch variable, value, _ := strings.Cut(v, "="); variable {
		case "AWS_LAMBDA_FUNCTION_VERSION":
			needed = append(needed, variable+"='"+value+"'")
		case "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE":
			needed = append(needed, v)
		}
	}
	return needed
}
