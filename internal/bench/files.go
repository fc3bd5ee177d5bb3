package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// files are the sources of a project, by path.
type files map[string]string

// readFiles reads the sources in a folder; what a build left in target/ is no source.
func readFiles(dir string) (files, error) {
	all := files{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == "target" {
				return fs.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the project: %w", err)
	}
	return all, nil
}

// sync makes dir hold these files and target/. Like git, it writes only what differs, so the rest keeps its times.
func (f files) sync(dir string) error {
	old, err := readFiles(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for name := range old {
		if _, ok := f[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("changing the project: %w", err)
			}
		}
	}
	for name, text := range f {
		file := filepath.Join(dir, name)
		if was, ok := old[name]; ok && was == text {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("changing the project: %w", err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("changing the project: %w", err)
		}
	}
	return nil
}

// with returns a copy with one file set.
func (f files) with(name, text string) files {
	changed := maps.Clone(f)
	changed[name] = text
	return changed
}

// replace returns a copy with the first old of one file replaced. It panics when there is none: an edit that edits
// nothing would measure something else than it says.
func (f files) replace(name, old, text string) files {
	if !strings.Contains(f[name], old) {
		panic(fmt.Sprintf("%s has no %q to edit", name, old))
	}
	return f.with(name, strings.Replace(f[name], old, text, 1))
}

// packages are the folders with a manifest of a package, "" for the root.
func (f files) packages() []string {
	var dirs []string
	for name, text := range f {
		if path.Base(name) == "Cargo.toml" && strings.Contains("\n"+text, "\n[package]") {
			dirs = append(dirs, strings.TrimSuffix(strings.TrimSuffix(name, "Cargo.toml"), "/"))
		}
	}
	return dirs
}

// holds tells whether a program contains the words.
func holds(program, words string) (bool, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return false, fmt.Errorf("reading the program: %w", err)
	}
	return bytes.Contains(data, []byte(words)), nil
}
