package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/distribution/reference"

	"lpipe/cache"
	"lpipe/internal/fault"
)

// check says why value is refused and what to do instead; an empty why accepts it. name is the last part of the
// key, which only the keys of a person's own names need.
type check func(name, value string) (why, fix string)

var (
	arches = []string{"x86_64", "arm64"}
	// rustArch maps Lambda's names to those in Rust targets.
	rustArch = map[string]string{"x86_64": "x86_64", "arm64": "aarch64"}
	// aliases are the names that other tools have for the two.
	aliases = map[string]string{
		"amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "linux/amd64": "x86_64",
		"aarch64": "arm64", "arm64v8": "arm64", "linux/arm64": "arm64", "graviton": "arm64",
	}
)

// archOf returns Lambda's name for the architecture of a checked Rust target.
func archOf(target string) string {
	if strings.HasPrefix(target, "aarch64-") {
		return "arm64"
	}
	return "x86_64"
}

func checkArch(_, v string) (why, fix string) {
	if arch, ok := aliases[strings.ToLower(v)]; ok {
		return "Lambda has another name for it", fmt.Sprintf("write %q", arch)
	}
	return "", ""
}

var targetPattern = regexp.MustCompile(`^(x86_64|aarch64)-[a-z0-9_]+-linux-(musl|gnu)$`)

const noTarget = "leave target out: it follows from arch and link"

func checkTarget(_, v string) (why, fix string) {
	if targetPattern.MatchString(v) {
		return "", ""
	}
	fix = noTarget
	if near := fault.Nearest(v, []string{
		"x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu",
	}); near != "" {
		fix = fmt.Sprintf("write %q", near)
	}
	return "Lambda runs 64-bit Linux on x86_64 and arm64", fix
}

func checkRuntime(_, v string) (why, fix string) {
	const now = `write "provided.al2023"`
	switch {
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
	case v == "provided" || v == "go1.x":
		return "AWS retired it on 2024-01-08", now
	case strings.HasPrefix(v, "nodejs"), strings.HasPrefix(v, "python"), strings.HasPrefix(v, "java"),
		strings.HasPrefix(v, "dotnet"), strings.HasPrefix(v, "ruby"):
		return "a program in Rust runs on a custom runtime", now
	default:
		return "", ""
	}
}

var namePattern = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$`)

func checkName(_, v string) (why, fix string) {
	if !namePattern.MatchString(v) {
		return "a name has letters, digits, _, - and . only, and does not start with - or .", ""
	}
	return "", ""
}

func checkProfile(_, v string) (why, fix string) {
	if v == "debug" {
		return "cargo calls that folder debug and the profile dev", `write "dev"`
	}
	return checkName("", v)
}

func checkPattern(_, v string) (why, fix string) {
	if _, err := path.Match(v, ""); err != nil {
		return "the pattern has an unclosed bracket or ends in a backslash", ""
	}
	return checkName("", strings.NewReplacer("*", "x", "?", "x", "[", "", "]", "", "^", "").Replace(v))
}

var featurePattern = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_+.-]*(\??/[\p{L}\p{N}_][\p{L}\p{N}_+.-]*)?$`)

func checkFeature(_, v string) (why, fix string) {
	switch {
	case featurePattern.MatchString(v):
		return "", ""
	case strings.ContainsAny(v, ", "):
		return "it holds several features", "write each as an item of the list"
	default:
		return "it is not the name of a feature", `write "feature" or "package/feature"`
	}
}

