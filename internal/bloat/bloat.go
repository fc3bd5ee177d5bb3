// Package bloat tells what the bytes of a program are: of which crate, and of which function or variable.
package bloat

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/artifact"
)

// Report is what a program consists of, in bytes. It is what is loaded of it: symbols and debug information are not counted.
type Report struct {
	Total    uint64            `json:"total"`
	Sections map[string]uint64 `json:"sections"` // by name, such as .text
	Crates   map[string]uint64 `json:"crates"`   // functions and variables by crate; "" for those of no crate: C, assembly and the linker's
	Symbols  map[string]uint64 `json:"symbols"`  // by name; instances for several types count together
}

// ErrStripped is why it cannot be told what a program consists of.
var ErrStripped = errors.New("it has no symbols")

// Of reads a program with symbols.
func Of(program []byte) (Report, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return Report{}, err
	}
	r := Report{Sections: map[string]uint64{}, Crates: map[string]uint64{}, Symbols: map[string]uint64{}}
	held := map[int]bool{} // sections that are in the file and loaded
	for i, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
			r.Sections[s.Name] += s.Size
			r.Total += s.Size
			held[i] = true
		}
	}
	symbols, err := f.Symbols()
	if err != nil || len(symbols) == 0 {
		return r, ErrStripped
	}
	// Several names of one place count once.
	slices.SortFunc(symbols, func(a, b elf.Symbol) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(b.Size, a.Size), cmp.Compare(a.Name, b.Name))
	})
	var end uint64
	for _, s := range symbols {
		if t := elf.ST_TYPE(s.Info); t != elf.STT_FUNC && t != elf.STT_OBJECT || !held[int(s.Section)] || s.Value+s.Size < s.Value {
			continue
		}
		from := max(s.Value, end)
		if s.Value+s.Size <= from {
			continue
		}
		n := s.Value + s.Size - from
		end = s.Value + s.Size
		name := artifact.Demangle(s.Name)
		r.Symbols[name] += n
		r.Crates[Crate(name)] += n
	}
	return r, nil
}

// Crate is the crate of a symbol, by its demangled name; "" for one of no crate. A method of a trait counts for the crate of the type
// that it is for: core::fmt::Debug of shop::Order is a function of shop.
func Crate(name string) string {
	for {
		rest := strings.TrimLeft(name, "<&*([")
		for _, word := range []string{"mut ", "const ", "dyn ", "impl ", "unsafe ", "extern ", `"C" `, "fn("} {
			rest = strings.TrimPrefix(rest, word)
		}
		if rest == name {
			break
		}
		name = rest
	}
	if kind, types, as := strings.Cut(name, " as "); as && !strings.ContainsAny(kind, ":<") { // of a type of the language itself, so the trait decides
		return Crate(types)
	}
	path, _, _ := strings.Cut(name, "<")
	crate, _, ok := strings.Cut(path, "::")
	if !ok || crate == "" || strings.ContainsAny(crate, " .$@;,") {
		return ""
	}
	return crate
}

// Line is a name with bytes, and how many more they are than before.
type Line struct {
	Name          string
	Bytes, Change int64
}

// Largest are the names with the most bytes, at most n of them.
func Largest(all map[string]uint64, n int) []Line {
	lines := make([]Line, 0, len(all))
	for name, bytes := range all {
		lines = append(lines, Line{Name: name, Bytes: int64(bytes)})
	}
	slices.SortFunc(lines, func(a, b Line) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return lines[:min(n, len(lines))]
}

// Changed are the names whose bytes changed the most, at most n of them.
func Changed(before, now map[string]uint64, n int) []Line {
	names := maps.Clone(before)
	maps.Copy(names, now)
	var lines []Line
	for name := range names {
		if change := int64(now[name]) - int64(before[name]); change != 0 {
			lines = append(lines, Line{name, int64(now[name]), change})
		}
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(max(b.Change, -b.Change), max(a.Change, -a.Change)), cmp.Compare(a.Name, b.Name))
	})
	return lines[:min(n, len(lines))]
}
