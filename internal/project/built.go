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

// Built returns the zip of a lambda that the user's own lpipe built last, and the digest of its sources. Any other is
// refused, with a usage fault.
func (h *Here) Built(t Target) (zipped artifact.File, sources string, err error) {
	key, notice := h.Key([]*Project{t.Project})
	if _, err := os.Stat(t.Out); t.Out != "" && errors.Is(err, fs.ErrNotExist) {
		return zipped, "", notBuilt(t, err)
	}
	folder, err := t.OpenOutput(key)
	if err != nil {
		return zipped, "", err
	}
	zipped, err = folder.Vouched()
	build := "lpipe build " + t.Lambda.Name
	switch {
	case err == nil:
		return zipped, folder.Sources(), nil
	case errors.Is(err, fs.ErrNotExist):
		return zipped, "", notBuilt(t, err)
	case notice != "":
		return zipped, "", &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("cannot tell whether lpipe made what is in %s", h.Show(t.OutputDir())), Why: notice,
			Fix: "set HOME or XDG_CACHE_HOME to a folder of yours outside the project, and run " + build,
		}
	}
	return zipped, "", &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("what is in %s is not what lpipe built", h.Show(t.OutputDir())), Err: err, Fix: build,
	}
}

func notBuilt(t Target, err error) error {
	return &fault.Error{Kind: fault.Usage, What: t.Lambda.Label() + " has not been built", Err: err, Fix: "lpipe build " + t.Lambda.Name}
}

// Unpack puts the files of the zip that the user's own lpipe built last of a lambda into a folder of their own, which the
// caller removes: a copy that nobody else can change after it was checked. The folder's path is absolute. sources is the
// digest of what the program was compiled from, "" where it is not known.
func (h *Here) Unpack(t Target) (dir, sources string, err error) {
	zipped, sources, err := h.Built(t)
	if err != nil {
		return "", "", err
	}
	dir, err = h.unpack(t, zipped)
	return dir, sources, err
}

func (h *Here) unpack(t Target, zipped artifact.File) (string, error) {
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
