package artifact

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// image is a 64-bit little-endian ELF file, read as the kernel and ld.so read it: through the program headers.
//
// Package debug/elf lends its constants and structs but not its reader: that one goes by the section headers,
// which the loader ignores, may unpack compressed sections and copies every symbol's name, so a hostile file
// could hide its needs from it or exhaust the memory. Here nothing is allocated by a number found in the file.
type image struct {
	data   []byte
	header elf.Header64
	progs  []elf.Prog64
}

// Sizes of the structs, as they are in a file.
const (
	progSize    = 56
	sectionSize = 64
	dynSize     = 16
	symSize     = 24
	verneedSize = 16
	vernauxSize = 16
)

// Bounds for what is looked at in a file, far above what linkers write.
const (
	maxVersions = 1 << 15 // their indexes have 15 bits
	maxEntries  = 1 << 20
)

var errTruncated = errors.New("the file ends before the parts that its headers name")

// parse reads the headers of an ELF file whose identification says 64 bits, little-endian.
func parse(data []byte) (*image, error) {
	f := &image{data: data}
	if !f.read(0, &f.header) {
		return nil, errTruncated
	}
	h := f.header
	if h.Phnum > 0 && h.Phentsize != progSize {
		return nil, fmt.Errorf("the program headers are %d bytes each, not %d", h.Phentsize, progSize)
	}
	for i := range uint64(h.Phnum) {
		var p elf.Prog64
		if !f.read(h.Phoff+i*progSize, &p) {
			return nil, errTruncated
		}
		if p.Filesz == 0 { // as of variables that begin as zero, for which linkers name a place beyond the file
			p.Off = 0
		}
		if !f.holds(p.Off, p.Filesz) {
			return nil, errTruncated
		}
		f.progs = append(f.progs, p)
	}
	// The section headers are the last thing linkers write: their absence shows a file that was cut short.
	if h.Shoff != 0 && !f.holds(h.Shoff, uint64(h.Shnum)*uint64(h.Shentsize)) {
		return nil, errTruncated
	}
	return f, nil
}

// holds reports whether the file has n bytes at off.
func (f *image) holds(off, n uint64) bool {
	size := uint64(len(f.data))
	return off <= size && n <= size-off
}

// read fills the struct that v points to from the file's bytes at off.
func (f *image) read(off uint64, v any) bool {
	n := binary.Size(v)
	if !f.holds(off, uint64(n)) {
		return false
	}
	_, err := binary.Decode(f.data[off:off+uint64(n)], binary.LittleEndian, v)
	return err == nil
}

// prog returns the first program header of a type.
func (f *image) prog(t elf.ProgType) (elf.Prog64, bool) {
	for _, p := range f.progs {
		if elf.ProgType(p.Type) == t {
			return p, true
		}
	}
	return elf.Prog64{}, false
}

// interpreter returns the path of the dynamic linker, "" when the kernel starts the program without one.
func (f *image) interpreter() string {
	p, ok := f.prog(elf.PT_INTERP)
	if !ok {
		return ""
	}
	path, _, _ := bytes.Cut(f.data[p.Off:p.Off+p.Filesz], []byte{0})
	return string(path[:min(len(path), 4096)]) // PATH_MAX
}

// offset turns an address of the running program into an offset of the file.
func (f *image) offset(addr uint64) (uint64, bool) {
	for _, p := range f.progs {
		if elf.ProgType(p.Type) == elf.PT_LOAD && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return p.Off + (addr - p.Vaddr), true
		}
	}
	return 0, false
}

// dynamic is the part of the dynamic section that names what a program needs.
type dynamic struct {
	image *image
	need  []uint64 // offsets of the libraries' names in the string table
	value map[elf.DynTag]uint64
}

