package proof

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/report"
	"lpipe/internal/sigstore"
	"lpipe/internal/verify"
)

// Finder returns what finds the file with the statements about a Zip: beside it, in the one file that is named, or in a folder.
// ending is what their names end with.
func Finder(named, ending string, zips int) (func(s Subject, data []byte) (string, error), error) {
	ending = strings.TrimPrefix(ending, artifact.ZipName)
	info, err := os.Stat(named)
	switch {
	case named == "":
		return func(s Subject, _ []byte) (string, error) { return s.Zip + ending, nil }, nil
	case err == nil && info.IsDir():
	case zips > 1:
		return nil, &fault.Error{Kind: fault.Usage, What: "--statement is about one zip, and several are named", Fix: "name one zip, or a folder with the statements of all"}
	default:
		return func(Subject, []byte) (string, error) { return named, nil }, nil
	}
	about := map[string]string{} // the file, by the SHA-256 of the zip
	files, err := disk.Files(named)
	for _, name := range files {
		if !strings.HasSuffix(name, ending) {
			continue
		}
		data, readErr := disk.ReadFile(name, maxBundle)
		if err = errors.Join(err, readErr); readErr != nil {
			continue
		}
		if all, err := attest.ReadBundle(data); err == nil { // what is none is about no zip
			about[all[0].Subject] = name
		}
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "--statement " + named + " cannot be read", Err: err, Fix: "name a file of statements, or a folder with such files"}
	}
	return func(s Subject, data []byte) (string, error) {
		name, ok := about[artifact.SHA256(data)]
		if !ok {
			return "", &fault.Error{
				Kind: fault.Artifact, What: "no statement in " + named + " is about the code of " + s.Shown, Why: fmt.Sprintf("its SHA-256 is %s, and %s stated there", artifact.SHA256(data), report.Count(len(about), "zip is", "zips are")),
				Fix: "deploy what was built with --statements, and keep the statements of each build",
			}
		}
		return name, nil
	}, nil
}

// SignedBy returns what checks the signature of a statement, as the flags ask; nil where they ask for none.
func SignedBy(keyFile string, who sigstore.Signatory, trustedRoot string) (func(attest.Statement) error, error) {
	switch keyless := who != (sigstore.Signatory{}); {
	case keyless && keyFile != "":
		return nil, &fault.Error{Kind: fault.Usage, What: "--key and --certificate-... cannot be combined", Fix: "verify twice: the statements that a key signed, and those of an identity"}
	case keyless:
		return signedBySigstore(who, trustedRoot)
	case trustedRoot != "":
		return nil, &fault.Error{Kind: fault.Usage, What: "--trusted-root without an identity", Fix: "add --certificate-identity and --certificate-oidc-issuer: who has to have signed"}
	case keyFile == "":
		return nil, nil
	}
	data, err := disk.ReadFile(keyFile, disk.MaxSmall)
	var key *attest.Verifier
	if err == nil {
		key, err = attest.NewVerifier(data)
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "--key " + keyFile + " cannot be used", Err: err, Fix: "name a public key: openssl pkey -in key.pem -pubout",
		}
	}
	return func(s attest.Statement) error { return s.Signed(key) }, nil
}

func signedBySigstore(who sigstore.Signatory, trustedRoot string) (func(attest.Statement) error, error) {
	var trusted sigstore.Root
	var err error
	if trustedRoot == "" {
		if trusted, err = sigstore.PublicRoot(); err != nil {
			return nil, &fault.Error{
				Kind: fault.Usage, What: "whom Sigstore trusts cannot be known", Err: err,
				Fix: "without the internet, or for an instance of your own, name its trusted root with --trusted-root FILE",
			}
		}
	} else {
		data, err := disk.ReadFile(trustedRoot, disk.MaxSmall)
		if err == nil {
			trusted, err = sigstore.ReadRoot(data)
		}
		if err != nil {
			return nil, &fault.Error{Kind: fault.Usage, What: "--trusted-root " + trustedRoot + " cannot be used", Err: err, Fix: "name a trusted root in the form that cosign takes"}
		}
	}
	v, err := sigstore.NewVerifier(trusted, who)
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "--certificate-... do not say who has to have signed", Err: err,
			Fix: "name both, each as it is or as an expression: --certificate-identity and --certificate-oidc-issuer",
		}
	}
	return func(s attest.Statement) error {
		if s.Sigstore == nil {
			return errors.New("it is not signed by Sigstore")
		}
		return v.Verify(s.Sigstore)
	}, nil
}

// maxBundle is far above what the statements on a zip of Lambda's limits take, in bytes.
const maxBundle = 64 << 20

func readZip(name string) ([]byte, error) {
	data, err := artifact.ReadZip(name)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "cannot verify " + name, Err: err, Fix: "name a zip that lpipe built"}
	}
	return data, nil
}

// Read reads a zip and the file with its statements, which signed is to take unless it is nil.
func Read(name string, data []byte, bundle string, signed func(attest.Statement) error) (verify.Zip, error) {
	statements, err := disk.ReadFile(bundle, maxBundle)
	if err != nil {
		return verify.Zip{}, &fault.Error{
			Kind: fault.Usage, What: "cannot verify " + name, Err: err, Fix: "build with --statements, or name the statements with --statement FILE",
		}
	}
	z, err := verify.Read(data, statements, signed)
	if err != nil {
		f := &fault.Error{Kind: fault.Usage, What: "the statements on " + name + " do not hold", Err: err, Fix: "take zip and statements from where they were built"}
		if signed != nil {
			f.Kind = fault.Artifact
		}
		return z, f
	}
	return z, nil
}
