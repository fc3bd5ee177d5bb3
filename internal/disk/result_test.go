package disk

import "testing"

func TestIsResult(t *testing.T) {
	for name, want := range map[string]bool{
		"out/a/bootstrap": true, "out/a/bootstrap.zip": true, "out/a/bootstrap.debug": true, "out/a/bootstrap.zip.spdx.json": true,
		"out/a/.bootstrap.zip.json": true, "out/a/bootstrap.rs": false, "out/a/other": false, "b/bootstrap": false, "b/bootstrap.zip": false,
		"out/layers/fonts/x86_64/layer.zip": true, "layers/fonts/arm64/layer.zip.intoto.jsonl": true, "fonts/x86_64/layer.zip": false, "layer.zip": false,
		"layers/layer.zip": false, "bootstrap": false,
	} {
		has := func(name string) bool {
			return name == "out/a/bootstrap" || name == "out/a/bootstrap.zip" || name == "b/bootstrap" || name == "bootstrap"
		}
		if IsResult(name, has) != want {
			t.Errorf("%s: not %t", name, want)
		}
	}
}
