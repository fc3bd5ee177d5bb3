package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/config"
	"lpipe/internal/publish"
)

// TypeProvenance, TypeSPDX and TypeCycloneDX are the predicate types of the statements:
// https://github.com/in-toto/attestation/tree/main/spec/predicates
const (
	TypeProvenance = "https://slsa.dev/provenance/v1"
	TypeSPDX       = "https://spdx.dev/Document"
	TypeCycloneDX  = "https://cyclonedx.org/bom"
)

// buildType names the document that says what the parameters mean: a URI, which lpipe has as a package alone.
var buildType = packageurl.NewPackageURL("generic", "", "lpipe", "", nil, "docs/statements.md").ToString()

// builder is who ran the build. A CI system is a part of it, since whoever trusts lpipe there trusts that system.
func builder(ci string) string {
	var where packageurl.Qualifiers
	if ci != "" {
		where = packageurl.Qualifiers{{Key: "ci", Value: ci}}
	}
	return packageurl.NewPackageURL("generic", "", "lpipe", "", where, "").ToString()
}

// Names of what a lambda is built from.
const (
	fromBase    = "base image"
	fromLock    = "Cargo.lock"
	fromGit     = "git"
	fromSources = "sources"
)

// Provenance says what the lambda was built from, as SLSA has it: https://slsa.dev/spec/v1.0/provenance.
func (b Build) Provenance() (publish.Statement, error) {
	failed := func(err error) (publish.Statement, error) {
		return publish.Statement{}, fmt.Errorf("stating how %s was built: %w", b.Lambda.Name, err)
	}
	parameters, err := structpb.NewStruct(b.parameters())
	if err != nil {
		return failed(err)
	}
	from, err := b.materials()
	if err != nil {
		return failed(err)
	}
	run := &provenance.Builder{Id: builder(b.CI)}
	if b.Version != "" {
		run.Version = map[string]string{"lpipe": b.Version}
	}
	predicate := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{BuildType: buildType, ExternalParameters: parameters, ResolvedDependencies: from},
		RunDetails:      &provenance.RunDetails{Builder: run},
	}
	if err := predicate.Validate(); err != nil {
		return failed(err)
	}
	data, err := protojson.Marshal(predicate)
	if err != nil {
		return failed(err)
	}
	return statement(TypeProvenance, data)
}

// parameters are all settings that decide about the program, but for values of the environment, of which there is a digest.
func (b Build) parameters() map[string]any {
	l := b.Lambda
	all := map[string]any{
		"lambda": l.Name, "package": l.Package.Name, "bin": l.Bin, "kind": l.Kind, "arch": l.Arch, "target": l.Build.TargetFor(l.Arch),
		"profile": l.Build.Profile, "features": texts(l.Build.Features), "defaultFeatures": l.Build.DefaultFeatures,
		"featuresPerLambda": b.FeaturesPerLambda, "rustflags": texts(l.Build.Rustflags), "cpu": l.Build.CPUFor(l.Arch), "packages": texts(l.Build.Packages),
		"network": l.Build.Network, "link": l.Build.Link, "runtime": l.Build.Runtime, "debug": l.Build.Debug, "include": texts(l.Build.Include), "include-from-image": texts(l.Build.IncludeFromImage),
		"tests": l.Build.Test, "auditable": l.Build.Auditable,
	}
	if len(l.Build.Env) > 0 {
		all["environment"] = texts(slices.Sorted(maps.Keys(l.Build.Env)))
		all["environmentDigest"] = environment(l.Build.Env)
	}
	if len(l.Build.LateEnv) > 0 { // what their placeholders stand for is stated by itself
		all["lateEnvironment"] = texts(slices.Sorted(maps.Keys(l.Build.LateEnv)))
		all["lateEnvironmentDigest"] = environment(l.Build.LateEnv)
	}
	if !b.Epoch.IsZero() {
		all["sourceDateEpoch"] = b.Epoch.Unix()
	}
	if b.Git.Dir != "" {
		all["workspace"] = b.Git.Dir
	}
	return all
}

// environment is a digest of variables of a build, which tells others without their values.
func environment(env map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(h, "%q=%q\n", name, env[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// texts is a list as a [structpb.Struct] takes it.
func texts(all []string) []any {
	list := make([]any, len(all))
	for i, text := range all {
		list[i] = text
	}
	return list
}

// materials are what the lambda was built from.
func (b Build) materials() ([]*intoto.ResourceDescriptor, error) {
	ws := b.Workspace
	from := []*intoto.ResourceDescriptor{baseImage(b.Base)}
	if lock, err := fs.ReadFile(ws.FS, path.Join(ws.Base, ws.Lock.Path)); err == nil {
		sum := sha256.Sum256(lock)
		from = append(from, &intoto.ResourceDescriptor{Name: fromLock, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	}
	if b.Git.Commit != "" {
		at := &intoto.ResourceDescriptor{Name: fromGit, Digest: map[string]string{"gitCommit": b.Git.Commit}}
		if b.Git.Tree != "" {
			at.Digest["gitTree"] = b.Git.Tree
		}
		if b.Git.Modified {
			var err error
			if at.Annotations, err = structpb.NewStruct(map[string]any{"modified": true}); err != nil {
				return nil, err
			}
		}
		from = append(from, at)
	}
	if b.Sources != "" {
		from = append(from, &intoto.ResourceDescriptor{Name: fromSources, Digest: map[string]string{"sha256": b.Sources}})
	}
	for _, c := range b.Crates {
		if c.Local {
			continue
		}
		d := &intoto.ResourceDescriptor{Name: c.Name, Uri: c.PURL(), Digest: map[string]string{}}
		if c.Checksum != "" {
			d.Digest["sha256"] = c.Checksum
		}
		if c.Commit != "" {
			d.Digest["gitCommit"] = c.Commit
		}
		from = append(from, d)
	}
	return from, nil
}

// baseImage describes the base image as BuildKit does: https://github.com/package-url/purl-spec. Of one in a folder it
// does not say where on this machine that is.
func baseImage(base string) *intoto.ResourceDescriptor {
	d := &intoto.ResourceDescriptor{Name: fromBase}
	name, sum, ok := strings.Cut(base, "@sha256:")
	if ok {
		d.Digest = map[string]string{"sha256": sum}
	}
	if _, ok := config.ParseLayout(base); ok {
		return d
	}
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return d
	}
	tag := ""
	if tagged, ok := ref.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	namespace, last := path.Split(reference.FamiliarName(ref))
	d.Uri = packageurl.NewPackageURL("docker", strings.TrimSuffix(namespace, "/"), last, tag, nil, "").ToString()
	return d
}
