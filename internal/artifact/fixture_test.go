package artifact

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lpipe/internal/testparts/require"
)

// fixture describes a tiny ELF file. The zero value is a static x86_64 program.
type fixture struct {
	machine  elf.Machine
	kind     elf.Type
	noEntry  bool
	interp   string
	needed   []string
	versions []string // each wanted by a symbol "sym_<version>"
	weak     bool     // all versions are
	tail     string   // bytes that the loader does not look at
}

// build writes the file with address = offset: one PT_LOAD covers it all.
func (f fixture) build() []byte {
	if f.machine == 0 {
		f.machine = elf.EM_X86_64
	}
	if f.kind == 0 {
		f.kind = elf.ET_EXEC
	}
	const heads = 64 + 3*progSize
	var body bytes.Buffer
	at := func() uint64 { return heads + uint64(body.Len()) }
	put := func(v any) uint64 {
		for body.Len()%8 != 0 {
			body.WriteByte(0)
		}
		off := at()
		if err := binary.Write(&body, binary.LittleEndian, v); err != nil {
			panic(err)
		}
		return off
	}
	strings := []byte{0}
	str := func(s string) uint32 {
		i := len(strings)
		strings = append(append(strings, s...), 0)
		return uint32(i)
	}
	progs := []elf.Prog64{{Type: uint32(elf.PT_LOAD)}}
	if f.interp != "" {
		off := put(append([]byte(f.interp), 0))
		progs = append(progs, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: off, Vaddr: off, Filesz: uint64(len(f.interp) + 1)})
	}
	var dyn []elf.Dyn64
	tag := func(t elf.DynTag, v uint64) { dyn = append(dyn, elf.Dyn64{Tag: int64(t), Val: v}) }
	for _, n := range f.needed {
		tag(elf.DT_NEEDED, uint64(str(n)))
	}
	if len(f.versions) > 0 {
		symbols, marks := make([]elf.Sym64, 1), make([]uint16, 1)
		type aux struct {
			Hash         uint32
			Flags, Other uint16
			Name, Next   uint32
		}
		var needs []aux
		for i, v := range f.versions {
			symbols = append(symbols, elf.Sym64{Name: str("sym_" + v)})
			marks = append(marks, uint16(i+2))
			a := aux{Other: uint16(i + 2), Name: str(v), Next: vernauxSize}
			if f.weak {
				a.Flags = 2
			}
			needs = append(needs, a)
		}
		needs[len(needs)-1].Next = 0
		tag(elf.DT_SYMTAB, put(symbols))
		tag(elf.DT_VERSYM, put(marks))
		tag(elf.DT_GNU_HASH, put([]uint32{1, uint32(len(symbols)), 1, 0}))
		off := put(struct {
			Version, Count  uint16
			File, Aux, Next uint32
		}{1, uint16(len(needs)), str("libc.so.6"), verneedSize, 0})
		put(needs)
		tag(elf.DT_VERNEED, off)
		tag(elf.DT_VERNEEDNUM, 1)
	}
	if len(dyn) > 0 {
		tag(elf.DT_STRTAB, put(strings))
		tag(elf.DT_STRSZ, uint64(len(strings)))
		tag(elf.DT_NULL, 0)
		off := put(dyn)
		progs = append(progs, elf.Prog64{Type: uint32(elf.PT_DYNAMIC), Off: off, Vaddr: off, Filesz: uint64(dynSize * len(dyn))})
	}
	body.WriteString(f.tail)
	progs[0].Filesz = at()
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(f.kind), Machine: uint16(f.machine), Version: uint32(elf.EV_CURRENT), Entry: heads,
		Phoff: 64, Ehsize: 64, Phentsize: progSize, Phnum: uint16(len(progs)),
	}
	if f.noEntry {
		h.Entry = 0
	}
	var file bytes.Buffer
	for _, v := range []any{h, progs, make([]byte, heads-64-progSize*len(progs))} {
		if err := binary.Write(&file, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return append(file.Bytes(), body.Bytes()...)
}

const (
	glibcX86 = "/lib64/ld-linux-x86-64.so.2"
	glibcARM = "/lib/ld-linux-aarch64.so.1"
)

// compile builds a C program with gcc and returns its bytes.
func compile(t *testing.T, source string, flags ...string) []byte {
	t.Helper()
	return compileFor(t, "gcc", "gcc", source, flags...)
}

// compileFor does so with the gcc for another machine, of that package.
func compileFor(t *testing.T, program, pkg, source string, flags ...string) []byte {
	t.Helper()
	gcc, err := exec.LookPath(program)
	require.Part(t, err == nil, program, "apt-get install "+pkg)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "main.c"), filepath.Join(dir, "main")
	if err := os.WriteFile(in, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command(gcc, append(flags, "-o", out, in)...).CombinedOutput(); err != nil {
		require.Part(t, false, "a gcc that takes "+flags[0], string(msg))
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