// dynamic returns the dynamic section; a file without one needs nothing.
func (f *image) dynamic() dynamic {
	d := dynamic{image: f, value: map[elf.DynTag]uint64{}}
	p, _ := f.prog(elf.PT_DYNAMIC)
	for i := range min(p.Filesz/dynSize, maxEntries) {
		var e elf.Dyn64
		if !f.read(p.Off+i*dynSize, &e) || elf.DynTag(e.Tag) == elf.DT_NULL {
			break
		}
		switch tag := elf.DynTag(e.Tag); tag {
		case elf.DT_NEEDED:
			if len(d.need) < maxVersions {
				d.need = append(d.need, e.Val)
			}
		case elf.DT_RELA, elf.DT_RELASZ, elf.DT_STRTAB, elf.DT_STRSZ, elf.DT_SYMTAB, elf.DT_GNU_HASH, elf.DT_HASH, elf.DT_VERSYM, elf.DT_VERNEED, elf.DT_VERNEEDNUM,
			elf.DT_VERDEF, elf.DT_VERDEFNUM, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH:
			d.value[tag] = e.Val
		}
	}
	return d
}

// at returns the offset in the file of what an entry of the dynamic section points to.
func (d dynamic) at(tag elf.DynTag) (uint64, bool) {
	addr, ok := d.value[tag]
	if !ok {
		return 0, false
	}
	return d.image.offset(addr)
}

// text returns a name of the string table, at most 4096 bytes of it.
func (d dynamic) text(index uint64) (string, bool) {
	table, ok := d.at(elf.DT_STRTAB)
	size := d.value[elf.DT_STRSZ]
	if !ok || index >= size || !d.image.holds(table, size) {
		return "", false
	}
	rest := d.image.data[table+index : table+size]
	name, _, ok := bytes.Cut(rest[:min(len(rest), 4096)], []byte{0})
	return string(name), ok
}

var errDynamic = errors.New("its dynamic section is damaged")

// libraries returns the names of the shared libraries that the program needs.
func (d dynamic) libraries() ([]string, error) {
	var names []string
	total := 0
	for _, index := range d.need {
		name, ok := d.text(index)
		if total += len(name); !ok || total > math.MaxUint16 {
			return nil, errDynamic
		}
		names = append(names, name)
	}
	return names, nil
}

// name returns the text that an entry of the dynamic section names.
func (d dynamic) name(tag elf.DynTag) (string, bool) {
	index, ok := d.value[tag]
	if !ok {
		return "", false
	}
	return d.text(index)
}

// need is a version of a library that a program cannot start without.
type need struct {
	library string // "libc.so.6"
	name    string // "GLIBC_2.34"
	index   uint16 // marks the symbols of that version
	weak    bool   // ld.so starts the program all the same
}

// versions returns the versions of libraries that the program needs.
func (d dynamic) versions() ([]need, error) {
	off, ok := d.at(elf.DT_VERNEED)
	if !ok {
		if _, named := d.value[elf.DT_VERNEED]; named {
			return nil, errDynamic
		}
		return nil, nil
	}
	var needs []need
	for range min(d.value[elf.DT_VERNEEDNUM], maxVersions) {
		var library struct {
			Version, Count  uint16
			File, Aux, Next uint32
		}
		file, ok := "", d.image.read(off, &library)
		if ok {
			file, ok = d.text(uint64(library.File))
		}
		if !ok {
			return nil, errDynamic
		}
		aux := off + uint64(library.Aux)
		for range library.Count {
			var v struct {
				Hash         uint32
				Flags, Other uint16
				Name, Next   uint32
			}
			if len(needs) == maxVersions || !d.image.read(aux, &v) {
				return nil, errDynamic
			}
			name, ok := d.text(uint64(v.Name))
			if !ok || len(name) > 256 {
				return nil, errDynamic
			}
			const weak = 2 // VER_FLG_WEAK of <elf.h>
			needs = append(needs, need{file, name, v.Other & 0x7fff, v.Flags&weak != 0})
			if v.Next == 0 {
				break
			}
			aux += uint64(v.Next)
		}
		if library.Next == 0 {
			break
		}
		off += uint64(library.Next)
	}
	return needs, nil
}

