package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// imageDigest is the digest of the only image in an OCI layout.
func imageDigest(layout string) (string, error) {
	var index struct{ Manifests []struct{ Digest string } }
	if err := readJSON(filepath.Join(layout, "index.json"), &index); err != nil {
		return "", err
	}
	if len(index.Manifests) != 1 {
		return "", fmt.Errorf("%s holds %d images, not one", layout, len(index.Manifests))
	}
	return index.Manifests[0].Digest, nil
}

// imageLayers are the files of an image's layers, lowest first.
func imageLayers(layout, digest string) ([]string, error) {
	var manifest struct{ Layers []struct{ Digest string } }
	if err := readJSON(blob(layout, digest), &manifest); err != nil {
		return nil, err
	}
	var paths []string
	for _, l := range manifest.Layers {
		paths = append(paths, blob(layout, l.Digest))
	}
	return paths, nil
}

func blob(layout, digest string) string {
	return filepath.Join(layout, "blobs", strings.ReplaceAll(digest, ":", "/"))
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("reading the base image: %w", err)
	}
	return nil
}
