// Package debuginfo finds a program with its symbols: in a file or a zip, in the debug file beside it, or on a debuginfod server.
package debuginfo

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/bloat"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/symbolize"
)

// File is the file that a name means: a path, or what a lambda was built to.
func File(here *project.Here, name string) (string, error) {
	if info, err := os.Stat(here.Abs(name)); err == nil && info.Mode().IsRegular() {
		return here.Abs(name), nil
	}
	projects, err := here.Open([]string{name}, false, nil)
	if err != nil {
		return "", err
	}
	dir := project.Targets(projects)[0].OutputDir()
	for _, file := range []string{artifact.DebugName, artifact.ProgramName} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return filepath.Join(dir, file), nil
		}
	}
	return "", &fault.Error{Kind: fault.Usage, What: name + " has not been built", Fix: "lpipe build " + name}
}

// Sizes reads what a program consists of, with the symbols beside it where it has none.
func Sizes(file string) (bloat.Report, error) {
	refuse := func(err error, fix string) error {
		return &fault.Error{Kind: fault.Usage, What: "cannot tell what " + file + " consists of", Err: err, Fix: fix}
	}
	data, err := read(file)
	if err != nil {
		return bloat.Report{}, refuse(err, "name a lambda, a zip or a program")
	}
	r, err := bloat.Of(data)
	if errors.Is(err, bloat.ErrStripped) {
		if debug, ok := beside(file, data); ok {
			r, err = bloat.Of(debug)
		}
	}
	if err != nil {
		return r, refuse(err, `build with debug = "split" in [build], and keep bootstrap.debug beside the zip; or with strip = false in the profile`)
	}
	return r, nil
}

// maxProgram is how large a program with its symbols is at most, in bytes.
const maxProgram = 2 << 30

// read reads a program, or that in a zip. A file in the folder of a project may be anything.
func read(file string) ([]byte, error) {
	data, err := disk.ReadFile(file, maxProgram)
	if err == nil && strings.HasSuffix(file, ".zip") {
		data, err = artifact.Program(data)
	}
	return data, err
}

// beside is the program with symbols beside a file, if it is of the same build-id.
func beside(file string, program []byte) ([]byte, bool) {
	id := buildID(program)
	debug, err := read(filepath.Join(filepath.Dir(file), artifact.DebugName))
	return debug, err == nil && id != "" && buildID(debug) == id
}

func buildID(program []byte) string {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return ""
	}
	return symbolize.BuildID(f)
}
