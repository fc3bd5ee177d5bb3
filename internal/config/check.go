package config

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// check says why value is refused and what to do instead; an empty why accepts it. name is the last part of the
// key, which only the keys of a person's own names need.
type check func(name, value string) (why, fix string)

// isName reports letters and digits of any script and underscores, with those of inner among them but not first.
func isName(v, inner string) bool {
	for i, r := range v {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_' && (i == 0 || !strings.ContainsRune(inner, r)) {
			return false
		}
	}
	return v != ""
}

func checkName(_, v string) (why, fix string) {
	if !isName(v, ".-") {
		return "a name has letters, digits, _, - and . only, and does not start with - or .", "write such a name"
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
		return "the pattern has an unclosed bracket or ends in a backslash", "close it, or take the backslash out"
	}
	return checkName("", strings.NewReplacer("*", "x", "?", "x", "[", "", "]", "", "^", "").Replace(v))
}

func checkFeature(_, v string) (why, fix string) {
	of, feature, dependency := strings.Cut(v, "/")
	if !dependency {
		feature = v
	}
	switch {
	case isName(feature, "+.-") && (!dependency || isName(strings.TrimSuffix(of, "?"), "+.-")):
		return "", ""
	case strings.ContainsAny(v, ", "):
		return "it holds several features", "write each as an item of the list"
	default:
		return "it is not the name of a feature", `write "feature" or "package/feature"`
	}
}

// systemPackagePattern covers https://www.debian.org/doc/debian-policy/ch-controlfields.html (names, :arch, versions)
// and the names of apk and rpm.
var systemPackagePattern = pattern.Of(`^[a-zA-Z0-9][a-zA-Z0-9+._-]*(:[a-z0-9-]+)?(=[a-zA-Z0-9][a-zA-Z0-9.+:~_-]*)?$`)

func checkSystemPackage(_, v string) (why, fix string) {
	if !systemPackagePattern().MatchString(v) {
		return "it is not the name of a package of apt, apk or dnf", `write "name" or "name=version"`
	}
	return "", ""
}

// checkPlain refuses what cannot stand in one line of a Dockerfile or an argument of a program.
func checkPlain(_, v string) (why, fix string) {
	switch {
	case v == "":
		return "it is empty", "leave it out"
	case !utf8.ValidString(v):
		return "it is not UTF-8", "write it in UTF-8"
	case strings.ContainsFunc(v, unicode.IsControl):
		return "it holds a line break or another control character", "take it out"
	default:
		return "", ""
	}
}

// checkRustflag also refuses white space, at which cargo splits the flags that it is given for one target.
func checkRustflag(_, v string) (why, fix string) {
	if why, fix := checkPlain("", v); why != "" {
		return why, fix
	}
	if strings.ContainsFunc(v, unicode.IsSpace) {
		return "cargo would split it at the white space", "write each flag as an item of the list; a value with a space in it cannot be passed"
	}
	return "", ""
}

func checkInside(_, v string) (why, fix string) { return checkBelow("", v) }

