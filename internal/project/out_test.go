package project

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhereResultsGo: what is nearer to the user wins.
func TestWhereResultsGo(t *testing.T) {
	all := map[string]string{"LPIPE_OUT_DIR": "own", "CARGO_TARGET_DIR": "/target", "CARGO_BUILD_TARGET_DIR": "built"}
	cargo := maps.Clone(all)
	delete(cargo, "LPIPE_OUT_DIR")
	for _, c := range []struct {
		dir  string
		env  map[string]string
		want string
	}{
		{"", nil, ""},
		{"flag/x/..", all, "/work/flag"},
		{"/abs", all, "/abs"},
		{"", all, "/work/own"},
		{"", cargo, "/target/lambda"},
		{"", map[string]string{"CARGO_BUILD_TARGET_DIR": "built"}, "/work/built/lambda"},
	} {
		h := &Here{Dir: "/work", Env: c.env}
		if err := h.SetOut(c.dir); err != nil || h.Out != c.want {
			t.Errorf("%q, %v: %q, %v, want %q", c.dir, c.env, h.Out, err, c.want)
		}
	}
	h := &Here{Dir: "/work"}
	if err := h.SetOut("a\nb"); err == nil || h.Out != "" {
		t.Errorf("%q, %v", h.Out, err)
	}
}

func TestHomeIsAFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for home, fails := range map[string]string{dir: "", filepath.Join(dir, "later"): "", file: "which is no folder", "here": "it is no absolute path"} {
		got, err := Home(home)
		if (err == nil) != (fails == "") || err == nil && got != home || err != nil && !strings.Contains(err.Error(), fails) {
			t.Errorf("%s: %q, %v", home, got, err)
		}
	}
	if got, err := Home(""); err == nil && !filepath.IsAbs(got) {
		t.Error(got)
	}
}
