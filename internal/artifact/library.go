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
	for _, l := range layers {
		included = slices.Concat(included, l.Files)
	}
	c := check{Expect: e}
	for _, entry := range sorted(included) {
		if !isLibrary(entry.Name) || !bytes.HasPrefix(entry.Data, []byte(elf.ELFMAG)) { // such as a script for the linker
			continue
		}
		c.library, c.fix = entry.Name, "take it from the image that the lambda is compiled in, as by include-from-image, or build it for "+e.Runtime
		c.ofLibrary(entry.Data)
	}
	return c.Err()
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
