//go:build unix

package artifact

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPackTakesOnlyTheSameZip: Pack returns what Zip returns, whatever lies in the folder. That a zip which is right
// is not made again shows in a note that was forged together with its zip.
func TestPackTakesOnlyTheSameZip(t *testing.T) {
	entries := []Entry{{Name: "bootstrap", Data: bytes.Repeat([]byte("program "), 1000), Executable: true}, {Name: "assets/a", Data: []byte("a")}}
	epoch := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	other := []byte("another zip")
	forge := func(t *testing.T, dir string) { // a zip with a note that fits
		n := `{"from":"` + fingerprint("lpipe 1", entries, epoch) + `","zip":"` + sum(other) + `"}`
		overwrite(t, dir, noteName, []byte(n))
		overwrite(t, dir, ZipName, other)
	}
	reused := func(e []Entry, at time.Time, by string) func(*testing.T, string) bool {
		return func(t *testing.T, dir string) bool {
			zipped, keep, err := Pack(dir, by, e, at)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Zip(e, at)
			if err != nil {
				t.Fatal(err)
			}
			if (by == "") != (len(keep) == 0) {
				t.Errorf("%d notes by %q", len(keep), by)
			}
			if bytes.Equal(zipped, other) {
				return true
			}
			if !bytes.Equal(zipped, want) {
				t.Error("the zip is not that of the entries")
			}
			return false
		}
	}
	same := reused(entries, epoch, "lpipe 1")
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		pack   func(t *testing.T, dir string) bool
		want   bool
	}{
		"nothing changed":         {nil, same, true},
		"the order of entries":    {nil, reused([]Entry{entries[1], entries[0]}, epoch, "lpipe 1"), true},
		"another lpipe":           {nil, reused(entries, epoch, "lpipe 2"), false},
		"an unknown lpipe":        {nil, reused(entries, epoch, ""), false},
		"another time":            {nil, reused(entries, epoch.Add(time.Minute), "lpipe 1"), false},
		"another program":         {nil, reused([]Entry{{Name: "bootstrap", Data: []byte("b"), Executable: true}, entries[1]}, epoch, "lpipe 1"), false},
		"another name":            {nil, reused([]Entry{entries[0], {Name: "assets/b", Data: []byte("a")}}, epoch, "lpipe 1"), false},
		"an executable asset":     {nil, reused([]Entry{entries[0], {Name: "assets/a", Data: []byte("a"), Executable: true}}, epoch, "lpipe 1"), false},
		"one entry less":          {nil, reused(entries[:1], epoch, "lpipe 1"), false},
		"a changed zip":           {func(t *testing.T, dir string) { overwrite(t, dir, ZipName, []byte("another zjp")) }, same, false},
		"a cut zip":               {func(t *testing.T, dir string) { overwrite(t, dir, ZipName, nil) }, same, false},
		"no zip":                  {func(t *testing.T, dir string) { remove(t, dir, ZipName) }, same, false},
		"no note":                 {func(t *testing.T, dir string) { remove(t, dir, noteName) }, same, false},
		"a damaged note":          {func(t *testing.T, dir string) { overwrite(t, dir, noteName, []byte(`{"from":`)) }, same, false},
		"a note of nothing":       {func(t *testing.T, dir string) { overwrite(t, dir, noteName, []byte(`{}`)) }, same, false},
		"a pipe in the zip's way": {func(t *testing.T, dir string) { pipe(t, dir, ZipName) }, same, false},
		"a pipe in the note's":    {func(t *testing.T, dir string) { pipe(t, dir, noteName) }, same, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			forge(t, dir)
			if c.change != nil {
				c.change(t, dir)
			}
			if got := c.pack(t, dir); got != c.want {
				t.Errorf("the zip of the folder was taken: %t, want %t", got, c.want)
			}
		})
	}
}

// TestPackAfterWrite: what Pack says to write is what the next Pack goes by.
func TestPackAfterWrite(t *testing.T) {
	dir := t.TempDir()
	entries := []Entry{{Name: "bootstrap", Data: []byte("program"), Executable: true}}
	zipped, keep, err := Pack(dir, "lpipe", entries, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, append([]File{{Name: ZipName, Data: zipped, Mode: 0o644}}, keep...)...); err != nil {
		t.Fatal(err)
	}
	if got := packed(dir, fingerprint("lpipe", entries, time.Time{})); !bytes.Equal(got, zipped) {
		t.Errorf("the zip is not taken again: %d bytes", len(got))
	}
	if _, _, err := Pack(dir, "lpipe", nil, time.Time{}); err == nil || !strings.Contains(err.Error(), "no bootstrap") {
		t.Errorf("a zip without bootstrap: %v", err)
	}
}

func overwrite(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T, dir, name string) {
	t.Helper()
	remove(t, dir, name)
	if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
		t.Fatal(err)
	}
}
