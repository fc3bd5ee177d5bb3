package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"lpipe/cache"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

var (
	hostPattern       = pattern.Of(`^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?$`)
	repositoryPattern = pattern.Of(`^(\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?|[a-zA-Z0-9_~][a-zA-Z0-9_.~:-]*)(/[a-zA-Z0-9_.~-]+)+$`)
	// fingerprintPattern is what ssh-keygen -l prints: 32 bytes in base64 without padding.
	fingerprintPattern = pattern.Of(`^SHA256:[A-Za-z0-9+/]{43}$`)
)

func checkHost(_, v string) (why, fix string) {
	switch {
	case strings.Contains(v, "://"), strings.Contains(v, "@"):
		return "it is more than a host", "write the host, with :PORT where it has one"
	case !hostPattern().MatchString(v):
		return "it is not a host", "write the host, with :PORT where it has one"
	default:
		return "", ""
	}
}

func checkMirror(_, v string) (why, fix string) {
	host, dir, _ := strings.Cut(v, "/")
	if !hostPattern().MatchString(host) || strings.ContainsFunc(dir, func(r rune) bool { return r != '/' && notBare(r) && r != '.' }) {
		return "it is not a host with an optional path", `write "mirror.example.com" or "mirror.example.com/path"; plain HTTP is http = true in its own [registry."HOST"]`
	}
	return "", ""
}

// checkProxy is for proxies as curl, cargo and Go take them.
func checkProxy(_, v string) (why, fix string) {
	u, err := url.Parse(v)
	switch {
	case err == nil && u.User != nil, secretValue(v):
		return "it holds a login, and this file is read by all who build", "set HTTP_PROXY and HTTPS_PROXY in the environment of lpipe"
	case err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return "it is not the URL of a proxy", `write "http://HOST:PORT"; https, socks5 and socks5h are known too`
	}
	return "", ""
}

var noProxyPattern = pattern.Of(`^[A-Za-z0-9.*:/_\[\]-]+$`)

func checkNoProxy(_, v string) (why, fix string) {
	if !noProxyPattern().MatchString(v) {
		return "it is not a host, a domain or a network", `write "host", ".example.com" or "10.0.0.0/8"`
	}
	return "", ""
}

func checkRepository(_, v string) (why, fix string) {
	if !repositoryPattern().MatchString(v) || slices.Contains(strings.Split(v, "/"), "..") {
		return "it is not the name of a repository", `write "org/repo" or "host/org/repo"`
	}
	return "", ""
}

func checkTokenScope(_, v string) (why, fix string) {
	if why, _ := checkHost("", v); why == "" {
		return "", ""
	}
	if why, _ := checkRepository("", v); why == "" {
		return "", ""
	}
	return "it is neither a host nor a repository", `write "host" or "host/org/repo"`
}

func checkFingerprint(_, v string) (why, fix string) {
	if !fingerprintPattern().MatchString(v) {
		return "it is not a SHA256 fingerprint", "copy one from ssh-add -l"
	}
	return "", ""
}

func checkKeySource(_, v string) (why, fix string) {
	const how = `write "env:NAME" or the path of a file`
	name, env := strings.CutPrefix(v, "env:")
	switch {
	case secretValue(v), strings.ContainsFunc(v, unicode.IsControl):
		return "it is a key and not the place of one", how
	case env && !envPattern().MatchString(name):
		return "that is not the name of a variable", how
	default:
		return checkPlain("", v)
	}
}

const cacheForm = "write it as for docker buildx build: type=registry,ref=HOST/NAME"

func checkCache(parse func(string) (cache.Entry, error)) check {
	return func(_, v string) (why, fix string) {
		var whys, fixes []string
		_, err := parse(v)
		for _, err := range fault.Parts(err) {
			why := err.Error()
			if e := (*cache.Error)(nil); errors.As(err, &e) {
				why = strings.TrimPrefix(e.Option+": "+e.What, ": ")
				if e.Fix != "" {
					fixes = append(fixes, e.Fix)
				}
			}
			whys = append(whys, why)
		}
		if len(fixes) == 0 && len(whys) > 0 {
			fixes = []string{cacheForm}
		}
		return strings.Join(whys, "\n"), strings.Join(fixes, "\n")
	}
}
