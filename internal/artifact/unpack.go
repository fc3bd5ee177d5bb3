package artifact

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"lpipe/internal/limits"
)

// Unpack writes the files of a zip into a folder, which is there and empty, as Lambda does before it starts the program.
func Unpack(zipped []byte, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpacking the zip: %w", err)
	}
	defer root.Close()
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return fmt.Errorf("unpacking the zip: %w", err)
	}
	left := int64(limits.Unzipped)
	for _, entry := range r.File {
		n, err := unpack(root, entry, left)
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", entry.Name, err)
		}
		left -= n
	}
	return nil
}

// unpack writes one file, of at most limit bytes.
func unpack(root *os.Root, entry *zip.File, limit int64) (n int64, err error) {
	if err := CheckUnpacked(int64(min(entry.UncompressedSize64, limits.Unzipped+1)) + limits.Unzipped - limit); err != nil {
		return 0, err
	}
	name := filepath.FromSlash(entry.Name)
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(entry.Name)), 0o700); err != nil {
		return 0, err
	}
	in, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, entry.Mode().Perm())
	if err != nil {
		return 0, err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
	}()
	return io.Copy(out, in) // archive/zip reads no more than the size above
}
