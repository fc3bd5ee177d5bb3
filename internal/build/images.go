package build

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"lpipe/cache"
	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/publish"
	"lpipe/internal/report"
)

// ImageNames are the names of the image that a lambda becomes.
func ImageNames(ctx context.Context, here *project.Here, t project.Target) ([]string, error) {
	return imageNames(Target{Target: t, Checkout: here.Checkout(ctx, t.Dir)})
}

// imageNames fills the placeholders in the names of the target's image. Nothing was built yet, so a mistake costs nothing.
func imageNames(t Target) (names []string, err error) {
	var l fault.List
	for _, template := range templates(t.Project) {
		name, err := fillImage(template, t.Lambda, t.Checkout)
		if err != nil {
			l.Add(err)
			continue
		}
		names = append(names, name)
	}
	return names, l.Err()
}

// distinctImages refuses names that images of several lambdas have.
func distinctImages(targets []Target) error {
	owners := map[string]string{}
	var l fault.List
	for _, t := range targets {
		for _, name := range t.Images {
			if other := owners[name]; other != "" {
				l.Addf(fmt.Sprintf("%s and %s would both be pushed as %s", other, t.Lambda.Label(), name), "", "put {{name}} or {{arch}} into image or tags")
			}
			owners[name] = t.Lambda.Label()
		}
	}
	return l.Err()
}

// templates are the names with placeholders. A tag alone belongs to image.
func templates(p *project.Project) []string {
	image, repository := p.Config.Image, p.Config.Image
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		repository = image[:i]
	}
	var all []string
	bare := false
	for _, tag := range p.Config.Tags {
		if !strings.ContainsAny(tag, "/:") {
			bare, tag = true, repository+":"+tag
		}
		all = append(all, tag)
	}
	if image != "" && (!bare || repository != image) {
		all = append(all, image)
	}
	return all
}

// fillImage puts the lambda into the placeholders of a template that was checked.
func fillImage(template string, l *plan.Lambda, at project.Checkout) (string, error) {
	var missing []string
	values := map[string]string{
		"name": strings.ToLower(l.Name), "arch": l.Arch, "version": l.Package.Version, "git-sha": at.Commit, "branch": at.Branch,
	}
	filled := config.Fill(template, func(hole string) string {
		v := values[hole]
		if v == "" {
			missing = append(missing, hole)
			return "x"
		}
		return cache.Tag(v)
	})
	if len(missing) > 0 {
		f := &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("the image %q cannot be named", template),
			Why: fmt.Sprintf("{{%s}} is not known here", missing[0]), Fix: "build in a git checkout of a branch, or set LPIPE_BRANCH",
		}
		if at.Unread != nil {
			f.Why += ": " + at.Unread.Error()
		}
		return "", f
	}
	named, err := reference.ParseNormalizedNamed(filled)
	if err != nil {
		return "", &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the image %q cannot be named", filled), Err: err, Fix: "write it as REGISTRY/NAME:TAG, in lower case"}
	}
	return reference.TagNameOnly(named).String(), nil
}

// Publish makes an image of what was delivered of a target, and pushes it with the target's names. extensions are what was
// delivered of those among its layers. What it returns says why where the image was not pushed; it is nil where there is no image.
func Publish(ctx context.Context, t Built, out Output, extensions []Output, pusher *publish.Pusher) (*report.Image, error) {
	created, err := t.epoch()
	if err != nil {
		return nil, err
	}
	l := t.Lambda
	spec := publish.Spec{Files: out.Files, Opt: slices.Clone(out.Opt), Root: out.Root, Arch: l.Arch, Created: created, Labels: map[string]string{
		"org.opencontainers.image.title":   l.Name,
		"org.opencontainers.image.version": l.Package.Version,
	}}
	if t.Config.SnapStart {
		// https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
		spec.Labels["com.amazonaws.lambda.feature.snapstart"] = "Allow"
	}
	for _, e := range out.Files {
		if e.Name == artifact.ProgramName && !artifact.IsStatic(e.Data) {
			return nil, &fault.Error{
				Kind: fault.Artifact, What: "the image of " + l.Label() + " would not start", Why: "the program is linked dynamically, and an image from scratch has neither a dynamic linker nor glibc",
				Fix: `set link = "static", or deploy the zip, for which Lambda has them`,
			}
		}
	}
	for _, e := range extensions {
		if e.Error != "" {
			return nil, &fault.Error{
				Kind: fault.Build, What: "no image of " + l.Label() + " was made", Why: "its extension " + e.Name + " has no result", Fix: "correct the extension",
			}
		}
		spec.Opt = append(spec.Opt, e.Files...)
	}
	if commit := t.Checkout.Commit; commit != "" {
		spec.Labels["org.opencontainers.image.revision"] = commit
	}
	if t.about != nil && (t.about.Images.Provenance || t.about.Images.SBOM) {
		stated, err := t.stated()
		if err != nil {
			return nil, err
		}
		if t.about.Images.Provenance {
			s, err := stated.Provenance()
			if err != nil {
				return nil, err
			}
			spec.Statements = append(spec.Statements, s)
		}
		if t.about.Images.SBOM {
			s, err := stated.SPDX(out.SHA256)
			if err != nil {
				return nil, err
			}
			spec.Statements = append(spec.Statements, s)
		}
	}
	image, err := publish.New(spec)
	if err != nil {
		return nil, err
	}
	pushed := &report.Image{Names: t.Images, Digest: image.Digest().String(), ConfigDigest: image.ConfigDigest().String()}
	if err := pusher.Push(ctx, image, t.Images); err != nil {
		pushed.Error = err.Error()
		return pushed, err
	}
	return pushed, nil
}

// Registries are how the configuration says that registries are reached.
func Registries(cfg *config.Config) map[string]publish.Registry {
	all := map[string]publish.Registry{}
	for host, r := range cfg.Registry {
		all[host] = publish.Registry{CA: r.CA, HTTP: r.HTTP}
	}
	return all
}
