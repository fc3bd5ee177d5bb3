package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
)

// baseLayout finds the image in the OCI layout that the variant is based on; nil when its base is a reference.
func baseLayout(v *plan.Variant) (*solve.Layout, error) {
	l, ok := config.ParseLayout(v.Base)
	if !ok {
		return nil, nil
	}
	refuse := func(why string) error {
		return &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("cannot use the base image %s", v.Base), Why: why,
			Fix: "name the folder of an OCI image layout, with a tag or a digest when it holds several images: oci-layout://DIR:TAG",
		}
	}
	dir, err := filepath.Abs(l.Dir)
	if err != nil {
		return nil, err
	}
	data, err := disk.ReadFile(filepath.Join(dir, ocispecs.ImageIndexFile), disk.MaxSmall)
	if err != nil {
		return nil, refuse(err.Error())
	}
	image, err := imageIn(data, l)
	if err != nil {
		return nil, refuse(err.Error())
	}
	return &solve.Layout{Dir: dir, Digest: image}, nil
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
