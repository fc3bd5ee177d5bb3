package engine

import (
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"

	"lpipe/internal/engine/enginetest"
)

func TestAnImageInAFolderIsABase(t *testing.T) {
	e, layout := open(t, embeddedOptions(t)), t.TempDir()
	def, err := llb.Scratch().File(llb.Mkfile("/from-image", 0o644, []byte("kept"))).Marshal(t.Context())
	must(t, err)
	res, err := e.Client().Solve(t.Context(), def, client.SolveOpt{Exports: []client.ExportEntry{{
		Type: client.ExporterOCI, Attrs: map[string]string{"tar": "false"}, OutputDir: layout,
	}}}, nil)
	must(t, err)
	store, err := local.NewStore(layout)
	must(t, err)
	base := llb.OCILayout("localhost/base@"+res.ExporterResponse["containerimage.digest"], llb.OCIStore("", "base"))
	opt := client.SolveOpt{OCIStores: map[string]content.Store{"base": store}}
	got, err := enginetest.Solve(t.Context(), e.Client(), layout, base.File(llb.Mkfile("/more", 0o644, nil)), "from-image", opt)
	must(t, err)
	if string(got) != "kept" {
		t.Errorf("the image holds %q", got)
	}
}