// checkBelow is checkInside for what follows the way up in a path.
func checkBelow(up, v string) (why, fix string) {
	if why, fix := checkPlain("", v); why != "" {
		return why, fix
	}
	clean := path.Clean(strings.ReplaceAll(v, `\`, "/"))
	switch below := !path.IsAbs(clean) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.HasPrefix(v, "~"); {
	case below && strings.Contains(v, `\`) && !strings.Contains(v, ":"):
		return "it has a backslash", fmt.Sprintf("write %q", up+clean)
	case below && slices.Contains(strings.Split(v, "/"), ".."):
		return "a \"..\" follows a folder", fmt.Sprintf("write %q", up+clean)
	}
	if strings.HasPrefix(v, "/") || strings.HasPrefix(v, "~") || strings.Contains(v, `\`) ||
		slices.Contains(strings.Split(v, "/"), "..") {
		return "it points out of the project", `write a path inside, with "/" between the folders`
	}
	return "", ""
}

// SplitInclude returns the two parts of an item of include, FROM and FROM:TO; to is "" where it has one. A colon in the name
// of a file is written as "?".
func SplitInclude(v string) (from, to string) {
	from, to, _ = strings.Cut(v, ":")
	return from, to
}

// checkGlob takes files beyond the package too, which only the project bounds, and where they go in the zip.
func checkGlob(_, v string) (why, fix string) {
	from, to := SplitInclude(v)
	inside := from
	for strings.HasPrefix(inside, "../") {
		inside = inside[3:]
	}
	if inside == ".." || inside == "" && from != "" {
		return "it names a folder above the package", fmt.Sprintf("write what of it is wanted, or %q", path.Clean(from)+"/**")
	}
	if why, fix := checkBelow(strings.TrimSuffix(from, inside), inside); why != "" {
		return why, fix
	}
	if _, err := path.Match(from, ""); err != nil {
		return "the pattern has an unclosed bracket", `close it, or write "?" for the character`
	}
	if strings.Contains(v, ":") {
		return checkInZip(to, strings.ContainsAny(from, `*?[`))
	}
	return "", ""
}

// checkImageFile takes the path of a file in the build image or the name of a library there, and where it goes in the zip.
func checkImageFile(_, v string) (why, fix string) {
	from, to := SplitInclude(v)
	if why, fix := checkPlain("", from); why != "" {
		return why, fix
	}
	const write = `write an absolute path, such as "/usr/lib/x86_64-linux-gnu/libfoo.so.1", or the name of a library, such as "libfoo.so.1"`
	switch {
	case strings.ContainsAny(from, `*?[`):
		return "it is a pattern", "name each file; the libraries that one needs come with it"
	case path.IsAbs(from) && (path.Clean(from) != from || from == "/"):
		return "the path has a part that leads nowhere", write
	case !path.IsAbs(from) && (strings.Contains(from, "/") || !strings.Contains(from, ".so")):
		return "it is neither a path in the image nor the name of a library", write
	case strings.Contains(v, ":"):
		return checkInZip(to, false)
	}
	return "", ""
}

// checkInZip takes the place of files in a zip; several are those of a pattern.
func checkInZip(to string, several bool) (why, fix string) {
	switch {
	case to == "":
		return "nothing follows the colon", `write FROM:TO, such as "certs/prod.pem:cert.pem" or "assets/*:data/"; a colon in the name of a file as "?"`
	case strings.Contains(to, ":"):
		return "it has two colons", `write FROM:TO; a colon in the name of a file as "?"`
	case strings.ContainsAny(to, `*?[`):
		return "what follows the colon is a pattern", `write the name that the file has in the zip, or a folder that ends with "/"`
	case several && !strings.HasSuffix(to, "/"):
		return "a pattern may match several files", fmt.Sprintf("write a folder, %q", to+"/")
	}
	if why, _ := checkInside("", to); why != "" {
		return "what follows the colon is no path in the zip", `write a relative path without ".."`
	}
	return "", ""
}

// checkEvent takes a file in the package or, with "../", elsewhere in the project.
func checkEvent(_, v string) (why, fix string) {
	inside := v
	for strings.HasPrefix(inside, "../") {
		inside = inside[3:]
	}
	return checkInside("", inside)
}

func checkJSON(_, v string) (why, fix string) {
	if !json.Valid([]byte(v)) {
		return "it is not JSON", `write the part of the answer that matters, such as '{"statusCode": 200}'`
	}
	return "", ""
}

// duration is a length of time as time.ParseDuration takes it too.
var duration = pattern.Of(`^([0-9]{1,6}(?:\.[0-9]{1,6})?)(ms|s|m)$`)

func checkSpan(_, v string) (why, fix string) {
	const write = `write a number with its unit, such as "10s" or "500ms"`
	m := duration().FindStringSubmatch(v)
	if m == nil {
		return "it is no length of time", write
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	switch ms := n * map[string]float64{"ms": 1, "s": 1000, "m": 60_000}[m[2]]; {
	case ms < 1:
		return "it is less than a millisecond", write
	case ms > 15*60_000:
		return "Lambda takes 15 minutes at most", write
	}
	return "", ""
}

func checkSize(_, v string) (why, fix string) {
	if n, err := ParseSize(v); err != nil || n == 0 {
		return "it is no size", `write a number with its unit, such as "8MB" or "64MiB"`
	}
	return "", ""
}

// choose says that v is none of the choices, and which it is most like.
func choose(v string, choices []string) (why, fix string) {
	quoted := make([]string, len(choices))
	for i, c := range choices {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	fix = "write one of them"
	if near := fault.Nearest(v, choices); near != "" {
		fix = fmt.Sprintf("write %q", near)
	}
	last := len(quoted) - 1
	return "there are " + strings.Join(quoted[:last], ", ") + " and " + quoted[last], fix
}

// meant asks for a nearest name of those that were listed, which may be "".
func meant(name string) string {
	if name == "" {
		return "write one of them"
	}
	return "did you mean " + name + "?"
}
