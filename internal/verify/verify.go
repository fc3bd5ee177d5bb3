// Package verify tells whether a zip is what a commit gives, from its statements, what was rebuilt, and what is stated of that.
//
// It builds nothing: [Read] says what a zip is stated to be, [Settings] what it has to be built with, and [Compare] how the two
// zips and their statements differ.
package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

// Zip is a zip with what is stated of it.
type Zip struct {
	Data   []byte
	SHA256 string // in hex
	attest.Origin
	// Other is the SHA-256 of the zip that the statements are about where that is another one; "" otherwise.
	Other string
}

// Read reads a zip and a bundle of statements, for each of which signed must be nil; a nil function asks for no signature.
func Read(data, bundle []byte, signed func(attest.Statement) error) (Zip, error) {
	z := Zip{Data: data, SHA256: artifact.SHA256(data)}
	all, err := attest.ReadBundle(bundle)
	if err != nil {
		return z, fmt.Errorf("reading its statements: %w", err)
	}
	for _, s := range all {
		if signed != nil {
			if err := signed(s); err != nil {
				return z, fmt.Errorf("the statement of the type %s: %w", s.PredicateType, err)
			}
		}
		if s.Subject != z.SHA256 {
			z.Other = s.Subject
		}
	}
	if z.Origin, err = attest.ReadOrigin(all); err != nil {
		return z, err
	}
	if z.Commit() == "" {
		return z, errors.New("its statements name no commit")
	}
	// The name of a lambda, and nothing that would be taken for a folder or for several.
	if name := z.Text("lambda"); name == "" || strings.Trim(name, ".") == "" || strings.ContainsAny(name, `/\*?[`) {
		return z, errors.New("its statements name no lambda")
	}
	return z, nil
}

// from says where a setting is from.
const from = "the statement"

// Settings are those that a zip was stated to be built with and that the lambda of its commit does not have by itself: those of
// flags, of the environment, and of [ci].
func Settings(o attest.Origin, l *plan.Lambda) []config.Setting {
	var all []config.Setting
	set := func(key string, values ...string) {
		all = append(all, config.Setting{Key: "build." + key, Values: values, Flag: from})
	}
	text := func(key, has string) {
		if want := o.Text(key); want != "" && want != has {
			set(key, want)
		}
	}
	list := func(key string, has []string) {
		if want := o.Texts(key); len(want) > 0 && !slices.Equal(want, has) {
			set(key, want...)
		}
	}
	boolean := func(key, parameter string, has bool) {
		if want := o.Bool(parameter); want != has {
			set(key, fmt.Sprint(want))
		}
	}
	b := l.Build
	if len(b.Arch) > 1 || o.Text("arch") != l.Arch {
		set("arch", o.Text("arch"))
	}
	text("target", b.TargetFor(l.Arch))
	text("profile", b.Profile)
	text("network", b.Network)
	text("link", b.Link)
	text("runtime", b.Runtime)
	text("debug", b.Debug)
	text("cpu", b.CPUFor(l.Arch))
	list("features", b.Features)
	list("rustflags", b.Rustflags)
	list("packages", b.Packages)
	list("include", b.Include)
	list("include-from-image", b.IncludeFromImage)
	boolean("default-features", "defaultFeatures", b.DefaultFeatures)
	boolean("auditable", "auditable", b.Auditable)
	if o.Bool("featuresPerLambda") {
		set("features-per-lambda", "true")
	}
	if base, ok := pinned(o, b.Base); ok {
		set("base", base)
	}
	return all
}

// pinned is a base image with the digest that was stated. That of a folder is whatever the folder holds.
func pinned(o attest.Origin, base string) (string, bool) {
	if _, folder := config.ParseLayout(base); folder || o.Base() == "" {
		return "", false
	}
	name, _, _ := strings.Cut(base, "@")
	return name + "@sha256:" + o.Base(), true
}

// What the two zips are called.
const (
	zip     = "zip"
	rebuilt = "rebuilt one"
)

// Result is what came of a comparison.
type Result struct {
	Differences []string // between the zips, or between what is stated and what was rebuilt; none for a zip that is proved
	Notes       []string // what differs and need not
}

// Compare compares a zip with the one that was rebuilt, and their statements.
func Compare(z, again Zip) Result {
	var r Result
	for _, text := range z.Differ(again.Origin) {
		if strings.HasPrefix(text, "lpipe: ") {
			r.Notes = append(r.Notes, text)
			continue
		}
		r.Differences = append(r.Differences, text)
	}
	switch {
	case z.Other != "" && z.Other == again.SHA256:
		r.Differences = append(r.Differences, "the zip was changed: the statements are about the one that was rebuilt")
	case z.Other != "":
		r.Differences = append(r.Differences, fmt.Sprintf("the statements are about another zip: sha256 %s, and this one has %s", z.Other, z.SHA256))
	}
	r.Differences = append(r.Differences, artifact.Differ(zip, z.Data, rebuilt, again.Data)...)
	switch {
	case z.Modified && len(r.Differences) == 0:
		r.Notes = append(r.Notes, "it was built from files that differ from the commit, and the commit gives the same zip")
	case z.Modified:
		r.Differences = append([]string{"it was built from files that differ from the commit"}, r.Differences...)
	}
	return r
}

// Unproved is the fault of zips that are not what their commits give.
func Unproved(count, of int) error {
	what := "the zip is not what its commit gives"
	if of > 1 {
		what = fmt.Sprintf("%d of %d zips are not what their commits give", count, of)
	}
	return &fault.Error{
		Kind: fault.Artifact, What: what, Why: "the differences are named above",
		Fix: "deploy only what a commit gives: build it again from the commit, and compare the CodeSha256 with what runs",
	}
}
