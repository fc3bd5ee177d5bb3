package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/dockerfile"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/report"
	"lpipe/internal/solve"
)

// deliver checks what was built for a lambda and writes its files. The report's entry is complete as far as the
// lambda came.
func (r *run) deliver(l *plan.Lambda, o solve.Outcome) (report.Lambda, []string, error) {
	out := report.Lambda{
		Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch), Base: l.Build.Base,
		Network: l.Build.Network == "default", Engine: o.Engine,
	}
	if o.Err != nil {
		return out, nil, o.Err
	}
	if data, ok := o.Files[dockerfile.FileTests]; ok {
		out.Tests = &report.Tests{}
		if err := json.Unmarshal(data, out.Tests); err != nil {
			return out, nil, fmt.Errorf("reading the count of the tests: %w", err)
		}
	}
	if r.stage == dockerfile.StageTest {
		return out, nil, nil
	}
	receipt, err := artifact.ReadReceipt(o.Files[dockerfile.FileReceipt], l.Package.Name, l.Kind, l.Bin)
	if err != nil {
		return out, nil, err
	}
	out.Package, out.PackageVersion = receipt.Package, receipt.Version
	warnings, err := r.write(l, o.Files[dockerfile.FileBootstrap], &out)
	for i := range warnings {
		warnings[i] = l.Label() + ": " + warnings[i]
	}
	return out, warnings, err
}

// program gets a lambda's program from its folder if it is still the one that the receipt names, else from the engine.
func (r *run) program(l *plan.Lambda) func(map[string][]byte, func() ([]byte, error)) ([]byte, error) {
	return func(files map[string][]byte, read func() ([]byte, error)) ([]byte, error) {
		receipt, err := artifact.ReadReceipt(files[dockerfile.FileReceipt], l.Package.Name, l.Kind, l.Bin)
		if err != nil {
			return nil, err
		}
		return artifact.Program(filepath.Join(r.folder(l), artifact.ProgramName), receipt.SHA256, read)
	}
}

// folder is where a lambda's files go.
func (r *run) folder(l *plan.Lambda) string {
	return filepath.Join(r.dir, "target", "lambda", filepath.FromSlash(l.Folder()))
}

// write checks the program, packs it and puts program and zip into the lambda's folder.
func (r *run) write(l *plan.Lambda, program []byte, out *report.Lambda) (warnings []string, err error) {
	expect := artifact.Expect{Arch: l.Arch, Link: l.Build.Link, Runtime: l.Build.Runtime}
	info, err := artifact.Inspect(program, expect)
	if err != nil {
		return nil, err
	}
	epoch, err := r.epoch()
	if err != nil {
		return nil, err
	}
	entries := []artifact.Entry{{Name: dockerfile.FileBootstrap, Data: program, Executable: true}}
	included, err := r.included(l)
	if err != nil {
		return nil, err
	}
	unpacked := int64(len(program))
	for _, e := range included {
		unpacked += int64(len(e.Data))
	}
	entries = append(entries, included...)
	dir := r.folder(l)
	end := r.trace.Begin("zip " + l.Label())
	zipped, note, err := artifact.Pack(dir, thisProgram(), entries, epoch)
	end()
	if err != nil {
		return nil, err
	}
	sizes, err := artifact.CheckSizes(int64(len(zipped)), unpacked, expect)
	if err != nil {
		return nil, err
	}
	defer r.trace.Begin("write " + l.Label())()
	err = artifact.Write(dir, append([]artifact.File{
		{Name: artifact.ProgramName, Data: program, Mode: 0o755},
		{Name: artifact.ZipName, Data: zipped, Mode: 0o644},
	}, note...)...)
	if err != nil {
		return nil, err
	}
	if r.push != nil {
		r.push.files[l] = entries
	}
	sums := artifact.Sum(program, zipped)
	out.Bootstrap, out.Zip = shown(filepath.Join(dir, artifact.ProgramName)), shown(filepath.Join(dir, artifact.ZipName))
	out.Size, out.ZipSize, out.SHA256, out.CodeSHA256 = sums.Size, sums.ZipSize, sums.SHA256, sums.CodeSHA256
	return append(info.Warnings, sizes...), nil
}

// thisProgram identifies the lpipe that runs, "" where that cannot be told.
var thisProgram = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	id, _ := engine.ProgramID(self)
	return id
})

// epoch is SOURCE_DATE_EPOCH, the zero time when it is not set.
func (r *run) epoch() (time.Time, error) {
	value := r.env["SOURCE_DATE_EPOCH"]
	if value == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("SOURCE_DATE_EPOCH is %q", value),
			Why: "it is not a whole number of seconds since 1970",
		}
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// shown is a path as short as it can be used from the current folder.
func shown(file string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(cwd, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return rel
}
