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
	f := r.folders[l]
	out.Package, out.PackageVersion = f.receipt.Package, f.receipt.Version
	warnings, err := r.write(l, f, &out)
	for i := range warnings {
		warnings[i] = l.Label() + ": " + warnings[i]
	}
	return out, warnings, err
}

// folder is where a lambda's files go, and what was built to go there.
type folder struct {
	*artifact.Folder
	path      string
	receipt   artifact.Receipt
	order     func() (artifact.Order, error) // what it is to hold, by the receipt
	delivered *artifact.Delivery             // what the folder holds of it already; nil if it has to be delivered
	program   artifact.File
}

// folder is where a lambda's files go.
func (p *project) folder(l *plan.Lambda) string {
	return filepath.Join(p.dir, "target", "lambda", filepath.FromSlash(l.Folder()))
}

// taker opens the folder of a lambda. The function takes what was built, if it is not delivered yet: the program from the
// folder if it is still the one that the receipt names, else from the engine.
func (r *run) taker(p *project, l *plan.Lambda) func(map[string][]byte, func(string) ([]byte, error)) error {
	f := &folder{path: p.folder(l)}
	f.Folder = artifact.OpenFolder(f.path, sync.OnceValue(func() string { return zipKey(r.key) }))
	f.order = sync.OnceValues(func() (artifact.Order, error) { return r.order(p, l, f.receipt) })
	r.folders[l] = f
	return func(files map[string][]byte, read func(string) ([]byte, error)) (err error) {
		f.receipt, err = artifact.ReadReceipt(files[dockerfile.FileReceipt], l.Package.Name, l.Kind, l.Bin)
		if err != nil {
			return err
		}
		if order, err := f.order(); err == nil && !r.pushes(l) {
			if d, ok := f.Delivered(order); ok {
				f.delivered = &d
				return nil
			}
		}
		f.program, err = f.Program(f.receipt.SHA256, func() ([]byte, error) { return read(dockerfile.FileBootstrap) })
		return err
	}
}

// order is what the folder of a lambda is to hold.
func (r *run) order(p *project, l *plan.Lambda, receipt artifact.Receipt) (artifact.Order, error) {
	o := artifact.Order{SHA256: receipt.SHA256, Expect: artifact.Expect{Arch: l.Arch, Link: l.Build.Link, Runtime: l.Build.Runtime}}
	var err error
	if o.Epoch, err = r.epoch(); err != nil {
		return o, err
	}
	o.Included, err = p.included(l)
	return o, err
}

// write fills the report's entry with what is in the lambda's folder, and puts it there if it is not.
func (r *run) write(l *plan.Lambda, f *folder, out *report.Lambda) (warnings []string, err error) {
	if f.delivered == nil {
		if f.delivered, err = r.put(l, f); err != nil {
			return nil, err
		}
	}
	d := f.delivered
	out.Bootstrap, out.Zip = shown(filepath.Join(f.path, artifact.ProgramName)), shown(filepath.Join(f.path, artifact.ZipName))
	out.Size, out.ZipSize, out.SHA256, out.CodeSHA256 = d.Size, d.ZipSize, d.SHA256, d.CodeSHA256
	return d.Warnings, nil
}

// put checks the program, packs it and puts program and zip into the lambda's folder.
func (r *run) put(l *plan.Lambda, f *folder) (*artifact.Delivery, error) {
	order, err := f.order()
	if err != nil {
		return nil, err
	}
	info, err := artifact.Inspect(f.program.Data, order.Expect)
	if err != nil {
		return nil, err
	}
	end := r.trace.Begin("zip " + l.Label())
	zipped, err := f.Pack(order, f.program)
	end()
	if err != nil {
		return nil, err
	}
	entries := order.Entries(f.program)
	var unpacked int64
	for _, e := range entries {
		unpacked += int64(len(e.Data))
	}
	sizes, err := artifact.CheckSizes(int64(len(zipped.Data)), unpacked, order.Expect)
	if err != nil {
		return nil, err
	}
	defer r.trace.Begin("write " + l.Label())()
	d, files, err := f.Deliver(order, f.program, zipped, append(info.Warnings, sizes...))
	if err != nil {
		return nil, err
	}
	if err := artifact.Write(f.path, files...); err != nil {
		return nil, err
	}
	if r.pushes(l) {
		r.push.files[l] = entries
	}
	return &d, nil
}

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
