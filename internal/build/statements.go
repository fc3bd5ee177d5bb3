package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	"lpipe/internal/access"
	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/sigstore"
	"lpipe/internal/solve"
)

// Stating is how lambdas are stated about; the configuration says what is stated of a zip.
type Stating struct {
	Zips    bool       // beside zips, where the configuration says so
	Images  Statements // beside images
	Version string     // of lpipe
	// Git is the commit that is built, for each lambda of which it is known.
	Git map[*plan.Lambda]attest.Git
}

// Statements are which are put beside an image.
type Statements struct{ Provenance, SBOM bool }

// NewStating is what statements on lambdas say beside what a build says of itself. The notes are on what they cannot say.
func NewStating(ctx context.Context, projects []*project.Project, commits Commits, images Statements, version string) (s Stating, notes []string) {
	s = Stating{Zips: true, Images: images, Version: version, Git: map[*plan.Lambda]attest.Git{}}
	for _, p := range projects {
		image := p.Config.Push && (images.Provenance || images.SBOM)
		if len(p.Config.Statements.Kinds) == 0 && !image {
			continue
		}
		known, err := commits(ctx, p)
		if err != nil {
			notes = append(notes, "the statements name no commit: "+err.Error())
		}
		maps.Copy(s.Git, known)
	}
	return s, notes
}

// about is what is stated of a target, where something is.
type about struct {
	Stating
	signer   *attest.Signer   // nil where no key signs
	sigstore *sigstore.Signer // nil where no identity does
}

// stating returns what is stated of the lambdas of a project, nil for nothing.
func (s Stating) stating(here *project.Here, p *project.Project, images bool) (*about, error) {
	zips := s.Zips && len(p.Config.Statements.Kinds) > 0
	if !zips && !(images && (s.Images.Provenance || s.Images.SBOM)) {
		return nil, nil
	}
	a := &about{Stating: s}
	if !zips {
		return a, nil
	}
	if p.Config.Statements.Sigstore {
		var err error
		if a.sigstore, err = keyless(here.Env, p.Config.Statements); err != nil {
			return nil, err
		}
	}
	at := p.Config.Statements.Key
	if at == "" {
		return a, nil
	}
	key, err := access.Secret(here.Env, "statements.key", at)
	if err != nil {
		return nil, err
	}
	if a.signer, err = attest.NewSigner([]byte(key)); err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "statements.key cannot sign", Err: err,
			Fix: "make one with: openssl genpkey -algorithm ed25519 -out key.pem; then name the file, or the variable of a CI secret that holds it, as env:NAME",
		}
	}
	return a, nil
}

// keyless is what signs by the identity of this run. What can be known before there is something to sign is found here.
func keyless(env map[string]string, c config.Statements) (*sigstore.Signer, error) {
	s := &sigstore.Signer{Services: sigstore.PublicServices}
	var err error
	if s.Identity, err = sigstore.FindIdentity(env); err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "the statements cannot be signed by Sigstore: " + err.Error(),
			Why: "a CI system gives one: GitHub to jobs with the permission, GitLab and others as a token in SIGSTORE_ID_TOKEN",
			Fix: "add permissions: id-token: write to the job, or id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore; on your own machine, sign with statements.key",
		}
	}
	read := func(key, name string, parse func([]byte) error) error {
		data, err := disk.ReadFile(name, disk.MaxSmall)
		if err == nil {
			err = parse(data)
		}
		if err != nil {
			return &fault.Error{Kind: fault.Usage, What: key + " cannot be used: " + name, Err: err, Fix: "name a file in the form that cosign takes"}
		}
		return nil
	}
	var l fault.List
	if c.SigningConfig == "" {
		s.Trusted = sigstore.PublicRoot
	} else {
		l.Add(read("statements.signing-config", c.SigningConfig, func(data []byte) error {
			services, err := sigstore.ReadServices(data)
			s.Services = func() (sigstore.Services, error) { return services, nil }
			return err
		}))
	}
	if c.TrustedRoot != "" {
		l.Add(read("statements.trusted-root", c.TrustedRoot, func(data []byte) error {
			trusted, err := sigstore.ReadRoot(data)
			s.Trusted = func() (sigstore.Root, error) { return trusted, nil }
			return err
		}))
	}
	return s, l.Err()
}

// maxStated bounds what is read of a build for its statements: cargo says some 10 kB of a crate.
const maxStated = 256 << 20

// crates reads what was compiled for the program, and by what.
func (t Target) crates(read solve.ReadFile, rustc []byte) ([]attest.Crate, attest.Rustc, error) {
	accept := func(size int64) error {
		if size > maxStated {
			return fmt.Errorf("what cargo says of the crates takes %d bytes", size)
		}
		return nil
	}
	messages, err := read(dockerfile.FileUnits, accept)
	if err != nil {
		return nil, attest.Rustc{}, err
	}
	units, err := artifact.ReadUnits(messages)
	if err != nil {
		return nil, attest.Rustc{}, err
	}
	said, err := read(dockerfile.FileCrates, accept)
	if err != nil {
		return nil, attest.Rustc{}, err
	}
	crates, err := attest.Crates(units, said, t.Plan.Workspace.Lock)
	return crates, attest.ReadRustc(rustc), err
}

// stated is what is stated of what was built.
func (b Built) stated() (attest.Build, error) {
	built := b.Taken.(taken)
	at := attest.Build{
		Workspace: b.Plan.Workspace, Lambda: b.Lambda, Base: b.Base, CI: b.Config.CI, Version: b.about.Version, Git: b.about.Git[b.Lambda],
		Crates: built.crates, Rustc: built.rustc, FeaturesPerLambda: b.Config.FeaturesPerLambda,
	}
	if b.sources != nil {
		at.Sources = b.sources()
	}
	var err error
	at.Epoch, err = b.epoch()
	return at, err
}

// State puts statements about the zip that was delivered beside it, where there are to be any, and returns their paths.
func State(ctx context.Context, b Built, out Output) ([]string, error) {
	kinds := b.Config.Statements.Kinds
	if b.about == nil || !b.about.Zips || len(kinds) == 0 || b.folder == nil {
		return nil, nil
	}
	stated, err := b.stated()
	if err != nil {
		return nil, err
	}
	signing := attest.Signing{Key: b.about.signer}
	if b.about.sigstore != nil {
		signing.Sigstore = func(statement []byte) ([]byte, error) {
			signed, err := b.about.sigstore.Bundle(ctx, statement)
			if err != nil {
				err = &fault.Error{
					Kind: fault.Publish, What: "the statements on " + b.Lambda.Label() + " were not signed by Sigstore", Err: err,
					Fix: "run it again: what was built is kept; where an instance of your own signs, correct statements.signing-config and statements.trusted-root",
				}
			}
			return signed, err
		}
	}
	files, err := stated.Files(kinds, out.SHA256, signing)
	if err != nil {
		return nil, err
	}
	err = b.folder.PutBeside(out.SHA256, files)
	if errors.Is(err, artifact.ErrOtherZip) {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "the statements on " + b.Lambda.Label() + " were not written", Err: err, Fix: "build it again, one run at a time",
		}
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Join(b.OutputDir(), f.Name))
	}
	return names, err
}
