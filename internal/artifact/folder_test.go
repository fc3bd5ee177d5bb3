//go:build unix

package artifact

import (
	"bytes"
	"errors"
	"io/fs"
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
		n := `{"from":"` + fingerprint("lpipe 1", entries, epoch) + `","zip":"` + sum(other).String() + `"}`
		overwrite(t, dir, noteName, []byte(n))
		overwrite(t, dir, ZipName, other)
	}
	reused := func(e []Entry, at time.Time, by string) func(*testing.T, string) bool {
		return func(t *testing.T, dir string) bool {
			zipped, keep, err := OpenFolder(dir).Pack(by, e, at)
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
			if bytes.Equal(zipped.Data, other) {
				return true
			}
			if !bytes.Equal(zipped.Data, want) {
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

// TestPackAfterWrite: what Pack says to write is what the next Pack goes by, and what is there is not written again.
func TestPackAfterWrite(t *testing.T) {
	dir := t.TempDir()
	program := []byte("program")
	pack := func() []fs.FileInfo {
		f := OpenFolder(dir)
		p, err := f.Program(sum(program).String(), func() ([]byte, error) { return program, nil })
		if err != nil {
			t.Fatal(err)
		}
		zipped, others, err := f.Pack("lpipe", []Entry{p.Entry()}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := Zip([]Entry{p.Entry()}, time.Time{})
		if err != nil || !bytes.Equal(zipped.Data, want) {
			t.Errorf("not the zip of the program: %v", err)
		}
		if err := Write(dir, append([]File{p, zipped}, others...)...); err != nil {
			t.Fatal(err)
		}
		var infos []fs.FileInfo
		for _, name := range []string{ProgramName, ZipName, noteName} {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			infos = append(infos, info)
		}
		return infos
	}
	first := pack()
	for i, info := range pack() {
		if !os.SameFile(info, first[i]) {
			t.Errorf("%s was written again", info.Name())
		}
	}
	if err := os.Chmod(filepath.Join(dir, ProgramName), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := pack()[0].Mode(); got != 0o755 {
		t.Errorf("the program's mode stays %v", got)
	}
	if _, _, err := OpenFolder(dir).Pack("lpipe", nil, time.Time{}); err == nil || !strings.Contains(err.Error(), "no bootstrap") {
		t.Errorf("a zip without bootstrap: %v", err)
	}
}

// TestWriteAfterAnotherRun: what another run wrote since the folder was read is written over, so that program and zip
// are always of one build.
func TestWriteAfterAnotherRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ProgramName)
	put := func(text string, at time.Time) {
		overwrite(t, dir, ProgramName, []byte(text))
		if err := errors.Join(os.Chmod(file, 0o755), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, change := range []func(){
		func() { put("another", now) },
		func() { remove(t, dir, ProgramName); put("another", now) },
		func() { remove(t, dir, ProgramName) },
	} {
		program := []byte("program")
		put(string(program), now.Add(-time.Hour))
		p, err := OpenFolder(dir).Program(sum(program).String(), func() ([]byte, error) { return program, nil })
		if err != nil {
			t.Fatal(err)
		}
		change()
		if err := Write(dir, p); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); !bytes.Equal(got, program) {
			t.Errorf("%q %v", got, err)
		}
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

// TestProgram: what comes out has the digest of the receipt, wherever it comes from.
func TestProgram(t *testing.T) {
	const program = "the program"
	for name, c := range map[string]struct {
		file, engine string // what each of them holds; "" is nothing
		read         bool   // the engine was asked
		want         string
	}{
		"both":                    {program, program, false, ""},
		"the engine alone":        {"", program, true, ""},
		"a changed file":          {"The program", program, true, ""},
		"another on the engine":   {"", "another", true, "not the one that was built"},
		"neither is the one":      {"planted", "another", true, "not the one that was built"},
		"the engine has it not":   {"planted", "", true, "gone"},
		"the file alone is right": {program, "another", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.file != "" {
				overwrite(t, dir, ProgramName, []byte(c.file))
			}
			read := false
			got, err := OpenFolder(dir).Program(sum([]byte(program)).String(), func() ([]byte, error) {
				read = true
				if c.engine == "" {
					return nil, errors.New("gone")
				}
				return []byte(c.engine), nil
			})
			if read != c.read {
				t.Errorf("asked the engine: %t, want %t", read, c.read)
			}
			if c.want == "" && (err != nil || string(got.Data) != program) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%q %v, want the program or %q", got.Data, err, c.want)
			}
		})
	}
}
