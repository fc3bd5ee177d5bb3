package build

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/login"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
)

// BaseLayout finds the image in the OCI layout that the variant is based on; nil when its base is a reference.
func BaseLayout(v *plan.Variant) (*solve.Layout, error) { return imageLayout(v.Base) }

// imageLayout finds the image that is written as oci-layout://DIR; nil for a reference.
func imageLayout(image string) (*solve.Layout, error) {
	l, ok := config.ParseLayout(image)
	if !ok {
		return nil, nil
	}
	refuse := func(why string) error {
		return &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("cannot use the image %s", image), Why: why,
			Fix: "name the folder of an OCI image layout, with a tag or a digest when it holds several images: oci-layout://DIR:TAG",
		}
	}
	data, err := disk.ReadFile(filepath.Join(l.Dir, ocispecs.ImageIndexFile), disk.MaxSmall)
	if err != nil {
		return nil, refuse(err.Error())
	}
	found, err := imageIn(data, l)
	if err != nil {
		return nil, refuse(err.Error())
	}
	return &solve.Layout{Dir: l.Dir, Digest: found}, nil
}

// imageIn returns the one image of an index that has the tag and the digest of l, where it names them.
func imageIn(index []byte, l config.Layout) (digest.Digest, error) {
	var parsed ocispecs.Index
	if err := json.Unmarshal(index, &parsed); err != nil {
		return "", fmt.Errorf("reading index.json: %w", err)
	}
	var found []digest.Digest
	for _, m := range parsed.Manifests {
		if (l.Tag == "" || m.Annotations[ocispecs.AnnotationRefName] == l.Tag) && (l.Digest == "" || m.Digest.String() == l.Digest) {
			found = append(found, m.Digest)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d images in it fit", len(found))
	}
	// Files of the layout are found by it.
	if err := found[0].Validate(); err != nil {
		return "", fmt.Errorf("the digest of its image is %q: %w", found[0], err)
	}
	return found[0], nil
}

// fullName is an image reference as BuildKit spells it out, and the digest in it, which may be "".
func fullName(ref string) (string, digest.Digest, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", err
	}
	if d, ok := named.(reference.Digested); ok {
		return named.String(), d.Digest(), nil
	}
	return reference.TagNameOnly(named).String(), "", nil
}

// resolvedBase is the base image of a target with the digest that was used, as far as it is known.
func resolvedBase(t Target, resolved map[string]digest.Digest) string {
	base := t.Lambda.Build.Base
	if layout, ok := config.ParseLayout(base); ok {
		if t.Job.Base != nil {
			layout.Digest = t.Job.Base.Digest.String()
		}
		return layout.String()
	}
	full, pinned, err := fullName(base)
	if err != nil || pinned != "" || resolved[full] == "" {
		return base
	}
	return full + "@" + resolved[full].String()
}

// AskBase asks the engine for the digest that a base image has now in its registry; "" for a folder.
func AskBase(ctx context.Context, e *engine.Engine, logins *login.Logins, base string) (digest.Digest, error) {
	if _, ok := config.ParseLayout(base); ok {
		return "", nil
	}
	full, pinned, err := fullName(base)
	if err != nil {
		return "", err
	}
	if pinned != "" {
		full = base
	}
	return solve.Resolve(ctx, e.Client(), full, []session.Attachable{logins.Session()})
}

// PinBase asks the engine for the digest of a base image, and returns the image's full name with it: the base itself where
// it has a digest, "" where it is a folder, which no name can pin.
func PinBase(ctx context.Context, e *engine.Engine, logins *login.Logins, base string) (string, error) {
	if _, ok := config.ParseLayout(base); ok {
		return "", nil
	}
	full, pinned, err := fullName(base)
	if err != nil {
		return "", err
	}
	if pinned != "" {
		return base, nil
	}
	d, err := AskBase(ctx, e, logins, full)
	if err != nil {
		return "", err
	}
	return full + "@" + d.String(), nil
}
