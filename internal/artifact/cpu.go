package artifact

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/opcode"
)

// lacks are the extensions that a host of Lambda may lack, where a program is compiled for the processor.
//
// x86_64: "Lambda supports the AVX2 instruction set", https://docs.aws.amazon.com/lambda/latest/dg/runtimes-avx2.html, and
// promises no AVX-512. arm64: Graviton2, whose cores are Neoverse N1 and have no SVE:
// https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
func lacks(cpu string) opcode.Set {
	if cpu == "v2" {
		return opcode.AVX | opcode.AVX512 | opcode.SVE
	}
	return opcode.AVX512 | opcode.SVE
}

// manyStray is how many functions with such instructions a stripped program has where a flag is the cause. Hand-written ones of
// OpenSSL, which a table of functions leads to, are told by their names alone; it has six.
const manyStray = 40

// maxNamed is how many functions a message names.
const maxNamed = 5

// instructions refuses a program that runs instructions which the hosts of Lambda lack.
func (c *check) instructions(f *image, info *Info) {
	functions := f.functions()
	if len(functions) == 0 && f.executes(c.library != "") {
		info.Warnings = append(info.Warnings, "nobody looked for instructions that the hosts of Lambda lack: "+cmp.Or(c.library, "the program")+" has neither symbols nor unwind tables")
		return
	}
	p := opcode.Program{Arch: info.Arch, Entry: f.header.Entry, Writable: f.writable, Pointer: f.pointers()}
	for _, segment := range f.progs {
		if elf.ProgType(segment.Type) == elf.PT_LOAD && elf.ProgFlag(segment.Flags)&elf.PF_X == 0 {
			skip := min(-segment.Vaddr&7, segment.Filesz)
			p.Data = append(p.Data, f.data[segment.Off+skip:segment.Off+segment.Filesz])
		}
	}
	for _, fn := range functions {
		p.Functions = append(p.Functions, opcode.Function{Address: fn.address, Code: fn.code})
	}
	exported := map[uint64]bool{}
	if c.library != "" {
		exported = f.exported()
	}
	p.Exported = func(i int) bool { return exported[functions[i].address] }
	p.Chosen = func(i int) bool {
		name := functions[i].name
		return forProcessor(name) || slices.ContainsFunc(c.CPUAllow, func(pattern string) bool { return matches(pattern, Demangle(name)) || matches(pattern, name) })
	}
	stray := opcode.Stray(p, lacks(c.CPU))
	if len(stray) == 0 {
		return
	}
	// What has a name comes first: it can be looked for.
	slices.SortStableFunc(stray, func(a, b opcode.Found) int {
		return cmp.Compare(named(functions[b.Function]), named(functions[a.Function]))
	})
	first := functions[stray[0].Function]
	var names []string
	for _, s := range stray[:min(len(stray), maxNamed)] {
		text := fmt.Sprintf("%s (%d of them, the first at %#x", functions[s.Function].show(), s.Count, s.Address)
		if s.From >= 0 {
			text += ", run by " + functions[s.From].show()
		}
		names = append(names, text+")")
	}
	if more := len(stray) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	host := "Lambda's x86_64 hosts have AVX2 and need not have that"
	if info.Arch == "arm64" {
		host = "Lambda's arm64 hosts have the Neoverse N1 of Graviton2, which has not"
	} else if stray[0].Lacks == opcode.AVX {
		host = `cpu is "v2", which has not`
	}
	what, why := fmt.Sprintf("%s runs %s instructions, whatever the processor has", cmp.Or(c.library, "the program"), stray[0].Lacks), host+": "+strings.Join(names, "; ")
	if first.name == "" {
		if len(stray) >= manyStray {
			info.Warnings = append(info.Warnings, what+", as far as can be told of what is stripped. "+why)
		}
		return
	}
	c.Add(&fault.Error{
		Kind: fault.Artifact, What: what, Why: why,
		Fix: "compile without the flag that asks for them: target-cpu or target-feature in rustflags, -march or -mcpu in CFLAGS and in the build script " +
			`of the dependency that the function is of; where the function is chosen at run time after all, name it in cpu-allow = ["` + first.show() + `"]`,
	})
}

// named is 1 for a function that has a name, and 0 for another.
func named(f function) int {
	if f.name == "" {
		return 0
	}
	return 1
}

// forProcessor reports that the name of a function says for which processors it is, as hand-written code of OpenSSL, glibc and
// others does. A compiler's flag changes no names.
func forProcessor(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"avx512", "avx10", "_evex", "_zmm", "vaes", "vpclmul", "ifma", "_sve", "avx2", "_zgve"}, func(part string) bool {
		return strings.Contains(name, part)
	})
}

// matches compares a name with a pattern in which * is any text.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// function is one of a program.
type function struct {
	address uint64
	code    []byte
	name    string // "" where the file does not tell
}

func (f function) show() string {
	if f.name == "" {
		return fmt.Sprintf("the function at %#x", f.address)
	}
	return Demangle(f.name)
}

// maxFunctions bounds how many functions are looked at, far above what programs below Lambda's limits have.
const maxFunctions = 1 << 21

