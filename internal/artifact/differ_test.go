package artifact

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func zipped(t *testing.T, epoch int64, entries ...Entry) []byte {
	t.Helper()
	data, err := Zip(entries, time.Unix(epoch, 0))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDiffer(t *testing.T) {
	program := fixture{}.build()
	other := bytes.Clone(program)
	other[len(other)-1] ^= 1
	boot := func(data []byte) Entry { return Entry{Name: ProgramName, Data: data, Executable: true} }
	first := zipped(t, 0, boot(program), Entry{Name: "a.txt", Data: []byte("one")})
	flipped := bytes.Clone(first)
	flipped[len(flipped)/2] ^= 1
	flip := func(at int) []byte {
		b := bytes.Clone(first)
		b[at] ^= 1
		return b
	}
	twice := bytes.ReplaceAll(zipped(t, 0, boot(program), Entry{Name: "bootstrop", Data: []byte("x")}), []byte("bootstrop"), []byte(ProgramName))
	for name, c := range map[string]struct {
		other []byte
		want  string
	}{
		"a header":  {flip(10), "the zips differ from byte 10 on, of " + fmt.Sprintf("%d and %[1]d", len(first)) + ": in the header of a.txt"}, // its time, which counts in the directory
		"after all": {append(bytes.Clone(first), 0), ": in the directory at its end"},
		"the end":   {flip(len(first) - 41), ": in the directory at its end"},
		"twice":     {twice, "the rebuilt one cannot be unpacked: bootstrap is in it twice"},
		"equal":     {first, ""},
		"content":   {zipped(t, 0, boot(program), Entry{Name: "a.txt", Data: []byte("onf")}), "a.txt: differs from byte 2 on, of 3 and 3"},
		"program":   {zipped(t, 0, boot(other), Entry{Name: "a.txt", Data: []byte("one")}), "bootstrap: "},
		"missing":   {zipped(t, 0, boot(program)), "a.txt: only in the zip"},
		"more":      {zipped(t, 0, boot(program), Entry{Name: "a.txt", Data: []byte("one")}, Entry{Name: "b"}), "b: only in the rebuilt one"},
		"mode":      {zipped(t, 0, boot(program), Entry{Name: "a.txt", Data: []byte("one"), Executable: true}), "a.txt: its mode is"},
		"time":      {zipped(t, 1e9, boot(program), Entry{Name: "a.txt", Data: []byte("one")}), "its time is"},
		"flipped":   {flipped, "and"},
		"packed":    {flip(bytes.Index(first, []byte("one"))), ": in the packed bytes of a.txt\n"},
		"no zip":    {[]byte("PK"), "the rebuilt one cannot be unpacked"},
	} {
		got := strings.Join(Differ("zip", first, "rebuilt one", c.other), "\n") + "\n"
		if c.want == "" && got != "\n" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// FuzzDiffer: whatever the zips and programs are, those that differ have a sentence.
func FuzzDiffer(f *testing.F) {
	f.Add(fixture{}.build(), 10, byte(1))
	f.Add([]byte("PK\x03\x04"), 0, byte(1))
	f.Fuzz(func(t *testing.T, program []byte, at int, flip byte) {
		other := bytes.Clone(program)
		if at >= 0 && at < len(other) {
			other[at] ^= flip
		}
		a, errA := Zip([]Entry{{Name: ProgramName, Data: program, Executable: true}}, time.Time{})
		b, errB := Zip([]Entry{{Name: ProgramName, Data: other, Executable: true}}, time.Time{})
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for _, pair := range [][2][]byte{{a, b}, {program, other}} {
			if got := Differ("one", pair[0], "other", pair[1]); (len(got) == 0) != bytes.Equal(pair[0], pair[1]) {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestDemangle(t *testing.T) {
	for symbol, want := range map[string]string{
		"_ZN4core3fmt5write17h0123456789abcdefE": "core::fmt::write",
		"_RNvCs15kBYyAo9fc_7mycrate7example":     "mycrate::example",
		"main":                                   "main",
	} {
		if got := Demangle(symbol); got != want {
			t.Errorf("%s: %s", symbol, got)
		}
	}
}
