package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/pattern"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
)

// fullName is an image reference as BuildKit spells it out, and the digest in it, which may be "".
func fullName(ref string) (string, digest.Digest, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", err
	}
	if d, ok := named.(reference.Digested); ok {
		return named.String(), d.Digest(), nil
	}
	return reference.TagNameOnly(named).String(), "", nil
}

// resolvedBase is the base image of a lambda with the digest that was used, as far as it is known.
func resolvedBase(l *plan.Lambda, job *solve.Job, resolved map[string]digest.Digest) string {
	base := l.Build.Base
	if layout, ok := config.ParseLayout(base); ok {
		if job.Base != nil {
			layout.Digest = job.Base.Digest.String()
		}
		return layout.String()
	}
	full, pinned, err := fullName(base)
	if err != nil || pinned != "" || resolved[full] == "" {
		return base
	}
	return full + "@" + resolved[full].String()
}

// pin writes the digests of the base images into lpipe.toml, so that every build has the same ones until somebody
// pins again.
func (r *run) pin(ctx context.Context) error {
	eng, err := r.engine(ctx, r.cfg)
	if err != nil {
		return err
	}
	defer eng.Close()
	done := map[string]bool{}
	for _, part := range parts(r.projects) {
		base, name := part.lambda.Build.Base, part.configFile()
		if _, ok := config.ParseLayout(base); ok || done[name+"\n"+base] {
			continue
		}
		done[name+"\n"+base] = true
		full, pinned, err := fullName(base)
		if err != nil {
			return err
		}
		if pinned != "" {
			foreign.Fprintf(r.Err, "lpipe: %s is pinned already; take the digest out of lpipe.toml to pin another\n", base)
			continue
		}
		d, err := solve.Resolve(ctx, eng.Client(), full, []session.Attachable{r.logins().Session()})
		if err != nil {
			return err
		}
		at := part.cfg.Origin(config.Key("lambda", part.lambda.Name, "base"))
		if err := writeBase(name, at, base, full+"@"+d.String()); err != nil {
			return err
		}
		foreign.Fprintf(r.Out, "%s@%s\n", full, d)
	}
	return nil
}

// configFile is the project's lpipe.toml, also when there is none yet.
func (p *project) configFile() string {
	if p.cfg.File == "" {
		return filepath.Join(p.dir, "lpipe.toml")
	}
	return filepath.Join("/", p.cfg.File)
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