// provides returns the versions that a library defines; nil for one without any, which fits every need.
func (d dynamic) provides() (map[string]bool, error) {
	if _, named := d.value[elf.DT_VERDEF]; !named {
		return nil, nil
	}
	off, ok := d.at(elf.DT_VERDEF)
	all := map[string]bool{}
	for range min(d.value[elf.DT_VERDEFNUM], maxVersions) {
		var v struct {
			Version, Flags, Index, Count uint16
			Hash, Aux, Next              uint32
		}
		var first struct{ Name, Next uint32 } // the others are versions that it came from
		if !ok || !d.image.read(off, &v) || !d.image.read(off+uint64(v.Aux), &first) {
			return nil, errDynamic
		}
		name, found := d.text(uint64(first.Name))
		if !found {
			return nil, errDynamic
		}
		const base = 1 // VER_FLG_BASE of <elf.h>: the name of the library itself
		if v.Flags&base == 0 {
			all[name] = true
		}
		if v.Next == 0 {
			break
		}
		off += uint64(v.Next)
	}
	return all, nil
}

// level returns the level of x86-64 that the linker was told the file needs, 0 where it was told none: x86-64 psABI, "Program
// Property".
func (f *image) level() int {
	const property, needed = 0x6474e553, 0xc0008002 // PT_GNU_PROPERTY and GNU_PROPERTY_X86_ISA_1_NEEDED of <elf.h>
	p, _ := f.prog(property)
	for at, end := p.Off+noteHead, p.Off+p.Filesz; at < end; {
		var one struct{ Type, Size, Value uint32 }
		if !f.read(at, &one) {
			break
		}
		if one.Type == needed {
			return bits.Len32(one.Value)
		}
		at += 8 + (uint64(one.Size)+7)/8*8
	}
	return 0
}

// noteHead is what stands in a note of GNU before what it says: the sizes of both, the type, and the name.
const noteHead = 16

// symbol returns the name of a symbol that is wanted in the version with the index, "" when there is none or
// the file does not tell how many symbols it has.
func (d dynamic) symbol(version uint16) string {
	symbols, ok1 := d.at(elf.DT_SYMTAB)
	marks, ok2 := d.at(elf.DT_VERSYM)
	if !ok1 || !ok2 {
		return ""
	}
	for i := range min(d.wanted(), maxEntries) {
		var mark uint16
		var s elf.Sym64
		if !d.image.read(marks+2*i, &mark) || !d.image.read(symbols+symSize*i, &s) {
			return ""
		}
		if mark&0x7fff == version && elf.SectionIndex(s.Shndx) == elf.SHN_UNDEF {
			name, _ := d.text(uint64(s.Name))
			return name
		}
	}
	return ""
}

// wanted returns how many symbols come before those that the program itself defines.
func (d dynamic) wanted() uint64 {
	var words [2]uint32
	if off, ok := d.at(elf.DT_GNU_HASH); ok && d.image.read(off, &words) {
		return uint64(words[1]) // the first symbol in the table; those before it are looked up elsewhere
	}
	if off, ok := d.at(elf.DT_HASH); ok && d.image.read(off, &words) {
		return uint64(words[1]) // all symbols
	}
	return 0
}

// defines returns the first function of those that the symbol table for debuggers has, "" for none, and whether there is such a table
// at all: stripped programs have none.
func (f *image) defines(functions []string) (found string, table bool) {
	symbols, text, table := f.symbolTable(elf.SHT_SYMTAB)
	longest, best := 0, len(functions)
	for _, name := range functions {
		longest = max(longest, len(name))
	}
	for ; len(symbols) >= symSize; symbols = symbols[symSize:] {
		index, kind, section := binary.LittleEndian.Uint32(symbols), elf.SymType(symbols[4]&0xf), binary.LittleEndian.Uint16(symbols[6:])
		if kind != elf.STT_FUNC || section == 0 || uint64(index) >= uint64(len(text)) {
			continue
		}
		rest := text[index:]
		name, _, ended := bytes.Cut(rest[:min(len(rest), longest+1)], []byte{0})
		if i := slices.Index(functions, string(name)); ended && i >= 0 {
			best = min(best, i)
		}
	}
	if best == len(functions) {
		return "", table
	}
	return functions[best], true
}
