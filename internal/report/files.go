package report

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
)

// Files are the files for other programs that a run writes at its end, "" for those that nobody asked for.
type Files struct {
	Metadata    string // of --metadata-file
	Dotenv      string
	JUnit       string
	CodeQuality string
}

// Check refuses files that a run cannot write, or must not.
func (f Files) Check() error {
	var l fault.List
	flags := map[string]string{} // by the path
	for _, f := range []struct{ flag, name string }{
		{"--metadata-file", f.Metadata}, {"--dotenv", f.Dotenv}, {"--junit", f.JUnit}, {"--code-quality", f.CodeQuality},
	} {
		if f.name == "" {
			continue
		}
		l.Add(CheckName(f.flag, f.name))
		l.Add(artifact.CheckWritable(f.name))
		at, err := filepath.Abs(f.name)
		if err != nil {
			l.Add(err)
		} else if flags[at] != "" && !artifact.Shared(at) {
			l.Addf(flags[at]+" and "+f.flag+" name the same file", f.name+" would have the text of the second alone", "give each a file of its own")
		}
		flags[at] = f.flag
	}
	return l.Err()
}

// CheckName refuses the name of a file that a build reads, or writes itself, where a flag is to write something else.
func CheckName(flag, name string) error {
	base := filepath.Base(name)
	if filepath.Ext(base) != ".rs" && !slices.Contains([]string{"Cargo.toml", "Cargo.lock", "lpipe.toml", artifact.ProgramName, artifact.ZipName, artifact.LayerZipName}, base) {
		return nil
	}
	return &fault.Error{
		Kind: fault.Usage, What: flag + " cannot write " + name, Why: "a build reads or writes a file of that name, which would be lost", Fix: "name another file",
	}
}

// Write writes the files. inCheckout is as of [InCheckout].
func (f Files) Write(s Summary, inCheckout func(file string) string) error {
	var l fault.List
	for _, file := range []struct {
		name  string
		write func(w io.Writer) error
	}{
		{f.Metadata, func(w io.Writer) error { return Metadata(w, s) }},
		{f.Dotenv, func(w io.Writer) error { Dotenv(w, s); return nil }},
		{f.JUnit, func(w io.Writer) error { return JUnit(w, s) }},
		{f.CodeQuality, func(w io.Writer) error { return CodeQuality(w, s, inCheckout) }},
	} {
		if file.name == "" {
			continue
		}
		var text bytes.Buffer
		l.Add(file.write(&text))
		l.Add(artifact.Replace(file.name, text.Bytes()))
	}
	return l.Err()
}
