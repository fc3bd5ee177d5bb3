package artifact

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

func sample() []Entry {
	noise := make([]byte, 1000)
	rand.New(rand.NewSource(1)).Read(noise)
	return []Entry{
		{Name: "bootstrap", Data: bytes.Repeat([]byte("program "), 9000), Executable: true},
		{Name: "assets/größe.txt", Data: []byte("x")},
		{Name: "assets/noise", Data: noise},
		{Name: "empty"},
		{Name: "assets.d/run", Data: []byte("#!/bin/sh\n"), Executable: true},
	}
}

func TestZipHoldsTheFiles(t *testing.T) {
	b, err := Zip(sample(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		i := slices.IndexFunc(sample(), func(e Entry) bool { return e.Name == f.Name })
		want := sample()[i]
		body, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, want.Data) {
			t.Errorf("%s holds %d bytes, want %d (%v)", f.Name, len(got), len(want.Data), err)
		}
		mode := fs.FileMode(0o644)
		if want.Executable {
			mode = 0o755
		}
		if f.Mode() != mode || f.CreatorVersion != 3<<8|20 || f.ExternalAttrs>>16&0o170000 != 0o100000 {
			t.Errorf("%s: mode %v, made by %#x, attributes %#o", f.Name, f.Mode(), f.CreatorVersion, f.ExternalAttrs>>16)
		}
		if len(f.Extra) != 0 || f.Flags&8 != 0 || f.NonUTF8 || f.Comment != "" {
			t.Errorf("%s: extra %x, flags %#x", f.Name, f.Extra, f.Flags)
		}
		if got := f.Modified; got.Year() != 1980 || got.YearDay() != 1 || got.Hour()+got.Minute()+got.Second() != 0 {
			t.Errorf("%s is of %s", f.Name, got)
		}
	}
	if want := []string{"assets.d/run", "assets/größe.txt", "assets/noise", "bootstrap", "empty"}; !slices.Equal(names, want) {
		t.Errorf("order %q, want %q", names, want)
	}
}

func TestZipIsReproducible(t *testing.T) {
	first, err := Zip(sample(), time.Unix(1_700_000_001, 999))
	if err != nil {
		t.Fatal(err)
	}
	entries := sample()
	slices.Reverse(entries)
	before := slices.Clone(entries)
	again, err := Zip(entries, time.Unix(1_700_000_001, 5).In(time.FixedZone("east", 5*3600)))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("another order, time zone and nanosecond give another zip (%v)", err)
	}
	if !slices.EqualFunc(before, entries, func(a, b Entry) bool { return a.Name == b.Name }) {
		t.Error("the caller's entries were reordered")
	}
	other, _ := Zip(sample(), time.Unix(1_800_000_000, 0))
	if bytes.Equal(first, other) {
		t.Error("the time makes no difference")
	}
}

func TestZipTimesAreClamped(t *testing.T) {
	for _, c := range []struct{ epoch, want time.Time }{
		{time.Time{}, firstTime},
		{time.Unix(0, 0), firstTime},
		{time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)},
		{time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), LastTime},
	} {
		b, err := Zip(sample(), c.epoch)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if got := r.File[0].Modified; !got.Equal(c.want) {
			t.Errorf("%s became %s, want %s", c.epoch, got, c.want)
		}
	}
}

func TestZipRefusesNames(t *testing.T) {
	ok := Entry{Name: "bootstrap", Executable: true}
	for name, want := range map[string]string{
		"/etc/passwd": "absolute", "C:/x": "absolute", "../x": `a part ".."`, "a/../b": `a part ".."`, "./a": `a part "."`,
		"a//b": `a part ""`, "dir/": `a part ""`, "": `a part ""`, `a\b`: "backslash", "a\x00b": "control", "a\nb": "control", "\xff": "UTF-8",
		strings.Repeat("a", 256): "255 bytes", strings.Repeat("a/", 2100) + "b": "4095 bytes", "bootstrap/x": "is a file of the zip",
	} {
		_, err := Zip([]Entry{ok, {Name: name}}, time.Time{})
		checkErrors(t, err, fault.Artifact, want)
	}
	_, err := Zip([]Entry{ok, {Name: "a"}, {Name: "a"}, {Name: "d"}, {Name: "d!"}, {Name: "d/e"}}, time.Time{})
	checkErrors(t, err, fault.Artifact, "two files of that name", `"d" is a file of the zip`)
	_, err = Zip([]Entry{{Name: "../x"}, {Name: "bin/bootstrap"}}, time.Time{})
	checkErrors(t, err, fault.Artifact, `a part ".."`, "no bootstrap")
	_, err = Zip([]Entry{ok, {Name: "bootstrap"}}, time.Time{})
	checkErrors(t, err, fault.Artifact, `"bootstrap": there are two files of that name`)
	_, err = Zip([]Entry{{Name: "bootstrap"}}, time.Time{})
	checkErrors(t, err, fault.Artifact, "without the executable bit")
}

