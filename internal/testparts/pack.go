package testparts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"
)

// crate is one version of a crate.
type crate struct {
	release *release
	pack    func() (packed, error)
}

// packed is the .crate file that cargo downloads, and its SHA-256 in hexadecimal digits.
type packed struct {
	data     []byte
	checksum string
}

// file is a file of an archive.
type file struct {
	path    string
	data    []byte
	program bool // it can be run
}

// newCrate packs the files of a crate when they are first asked for.
func newCrate(files []file) (*crate, error) {
	for _, f := range files {
		if f.path == "Cargo.toml" {
			r, err := readManifest(f.data)
			return &crate{release: r, pack: sync.OnceValues(func() (packed, error) { return pack(r, files) })}, err
		}
	}
	return nil, errors.New("no Cargo.toml")
}

// pack makes the .crate of a release: a tar in gzip whose folder is called NAME-VERSION.
func pack(r *release, files []file) (packed, error) {
	inFolder := make([]file, len(files))
	for i, f := range files {
		inFolder[i] = file{path: path.Join(r.Name+"-"+r.Version, f.path), data: f.data}
	}
	plain, err := archive(inFolder)
	if err != nil {
		return packed{}, fmt.Errorf("packing %s: %w", r.Name, err)
	}
	var buf bytes.Buffer
	w, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if _, err := w.Write(plain); err != nil {
		return packed{}, err
	}
	if err := w.Close(); err != nil {
		return packed{}, err
	}
	sum := sha256.Sum256(buf.Bytes())
	return packed{data: buf.Bytes(), checksum: hex.EncodeToString(sum[:])}, nil
}

// archive is a tar of files, with nothing in it that depends on the machine or the time.
func archive(files []file) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		header := tar.Header{Name: f.path, Mode: 0o644, Size: int64(len(f.data)), ModTime: time.Unix(1, 0)}
		if f.program {
			header.Mode = 0o755
		}
		if err := w.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}