// functions are those of the symbol table; of a stripped file, those that its unwind tables name, with the names of those that
// others can call. They are in the order of their addresses.
func (f *image) functions() []function {
	all := f.symbols(elf.SHT_SYMTAB)
	if len(all) == 0 {
		all = append(f.symbols(elf.SHT_DYNSYM), f.unwound()...)
	}
	slices.SortStableFunc(all, func(a, b function) int { return cmp.Compare(a.address, b.address) })
	all = slices.CompactFunc(all, func(a, b function) bool { return a.address == b.address })
	// Where a program starts is hand-written code, which often says of itself neither that it is a function nor its size.
	i, ok := slices.BinarySearchFunc(all, f.header.Entry, func(fn function, at uint64) int { return cmp.Compare(fn.address, at) })
	if ok || len(all) == 0 {
		return all
	}
	const most = 256
	size := uint64(most)
	if i < len(all) {
		size = min(size, all[i].address-f.header.Entry)
	}
	if code, ok := f.code(f.header.Entry, size); ok {
		all = slices.Insert(all, i, function{f.header.Entry, code, "_start"})
	}
	return all
}

// relaSize is the size of an entry of a table of relocations.
const relaSize = 24

// pointers returns what tells which pointer is at an address once the program is loaded: one in the file, or one that a
// relocation puts there.
func (f *image) pointers() func(address uint64) uint64 {
	d, relocated := f.dynamic(), map[uint64]uint64{}
	for _, table := range [][2]elf.DynTag{{elf.DT_RELA, elf.DT_RELASZ}, {elf.DT_JMPREL, elf.DT_PLTRELSZ}} {
		for r := range f.relocations(d, table[0], table[1]) {
			switch t := r.Info & 0xffffffff; {
			case t == uint64(elf.R_X86_64_RELATIVE) || t == uint64(elf.R_AARCH64_RELATIVE):
				relocated[r.Off] = uint64(r.Addend)
			case slices.Contains(bySymbol, t):
				if s, ok := f.dynamicSymbol(d, r.Info>>32); ok {
					relocated[r.Off] = s.Value + uint64(r.Addend)
				}
			}
		}
	}
	return func(address uint64) uint64 {
		if slot, ok := f.stub(address); ok {
			address = slot
		}
		if to, ok := relocated[address]; ok {
			return to
		}
		off, ok := f.offset(address)
		if !ok || !f.holds(off, 8) {
			return 0
		}
		return binary.LittleEndian.Uint64(f.data[off:])
	}
}

// relocations are those of a table, whose place and size these tags have.
func (f *image) relocations(d dynamic, table, size elf.DynTag) iter.Seq[elf.Rela64] {
	return func(yield func(elf.Rela64) bool) {
		off, ok := d.at(table)
		for i := uint64(0); ok && i < min(d.value[size]/relaSize, maxEntries); i++ {
			var r elf.Rela64
			if !f.read(off+i*relaSize, &r) || !yield(r) {
				return
			}
		}
	}
}

// bySymbol are the relocations that put the address of a symbol into a table.
var bySymbol = []uint64{uint64(elf.R_X86_64_64), uint64(elf.R_X86_64_GLOB_DAT), uint64(elf.R_X86_64_JMP_SLOT), uint64(elf.R_AARCH64_ABS64), uint64(elf.R_AARCH64_GLOB_DAT), uint64(elf.R_AARCH64_JUMP_SLOT)}

// dynamicSymbol is one of those that the dynamic linker knows, if it is defined in this file.
func (f *image) dynamicSymbol(d dynamic, index uint64) (s elf.Sym64, ok bool) {
	off, ok := d.at(elf.DT_SYMTAB)
	return s, ok && index < maxEntries && f.read(off+index*symSize, &s) && s.Shndx != uint16(elf.SHN_UNDEF)
}

// exported are the addresses of the functions that others call by their names. Those that a table holds are as likely chosen from it,
// and those that the loader asks for a function choose.
func (f *image) exported() map[uint64]bool {
	d, all := f.dynamic(), map[uint64]bool{}
	symbols, _, _ := f.symbolTable(elf.SHT_DYNSYM)
	for i := range min(uint64(len(symbols)/symSize), maxEntries) {
		s, ok := f.dynamicSymbol(d, i)
		if ok && elf.ST_TYPE(s.Info) == elf.STT_FUNC && elf.ST_BIND(s.Info) != elf.STB_LOCAL {
			all[s.Value] = true
		}
	}
	for r := range f.relocations(d, elf.DT_RELA, elf.DT_RELASZ) {
		switch t := r.Info & 0xffffffff; t {
		case uint64(elf.R_X86_64_RELATIVE), uint64(elf.R_AARCH64_RELATIVE):
			delete(all, uint64(r.Addend))
		case uint64(elf.R_X86_64_64), uint64(elf.R_AARCH64_ABS64):
			if s, ok := f.dynamicSymbol(d, r.Info>>32); ok {
				delete(all, s.Value+uint64(r.Addend))
			}
		}
	}
	return all
}

