package artifact

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"

	"lpipe/internal/limits"
)

// auditableSection has the crates of a program as cargo auditable puts them there:
// https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md.
const auditableSection = ".dep-v0"

// maxAuditable bounds the list, in bytes, as its readers do.
const maxAuditable = 8 << 20

// Program returns the program in the zip of a function or of an extension.
func Program(zipped []byte) ([]byte, error) {
	all, err := entries(zipped)
	if err != nil {
		return nil, err
	}
	if program, ok := all[ProgramName]; ok {
		return program.data, nil
	}
	var found [][]byte
	for name, file := range all {
		if path.Dir(name) == limits.ExtensionsDir {
			found = append(found, file.data)
		}
	}
	if len(found) != 1 {
		return nil, errors.New("the zip has no " + ProgramName)
	}
	return found[0], nil
}

// Auditable returns the list of crates in the program of a zip, as JSON.
func Auditable(zipped []byte) ([]byte, error) {
	program, err := Program(zipped)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("the program: %w", err)
	}
	s := f.Section(auditableSection)
	if s == nil {
		return nil, errors.New("it has no statements beside it, and its program no list of crates")
	}
	r, err := zlib.NewReader(bytes.NewReader(content(s, program)))
	if err != nil {
		return nil, fmt.Errorf("the list of crates in the program: %w", err)
	}
	defer r.Close()
	list, err := io.ReadAll(io.LimitReader(r, maxAuditable+1))
	if err == nil && len(list) > maxAuditable {
		err = errors.New("it is larger than 8 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("the list of crates in the program: %w", err)
	}
	return list, nil
}
