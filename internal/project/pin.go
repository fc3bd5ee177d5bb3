package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// Pin writes the pinned name of the lambda's base image into lpipe.toml, where the old one is.
func (t Target) Pin(pinned string) error {
	at := t.Config.Origin(config.Key("lambda", t.Lambda.Name, "base"))
	return writeBase(t.ConfigFile(), at, t.Lambda.Build.Base, pinned)
}

// writeBase puts the pinned name into the lpipe.toml of that name, where the old one is.
func writeBase(name string, at config.Origin, old, pinned string) error {
	if at.Env != "" || at.Flag != "" {
		return &fault.Error{
			Kind: fault.Usage, What: "the base image comes from " + at.String(), Why: "only lpipe.toml can be pinned", Fix: fmt.Sprintf("write base = %q into lpipe.toml", pinned),
		}
	}
	text, err := disk.ReadFile(name, disk.MaxSmall)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading lpipe.toml: %w", err)
	}
	changed, ok := pinBase(text, at.Line, old, pinned)
	if !ok {
		return &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("%s: the base %q is not written plainly", at, old), Fix: fmt.Sprintf("write base = %q", pinned),
		}
	}
	return artifact.Write(filepath.Dir(name), artifact.File{Name: filepath.Base(name), Data: changed, Mode: 0o644})
}

var buildTable = pattern.Of(`(?m)^[ \t]*\[[ \t]*build[ \t]*\][ \t]*(#.*)?$`)

// pinBase returns the text of lpipe.toml with the base on a line replaced, or, for the line 0, with one added to
// [build]. All else stays as it is.
func pinBase(text []byte, line int, old, pinned string) (changed []byte, ok bool) {
	value := "base = " + strconv.Quote(pinned) + "\n"
	if line == 0 {
		if table := buildTable().FindIndex(text); table != nil {
			end := table[1]
			if end == len(text) {
				return append(slices.Clone(text), "\n"+value...), true
			}
			return slices.Concat(text[:end+1], []byte(value), text[end+1:]), true
		}
		if len(text) > 0 {
			text = append(bytes.TrimRight(text, "\n"), "\n\n"...)
		}
		return append(text, "[build]\n"+value...), true
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if line > len(lines) {
		return nil, false
	}
	for _, quote := range []string{`"`, `'`} {
		if was := []byte(quote + old + quote); bytes.Count(lines[line-1], was) == 1 {
			lines[line-1] = bytes.Replace(lines[line-1], was, []byte(strconv.Quote(pinned)), 1)
			return bytes.Join(lines, nil), true
		}
	}
	return nil, false
}
