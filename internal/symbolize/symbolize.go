// Package symbolize turns the addresses of a backtrace into functions and lines.
//
// A stripped program prints addresses alone, and those are of the place where the kernel loaded it, another one with each start.
// The place is found from the backtrace itself: each of its addresses is the one that a call returns to, so a call stands right
// before it in the program. Only one place of all that there are fits several such addresses.
package symbolize

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/artifact"
)

// Program is a program with its symbols.
type Program struct {
	file  *elf.File
	code  []segment
	dwarf *dwarf.Data // nil where it has no lines
	names []symbol    // in the order of their addresses
}

// segment is a part of the program that is run.
type segment struct {
	addr uint64
	data []byte
}

type symbol struct {
	addr, size uint64
	name       string
}

// Frame is a place in the sources, or as much as the program tells of it.
type Frame struct {
	Function string
	File     string // "" where the program has no lines
	Line     int
}

// Open reads a program; data is not copied.
func Open(data []byte) (*Program, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if f.Machine != elf.EM_X86_64 && f.Machine != elf.EM_AARCH64 {
		return nil, fmt.Errorf("it is for the machine %s, and Lambda has x86-64 and arm64", f.Machine)
	}
	p := &Program{file: f}
	for _, s := range f.Progs {
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && s.Off <= uint64(len(data)) && s.Filesz <= uint64(len(data))-s.Off {
			p.code = append(p.code, segment{s.Vaddr, data[s.Off : s.Off+s.Filesz]})
		}
	}
	symbols, _ := f.Symbols()
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 {
			p.names = append(p.names, symbol{s.Value, s.Size, s.Name})
		}
	}
	slices.SortFunc(p.names, func(a, b symbol) int {
		if a.addr < b.addr {
			return -1
		}
		return 1
	})
	if f.Section(".debug_line") != nil {
		if p.dwarf, err = f.DWARF(); err != nil {
			return nil, fmt.Errorf("its debug information: %w", err)
		}
	}
	if p.dwarf == nil && len(p.names) == 0 {
		return p, ErrStripped
	}
	return p, nil
}

// RunsAs takes the code from the program that p is the debug file of, which may hold none itself.
func (p *Program) RunsAs(program *Program) {
	p.code, p.file.FileHeader = program.code, program.file.FileHeader
}

// ErrStripped is why a program cannot say what is at an address.
var ErrStripped = errors.New("it has neither symbols nor lines")

// BuildID is what the linker named the program, in hex; "" where it did not.
func (p *Program) BuildID() string { return BuildID(p.file) }

// BuildID is what the linker named a program, in hex; "" where it did not.
func BuildID(f *elf.File) string {
	s := f.Section(".note.gnu.build-id")
	if s == nil {
		return ""
	}
	note, err := s.Data()
	if err != nil || len(note) < 16 {
		return ""
	}
	name, size := f.ByteOrder.Uint32(note), f.ByteOrder.Uint32(note[4:])
	if name != 4 || uint64(size) > uint64(len(note)-16) {
		return ""
	}
	return hex.EncodeToString(note[16 : 16+size])
}

// pageSize is the least that the place of a program is a multiple of: that of the kernels of Lambda, on both machines.
const pageSize = 4096

// Base is where the program was loaded, found from the addresses of a backtrace. fits says how many of the addresses follow a call
// there. The error says why the place cannot be told.
func (p *Program) Base(addresses []uint64) (base uint64, fits int, err error) {
	if p.file.Type == elf.ET_EXEC { // is where it was linked to be
		return 0, p.fits(0, addresses), nil
	}
	if len(p.code) == 0 {
		return 0, 0, errors.New("the debug file holds no code: name the program or the zip too")
	}
	candidates := map[uint64]bool{}
	for _, a := range addresses {
		for _, s := range p.code {
			// All places at which this address would lie in the code.
			for at := s.addr + (a-s.addr)%pageSize; at < s.addr+uint64(len(s.data)); at += pageSize {
				if at <= a && p.afterCall(at) {
					candidates[a-at] = true
				}
			}
		}
		if len(candidates) > maxCandidates {
			break
		}
	}
	best, second := 0, 0
	for _, b := range slices.Sorted(maps.Keys(candidates)) {
		switch n := p.fits(b, addresses); {
		case n > best:
			base, best, second = b, n, best
		case n > second:
			second = n
		}
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(addresses))))
	switch {
	case best == 0:
		return 0, 0, errors.New("none of its addresses follows a call of the program: it is of another one")
	case 2*best < distinct:
		return 0, best, fmt.Errorf("only %d of its %d addresses fit the program: it is of another one", best, distinct)
	case best == second:
		return 0, best, fmt.Errorf("its %d addresses fit several places of the program alike: a longer backtrace is needed", distinct)
	case best < minFits:
		return 0, best, fmt.Errorf("%d addresses are too few to tell where the program was loaded: a longer backtrace is needed", best)
	}
	return base, best, nil
}

const (
	maxCandidates = 1 << 20
	minFits       = 3 // a call stands before about one in twenty bytes of code
)

// fits counts the addresses that follow a call where the program is loaded at base.
func (p *Program) fits(base uint64, addresses []uint64) (n int) {
	seen := map[uint64]bool{}
	for _, a := range addresses {
		if a >= base && !seen[a] && p.afterCall(a-base) {
			n++
		}
		seen[a] = true
	}
	return n
}

