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

// usualToolchain is what most people call that file.
const usualToolchain = "rust-toolchain.toml"

// ToolchainFile is what that file is, or would be, called.
func (w *Workspace) ToolchainFile() string {
	if w.Toolchain == nil {
		return usualToolchain
	}
	return path.Base(w.Toolchain.Path)
}

// NameToolchain returns a text that speaks of rust-toolchain.toml with the name that the file has.
func (w *Workspace) NameToolchain(text string) string {
	return strings.ReplaceAll(text, usualToolchain, w.ToolchainFile())
}

// toolchain returns the closest toolchain file from dir up to the repository's root.
func (l *loader) toolchain(dir string) *Toolchain {
	for _, at := range l.fsys.Up(dir) {
		for _, name := range []string{"rust-toolchain", usualToolchain} { // the first wins, as in rustup
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
	said := text != ""
	if path.Ext(name) == "" && !strings.ContainsAny(text, "\n[=") {
		t.Channel = text
	} else {
		doc, err := parse(l.show(name), data, correctTOML)
		if err != nil {
			l.errs.Add(err)
			return nil
		}
		said = len(asTable(doc.get("toolchain"))) > 0
		t.Channel = asString(l.toolchainKey(doc, "channel", false))
		t.Profile = asString(l.toolchainKey(doc, "profile", false))
		t.Components = asStrings(l.toolchainKey(doc, "components", true))
		t.Targets = asStrings(l.toolchainKey(doc, "targets", true))
		if doc.get("toolchain", "path") != nil {
			l.report(doc.at("toolchain", "path")+" names a toolchain on this machine", "the build runs in an image, where that folder does not exist", "name a channel instead")
		}
	}
	if !said {
		l.report(l.show(name)+" names no toolchain", "rustup refuses to run beside such a file", "remove it, or write a channel below [toolchain], as channel = \"stable\"")
	}
	for _, w := range append([]string{t.Channel, t.Profile}, append(t.Components, t.Targets...)...) {
		if w != "" && !validName(w, ".") {
			l.report(l.show(name)+": "+fault.Quote(w)+" is no valid name", "rustup's names are made of letters, digits, -, _ and .", "correct it")
		}
	}
	return t
}

var toolchainForms = map[string]string{
	"channel": `channel = "1.85"`, "profile": `profile = "minimal"`, "components": `components = ["clippy"]`,
	"targets": `targets = ["aarch64-unknown-linux-musl"]`,
}

// toolchainKey is the value of a key of [toolchain], which is a string or a list of strings.
func (l *loader) toolchainKey(doc *document, key string, list bool) any {
	v := doc.get("toolchain", key)
	values, ok := v.([]any)
	if !list {
		values, ok = []any{v}, true
	}
	for _, v := range values {
		_, isString := v.(string)
		ok = ok && isString
	}
	if v != nil && !ok {
		form := map[bool]string{false: "a string", true: "a list of strings"}[list]
		l.report(doc.at("toolchain", key)+": "+key+" is not "+form, "rustup refuses the file", "write "+toolchainForms[key])
	}
	return v
}
