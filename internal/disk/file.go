package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadFile is [Read] for a file that the user of the machine names.
func ReadFile(name string, limit int64) ([]byte, error) {
	data, err := Read(os.DirFS(filepath.Dir(name)), filepath.Base(name), limit)
	var p *fs.PathError
	if errors.As(err, &p) {
		err = &fs.PathError{Op: p.Op, Path: name, Err: p.Err}
	}
	return data, err
}