// systemPackagePattern covers https://www.debian.org/doc/debian-policy/ch-controlfields.html (names, :arch, versions)
// and the names of apk.
var systemPackagePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9+._-]*(:[a-z0-9-]+)?(=[a-zA-Z0-9][a-zA-Z0-9.+:~_-]*)?$`)

func checkSystemPackage(_, v string) (why, fix string) {
	if !systemPackagePattern.MatchString(v) {
		return "it is not the name of a package of apt or apk", `write "name" or "name=version"`
	}
	return "", ""
}

// checkPlain refuses what cannot stand in one line of a Dockerfile or an argument of a program.
func checkPlain(_, v string) (why, fix string) {
	switch {
	case v == "":
		return "it is empty", "leave the key out"
	case strings.ContainsFunc(v, unicode.IsControl):
		return "it holds a line break or another control character", ""
	default:
		return "", ""
	}
}

func checkInside(_, v string) (why, fix string) {
	if why, fix := checkPlain("", v); why != "" {
		return why, fix
	}
	if strings.HasPrefix(v, "/") || strings.HasPrefix(v, "~") || strings.Contains(v, `\`) ||
		slices.Contains(strings.Split(v, "/"), "..") {
		return "it points out of the project", `write a path inside, with "/" between the folders`
	}
	return "", ""
}

func checkGlob(_, v string) (why, fix string) {
	if why, fix := checkInside("", v); why != "" {
		return why, fix
	}
	if _, err := path.Match(v, ""); err != nil {
		return "the pattern has an unclosed bracket", ""
	}
	return "", ""
}

var (
	hostPattern       = regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?$`)
	repositoryPattern = regexp.MustCompile(`^[a-zA-Z0-9_~][a-zA-Z0-9_.~:-]*(/[a-zA-Z0-9_.~-]+)+$`)
	// fingerprintPattern is what ssh-keygen -l prints: 32 bytes in base64 without padding.
	fingerprintPattern = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}$`)
)

func checkHost(_, v string) (why, fix string) {
	switch {
	case strings.Contains(v, "://"), strings.Contains(v, "@"):
		return "it is more than a host", "write the host, with :PORT where it has one"
	case !hostPattern.MatchString(v):
		return "it is not a host", "write the host, with :PORT where it has one"
	default:
		return "", ""
	}
}

func checkMirror(_, v string) (why, fix string) {
	host, dir, _ := strings.Cut(v, "/")
	if !hostPattern.MatchString(host) || strings.ContainsFunc(dir, func(r rune) bool { return r != '/' && notBare(r) && r != '.' }) {
		return "it is not a host with an optional path", `write "mirror.example.com" or "mirror.example.com/path"; plain HTTP is http = true in its own [registry."HOST"]`
	}
	return "", ""
}

func checkRepository(_, v string) (why, fix string) {
	if !repositoryPattern.MatchString(v) || slices.Contains(strings.Split(v, "/"), "..") {
		return "it is not the name of a repository", `write "org/repo" or "host/org/repo"`
	}
	return "", ""
}

func checkFingerprint(_, v string) (why, fix string) {
	if !fingerprintPattern.MatchString(v) {
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
	case env && !envPattern.MatchString(name):
		return "that is not the name of a variable", how
	default:
		return checkPlain("", v)
	}
}

func checkCache(parse func(string) (cache.Entry, error)) check {
	return func(_, v string) (why, fix string) {
		var whys, fixes []string
		_, err := parse(v)
		for _, err := range parts(err) {
			why := err.Error()
			if e := (*cache.Error)(nil); errors.As(err, &e) {
				why = strings.TrimPrefix(e.Option+": "+e.What, ": ")
				if e.Fix != "" {
					fixes = append(fixes, e.Fix)
				}
			}
			whys = append(whys, why)
		}
		return strings.Join(whys, "\n"), strings.Join(fixes, "\n")
	}
}

// parts returns the errors that err joins, err itself when it joins none.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, parts(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// Holes are the names that stand in {{…}} in image and tags.
var Holes = []string{"name", "arch", "version", "git-sha", "branch"}

var holePattern = regexp.MustCompile(`\{\{\s*(.*?)\s*\}\}`)

func holeList() string { return "`{{" + strings.Join(Holes, "}}`, `{{") + "}}`" }

// fill puts a harmless word into the holes of a template.
func fill(v string) (filled, why, fix string) {
	for _, m := range holePattern.FindAllStringSubmatch(v, -1) {
		if !slices.Contains(Holes, m[1]) {
			return "", "the holes are " + strings.Join(Holes, ", "), meant(fault.Nearest(m[1], Holes))
		}
	}
	filled = holePattern.ReplaceAllString(v, "x")
	if strings.ContainsAny(filled, "{}") {
		return "", "a brace is missing", "write holes as {{name}}"
	}
	return filled, "", ""
}

func checkImage(_, v string) (why, fix string) {
	filled, why, fix := fill(v)
	if why != "" {
		return why, fix
	}
	return checkReference(filled)
}

func checkTag(_, v string) (why, fix string) {
	filled, why, fix := fill(v)
	switch {
	case why != "":
		return why, fix
	case strings.ContainsAny(filled, "/:"):
		return checkReference(filled)
	case !reference.TagRegexp.MatchString(filled) || reference.TagRegexp.FindString(filled) != filled:
		return "it is not a tag", "a tag has up to 128 letters, digits, _, - and ., and does not start with - or ."
	default:
		return "", ""
	}
}

func checkReference(v string) (why, fix string) {
	if why, fix := checkPlain("", v); why != "" {
		return why, fix
	}
	if _, err := reference.ParseNormalizedNamed(v); err != nil {
		return err.Error(), `write "registry.example.com/name:tag"`
	}
	return "", ""
}

// choose says that v is none of the choices, and which it is most like.
func choose(v string, choices []string) (why, fix string) {
	quoted := make([]string, len(choices))
	for i, c := range choices {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	if near := fault.Nearest(v, choices); near != "" {
		fix = fmt.Sprintf("write %q", near)
	}
	last := len(quoted) - 1
	return "there are " + strings.Join(quoted[:last], ", ") + " and " + quoted[last], fix
}

// meant asks for a nearest name, which may be "".
func meant(name string) string {
	if name == "" {
		return ""
	}
	return "did you mean " + name + "?"
}