// afterCall reports that the instruction before an address is a call.
func (p *Program) afterCall(at uint64) bool {
	for _, s := range p.code {
		if at <= s.addr || at-s.addr > uint64(len(s.data)) {
			continue
		}
		code := s.data[:at-s.addr]
		if p.file.Machine == elf.EM_AARCH64 {
			if at%4 != 0 || len(code) < 4 {
				return false
			}
			i := binary.LittleEndian.Uint32(code[len(code)-4:])
			return i&0xfc000000 == 0x94000000 || i&0xfffffc1f == 0xd63f0000 // BL, BLR: Arm DDI 0487, C6.2
		}
		return callX86(code)
	}
	return false
}

// callX86 reports that code ends with a call: E8 with a distance, or FF /2 with an address in a register or in memory. Intel SDM 2A,
// CALL.
func callX86(code []byte) bool {
	n := len(code)
	if n >= 5 && code[n-5] == 0xe8 {
		return true
	}
	for length := 2; length <= 7 && length <= n; length++ {
		if code[n-length] != 0xff {
			continue
		}
		modrm := code[n-length+1]
		if modrm>>3&7 != 2 {
			continue
		}
		size := 2
		mod, rm := modrm>>6, modrm&7
		if mod != 3 && rm == 4 {
			size++ // SIB
			if mod == 0 && n-length+2 < n && code[n-length+2]&7 == 5 {
				size += 4
			}
		}
		switch {
		case mod == 1:
			size++
		case mod == 2, mod == 0 && rm == 5:
			size += 4
		}
		if size == length {
			return true
		}
	}
	return false
}

// At returns what is at an address of the program, which a call returns to: the functions that were inlined there, from the innermost
// on, and the one that they are in.
func (p *Program) At(at uint64) []Frame {
	at-- // within the call, not what follows it
	if frames := p.lines(at); len(frames) > 0 {
		return frames
	}
	if name := p.name(at); name != "" {
		return []Frame{{Function: name}}
	}
	return nil
}

func (p *Program) name(at uint64) string {
	i, found := slices.BinarySearchFunc(p.names, at, func(s symbol, at uint64) int {
		switch {
		case s.addr > at:
			return 1
		case s.addr < at:
			return -1
		}
		return 0
	})
	if !found {
		i--
	}
	if i < 0 || at-p.names[i].addr >= p.names[i].size {
		return ""
	}
	return artifact.Demangle(p.names[i].name)
}

// sources is where the sources of a project are in a build.
const sources = "/src/"

// lines are the frames at an address by the debug information.
func (p *Program) lines(at uint64) []Frame {
	if p.dwarf == nil {
		return nil
	}
	r := p.dwarf.Reader()
	unit, err := r.SeekPC(at)
	if err != nil {
		return nil
	}
	lines, err := p.dwarf.LineReader(unit)
	if err != nil || lines == nil {
		return nil
	}
	var place dwarf.LineEntry
	if lines.SeekPC(at, &place) != nil || place.File == nil {
		return nil
	}
	files := lines.Files()
	chain := p.inlined(r, at) // from the outermost on
	frames := make([]Frame, 0, len(chain)+1)
	file, line := place.File.Name, place.Line
	for _, e := range slices.Backward(chain) {
		frames = append(frames, Frame{p.called(e, 0), file, line})
		n, _ := e.Val(dwarf.AttrCallFile).(int64)
		called, _ := e.Val(dwarf.AttrCallLine).(int64)
		file, line = "", int(called)
		if n >= 0 && n < int64(len(files)) && files[n] != nil {
			file = files[n].Name
		}
	}
	if len(frames) == 0 {
		frames = append(frames, Frame{p.name(at), file, line})
	}
	if name := p.name(at); name != "" { // has its path
		frames[len(frames)-1].Function = name
	}
	for i, f := range frames {
		frames[i].File = strings.TrimPrefix(f.File, sources)
		if end := strings.IndexByte(f.Function, '<'); end > 0 && !strings.Contains(f.Function, "::") {
			frames[i].Function = f.Function[:end] // the types that it is for fill the screen
		}
	}
	return frames
}

// inlined are the function at an address and what is inlined there, from the outermost on.
func (p *Program) inlined(r *dwarf.Reader, at uint64) (chain []*dwarf.Entry) {
	for depth := 1; depth > 0; {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		holds := false
		if e.Tag == dwarf.TagSubprogram || e.Tag == dwarf.TagInlinedSubroutine {
			ranges, err := p.dwarf.Ranges(e)
			holds = err == nil && slices.ContainsFunc(ranges, func(r [2]uint64) bool { return at >= r[0] && at < r[1] })
			if holds {
				chain = append(chain, e)
			}
		}
		inside := holds || e.Tag == dwarf.TagNamespace || e.Tag == dwarf.TagLexDwarfBlock || e.Tag == dwarf.TagStructType || e.Tag == dwarf.TagModule
		switch {
		case !e.Children:
		case inside:
			depth++
		default:
			r.SkipChildren()
		}
	}
	return chain
}

// maxOrigins bounds how far the name of a function is looked for.
const maxOrigins = 8

// called is the name of a function, which another entry may have.
func (p *Program) called(e *dwarf.Entry, depth int) string {
	if name, ok := e.Val(dwarf.AttrLinkageName).(string); ok {
		return artifact.Demangle(name)
	}
	for _, attribute := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		at, ok := e.Val(attribute).(dwarf.Offset)
		if !ok || depth >= maxOrigins {
			continue
		}
		r := p.dwarf.Reader()
		r.Seek(at)
		if other, err := r.Next(); err == nil && other != nil {
			if name := p.called(other, depth+1); name != "" {
				return name
			}
		}
	}
	name, _ := e.Val(dwarf.AttrName).(string)
	return name
}
