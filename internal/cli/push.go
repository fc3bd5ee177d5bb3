package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/spf13/pflag"

	"lpipe/cache"
	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/plan"
	"lpipe/internal/publish"
	"lpipe/internal/report"
)

// pushing is what lpipe build does beyond zips.
type pushing struct {
	provenance, sbom bool
	metadata, dotenv string // files to write; "" for none

	names map[*plan.Lambda][]string         // of the images
	files map[*plan.Lambda][]artifact.Entry // of the zips
}

// pushFlags declares the flags for images and files about the build. The first function returns the settings that
// were given, the second what the flags say.
func pushFlags(f *pflag.FlagSet) (func() []config.Setting, func() (*pushing, error)) {
	push := f.Bool("push", false, "push each lambda as an image")
	tags := listFlag(f, "tag", "`TAG` of the image, or a whole name; holes as in lpipe.toml: {{name}}, {{git-sha}}, ...")
	provenance := f.String("provenance", "false", "`true` to put SLSA provenance beside the image; Lambda takes no image that has any")
	sbom := f.String("sbom", "false", "`true` to put a list of the crates beside the image, as SPDX; Lambda takes no image that has any")
	f.Lookup("provenance").NoOptDefVal, f.Lookup("sbom").NoOptDefVal = "true", "true"
	metadata := f.String("metadata-file", "", "`FILE` to write digests and zips to, as JSON")
	dotenv := f.String("dotenv", "", "`FILE` to write zips and their hashes to, as a dotenv report of GitLab")
	settings := func() []config.Setting {
		var all []config.Setting
		if f.Changed("push") {
			all = append(all, config.Setting{Key: "push", Values: []string{fmt.Sprint(*push)}, Flag: "--push"})
		}
		if len(*tags) > 0 {
			all = append(all, config.Setting{Key: "tags", Values: *tags, Flag: "--tag"})
		}
		return all
	}
	return settings, func() (*pushing, error) {
		p := &pushing{metadata: *metadata, dotenv: *dotenv, files: map[*plan.Lambda][]artifact.Entry{}}
		var l fault.List
		for _, flag := range []struct {
			name, value string
			on          *bool
		}{{"--provenance", *provenance, &p.provenance}, {"--sbom", *sbom, &p.sbom}} {
			switch flag.value {
			case "true":
				*flag.on = true
			case "mode=min": // what lpipe writes
				*flag.on = flag.name == "--provenance"
			case "false":
			default:
				l.Addf(flag.name+"="+flag.value+" is not supported",
					"lpipe writes it itself, from Cargo.lock and its own plan, with no generator and nothing to choose", "use true or false")
			}
		}
		return p, l.Err()
	}
}

// imageNames fills the holes in the names of every lambda's image. Nothing was built yet, so a mistake costs nothing.
func (r *run) imageNames(ctx context.Context) error {
	if r.push == nil {
		return nil
	}
	r.push.names = map[*plan.Lambda][]string{}
	owners := map[string]*plan.Lambda{}
	var l fault.List
	for _, part := range parts(r.projects) {
		if !part.cfg.Push {
			continue
		}
		lambda, at := part.lambda, r.checkout(ctx, part.dir)
		for _, template := range part.templates() {
			name, err := fillImage(template, lambda, at)
			if err != nil {
				l.Add(err)
				continue
			}
			if other := owners[name]; other != nil {
				l.Addf(fmt.Sprintf("%s and %s would both be pushed as %s", other.Label(), lambda.Label(), name), "", "put {{name}} or {{arch}} into image or tags")
			}
			owners[name] = lambda
			r.push.names[lambda] = append(r.push.names[lambda], name)
		}
	}
	return l.Err()
}

// templates are the names with holes. A tag alone belongs to image.
func (p *project) templates() []string {
	image, repository := p.cfg.Image, p.cfg.Image
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		repository = image[:i]
	}
	var all []string
	bare := false
	for _, tag := range p.cfg.Tags {
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

// pushes reports that the lambda becomes an image too.
func (r *run) pushes(l *plan.Lambda) bool { return r.push != nil && r.push.names[l] != nil }

// fillImage puts the lambda into the holes of a template that was checked.
func fillImage(template string, l *plan.Lambda, at checkout) (string, error) {
	var missing []string
	values := map[string]string{
		"name": strings.ToLower(l.Name), "arch": l.Arch, "version": l.Package.Version, "git-sha": at.sha, "branch": at.branch,
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
		if at.unread != nil {
			f.Why += ": " + at.unread.Error()
		}
		return "", f
	}
	named, err := reference.ParseNormalizedNamed(filled)
	if err != nil {
		return "", &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the image %q cannot be named", filled), Err: err, Fix: "write it as REGISTRY/NAME:TAG, in lower case"}
	}
	return reference.TagNameOnly(named).String(), nil
}

// pushImage pushes the lambda whose zip was written.
func (r *run) pushImage(ctx context.Context, p *project, l *plan.Lambda, out *report.Lambda) error {
	created, err := r.epoch()
	if err != nil {
		return err
	}
	at := r.checkout(ctx, p.dir)
	spec := publish.Spec{Files: r.push.files[l], Arch: l.Arch, Created: created, Labels: map[string]string{
		"org.opencontainers.image.title":    l.Name,
		"org.opencontainers.image.version":  l.Package.Version,
		"org.opencontainers.image.revision": at.sha,
	}}
	if at.sha == "" {
		delete(spec.Labels, "org.opencontainers.image.revision")
	}
	if r.push.provenance {
		spec.Statements = append(spec.Statements, p.provenance(l, out, at))
	}
	if r.push.sbom {
		spec.Statements = append(spec.Statements, p.sbom(l, created))
	}
	image, err := publish.New(spec)
	if err != nil {
		return err
	}
	names := r.push.names[l]
	out.Image = &report.Image{Names: names, Digest: image.Digest().String(), ConfigDigest: image.ConfigDigest().String()}
	registries := map[string]publish.Registry{}
	for host, registry := range r.cfg.Registry {
		registries[host] = publish.Registry{CA: registry.CA, HTTP: registry.HTTP}
	}
	pusher := &publish.Pusher{Logins: r.logins(), Registries: registries, Log: func(line string) { foreign.Fprintf(r.Err, "lpipe: %s\n", line) }}
	if err := pusher.Push(ctx, image, names); err != nil {
		out.Image.Error = err.Error()
		return err
	}
	return nil
}
