package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"lpipe/internal/attest"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/report"
)

// pushing is what a run does beyond zips.
type pushing struct {
	statements build.Statements // beside an image
	files      report.Files
	sigstore   bool     // --sigstore was given
	ofImage    []string // flags that were given and concern an image alone
}

// useless refuses flags for an image where none is made.
func (p pushing) useless(cfg *config.Config) error {
	if p.sigstore && len(cfg.Statements.Kinds) == 0 {
		return &fault.Error{
			Kind: fault.Usage, What: "--sigstore without statements", Why: "it signs those beside the zip, and there are to be none", Fix: "add --statements, or kinds in [statements] of lpipe.toml",
		}
	}
	if cfg.Push || len(p.ofImage) == 0 {
		return nil
	}
	return &fault.Error{
		Kind: fault.Usage, What: strings.Join(p.ofImage, " and ") + " without --push", Why: "it is about the image that is pushed, and none is",
		Fix: "add --push, or push = true in lpipe.toml; for statements beside the zip, --statements",
	}
}

// pushFlags declares the flags for images and files about the build. The first function returns the settings that
// were given, the second what the flags say.
func pushFlags(f *pflag.FlagSet) (func() []config.Setting, func() (pushing, error)) {
	push := f.Bool("push", false, "push each lambda as an image")
	tags := listFlag(f, "tag", "`TAG` of the image, or a whole name; placeholders as in lpipe.toml: {{name}}, {{git-sha}}, ...")
	certificates := f.Bool("ca-certificates", false, "put the certificate authorities of the build image into the image")
	snapstart := f.Bool("snapstart", false, "give the image the label that lets Lambda start it from a snapshot")
	provenance := f.String("provenance", "false", "put SLSA provenance beside the image; Lambda takes no image that has any")
	sbom := f.String("sbom", "false", "put a list of the crates beside the image, as SPDX; Lambda takes no image that has any")
	f.Lookup("provenance").NoOptDefVal, f.Lookup("sbom").NoOptDefVal = "true", "true"
	beside := f.String("statements", "", "`KINDS` of statements to put beside each zip: provenance, spdx, cyclonedx, with commas between them; without a value all")
	f.Lookup("statements").NoOptDefVal = strings.Join(attest.Kinds, ",")
	sigstore := f.Bool("sigstore", false, "sign these statements by the identity that the CI system gives, with Sigstore, whose logs are public")
	metadata := f.String("metadata-file", "", "`FILE` to write digests and zips to, as JSON")
	dotenv := f.String("dotenv", "", "`FILE` to write zips and their hashes to, as a dotenv report of GitLab")
	settings := func() []config.Setting {
		var all []config.Setting
		if f.Changed("push") {
			all = append(all, config.Setting{Key: "push", Values: []string{fmt.Sprint(*push)}, Flag: "--push"})
		}
		for name, value := range map[string]*bool{"ca-certificates": certificates, "snapstart": snapstart} {
			if f.Changed(name) {
				all = append(all, config.Setting{Key: name, Values: []string{fmt.Sprint(*value)}, Flag: "--" + name})
			}
		}
		if f.Changed("statements") {
			all = append(all, config.Setting{Key: "statements.kinds", Values: []string{*beside}, Flag: "--statements"})
		}
		if f.Changed("sigstore") {
			all = append(all, config.Setting{Key: "statements.sigstore", Values: []string{fmt.Sprint(*sigstore)}, Flag: "--sigstore"})
		}
		if len(*tags) > 0 {
			all = append(all, config.Setting{Key: "tags", Values: *tags, Flag: "--tag"})
		}
		return all
	}
	return settings, func() (pushing, error) {
		p := pushing{files: report.Files{Metadata: *metadata, Dotenv: *dotenv}, sigstore: *sigstore}
		var l fault.List
		for _, flag := range []string{"tag", "provenance", "sbom", "ca-certificates", "snapstart"} {
			if f.Changed(flag) && f.Lookup(flag).Value.String() != "false" {
				p.ofImage = append(p.ofImage, "--"+flag)
			}
		}
		for _, flag := range []struct {
			name, value string
			on          *bool
		}{{"--provenance", *provenance, &p.statements.Provenance}, {"--sbom", *sbom, &p.statements.SBOM}} {
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
