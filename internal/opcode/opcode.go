// Package opcode tells from the machine code of a program which instructions it may run that a processor lacks.
//
// Programs hold such code on purpose: a function for AVX-512 beside one for SSE2, of which one is chosen when the program
// runs. What is wanted are the others, where a compiler was told to use all that the machine at hand has. They are told
// apart by who refers to them: what chooses asks CPUID, or reads a variable that code which asks CPUID has written.
//
// Of x86-64 no more is decoded than the length of each instruction, its kind of encoding and what it refers to. Any bytes
// may come in.
package opcode

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
)

// Set is a set of extensions of an instruction set.
type Set uint8

// The extensions that are told apart.
const (
	AVX    Set = 1 << iota // AVX, AVX2, FMA, BMI: x86-64-v3, all that has a VEX prefix
	AVX512                 // x86-64-v4 and AVX10: all that has an EVEX prefix
	SVE                    // and SVE2, SME, of Arm
)

func (s Set) String() string {
	switch {
	case s&AVX512 != 0:
		return "AVX-512"
	case s&SVE != 0:
		return "SVE"
	case s&AVX != 0:
		return "AVX"
	}
	return "no"
}

// Function is the code of one function and where it is when the program runs.
type Function struct {
	Address uint64
	Code    []byte
}

// Program is what is looked at.
type Program struct {
	Arch      string     // "x86_64" or "arm64", as Lambda says it
	Functions []Function // in the order of their addresses, none twice
	Entry     uint64     // where the program starts
	// Data are the parts of the program that are no code, each from an address that 8 divides: tables of functions are there, as
	// addresses or as what the loader makes them of.
	Data [][]byte
	// Writable reports that the program may write to the address; variables that say what a processor has are there.
	Writable func(address uint64) bool
	// Pointer returns what the program has at the address when it starts, as the loader leaves it there.
	Pointer func(address uint64) uint64
	// Chosen reports that a function of this index is known to be chosen at run time, or that one chooses.
	Chosen func(function int) bool
	// Exported reports that others, of whom nothing is known, may run the function; nil where nobody else does. Where some function
	// here refers to one of them, that decides.
	Exported func(function int) bool
}

// Found is a function that runs instructions which the processor may lack.
type Found struct {
	Function int    // its index
	Lacks    Set    // the extensions
	Count    int    // how many such instructions it has
	Address  uint64 // of the first
	From     int    // a function that refers to it, and does not choose; -1 if that is the start of the program, or others run it
}

// Stray returns the functions with instructions of the extensions in lacks that are not chosen at run time, in the order of
// their addresses.
func Stray(p Program, lacks Set) []Found {
	found := map[int]Found{}
	for i, f := range p.Functions {
		if p.Arch != "arm64" && lacks&AVX == 0 && !mayHaveEVEX(f.Code) {
			continue
		}
		var first uint64
		var set Set
		count := 0
		each(p.Arch, f, func(at uint64, in instruction) {
			if in.set&lacks != 0 {
				if count == 0 {
					first = at
				}
				count++
				set |= in.set & lacks
			}
		})
		if count > 0 && !p.Chosen(i) {
			found[i] = Found{Function: i, Lacks: set, Count: count, Address: first, From: -1}
		}
	}
	if len(found) == 0 { // as in nearly every program
		return nil
	}
	g := newGraph(p)
	var all []Found
	for i, f := range found {
		if from, stray := g.stray(i); stray {
			f.From = from
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Found) int { return a.Function - b.Function })
	return all
}

// How what a processor has is kept: OpenSSL's OPENSSL_ia32cap_P, the longest that is known, has 40 bytes, and its parts are read
// in words of 4. glibc has a function that returns where it is.
const (
	variable = 64
	unit     = 4
	accessor = 64
)

// mayHaveEVEX is true for all code that has an instruction with an EVEX prefix.
func mayHaveEVEX(code []byte) bool {
	for {
		i := bytes.IndexByte(code, 0x62)
		if i < 0 || i+3 >= len(code) {
			return false
		}
		if evex(code[i+1], code[i+2]) {
			return true
		}
		code = code[i+1:]
	}
}

// graph is who refers to which function, by index.
type graph struct {
	program Program
	from    [][]int32
	named   []bool // by data
	chooses []bool
	known   map[int]bool // the functions that [graph.stray] was asked for, and its answer
}

