package config

import (
	"slices"
	"strings"

	"github.com/distribution/reference"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// Placeholders are the names that stand in {{…}} in image and tags.
var Placeholders = []string{"name", "arch", "version", "git-sha", "branch"}

var placeholderPattern = pattern.Of(`\{\{\s*(.*?)\s*\}\}`)

func placeholderList(names []string) string { return "`{{" + strings.Join(names, "}}`, `{{") + "}}`" }

// Fill returns the template with value's answers in its placeholders. The template was checked when it was read.
func Fill(template string, value func(placeholder string) string) string {
	return placeholderPattern().ReplaceAllStringFunc(template, func(placeholder string) string {
		return value(placeholderPattern().FindStringSubmatch(placeholder)[1])
	})
}

// unknownPlaceholder says why a placeholder is none of those names. Otherwise it returns the template with a harmless word in
// place of each.
func unknownPlaceholder(v string, names []string) (filled, why, fix string) {
	for _, m := range placeholderPattern().FindAllStringSubmatch(v, -1) {
		if !slices.Contains(names, m[1]) {
			return "", "the placeholders are " + strings.Join(names, ", "), meant(fault.Nearest(m[1], names))
		}
	}
	return placeholderPattern().ReplaceAllString(v, "x"), "", ""
}

// fill puts a harmless word into the placeholders of the name of an image.
func fill(v string) (filled, why, fix string) {
	filled, why, fix = unknownPlaceholder(v, Placeholders)
	if why != "" {
		return "", why, fix
	}
	if strings.ContainsAny(filled, "{}") {
		return "", "a brace is missing", "write placeholders as {{name}}"
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
