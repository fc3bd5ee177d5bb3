package cargo

import (
	"path"
	"strings"

	"lpipe/internal/fault"
)

// Toolchain is a rust-toolchain or rust-toolchain.toml file, by which rustup picks the compiler.
type Toolchain struct {
	Path       string // relative to Base
	Data       []byte
	Channel    string // "stable", "1.85", "nightly-2026-01-01"
	Profile    string
	Components []string
	Targets    []string
}

// toolchain returns the closest toolchain file from dir up to the repository's root.
func (l *loader) toolchain(dir string) *Toolchain {
	for _, at := range l.fsys.Up(dir) {
		for _, name := range []string{"rust-toolchain", "rust-toolchain.toml"} { // the first wins, as in rustup
			if name = path.Join(at, name); l.isFile(name) {
				return l.toolchainFile(name)
			}
		}
	}
	return nil
}

func (l *loader) toolchainFile(name string) *Toolchain {
	data, ok := l.read(name)
	if !ok {
		return nil
	}
	t := &Toolchain{Path: name, Data: data}
	text := strings.TrimSpace(string(data))
	if path.Ext(name) == "" && !strings.ContainsAny(text, "\n[=") {
		t.Channel = text
	} else {
		doc, err := parse(l.show(name), data, correctTOML)
		if err != nil {
			l.errs.Add(err)
			return nil
		}
		t.Channel = asString(doc.get("toolchain", "channel"))
		t.Profile = asString(doc.get("toolchain", "profile"))
		t.Components = asStrings(doc.get("toolchain", "components"))
		t.Targets = asStrings(doc.get("toolchain", "targets"))
		if doc.get("toolchain", "path") != nil {
			l.report(doc.at("toolchain", "path")+" names a toolchain on this machine", "the build runs in an image, where that folder does not exist", "name a channel instead")
		}
	}
	for _, w := range append([]string{t.Channel, t.Profile}, append(t.Components, t.Targets...)...) {
		if w != "" && !validName(w, ".") {
			l.report(l.show(name)+": "+fault.Quote(w)+" is no valid name", "rustup's names are made of letters, digits, -, _ and .", "correct it")
		}
	}
	return t
}
