package config

import (
	"slices"
	"strings"

	"github.com/distribution/reference"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// Holes are the names that stand in {{…}} in image and tags.
var Holes = []string{"name", "arch", "version", "git-sha", "branch"}

var holePattern = pattern.Of(`\{\{\s*(.*?)\s*\}\}`)

func holeList() string { return "`{{" + strings.Join(Holes, "}}`, `{{") + "}}`" }

// Fill returns the template with value's answers in its holes. The template was checked when it was read.
func Fill(template string, value func(hole string) string) string {
	return holePattern().ReplaceAllStringFunc(template, func(hole string) string {
		return value(holePattern().FindStringSubmatch(hole)[1])
	})
}

// fill puts a harmless word into the holes of a template.
func fill(v string) (filled, why, fix string) {
	for _, m := range holePattern().FindAllStringSubmatch(v, -1) {
		if !slices.Contains(Holes, m[1]) {
			return "", "the holes are " + strings.Join(Holes, ", "), meant(fault.Nearest(m[1], Holes))
		}
	}
	filled = holePattern().ReplaceAllString(v, "x")
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