// stub returns the place in the global offset table whose pointer the code at the address jumps to, if it does no more: so a library
// calls the functions that it exports. System V Application Binary Interface, AMD64 supplement, 5.2 and 13.2.
func (f *image) stub(address uint64) (slot uint64, ok bool) {
	code, ok := f.code(address, 16)
	if !ok {
		return 0, false
	}
	rest, _ := bytes.CutPrefix(code, []byte("\xf3\x0f\x1e\xfa")) // endbr64
	rest, _ = bytes.CutPrefix(rest, []byte("\xf2"))              // bnd
	jump, ok := bytes.CutPrefix(rest, []byte("\xff\x25"))        // jmp *disp32(%rip)
	if !ok || len(jump) < 4 {
		return 0, false
	}
	next := address + uint64(len(code)-len(jump)) + 4
	return next + uint64(int64(int32(binary.LittleEndian.Uint32(jump)))), true
}

// symbols are the functions of a symbol table: that for debuggers, or that for the dynamic linker.
func (f *image) symbols(table elf.SectionType) (all []function) {
	symbols, names, ok := f.symbolTable(table)
	for ; ok && len(symbols) >= symSize && len(all) < maxFunctions; symbols = symbols[symSize:] {
		index, kind, section := binary.LittleEndian.Uint32(symbols), elf.SymType(symbols[4]&0xf), binary.LittleEndian.Uint16(symbols[6:])
		address, size := binary.LittleEndian.Uint64(symbols[8:]), binary.LittleEndian.Uint64(symbols[16:])
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || section == 0 || uint64(index) >= uint64(len(names)) {
			continue
		}
		if code, ok := f.code(address, size); ok {
			name, _, _ := bytes.Cut(names[index:min(uint64(len(names)), uint64(index)+4096)], []byte{0})
			all = append(all, function{address, code, string(name)})
		}
	}
	return all
}

// symbolTable returns a symbol table and the names that it refers to.
func (f *image) symbolTable(table elf.SectionType) (symbols, names []byte, ok bool) {
	h := f.header
	if h.Shentsize != sectionSize {
		return nil, nil, false
	}
	for i := range uint64(h.Shnum) {
		var s, n elf.Section64
		if !f.read(h.Shoff+i*sectionSize, &s) || elf.SectionType(s.Type) != table {
			continue
		}
		if !f.read(h.Shoff+uint64(s.Link)*sectionSize, &n) || !f.holds(s.Off, s.Size) || !f.holds(n.Off, n.Size) {
			return nil, nil, false
		}
		return f.data[s.Off : s.Off+s.Size], f.data[n.Off : n.Off+n.Size], true
	}
	return nil, nil, false
}

// code returns the bytes of a function, of which there are some.
func (f *image) code(address, size uint64) ([]byte, bool) {
	for _, p := range f.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD && elf.ProgFlag(p.Flags)&elf.PF_X != 0 && address >= p.Vaddr && address-p.Vaddr < p.Filesz {
			size = min(size, p.Filesz-(address-p.Vaddr))
			off := p.Off + address - p.Vaddr
			return f.data[off : off+size], size > 0
		}
	}
	return nil, false
}

// executes reports that the file holds code. Linkers put a little into a library that holds data alone.
func (f *image) executes(library bool) bool {
	least := uint64(1)
	if library {
		least = 4096
	}
	return slices.ContainsFunc(f.progs, func(p elf.Prog64) bool { return elf.ProgFlag(p.Flags)&elf.PF_X != 0 && p.Filesz >= least })
}

// writable reports that the program may write to the address.
func (f *image) writable(address uint64) bool {
	return slices.ContainsFunc(f.progs, func(p elf.Prog64) bool {
		return elf.ProgType(p.Type) == elf.PT_LOAD && elf.ProgFlag(p.Flags)&elf.PF_W != 0 && address >= p.Vaddr && address-p.Vaddr < p.Memsz
	})
}

// unwound are the functions that the unwind tables name, by the table that .eh_frame_hdr has for searching: Linux Standard
// Base 5.0, core, 10.6.2. Compilers write it with the encodings that are taken here.
func (f *image) unwound() (all []function) {
	p, ok := f.prog(elf.PT_GNU_EH_FRAME)
	const table = "\x01\x1b\x03\x3b" // version 1; pcrel sdata4, udata4, datarel sdata4
	if !ok || p.Filesz < 12 || string(f.data[p.Off:p.Off+4]) != table {
		return nil
	}
	count := uint64(binary.LittleEndian.Uint32(f.data[p.Off+8:]))
	at := func(off uint64) uint64 {
		return p.Vaddr + uint64(int64(int32(binary.LittleEndian.Uint32(f.data[off:]))))
	}
	for i := range min(count, maxFunctions, (p.Filesz-12)/8) {
		address := at(p.Off + 12 + 8*i)
		// An entry of .eh_frame is its length, the distance to what entries have in common, the address and the size.
		entry, ok := f.offset(at(p.Off + 12 + 8*i + 4))
		if !ok || !f.holds(entry, 16) {
			return nil
		}
		if code, ok := f.code(address, uint64(binary.LittleEndian.Uint32(f.data[entry+12:]))); ok {
			all = append(all, function{address: address, code: code})
		}
	}
	return all
}
