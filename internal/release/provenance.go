package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"lpipe/internal/attest"
	"lpipe/internal/publish"
)

// sumsName and provenanceName are files of a release: the sums of all others, and the statement on these and on the sums.
const (
	sumsName       = "SHA256SUMS"
	provenanceName = "lpipe.intoto.jsonl"
)

// commitHash is that of a commit of git, in hex.
var commitHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// provenance writes the statement that the files named in SHA256SUMS were made from a commit, as SLSA has it:
// https://slsa.dev/spec/v1.0/provenance. It is signed with the private key in the PEM file, if one is named.
func (r *release) provenance(commit, key string) error {
	if !commitHash.MatchString(commit) {
		return fmt.Errorf("%q is no hash of a commit", commit)
	}
	subjects, err := r.subjects()
	if err != nil {
		return err
	}
	parameters, err := structpb.NewStruct(map[string]any{"tag": "v" + r.Version, "url": r.URL})
	if err != nil {
		return err
	}
	script := packageurl.NewPackageURL("generic", "", "lpipe", r.Version, nil, "scripts/release").ToString()
	predicate := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{
			BuildType: script, ExternalParameters: parameters,
			ResolvedDependencies: []*intoto.ResourceDescriptor{
				{Name: "git", Digest: map[string]string{"gitCommit": commit}},
				{Name: "go", Uri: packageurl.NewPackageURL("golang", "", "stdlib", strings.TrimPrefix(runtime.Version(), "go"), nil, "").ToString()},
			},
		},
		RunDetails: &provenance.RunDetails{Builder: &provenance.Builder{Id: script}},
	}
	if err := predicate.Validate(); err != nil {
		return err
	}
	data, err := protojson.Marshal(predicate)
	if err != nil {
		return err
	}
	statement := publish.Statement{PredicateType: attest.TypeProvenance, Predicate: &structpb.Struct{}}
	if err := statement.Predicate.UnmarshalJSON(data); err != nil {
		return err
	}
	bundle, err := statement.AboutAll(subjects)
	if err != nil {
		return err
	}
	if key != "" {
		if bundle, err = sign(key, bundle); err != nil {
			return err
		}
	}
	return r.write(provenanceName, append(bundle, '\n'), 0o644)
}

func sign(key string, statement []byte) ([]byte, error) {
	data, err := os.ReadFile(key)
	if err != nil {
		return nil, err
	}
	signer, err := attest.NewSigner(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return signer.Envelope(statement)
}

// subjects are the files of the release with their sums.
func (r *release) subjects() ([]*intoto.ResourceDescriptor, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, sumsName))
	if err != nil {
		return nil, err
	}
	var all []*intoto.ResourceDescriptor
	add := func(name, sha256 string) {
		all = append(all, &intoto.ResourceDescriptor{Name: name, Digest: map[string]string{"sha256": sha256}})
	}
	for line := range strings.Lines(string(data)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			return nil, fmt.Errorf("%s: %q is no sum of a file", sumsName, line)
		}
		add(name, sum)
	}
	add(sumsName, sum(data))
	return all, nil
}
