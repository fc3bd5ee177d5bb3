package cache

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// direction is one that a cache is used in, or a set of them.
type direction int

const (
	imports direction = 1 << iota
	exports
	both = imports | exports
)

// attribute describes one attribute of a type.
type attribute struct {
	direction direction
	required  direction          // where an option without it is a mistake
	check     func(string) error // nil takes any value
	secret    bool
}

// table has the attributes of each type, from BuildKit v0.33.1: cache/remotecache/<type>, util/compression/attrs.go,
// client/solve.go (tag, reset, dest, src) and control/control.go (mode, ignore-error). Where the code of one type
// reads the same attributes for both directions, README.md of the same release says which do something.
var table = map[string]map[string]attribute{
	"registry": merge(exported, layers, map[string]attribute{
		"ref":               {direction: both, required: both, check: isRef},
		"registry.insecure": {direction: both, check: isBool},
	}),
	"local": merge(exported, layers, map[string]attribute{
		"src":    {direction: imports, required: imports, check: notEmpty},
		"dest":   {direction: exports, required: exports, check: notEmpty},
		"tag":    {direction: both, check: isTag},
		"digest": {direction: imports, check: isDigest},
		"reset":  {direction: exports, check: isBool},
	}),
	"inline": {
		"mode":         {direction: exports, check: oneOf("min")}, // the cache is the result's own layers
		"ignore-error": {direction: exports, check: isBool},
	},
	"gha": merge(exported, map[string]attribute{
		"url":        {direction: both, check: isURL},
		"url_v2":     {direction: both, check: isURL},
		"token":      {direction: both, secret: true},
		"ghtoken":    {direction: both, secret: true},
		"repository": {direction: both, check: notEmpty},
		"scope":      {direction: both, check: notEmpty},
		"timeout":    {direction: both, check: isDuration},
		"version":    {direction: both, check: oneOf("1", "2")},
	}),
	"s3": merge(exported, stored, map[string]attribute{
		"bucket":                  {direction: both, check: notEmpty},
		"region":                  {direction: both, check: notEmpty},
		"endpoint_url":            {direction: both, check: isURL},
		"access_key_id":           {direction: both, check: notEmpty},
		"session_token":           {direction: both, secret: true},
		"use_path_style":          {direction: both, check: isBool},
		"disable_accept_encoding": {direction: both, check: isBool},
		"retry_mode":              {direction: both, check: oneOf("standard", "adaptive")},
		"retry_max_attempts":      {direction: both, check: isPositive},
		"touch_refresh":           {direction: exports, check: isDuration},
		"upload_parallelism":      {direction: exports, check: isPositive},
	}),
	"azblob": merge(exported, stored, map[string]attribute{
		"account_url":  {direction: both, check: isURL},
		"account_name": {direction: both, check: notEmpty},
		"container":    {direction: both, check: notEmpty},
	}),
}

var (
	// exported are the attributes of every export that is a place of its own.
	exported = map[string]attribute{
		"mode":         {direction: exports, check: oneOf("min", "max")},
		"ignore-error": {direction: exports, check: isBool},
	}
	// layers are those of exports that are image layers.
	layers = map[string]attribute{
		"image-manifest":    {direction: exports, check: isBool},
		"oci-mediatypes":    {direction: exports, check: isBool},
		"compression":       {direction: exports, check: oneOf("uncompressed", "gzip", "estargz", "zstd")},
		"compression-level": {direction: exports, check: isLevel},
		"force-compression": {direction: exports, check: isBoolOrEmpty},
	}
	// stored are those of object stores.
	stored = map[string]attribute{
		"name":              {direction: both, check: notEmpty},
		"prefix":            {direction: both},
		"manifests_prefix":  {direction: both},
		"blobs_prefix":      {direction: both},
		"secret_access_key": {direction: both, secret: true},
	}
)

func merge(tables ...map[string]attribute) map[string]attribute {
	all := map[string]attribute{}
	for _, t := range tables {
		for key, a := range t {
			all[key] = a
		}
	}
	return all
}

var (
	errEmpty    = errors.New("must not be empty")
	errBool     = errors.New("must be true or false")
	errPositive = errors.New("must be a whole number above 0")
	errDuration = errors.New(`must be a time such as "10m"`)
	errURL      = errors.New("must be a URL with a scheme and a host")
	errLevel    = errors.New("must be a number from 0 to 22")
	errTag      = errors.New("must be a tag: letters, digits, _ . and -, at most 128")
	errDigest   = errors.New("must be sha256: and 64 hexadecimal digits")
	errRef      = errors.New("must be an image name such as registry.example.com/app/cache:main, the path in lower case")
)

func notEmpty(v string) error { return verdict(v != "", errEmpty) }

func isBool(v string) error {
	_, err := strconv.ParseBool(v)
	return verdict(err == nil, errBool)
}

// isBoolOrEmpty is for the one attribute whose empty value BuildKit takes for true.
func isBoolOrEmpty(v string) error {
	if v == "" {
		return nil
	}
	return isBool(v)
}

func isPositive(v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	return verdict(err == nil && n > 0, errPositive)
}

// isLevel takes the levels of all compressions; [checkTogether] knows which one they are for.
func isLevel(v string) error {
	n, err := strconv.Atoi(v)
	return verdict(err == nil && n >= 0 && n <= 22, errLevel)
}

func isDuration(v string) error {
	d, err := time.ParseDuration(v)
	return verdict(err == nil && d > 0, errDuration)
}

func isURL(v string) error {
	u, err := url.Parse(v)
	return verdict(err == nil && u.Scheme != "" && u.Host != "", errURL)
}

// The grammar of image names: github.com/distribution/reference, reference.go.
var (
	tagPattern    = compiled(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestPattern = compiled(`^sha256:[0-9a-f]{64}$`)
	hostPattern   = compiled(`^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(:[0-9]+)?$`)
	partPattern   = compiled(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
)

// compiled compiles an expression when it is first used: most programs that import this package use none.
func compiled(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func isTag(v string) error    { return verdict(tagPattern().MatchString(v), errTag) }
func isDigest(v string) error { return verdict(digestPattern().MatchString(v), errDigest) }

func isRef(v string) error {
	_, _, _, ok := splitRef(v)
	return verdict(ok, errRef)
}

// splitRef takes an image name apart; ok is false when it is none.
func splitRef(ref string) (name, tag, digest string, ok bool) {
	name, digest, hasDigest := strings.Cut(ref, "@")
	if hasDigest && isDigest(digest) != nil {
		return "", "", "", false
	}
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name, tag = name[:i], name[i+1:]
		if isTag(tag) != nil {
			return "", "", "", false
		}
	}
	path := strings.Split(name, "/")
	if first := path[0]; len(path) > 1 && (strings.ContainsAny(first, ".:") || first == "localhost" || first != strings.ToLower(first)) {
		if !hostPattern().MatchString(first) {
			return "", "", "", false
		}
		path = path[1:]
	}
	if slices.ContainsFunc(path, func(part string) bool { return !partPattern().MatchString(part) }) || len(name) > 255 {
		return "", "", "", false
	}
	return name, tag, digest, true
}

func oneOf(values ...string) func(string) error {
	err := fmt.Errorf("must be %s", strings.Join(values, ", "))
	return func(v string) error { return verdict(slices.Contains(values, v), err) }
}

func verdict(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}
