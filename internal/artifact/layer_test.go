package artifact

import (
	"bytes"
	"testing"
	"time"

	"lpipe/internal/fault"
)

func TestZipOfALayer(t *testing.T) {
	l := Layer{Name: "fonts", Files: []Entry{{Name: "lib/b.so", Data: []byte("b")}, {Name: "bin/a", Data: []byte("a"), Executable: true}}}
	first, sums, err := l.Zip(time.Time{})
	if err != nil || sums.Name != "fonts" || sums.SHA256 != SHA256(first.Data) || sums.ZipSize != int64(len(first.Data)) || sums.CodeSHA256 == "" {
		t.Fatalf("%+v, %v", sums, err)
	}
	l.Files[0], l.Files[1] = l.Files[1], l.Files[0]
	if again, _, err := l.Zip(time.Time{}); err != nil || !bytes.Equal(first.Data, again.Data) {
		t.Errorf("other bytes: %v", err)
	}
	_, _, err = Layer{Name: "bad", Files: []Entry{{Name: "../x"}}}.Zip(time.Time{})
	checkErrors(t, err, fault.Artifact, `the zip cannot hold "../x"`)
}

func TestLayersThatHideEachOther(t *testing.T) {
	a, b := Layer{Name: "a", Files: []Entry{{Name: "lib/x"}, {Name: "lib/y"}}}, Layer{Name: "b", Files: []Entry{{Name: "lib/y"}}}
	checkErrors(t, CheckLayers([]Layer{a, b}), fault.Artifact, "the layers a and b both have lib/y")
	if err := CheckLayers([]Layer{a}); err != nil {
		t.Error(err)
	}
}

// TestProgramOfAnExtension: it has another place in its zip, where it is found too.
func TestProgramOfAnExtension(t *testing.T) {
	in := Inputs{Path: "extensions/watcher", Included: []Entry{{Name: "share/a", Data: []byte("a")}}}
	entries := in.Entries(File{Name: ProgramName, Data: []byte("program"), Mode: 0o755})
	zipped, err := pack(entries, in.Path, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Program(zipped); err != nil || string(got) != "program" {
		t.Errorf("%q, %v", got, err)
	}
	entries[0].Executable = false
	_, err = pack(entries, in.Path, time.Time{})
	checkErrors(t, err, fault.Artifact, "without the executable bit")
	_, err = pack(entries[1:], in.Path, time.Time{})
	checkErrors(t, err, fault.Artifact, "the zip has no extensions/watcher")
}

// TestLayersAreAmongTheInputs: another file of a layer is another delivery, and counts for Lambda's limit.
func TestLayersAreAmongTheInputs(t *testing.T) {
	in := Inputs{SHA256: "x", Layers: []Layer{{Name: "a", Files: []Entry{{Name: "lib/x", Data: []byte("123")}}}}}
	other := in
	other.Layers = []Layer{{Name: "a", Files: []Entry{{Name: "lib/x", Data: []byte("124")}}}}
	if in.digest() == other.digest() || in.Unpacked(10) != 13 {
		t.Errorf("%s, %s, %d", in.digest(), other.digest(), in.Unpacked(10))
	}
}