func TestOtherReadersAgree(t *testing.T) {
	b, err := Zip(sample(), time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "bootstrap.zip")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("unzip", func(t *testing.T) {
		unzip, err := exec.LookPath("unzip")
		require.Part(t, err == nil, "unzip", "apt-get install unzip")
		t.Setenv("LC_ALL", "C.UTF-8") // or unzip changes names that are not ASCII
		out, err := exec.Command(unzip, "-Z", path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{"-rwxr-xr-x  2.0 unx", "-rw-r--r--  2.0 unx", "bootstrap", "23-Nov-14 22:13"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		if out, err := exec.Command(unzip, "-q", path, "-d", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, e := range sample() {
			got, err := os.ReadFile(filepath.Join(dir, e.Name))
			if err != nil || !bytes.Equal(got, e.Data) {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, "bootstrap")); err != nil || info.Mode() != 0o755 {
			t.Errorf("%v %v", info, err)
		}
	})
	t.Run("python", func(t *testing.T) {
		python, err := exec.LookPath("python3")
		require.Part(t, err == nil, "python3", "apt-get install python3")
		out, err := exec.Command(python, "-c", `
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for i in z.infolist():
    assert i.create_system == 3 and not i.extra and not i.flag_bits & 8, i
    print(oct(i.external_attr >> 16), i.date_time, i.filename)
`, path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "0o100755 (2023, 11, 14, 22, 13, 20) bootstrap\n") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestLocalHeadersAreComplete reads the zip front to back, as streaming unpackers do.
func TestLocalHeadersAreComplete(t *testing.T) {
	b, err := Zip(sample(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		packed, size := binary.LittleEndian.Uint32(b[18:]), binary.LittleEndian.Uint32(b[22:])
		name, extra := binary.LittleEndian.Uint16(b[26:]), binary.LittleEndian.Uint16(b[28:])
		if extra != 0 {
			t.Errorf("an extra field of %d bytes", extra)
		}
		data := b[30+int(name):][:packed]
		if binary.LittleEndian.Uint16(b[8:]) == zip.Deflate {
			data, err = io.ReadAll(flate.NewReader(bytes.NewReader(data)))
		}
		if err != nil || len(data) != int(size) {
			t.Errorf("%s: %d bytes, want %d (%v)", b[30:30+int(name)], len(data), size, err)
		}
		b = b[30+int(name)+int(packed):]
		seen++
	}
	if seen != len(sample()) {
		t.Errorf("%d files", seen)
	}
}

func TestSum(t *testing.T) {
	zipped := []byte("zip")
	want := sha256.Sum256(zipped)
	got := sums(File{Data: []byte("program")}, File{Data: zipped, digest: sum(zipped)})
	if got.Size != 7 || got.ZipSize != 3 || got.SHA256 != hex.EncodeToString(want[:]) || got.CodeSHA256 != base64.StdEncoding.EncodeToString(want[:]) {
		t.Errorf("%+v", got)
	}
}

func FuzzZip(f *testing.F) {
	f.Add("a/b", []byte("data"), int64(0), "c")
	f.Add("../x", []byte{}, int64(1<<40), "bootstrap/x")
	f.Fuzz(func(t *testing.T, name string, data []byte, epoch int64, other string) {
		b, err := Zip([]Entry{{Name: "bootstrap", Executable: true}, {Name: name, Data: data}, {Name: other}}, time.Unix(epoch, 0))
		if err != nil {
			return
		}
		r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(r.File) != 3 {
			t.Fatal(err)
		}
		for _, file := range r.File {
			if !fs.ValidPath(file.Name) {
				t.Errorf("%q is no path inside a folder", file.Name)
			}
		}
		if got, err := fs.ReadFile(r, name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q: %v", name, err)
		}
	})
}
