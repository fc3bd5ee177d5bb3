package bloat

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"lpipe/internal/testparts/require"
)

func TestCrate(t *testing.T) {
	for name, want := range map[string]string{
		"core::fmt::write": "core", "<shop::Order as core::fmt::Debug>::fmt": "shop", "<&mut [shop::Order] as core::fmt::Debug>::fmt": "shop",
		"<alloc::vec::Vec<shop::Order>>::push": "alloc", "<u32 as core::fmt::Display>::fmt": "core", "memcpy": "", "": "", ".Lanon": "",
		"tokio::runtime::{closure#0}": "tokio", "<dyn std::error::Error>::source": "std", "<<a::b>::c as d::e>::f": "a", "str::x y": "str",
	} {
		if got := Crate(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	_, err := exec.LookPath("gcc")
	require.Part(t, err == nil, "gcc", "apt-get install gcc")
	build := func(source string, flags ...string) []byte {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("gcc", append(flags, "-o", "a", "a.c")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		data, err := os.ReadFile(filepath.Join(dir, "a"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const main = "int main(void) { return _ZN4shop5orderE[0]; }\n"
	before, err := Of(build("const char _ZN4shop5orderE[1000] = {1};\nconst char _ZN4shop3oneE[10] = {1};\n" + main))
	if err != nil {
		t.Fatal(err)
	}
	if before.Crates["shop"] != 1010 || before.Symbols["shop::order"] != 1000 || before.Symbols["main"] == 0 || before.Sections[".text"] == 0 || before.Total < 1010 {
		t.Errorf("%+v", before)
	}
	now, err := Of(build("const char _ZN4shop5orderE[3000] = {1};\n" + main))
	if err != nil {
		t.Fatal(err)
	}
	if got := Changed(before.Symbols, now.Symbols, 2); !slices.Equal(got, []Line{{"shop::order", 3000, 2000}, {"shop::one", 0, -10}}) {
		t.Errorf("%+v", got)
	}
	if got := Largest(now.Symbols, 1); !slices.Equal(got, []Line{{Name: "shop::order", Bytes: 3000}}) {
		t.Errorf("%+v", got)
	}
	if _, err := Of(build("int main(void) { return 0; }\n", "-s")); err != ErrStripped {
		t.Errorf("a stripped program: %v", err)
	}
}

// FuzzOf: whatever the file is, no symbol is counted twice.
func FuzzOf(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Of(data)
		if err != nil {
			return
		}
		var crates, symbols uint64
		for _, n := range r.Crates {
			crates += n
		}
		for _, n := range r.Symbols {
			symbols += n
		}
		if crates != symbols {
			t.Errorf("%d bytes of crates, %d of symbols", crates, symbols)
		}
	})
}

// FuzzCrate: whatever a name is, its crate is a part of it.
func FuzzCrate(f *testing.F) {
	f.Add("<&mut [shop::Order] as core::fmt::Debug>::fmt")
	f.Fuzz(func(t *testing.T, name string) { Crate(name) })
}
