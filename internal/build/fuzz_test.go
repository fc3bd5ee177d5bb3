package build

import (
	"strings"
	"testing"

	"lpipe/internal/config"
)

// An index.json lies in a folder that may have come with the project. Its digest names files there.
func FuzzImageIn(f *testing.F) {
	digest := "sha256:" + strings.Repeat("a", 64)
	index := `{"manifests": [{"digest": "` + digest + `", "annotations": {"org.opencontainers.image.ref.name": "1"}}]}`
	f.Add([]byte(index), "1", "")
	f.Add([]byte(index), "", digest)
	f.Add([]byte(index), "2", "")
	f.Add([]byte(`{"manifests": [{"digest": "sha256:../../x"}]}`), "", "")
	f.Add([]byte(`{"manifests": [{"digest": ""}]}`), "", "")
	f.Add([]byte(`{"manifests": [null, {}]}`), "", "")
	f.Add([]byte(`[`), "", "")
	f.Fuzz(func(t *testing.T, index []byte, tag, digest string) {
		image, err := imageIn(index, config.Layout{Tag: tag, Digest: digest})
		switch {
		case err != nil && image != "":
			t.Errorf("image %q and error %v", image, err)
		case err == nil && (image.Validate() != nil || strings.ContainsAny(image.String(), "/\\") || digest != "" && image.String() != digest):
			t.Errorf("image %q of %q", image, index)
		}
	})
}
