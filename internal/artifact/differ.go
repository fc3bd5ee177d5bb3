package artifact

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/limits"
)

// Differ says in sentences how two zips differ: down to the file, and in a program to the section and the symbol. first and
// second are what they are called. There is no sentence for zips that are equal.
func Differ(first string, a []byte, second string, b []byte) []string {
	if bytes.Equal(a, b) {
		return nil
	}
	d := differences{first: first, second: second}
	before, errA := entries(a)
	after, errB := entries(b)
	for _, failed := range []struct {
		name string
		err  error
	}{{first, errA}, {second, errB}} {
		if failed.err != nil {
			d.say("the %s cannot be unpacked: %v", failed.name, failed.err)
		}
	}
	if errA == nil && errB == nil {
		d.zips(before, after)
	}
	if at := firstDifference(a, b); len(d.all) == 0 || errA != nil || errB != nil {
		where := ""
		if part := partOf(a, at); part != "" {
			where = ": in " + part
		}
		d.say("the zips differ from byte %d on, of %d and %d%s", at, len(a), len(b), where)
	}
	return d.all
}

// partOf names the part of a zip that holds the byte at a place, "" where that cannot be told.
func partOf(zipped []byte, at int) string {
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return ""
	}
	for _, f := range r.File { // in their order, in which lpipe writes them
		start, err := f.DataOffset()
		switch {
		case err != nil:
			return ""
		case int64(at) < start:
			return "the header of " + f.Name
		case int64(at) < start+int64(f.CompressedSize64):
			return "the packed bytes of " + f.Name
		}
	}
	return "the directory at its end"
}

type differences struct {
	first, second string
	all           []string
}

func (d *differences) say(format string, args ...any) {
	d.all = append(d.all, fmt.Sprintf(format, args...))
}

// unpacked is a file of a zip.
type unpacked struct {
	zip.FileHeader
	data []byte
}

// entries are the files of a zip, by name.
func entries(zipped []byte) (map[string]unpacked, error) {
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return nil, err
	}
	all, left := map[string]unpacked{}, int64(limits.Unzipped)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		data, err := io.ReadAll(io.LimitReader(in, left+1))
		in.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if left -= int64(len(data)); left < 0 {
			return nil, CheckUnpacked(limits.Unzipped + 1)
		}
		if _, known := all[f.Name]; known {
			return nil, fmt.Errorf("%s is in it twice, and unpackers differ in which they take", f.Name)
		}
		all[f.Name] = unpacked{f.FileHeader, data}
	}
	return all, nil
}

func (d *differences) zips(before, after map[string]unpacked) {
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, had := before[name]
		b, has := after[name]
		switch {
		case !has:
			d.say("%s: only in the %s", name, d.first)
		case !had:
			d.say("%s: only in the %s", name, d.second)
		default:
			if a.Mode() != b.Mode() {
				d.say("%s: its mode is %s and %s", name, a.Mode(), b.Mode())
			}
			if !a.Modified.Equal(b.Modified) {
				d.say("%s: its time is %s and %s", name, a.Modified.UTC().Format("2006-01-02 15:04:05"), b.Modified.UTC().Format("2006-01-02 15:04:05"))
			}
			if !bytes.Equal(a.data, b.data) {
				d.file(name, a.data, b.data)
			}
		}
	}
}

// maxSymbolsNamed is how many symbols are named of a section.
const maxSymbolsNamed = 8

func (d *differences) file(name string, a, b []byte) {
	old, errA := elf.NewFile(bytes.NewReader(a))
	now, errB := elf.NewFile(bytes.NewReader(b))
	if errA != nil || errB != nil {
		d.say("%s: differs from byte %d on, of %d and %d", name, firstDifference(a, b), len(a), len(b))
		return
	}
	count := len(d.all)
	if old.FileHeader != now.FileHeader {
		d.say("%s: the ELF headers differ", name)
	}
	sections := map[string]bool{}
	for _, s := range slices.Concat(old.Sections, now.Sections) {
		if s.Name != "" && s.Type != elf.SHT_NOBITS {
			sections[s.Name] = true
		}
	}
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		x, y := old.Section(section), now.Section(section)
		switch {
		case x == nil || y == nil:
			only := d.first
			if x == nil {
				only = d.second
			}
			d.say("%s: section %s is only in the %s", name, section, only)
		default:
			d.section(name, x, a, y, b)
		}
	}
	if len(d.all) == count {
		d.say("%s: differs from byte %d on, outside of its sections", name, firstDifference(a, b))
	}
}

// content is a section as the file has it, empty where the file ends before.
func content(s *elf.Section, file []byte) []byte {
	if s.Offset > uint64(len(file)) || s.FileSize > uint64(len(file))-s.Offset {
		return nil
	}
	return file[s.Offset : s.Offset+s.FileSize]
}

func (d *differences) section(name string, x *elf.Section, a []byte, y *elf.Section, b []byte) {
	p, q := content(x, a), content(y, b)
	if bytes.Equal(p, q) {
		return
	}
	where := fmt.Sprintf("%s: section %s", name, x.Name)
	if len(p) != len(q) {
		where += fmt.Sprintf(" has %d and %d bytes", len(p), len(q))
	} else {
		n := 0
		for i := range p {
			if p[i] != q[i] {
				n++
			}
		}
		where += fmt.Sprintf(" differs in %d of %d bytes", n, len(p))
	}
	at := firstDifference(p, q)
	where += fmt.Sprintf(", from %#x on", x.Addr+uint64(at))
	if text := printable(p, at) + " and " + printable(q, at); x.Name == ".comment" || strings.HasPrefix(x.Name, ".note") && len(text) > 5 {
		where += ": " + text
	}
	before, after := functionsOf(a, x), functionsOf(b, y)
	var changed []string
	both := maps.Clone(before)
	maps.Copy(both, after)
	for _, s := range slices.Sorted(maps.Keys(both)) {
		u, had := before[s]
		v, has := after[s]
		switch {
		case !had:
			changed = append(changed, s+" (only in the "+d.second+")")
		case !has:
			changed = append(changed, s+" (only in the "+d.first+")")
		case !bytes.Equal(u, v):
			changed = append(changed, s)
		}
	}
	if more := len(changed) - maxSymbolsNamed; more > 0 {
		changed = append(changed[:maxSymbolsNamed], fmt.Sprintf("and %d more", more))
	}
	if len(changed) > 0 {
		where += ", in " + strings.Join(changed, ", ")
	}
	d.say("%s", where)
}

// functionsOf are the functions of a program that lie in a section, by what they are called.
func functionsOf(file []byte, s *elf.Section) map[string][]byte {
	all := map[string][]byte{}
	f, err := parse(file)
	if err != nil || s.Flags&elf.SHF_EXECINSTR == 0 {
		return nil
	}
	for _, one := range f.functions() {
		if one.address >= s.Addr && one.address-s.Addr < s.Size {
			all[one.show()] = one.code
		}
	}
	return all
}

// printable is the text around a place, as far as it is one.
func printable(data []byte, at int) string {
	start := bytes.LastIndexByte(data[:min(at, len(data))], 0) + 1
	end := bytes.IndexByte(data[start:], 0)
	if end < 0 {
		end = len(data) - start
	}
	return fmt.Sprintf("%q", data[start:start+min(end, 80)])
}

// firstDifference is the first byte in which two texts differ, or the length of the shorter one.
func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
