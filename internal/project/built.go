package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/ownership"
)

// built returns the zip of a lambda that the user's own lpipe built last. Any other is refused, with a usage fault.
func (h *Here) built(t Target) (artifact.File, error) {
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

// Unpack puts the files of the zip that the user's own lpipe built last of a lambda into a folder of their own, which the
// caller removes: a copy that nobody else can change after it was checked. The folder's path is absolute.
func (h *Here) Unpack(t Target) (string, error) {
	zipped, err := h.built(t)
	if err != nil {
		return "", err
	}
	failed := func(err error) error {
		return &fault.Error{Kind: fault.Usage, What: "cannot unpack the zip of " + t.Lambda.Label(), Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	if err := ownership.Path(os.TempDir()); err != nil {
		return "", failed(err)
	}
	dir, err := os.MkdirTemp("", "lpipe-invoke-")
	if err != nil {
		return "", failed(err)
	}
	err = artifact.Unpack(zipped.Data, dir)
	if err == nil {
		return dir, nil
	}
	os.RemoveAll(dir)
	if errors.Is(err, syscall.ENOSPC) {
		return "", &fault.Error{
			Kind: fault.NoSpace, What: "cannot unpack the zip of " + t.Lambda.Label(), Err: err,
			Fix: "free some space, or set TMPDIR to a folder on another disk",
		}
	}
	return "", failed(err)
}
