package artifact

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

var (
	static = Expect{Arch: "x86_64", Link: "static", Runtime: "provided.al2023"}
	linked = Expect{Arch: "x86_64", Link: "dynamic", Runtime: "provided.al2023"}
)

func with(e Expect, change func(*Expect)) Expect {
	change(&e)
	return e
}

func TestInspectAccepts(t *testing.T) {
	al2 := func(e *Expect) { e.Runtime = "provided.al2" }
	for name, c := range map[string]struct {
		fixture fixture
		expect  Expect
		want    Info
	}{
		"static":     {fixture{}, static, Info{Arch: "x86_64", Static: true}},
		"static pie": {fixture{kind: elf.ET_DYN}, static, Info{Arch: "x86_64", Static: true}},
		"arm64": {
			fixture{machine: elf.EM_AARCH64},
			with(static, func(e *Expect) { e.Arch = "arm64" }),
			Info{Arch: "arm64", Static: true},
		},
		"dynamic at the floor": {
			fixture{kind: elf.ET_DYN, interp: glibcX86, needed: []string{"libc.so.6", "libgcc_s.so.1"}, versions: []string{"GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9"}},
			linked,
			Info{Arch: "x86_64", Interpreter: glibcX86, Libraries: []string{"libc.so.6", "libgcc_s.so.1"}, Glibc: "2.34", GlibcSymbol: "sym_GLIBC_2.34"},
		},
		"dynamic on arm64": {
			fixture{machine: elf.EM_AARCH64, interp: glibcARM, needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.17"}},
			with(linked, func(e *Expect) { e.Arch = "arm64" }),
			Info{Arch: "arm64", Interpreter: glibcARM, Libraries: []string{"libc.so.6"}, Glibc: "2.17", GlibcSymbol: "sym_GLIBC_2.17"},
		},
		"a weak need above the floor": {
			fixture{interp: glibcX86, needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.40"}, weak: true},
			linked,
			Info{Arch: "x86_64", Interpreter: glibcX86, Libraries: []string{"libc.so.6"}},
		},
		"deprecated runtime": {
			fixture{},
			with(static, al2),
			Info{Arch: "x86_64", Static: true, Warnings: []string{"provided.al2 is past its end: Amazon Linux 2 ended on 2026-06-30, Lambda creates no functions with it since 2026-07-31 and updates none since 2026-08-31; " +
				"set runtime = \"provided.al2023\" in [build] of lpipe.toml, build, and change the runtime of the function together with its code"}},
		},
		"static where dynamic was asked": {
			fixture{},
			linked,
			Info{Arch: "x86_64", Static: true, Warnings: []string{`link is "dynamic" and the program is static; it runs all the same`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Inspect(c.fixture.build(), c.expect)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
}

func TestInspectRefuses(t *testing.T) {
	program := fixture{}.build()
	edit := func(at int, b byte) []byte { p := bytes.Clone(program); p[at] = b; return p }
	dyn := func(f fixture) []byte {
		f.interp, f.kind = glibcX86, elf.ET_DYN
		if f.needed == nil {
			f.needed = []string{"libc.so.6"}
		}
		return f.build()
	}
	damagedNames := dyn(fixture{})
	for i := 0; i+8 < len(damagedNames); i += 8 { // the value of DT_STRSZ
		if binary.LittleEndian.Uint64(damagedNames[i:]) == uint64(elf.DT_STRSZ) && i > 64+3*progSize {
			binary.LittleEndian.PutUint64(damagedNames[i+8:], 1<<60)
		}
	}
	cut := dyn(fixture{})
	cut = cut[:len(cut)-1]
	for name, c := range map[string]struct {
		program []byte
		expect  Expect
		want    []string // in the order of the errors
	}{
		"empty":          {nil, static, []string{"the program is empty"}},
		"script":         {[]byte("#!/bin/sh\n"), static, []string{"it is a script, not an ELF file"}},
		"text":           {[]byte("hi"), static, []string{`starts with "hi"`}},
		"only the magic": {[]byte(elf.ELFMAG), static, []string{"the file ends before"}},
		"only the ident": {program[:20], static, []string{"the file ends before"}},
		"cut headers":    {program[:80], static, []string{"the file ends before"}},
		"cut body":       {cut, linked, []string{"the file ends before"}},
		"cut sections": {func() []byte {
			p := bytes.Clone(program)
			binary.LittleEndian.PutUint64(p[40:], 1<<40)
			return p
		}(), static, []string{"the file ends before"}},
		"32 bits":        {edit(elf.EI_CLASS, byte(elf.ELFCLASS32)), static, []string{"32-bit"}},
		"class 9":        {edit(elf.EI_CLASS, 9), static, []string{"ELF class is 9"}},
		"big-endian":     {edit(elf.EI_DATA, byte(elf.ELFDATA2MSB)), static, []string{"little-endian"}},
		"FreeBSD":        {edit(elf.EI_OSABI, byte(elf.ELFOSABI_FREEBSD)), static, []string{"ELFOSABI_FREEBSD"}},
		"object file":    {fixture{kind: elf.ET_REL}.build(), static, []string{"it is an object file"}},
		"core":           {fixture{kind: elf.ET_CORE}.build(), static, []string{"it is a core dump"}},
		"odd type":       {fixture{kind: 77}.build(), static, []string{"an ELF file of type"}},
		"shared library": {fixture{kind: elf.ET_DYN, needed: []string{"libc.so.6"}}.build(), static, []string{"it is a shared library"}},
		"small library":  {fixture{kind: elf.ET_DYN, noEntry: true}.build(), static, []string{"it is a shared library"}},
		"nothing loaded": {edit(64, byte(elf.PT_NOTE)), static, []string{"nothing to load"}},
		"wrong arch":     {fixture{machine: elf.EM_AARCH64}.build(), static, []string{"the program is for arm64, not for x86_64"}},
		"odd arch":       {fixture{machine: elf.EM_RISCV}.build(), static, []string{"the program is for EM_RISCV, not for x86_64"}},
		"not static":     {dyn(fixture{}), static, []string{"linked dynamically"}},
		"musl, dynamic": {
			fixture{interp: "/lib/ld-musl-x86_64.so.1", needed: []string{"libc.so"}}.build(), linked,
			[]string{"Lambda has no musl"},
		},
		"foreign linker": {
			fixture{interp: "/nix/store/x/ld-linux-x86-64.so.2", needed: []string{"libc.so.6"}}.build(), linked,
			[]string{`dynamic linker "/nix/store/x/ld-linux-x86-64.so.2": Lambda has only /lib64/ld-linux-x86-64.so.2`},
		},
		"new glibc": {
			dyn(fixture{versions: []string{"GLIBC_2.2.5", "GLIBC_2.38"}}), linked,
			[]string{"the program needs glibc 2.38 and provided.al2023 has 2.34: sym_GLIBC_2.38 needs GLIBC_2.38"},
		},
		"new glibc for al2": {
			dyn(fixture{versions: []string{"GLIBC_2.27"}}), with(linked, func(e *Expect) { e.Runtime = "provided.al2" }),
			[]string{"the program needs glibc 2.27 and provided.al2 has 2.26"},
		},
		"relative relocations": {dyn(fixture{versions: []string{"GLIBC_ABI_DT_RELR"}}), linked, []string{"needs GLIBC_ABI_DT_RELR"}},
		"damaged names":        {damagedNames, linked, []string{"its dynamic section is damaged"}},
		"everything at once": {
			fixture{machine: elf.EM_AARCH64, interp: glibcARM, needed: []string{"libpq.so.5"}, versions: []string{"GLIBC_2.39"}}.build(), static,
			[]string{"the program is for arm64", "linked dynamically", "needs glibc 2.39"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Inspect(c.program, c.expect)
			checkErrors(t, err, fault.Artifact, c.want...)
		})
	}
}

func TestInspectRefusesWhatNobodyRuns(t *testing.T) {
	for runtime, want := range map[string]string{
		"go1.x": "removed it on 2024-01-08", "provided": "removed it", "Lambda@Edge": "neither custom runtimes", "nodejs22.x": "does not start", "": "does not start",
	} {
		_, err := Inspect(fixture{}.build(), with(static, func(e *Expect) { e.Runtime = runtime }))
		checkErrors(t, err, fault.Usage, want)
	}
	_, err := Inspect(nil, Expect{Arch: "amd64", Runtime: "provided"})
	checkErrors(t, err, fault.Usage, `"amd64" does not exist on Lambda`, "removed it")
}

// checkErrors wants one fault of the kind for each text, with a fix, in that order.
func checkErrors(t *testing.T, err error, kind fault.Kind, want ...string) {
	t.Helper()
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	if err == nil || len(errs) != len(want) {
		t.Fatalf("got %d errors, want %d:\n%v", len(errs), len(want), err)
	}
	for i, e := range errs {
		var f *fault.Error
		if !errors.As(e, &f) || f.Kind != kind || f.Fix == "" {
			t.Errorf("not a fault of kind %d with a fix: %#v", kind, e)
		}
		if !strings.Contains(e.Error(), want[i]) {
			t.Errorf("got %q, want %q in it", e, want[i])
		}
	}
}

const (
	helloC   = `int main(void) { return 0; }`
	resolveC = `#include <netdb.h>
int main(int n, char **v) { struct addrinfo *r; return getaddrinfo(v[0], "80", 0, &r); }`
	hostC = `#include <netdb.h>
int main(int n, char **v) { return gethostbyname(v[0]) == 0; }`
	usersC = `#include <pwd.h>
int main(void) { return getpwuid(0) == 0; }`
)

func hostArch() string {
	return map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
}

func TestStaticGlibcThatResolvesNamesIsWarnedOf(t *testing.T) {
	expect := with(static, func(e *Expect) { e.Arch = hostArch() })
	for name, c := range map[string]struct {
		source string
		flags  []string
		want   string
	}{
		"no names":       {helloC, []string{"-static"}, ""},
		"names":          {resolveC, []string{"-static"}, "its symbol table has getaddrinfo"},
		"names, pie":     {resolveC, []string{"-static-pie"}, "its symbol table has getaddrinfo"},
		"names, no syms": {resolveC, []string{"-static", "-s"}, "it reads /etc/gai.conf"},
		"names, old":     {hostC, []string{"-static"}, "its symbol table has gethostbyname"},
		"users":          {usersC, []string{"-static"}, ""},
		"users, no syms": {usersC, []string{"-static", "-s", "-Wl,--eh-frame-hdr"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, err := Inspect(compile(t, c.source, c.flags...), expect)
			if err != nil || !info.Static {
				t.Fatal(info, err)
			}
			if got := strings.Join(info.Warnings, "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInspectOfGCCsPrograms(t *testing.T) {
	expect := with(linked, func(e *Expect) { e.Arch = hostArch() })
	info, err := Inspect(compile(t, resolveC, "-O1"), expect)
	if err != nil || info.Static || info.Glibc == "" || info.GlibcSymbol == "" || !slices.Contains(info.Libraries, "libc.so.6") {
		t.Errorf("%+v %v", info, err)
	}
	_, err = Inspect(compile(t, helloC, "-shared", "-fPIC"), expect)
	checkErrors(t, err, fault.Artifact, "it is a shared library")
	_, err = Inspect(compile(t, helloC, "-c"), expect)
	checkErrors(t, err, fault.Artifact, "it is an object file")
}

// TestInspectAgreesWithTheSectionHeaders compares what the loader will see with what package debug/elf reads
// from the section headers of the programs of this machine, Rust's own among them.
func TestInspectAgreesWithTheSectionHeaders(t *testing.T) {
	files, _ := filepath.Glob("/usr/bin/*")
	if cargo, err := exec.LookPath("cargo"); err == nil {
		files = append([]string{cargo}, files...)
	}
	compared := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil || compared == 150 {
			continue
		}
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil || f.Class != elf.ELFCLASS64 || f.ByteOrder != binary.LittleEndian {
			continue
		}
		image, err := parse(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		d := image.dynamic()
		libraries, err := d.libraries()
		want, _ := f.ImportedLibraries()
		if err != nil || !slices.Equal(libraries, want) {
			t.Errorf("%s needs %q, got %q (%v)", path, want, libraries, err)
		}
		needs, err := d.versions()
		var names, wantNames []string
		for _, n := range needs {
			names = append(names, n.name)
		}
		libs, _ := f.DynamicVersionNeeds()
		for _, lib := range libs {
			for _, v := range lib.Needs {
				wantNames = append(wantNames, v.Dep)
			}
		}
		if err != nil || !slices.Equal(names, wantNames) {
			t.Errorf("%s needs %q, got %q (%v)", path, wantNames, names, err)
		}
		symbols, _ := f.DynamicSymbols()
		for _, n := range needs {
			s := d.symbol(n.index)
			// ld keeps versions that no symbol wants, such as GLIBC_ABI_DT_RELR.
			if s != "" && !slices.ContainsFunc(symbols, func(i elf.Symbol) bool { return i.Name == s && i.Version == n.name }) {
				t.Errorf("%s: %q does not need %s", path, s, n.name)
			}
		}
		compared++
	}
	if compared == 0 {
		t.Skip("no ELF programs here")
	}
	t.Logf("%d programs", compared)
}

func TestCheckSizes(t *testing.T) {
	budget := Expect{ZipBudget: 1000}
	for name, c := range map[string]struct {
		zipped, unzipped int64
		expect           Expect
		warnings         int
		want             []string
	}{
		"at the limits":         {52_428_800, 262_144_000, Expect{}, 0, nil},
		"one byte for S3":       {52_428_801, 262_144_000, Expect{}, 1, nil},
		"one byte too many":     {1, 262_144_001, Expect{}, 0, []string{"250.0 MiB (262144001 bytes)"}},
		"at the budget":         {1000, 1, budget, 0, nil},
		"over the budget":       {1001, 1, budget, 0, []string{"the budget of this lambda"}},
		"over all of them":      {60 << 20, 300 << 20, budget, 1, []string{"layers included", "the budget"}},
		"no budget is no limit": {1001, 1, Expect{}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			warnings, err := CheckSizes(c.zipped, c.unzipped, c.expect)
			if len(warnings) != c.warnings || c.warnings == 1 && !strings.Contains(warnings[0], "S3") {
				t.Errorf("warnings %q", warnings)
			}
			if len(c.want) == 0 && err == nil {
				return
			}
			checkErrors(t, err, fault.Artifact, c.want...)
		})
	}
}

func FuzzInspect(f *testing.F) {
	for _, s := range []fixture{
		{},
		{kind: elf.ET_DYN},
		{interp: glibcX86, needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.2.5", "GLIBC_2.38", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR"}},
		{tail: "/etc/nsswitch.conf"},
	} {
		f.Add(s.build())
	}
	f.Add([]byte(elf.ELFMAG))
	f.Fuzz(func(t *testing.T, program []byte) {
		for _, e := range []Expect{static, linked} {
			info, err := Inspect(program, e)
			if err == nil && (info.Arch != e.Arch || !info.Static && e.Link == "static") {
				t.Errorf("accepted %+v for %+v", info, e)
			}
			if image, err := parse(program); err == nil {
				image.defines(resolvers)
			}
		}
	})
}

// TestASegmentWithoutBytesNeedNotBeInTheFile: linkers give variables that begin as zero a place of their own, after all bytes.
func TestASegmentWithoutBytesNeedNotBeInTheFile(t *testing.T) {
	program := fixture{}.build()
	count := binary.LittleEndian.Uint16(program[56:])
	binary.LittleEndian.PutUint16(program[56:], count+1)
	var zeros bytes.Buffer
	if err := binary.Write(&zeros, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: 1 << 40, Vaddr: 1 << 20, Memsz: 4096}); err != nil {
		t.Fatal(err)
	}
	copy(program[64+progSize*int(count):], zeros.Bytes())
	if _, err := Inspect(program, static); err != nil {
		t.Error(err)
	}
}
