package build

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/dockerfile"
	"lpipe/internal/solve"
)

// takesImageFiles reports that the zip of a target, or a layer of it, has files of the build image.
func (t Target) takesImageFiles() bool {
	return len(t.Lambda.Build.IncludeFromImage) > 0 || len(t.Images) > 0 && t.Config.CACertificates ||
		slices.ContainsFunc(t.layers, func(l artifact.Layer) bool { return len(t.Config.Layer[l.Name].IncludeFromImage) > 0 })
}

// imageFiles reads the files of the build image for a target, as [Target.addImageFiles] takes them. They are none where the target
// names none.
func (t Target) imageFiles(read solve.ReadFile) (entries []artifact.Entry, refused, err error) {
	if !t.takesImageFiles() {
		return nil, nil, nil
	}
	limited := func(size int64) error {
		refused = artifact.CheckUnpacked(size)
		return refused
	}
	index, err := read(dockerfile.FileImageIndex, limited)
	if err != nil {
		return nil, refused, err
	}
	data, err := read(dockerfile.FileImageFiles, limited)
	if refused != nil {
		return nil, refused, nil
	}
	if err != nil {
		return nil, nil, err
	}
	entries, err = splitImageFiles(index, data)
	return entries, nil, err
}

var errImageFiles = errors.New("the list of the files of the image is damaged")

// splitImageFiles makes files of their list and of their bytes, as of [dockerfile.FileImageIndex].
func splitImageFiles(index, data []byte) (all []artifact.Entry, err error) {
	for line := range bytes.Lines(index) {
		size, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		mode, name, ok := strings.Cut(rest, " ")
		n, err := strconv.ParseUint(size, 10, 31)
		if err != nil || !ok || name == "" || mode != "x" && mode != "-" || n > uint64(len(data)) {
			return nil, fmt.Errorf("%w: %.100q", errImageFiles, line)
		}
		all = append(all, artifact.Entry{Name: name, Data: data[:n:n], Executable: mode == "x"})
		data = data[n:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("%w: %d bytes are of no file", errImageFiles, len(data))
	}
	return all, nil
}
