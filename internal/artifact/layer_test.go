package artifact

import (
	"bytes"
	"debug/elf"
	"strings"
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

func TestALargeLayerIsWarnedOf(t *testing.T) {
	fits, large := LayerSums{Name: "fonts", ZipSize: 50 << 20}, LayerSums{Name: "fonts", ZipSize: 50<<20 + 1}
	if fits.Warnings() != nil || len(large.Warnings()) != 1 || !strings.HasPrefix(large.Warnings()[0], "the zip of the layer fonts takes 50.0 MiB (52428801 bytes), and Lambda takes at most") {
		t.Errorf("%q, %q", fits.Warnings(), large.Warnings())
	}
}

func TestLayersThatHideEachOther(t *testing.T) {
	a, b := Layer{Name: "a", Files: []Entry{{Name: "lib/x"}, {Name: "lib/y"}}}, Layer{Name: "b", Files: []Entry{{Name: "lib/y"}}}
	checkErrors(t, CheckLayers([]Layer{a, b}), fault.Artifact, "the layers a and b both have lib/y")
	for _, fine := range [][]Layer{{a}, {a, {Name: "b", Files: []Entry{{Name: "lib/z/x"}, {Name: "bin"}}}}} {
		if err := CheckLayers(fine); err != nil {
			t.Error(err)
		}
	}
	// One order is that of lpipe.toml, and the other as good.
	file, folder := Layer{Name: "file", Files: []Entry{{Name: "lib/x"}}}, Layer{Name: "folder", Files: []Entry{{Name: "lib/x/y"}, {Name: "lib/x/z"}}}
	checkErrors(t, CheckLayers([]Layer{file, folder}), fault.Artifact, "the layers file and folder both have lib/x: it is a file in one, and a folder in the other")
	checkErrors(t, CheckLayers([]Layer{folder, file}), fault.Artifact, "the layers folder and file both have lib/x: it is a file in one, and a folder in the other")
}

// TestExtensionsThatLambdaCouldNotStart: a file of a layer in extensions/ is one, whatever it is.
func TestExtensionsThatLambdaCouldNotStart(t *testing.T) {
	const at = "extensions/watch"
	for name, c := range map[string]struct {
		file Entry
		want string // "" for none
	}{
		"static":                {Entry{Name: at, Data: fixture{}.build(), Executable: true}, ""},
		"dynamic":               {Entry{Name: at, Data: fixture{interp: "/lib64/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}}.build(), Executable: true}, ""},
		"a script":              {Entry{Name: at, Data: []byte("#!/bin/sh\n"), Executable: true}, ""},
		"a script of the layer": {Entry{Name: at, Data: []byte("#! /opt/extensions/watch -x\n"), Executable: true}, ""},
		"a script's arguments":  {Entry{Name: at, Data: []byte("#!\t/usr/bin/env\tbash\nx\r\n"), Executable: true}, ""},
		"a script of Windows":   {Entry{Name: at, Data: []byte("#!/bin/sh -e\r\n"), Executable: true}, "its first line ends as on Windows"},
		"a script of nothing":   {Entry{Name: at, Data: []byte("#! \nx"), Executable: true}, "names no interpreter"},
		"a script without its":  {Entry{Name: at, Data: []byte("#!/opt/bin/python\n"), Executable: true}, "its interpreter /opt/bin/python is in no layer"},
		"not executable":        {Entry{Name: at, Data: []byte("#!/bin/sh\n")}, "it is not executable"},
		"another machine":       {Entry{Name: at, Data: fixture{machine: elf.EM_AARCH64}.build(), Executable: true}, "the program is for arm64, not for x86_64"},
		"musl's linker":         {Entry{Name: at, Data: fixture{interp: "/lib/ld-musl-x86_64.so.1"}.build(), Executable: true}, "asks for the dynamic linker"},
		"no program":            {Entry{Name: at, Data: []byte("name: watch\n"), Executable: true}, "not an ELF file"},
		"32 bits":               {Entry{Name: at, Data: []byte(elf.ELFMAG + "\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), Executable: true}, "it is a 32-bit program"},
		"empty":                 {Entry{Name: at, Executable: true}, "the program is empty"},
		"what an extension has": {Entry{Name: "extensions/watch.d/config"}, ""},
		"elsewhere":             {Entry{Name: "share/extensions/x"}, ""},
	} {
		_, err := CheckExtensions(Inputs{Layers: []Layer{{Name: "tools", Files: []Entry{c.file}}}, Expect: static})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		checkErrors(t, err, fault.Artifact, c.want)
		checkErrors(t, err, fault.Artifact, "Lambda could not start extensions/watch of the layer tools: ")
		// What an extension has beside it is in its layer.
		_, err = CheckExtensions(Inputs{Path: "extensions/tools", Included: []Entry{c.file}, Expect: static})
		checkErrors(t, err, fault.Artifact, "Lambda could not start extensions/watch of the layer tools: ")
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
