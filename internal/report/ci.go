package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lpipe/internal/foreign"
	"lpipe/internal/pattern"
)

// Markdown writes the summary for the page of a CI job, such as GITHUB_STEP_SUMMARY. failed is what went wrong, as package
// fault prints it, "" when nothing did.
func Markdown(w io.Writer, s Summary, failed string) {
	fmt.Fprint(w, "### lpipe\n\n| lambda | target | tests | zip | CodeSha256 | image |\n|---|---|---|---|---|---|\n")
	for _, l := range s.Lambdas {
		row := []string{markdown(l.Name), markdown(l.Target), markdown(tests(l)), "", "", ""}
		switch {
		case l.Error != "":
			row[2] = "no result: " + markdown(firstLine(l.Error))
		case l.Zip != "":
			row[3], row[4] = fmt.Sprintf("%s (%s)", markdown(l.Zip), Size(l.ZipSize)), code(l.CodeSHA256)
		}
		if l.Image != nil && l.Image.Error == "" {
			var names []string
			for _, name := range l.Image.Names {
				names = append(names, code(name))
			}
			row[5] = strings.Join(names, " ")
		} else if l.Image != nil {
			row[5] = "not pushed"
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	took := time.Duration(s.Seconds * float64(time.Second))
	fmt.Fprintf(w, "\n%s, %d cached, %s%s\n", Count(s.Steps, "step", "steps"), s.Cached, compilerWarnings(s), took.Round(10*time.Millisecond))
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "\n- warning: %s\n", markdown(warning))
	}
	if failed != "" {
		failed = tail(failed)
		fence := "```"
		for strings.Contains(failed, fence) {
			fence += "`"
		}
		fmt.Fprintf(w, "\n%s\n%s\n%s\n", fence, strings.TrimRight(failed, "\n"), fence)
	}
}

// maxFailed bounds what a page says of failures, in bytes: GitHub shows none of more than 1 MiB.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
const maxFailed = 512 << 10

// tail is the end of a text that is too long for a page, where what went wrong is said.
func tail(text string) string {
	if len(text) <= maxFailed {
		return text
	}
	text = text[len(text)-maxFailed:]
	if _, whole, ok := strings.Cut(text, "\n"); ok {
		text = whole
	}
	return "…\n" + strings.ToValidUTF8(text, "")
}

var word = pattern.Of(`^[A-Za-z0-9./:@+=_-]+$`)

// code writes a hash or the name of an image.
func code(text string) string {
	if word().MatchString(text) {
		return "`" + text + "`"
	}
	return markdown(text)
}

// meaning is what Markdown or HTML could read as more than text, among it the starts of addresses, which become links.
var meaning = pattern.Of("[^\\pL\\pN\\pZ\\pS\\pM\\pC_.,/()=%-]|[`<>|~^$+]|\\b_+|_+\\b|__+|(?i:\\bwww)\\.")

// markdown writes text of others as text: within a line, and without format, links, names of users or HTML.
func markdown(text string) string {
	return meaning().ReplaceAllStringFunc(foreign.Line(text), func(found string) string {
		var text strings.Builder
		for _, r := range found {
			if unicode.IsLetter(r) {
				text.WriteRune(r)
			} else {
				fmt.Fprintf(&text, "&#%d;", r)
			}
		}
		return text.String()
	})
}

// Pair is one output of a CI job.
type Pair struct{ Name, Value string }

// notInName is what the name of an output cannot have.
var notInName = pattern.Of(`[^A-Za-z0-9]+`)

// OutputsVersion is the version of the shape of [Outputs] and [Metadata]: within one, keys are only added.
const OutputsVersion = 1

// Outputs are the zips and their hashes for the next steps of a CI job: zip_NAME, sha256_NAME and code_sha256_NAME for
// each lambda that has a zip, and image_NAME where an image was pushed. "outputs" is the version of their shape and
// "lambdas" the names as they are in these. Where two lambdas have one name in letters and digits, the second is NAME_2.
func Outputs(s Summary) []Pair {
	var all []Pair
	var names []string
	for _, l := range s.Lambdas {
		if l.Zip == "" {
			continue
		}
		plain := notInName().ReplaceAllString(l.Name, "_")
		name := plain
		for n := 2; slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(other, name) }); n++ {
			name = fmt.Sprintf("%s_%d", plain, n)
		}
		names = append(names, name)
		all = append(all, Pair{"zip_" + name, l.Zip}, Pair{"sha256_" + name, l.SHA256}, Pair{"code_sha256_" + name, l.CodeSHA256})
		if l.Image != nil && l.Image.Error == "" {
			image, _, _ := strings.Cut(l.Image.Names[0], "@")
			all = append(all, Pair{"image_" + name, image + "@" + l.Image.Digest})
		}
	}
	return append([]Pair{{"outputs", strconv.Itoa(OutputsVersion)}, {"lambdas", strings.Join(names, " ")}}, all...)
}

// Dotenv writes the outputs as GitLab reads them, in upper case and with LPIPE_ before:
// https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
func Dotenv(w io.Writer, s Summary) {
	for _, p := range Outputs(s) {
		if p.Name == "lambdas" {
			p.Value = strings.ToUpper(p.Value) // as in the names of the others
		}
		fmt.Fprintf(w, "LPIPE_%s=%s\n", strings.ToUpper(p.Name), p.Value)
	}
}

// Metadata writes the version of its shape and, by the name of each lambda that has a zip, the zip and what docker buildx
// build --metadata-file says of an image.
func Metadata(w io.Writer, s Summary) error {
	lambdas := map[string]any{}
	for _, l := range s.Lambdas {
		if l.Zip == "" {
			continue
		}
		one := map[string]any{
			"lpipe.zip.path": l.Zip, "lpipe.zip.sha256": l.SHA256, "lpipe.zip.codeSha256": l.CodeSHA256, "lpipe.zip.size": l.ZipSize,
		}
		if l.Smoke != nil {
			one["lpipe.smoke"] = l.Smoke
		}
		if l.Image != nil && l.Image.Error == "" {
			one["containerimage.digest"], one["containerimage.config.digest"] = l.Image.Digest, l.Image.ConfigDigest
			one["image.name"] = strings.Join(l.Image.Names, ",")
		}
		lambdas[l.Name] = one
	}
	return foreign.WriteJSON(w, map[string]any{"version": OutputsVersion, "lambdas": lambdas}, "  ")
}
