package artifact

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/limits"
)

// isLibrary reports that a file of a zip is a shared library by its name, which lies where Lambda's dynamic linker looks: at the
// root or in lib. https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html has its LD_LIBRARY_PATH.
func isLibrary(name string) bool {
	dir, file := path.Split(name)
	return strings.Contains(file, ".so") && (dir == "" || dir == "lib/")
}

// Libraries are the names of the shared libraries among the files of a zip that the dynamic linker finds.
func Libraries(included []Entry) []string {
	var all []string
	for _, e := range sorted(included) {
		if isLibrary(e.Name) {
			all = append(all, path.Base(e.Name))
		}
	}
	return all
}

// CheckLibraries refuses what Lambda's dynamic linker could not load of the shared libraries among the files of a zip and of the
// layers that the function has beside it: one for another machine, one that needs a newer glibc than the runtime has, and one that
// needs a library that neither the runtime nor e.Libraries has.
func CheckLibraries(included []Entry, layers []Layer, e Expect) error {
	c := check{Expect: e}
	for _, entry := range loadable(included, layers) {
		c.library, c.fix = entry.Name, "take it from the image that the lambda is compiled in, as by include-from-image, or build it for "+e.Runtime
		c.ofLibrary(entry.Data)
	}
	return c.Err()
}

// CheckInstructions refuses those of these libraries that run instructions which the hosts of Lambda lack, as [Inspect] does with the
// program, and returns what may go wrong. It reads all code, so it is for a zip that is made. They are libraries by [CheckLibraries].
func CheckInstructions(included []Entry, layers []Layer, e Expect) (warnings []string, err error) {
	c := check{Expect: e}
	for _, entry := range loadable(included, layers) {
		f, err := parse(entry.Data)
		if err != nil {
			return nil, err
		}
		info := Info{Arch: e.Arch}
		c.library = entry.Name
		c.instructions(f, &info)
		warnings = append(warnings, info.Warnings...)
	}
	return warnings, c.Err()
}

// loadable are the shared libraries of a zip and of the layers that the function has beside it.
func loadable(included []Entry, layers []Layer) []Entry {
	for _, l := range layers {
		included = slices.Concat(included, l.Files)
	}
	return slices.DeleteFunc(sorted(included), func(e Entry) bool {
		return !isLibrary(e.Name) || !bytes.HasPrefix(e.Data, []byte(elf.ELFMAG)) // such as a script for the linker
	})
}

// ofLibrary checks one library.
func (c *check) ofLibrary(data []byte) {
	var info Info
	if err := checkIdent(data); err != nil {
		c.Add(refuse(c.library+" cannot be loaded", "it is no library for Lambda's machines", c.fix))
		return
	}
	f, err := parse(data)
	if err != nil {
		c.Add(refuse(c.library+" is damaged", err.Error(), "put it there again"))
		return
	}
	if c.arch(f, &info); info.Arch != c.Arch {
		return
	}
	d := f.dynamic()
	if info.Libraries, err = d.libraries(); err != nil {
		c.Add(refuse(c.library+" is damaged", err.Error(), "put it there again"))
		return
	}
	c.libraries(&info)
	c.glibc(d, &info)
}

// missing are the libraries that a file needs and nobody has.
func (c *check) missing(needs []string) []string {
	var all []string
	for _, name := range needs {
		if !slices.Contains(limits.Libraries, name) && !slices.Contains(c.Libraries, name) {
			all = append(all, fmt.Sprintf("%q", name))
		}
	}
	return all
}
