package project

import (
	"errors"
	"fmt"
	"io/fs"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
)

// Built returns the zip of a lambda that the user's own lpipe built last. Any other is refused, with a usage fault.
func (h *Here) Built(t Target) (artifact.File, error) {
	key, notice := h.Key([]*Project{t.Project})
	folder, err := t.OpenOutput(key)
	if err != nil {
		return artifact.File{}, err
	}
	zipped, err := folder.Vouched()
	build := "lpipe build " + t.Lambda.Name
	switch {
	case err == nil:
		return zipped, nil
	case errors.Is(err, fs.ErrNotExist):
		return zipped, &fault.Error{Kind: fault.Usage, What: t.Lambda.Label() + " has not been built", Err: err, Fix: build}
	case notice != "":
		return zipped, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("cannot tell whether lpipe made what is in %s", h.Show(t.OutputDir())), Why: notice,
			Fix: "set HOME or XDG_CACHE_HOME to a folder of yours outside the project, and run " + build,
		}
	}
	return zipped, &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("what is in %s is not what lpipe built", h.Show(t.OutputDir())), Err: err, Fix: build,
	}
}
