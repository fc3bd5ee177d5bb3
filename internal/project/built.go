package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// Folders of what [Here.Unpack] makes: what Lambda has in /var/task, and what it has of layers in /opt.
const (
	TaskFolder = "task"
	OptFolder  = "opt"
)

// Unpack puts the files of the zip that the user's own lpipe built last of a lambda, and those of its layers, into a folder of
// their own, which the caller removes: a copy that nobody else can change after it was checked. The folder's path is absolute;
// it has a TaskFolder and an OptFolder. sources is the digest of what the program was compiled from, "" where it is not known.
func (h *Here) Unpack(t Target) (dir, sources string, err error) {
	zipped, sources, err := h.Built(t)
	if err != nil {
		return "", "", err
	}
	layers, err := h.Layers(t)
	if err != nil {
		return "", "", err
	}
	dir, err = h.unpack(t, zipped.Data, layers)
	return dir, sources, err
}

// Layer is the zip of a layer of a lambda.
type Layer struct {
	Name string // in lpipe.toml, or of the lambda that is an extension
	Zip  []byte
}

// Layers are those of a lambda, as they were built with it, and its extensions.
func (h *Here) Layers(t Target) (all []Layer, err error) {
	key, _ := h.Key([]*Project{t.Project})
	folder, err := t.OpenOutput(key)
	if err != nil {
		return nil, err
	}
	for _, l := range folder.Layers() {
		of, err := t.OpenLayer(l.Name)
		if err != nil {
			return nil, err
		}
		zipped, err := of.LayerZip(l.SHA256)
		if err != nil {
			return nil, &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("the layer in %s is not what lpipe built with %s", h.Show(t.LayerDir(l.Name)), t.Lambda.Label()), Err: err,
				Fix: "lpipe build " + t.Lambda.Name,
			}
		}
		all = append(all, Layer{l.Name, zipped})
	}
	for _, e := range t.Extensions() {
		zipped, _, err := h.Built(e)
		if err != nil {
			return nil, err
		}
		all = append(all, Layer{e.Lambda.Name, zipped.Data})
	}
	return all, nil
}

func (h *Here) unpack(t Target, zipped []byte, layers []Layer) (string, error) {
	failed := func(err error) error {
		return &fault.Error{Kind: fault.Usage, What: "cannot unpack the zip of " + t.Lambda.Label(), Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	dir, err := ownership.MakeTemp("lpipe-invoke-")
	if err != nil {
		return "", failed(err)
	}
	task, opt := filepath.Join(dir, TaskFolder), filepath.Join(dir, OptFolder)
	if err = errors.Join(os.Mkdir(task, 0o700), os.Mkdir(opt, 0o700)); err == nil {
		err = artifact.Unpack(zipped, task)
	}
	for _, layer := range layers {
		if err == nil {
			err = artifact.Unpack(layer.Zip, opt)
		}
	}
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
