package reach

import (
	"bytes"
	"fmt"
	"path"
	"slices"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
)

// NamesVariable returns the place at which a source of p names one of the environment's variables, "" where none does. The
// roots of its programs count where programs is set.
func (f *Findings) NamesVariable(w *cargo.Workspace, p *cargo.Package, names []string, programs bool) string {
	at := ""
	f.sources(w, p, p.Dir, func(name string, data []byte) {
		skip := !programs && f.Packages[p].ReadsBinSources == "" &&
			slices.ContainsFunc(p.Programs(), func(t cargo.Target) bool { return path.Join(p.Dir, t.Path) == name })
		if at != "" || skip {
			return
		}
		for _, word := range names {
			if i := findWord(data, word); i >= 0 {
				at = fmt.Sprintf("%s:%d", w.Show(name), bytes.Count(data[:i], []byte("\n"))+1)
				return
			}
		}
	})
	return at
}

// ReadsAnyVariable returns the place for which the build script of p may read variables that no source of p names, "" for none.
func (f *Findings) ReadsAnyVariable(w *cargo.Workspace, p *cargo.Package) string {
	if p.Build == "" {
		return ""
	}
	name := path.Join(p.Dir, p.Build)
	if data, err := disk.Read(f.Files.FS(), name, scanLimit); err == nil {
		for _, word := range []string{"vars", "vars_os"} {
			if i := findWord(data, word); i >= 0 {
				return fmt.Sprintf("%s:%d", w.Show(name), bytes.Count(data[:i], []byte("\n"))+1)
			}
		}
	}
	for _, d := range p.Manifest.Dependencies() {
		crate := d.Name
		if renamed, ok := d.Spec["package"].(string); ok {
			crate = renamed
		}
		local := slices.ContainsFunc(p.BuildLocals, func(l *cargo.Package) bool { return l.Name == crate })
		if d.Kind == "build-dependencies" && !local && !slices.Contains(readNoOthers, crate) {
			return p.Manifest.At(d.Key...)
		}
	}
	return ""
}

// readNoOthers are crates that build scripts use, and which read no variable but those of cargo, of compilers and of themselves.
var readNoOthers = []string{
	"anyhow", "autocfg", "bindgen", "cc", "cmake", "glob", "heck", "pkg-config", "prettyplease", "proc-macro2", "prost-build", "protox", "quote", "rustc_version",
	"serde", "serde_json", "syn", "tempfile", "toml", "tonic-build", "tonic-prost-build", "version_check", "walkdir",
}

// findWord returns where the word stands in data as a word of its own, -1 for nowhere.
func findWord(data []byte, word string) int {
	inner := func(i int) bool {
		if i < 0 || i >= len(data) {
			return false
		}
		c := data[i]
		return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	for from := 0; ; {
		i := bytes.Index(data[from:], []byte(word))
		if i < 0 {
			return -1
		}
		i += from
		if !inner(i-1) && !inner(i+len(word)) {
			return i
		}
		from = i + 1
	}
}