func newGraph(p Program) *graph {
	n := len(p.Functions)
	g := &graph{program: p, from: make([][]int32, n), named: make([]bool, n), chooses: make([]bool, n), known: map[int]bool{}}
	first, last := p.Functions[0].Address, p.Functions[n-1].Address
	for _, data := range p.Data {
		for ; len(data) >= 8; data = data[8:] {
			if word := binary.LittleEndian.Uint64(data); word >= first && word <= last {
				if i, ok := g.at(word); ok {
					g.named[i] = true
				}
			}
		}
	}
	variables := make([][]uint64, len(p.Functions)) // that each refers to, or a small function that it calls
	asks := make([]bool, len(p.Functions))
	for i, f := range p.Functions {
		each(p.Arch, f, func(_ uint64, in instruction) {
			asks[i] = asks[i] || in.asks
			if in.refers == 0 {
				return
			}
			to, ok := g.at(in.refers)
			if !ok { // it may be called through the global offset table
				to, ok = g.at(p.Pointer(in.refers))
			}
			if ok {
				if from := g.from[to]; to != i && (len(from) == 0 || from[len(from)-1] != int32(i)) {
					g.from[to] = append(from, int32(i))
				}
			} else if p.Writable(in.refers) {
				variables[i] = append(variables[i], in.refers)
			}
		})
	}
	written := map[uint64]bool{} // by unit of the address
	write := func(i int) {
		for _, v := range variables[i] {
			for n := range uint64(variable / unit) {
				written[v/unit+n] = true
			}
		}
	}
	for i := range asks {
		if !asks[i] {
			continue
		}
		write(i)
		if len(variables[i]) == 0 { // it is handed the variable, as OPENSSL_ia32_cpuid is
			for _, caller := range g.from[i] {
				write(int(caller))
			}
		}
	}
	reads := func(v uint64) bool { return written[v/unit] }
	for i, f := range p.Functions {
		g.chooses[i] = g.chooses[i] || asks[i] || slices.ContainsFunc(variables[i], reads)
		if len(f.Code) <= accessor && slices.ContainsFunc(variables[i], reads) {
			for _, caller := range g.from[i] {
				g.chooses[caller] = true
			}
		}
	}
	return g
}

// at returns the function that begins at the address.
func (g *graph) at(address uint64) (int, bool) {
	all := g.program.Functions
	i := sort.Search(len(all), func(i int) bool { return all[i].Address >= address })
	return i, i < len(all) && all[i].Address == address
}

// stray reports that the program runs a function without having asked for its instructions, and which function it comes from.
// One that only data refers to is in a table of those that may be chosen.
func (g *graph) stray(i int) (from int, stray bool) {
	if g.chooses[i] || g.program.Chosen(i) {
		return -1, false
	}
	for _, caller := range g.from[i] {
		if g.runs(int(caller)) {
			return int(caller), true
		}
	}
	return -1, g.exported(i)
}

func (g *graph) exported(i int) bool {
	return len(g.from[i]) == 0 && g.program.Exported != nil && g.program.Exported(i)
}

// runs reports that the program comes to a function, and that nothing on the way chooses. Of those that call each other, each is as those that call them.
func (g *graph) runs(i int) bool {
	if runs, ok := g.known[i]; ok {
		return runs
	}
	g.known[i] = g.program.Functions[i].Address == g.program.Entry
	runs := g.known[i] || !g.chooses[i] && !g.program.Chosen(i) && (g.exported(i) || len(g.from[i]) == 0 && g.named[i] || slices.ContainsFunc(g.from[i], func(c int32) bool { return g.runs(int(c)) }))
	g.known[i] = runs
	return runs
}

// instruction is what is told of one.
type instruction struct {
	size   int
	set    Set
	asks   bool   // it is CPUID or XGETBV
	refers uint64 // an address relative to that of the instruction: of a call, a jump, an operand; 0 for none
}

// each calls visit with each instruction of a function, up to the first that cannot be one.
func each(arch string, f Function, visit func(at uint64, in instruction)) {
	for off := 0; off < len(f.Code); {
		at := f.Address + uint64(off)
		var in instruction
		if arch == "arm64" {
			if len(f.Code)-off < 4 {
				return
			}
			in = arm64(binary.LittleEndian.Uint32(f.Code[off:]), at)
		} else {
			in = x86(f.Code[off:], at)
		}
		if in.size == 0 {
			return
		}
		visit(at, in)
		off += in.size
	}
}
