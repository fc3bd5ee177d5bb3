package cli

import (
	"encoding/json"
	"errors"
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
	"lpipe/internal/userkey"
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
		var err error
		if out.Tests, err = readTests(data); err != nil {
			return out, nil, err
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

// readTests reads the count of the tests, which the step that ran them wrote.
func readTests(data []byte) (*report.Tests, error) {
	var t report.Tests
	err := json.Unmarshal(data, &t)
	if err == nil && min(t.Passed, t.Failed, t.Ignored) < 0 {
		err = errors.New("a number is negative")
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Tests, What: "the count of the tests cannot be read", Err: err,
			Fix: "build it again with --no-cache; a test may have written into the folder /out",
		}
	}
	return &t, nil
}

// folder is where a lambda's files go, and what was built to go there.
type folder struct {
	*artifact.Folder
	path      string
	receipt   artifact.Receipt
	order     func() (artifact.Order, error) // what it is to hold, by the receipt
	delivered *artifact.Delivery             // what the folder holds of it already; nil if it has to be delivered
	program   artifact.File
	refused   error // why the program was not read
}

// folder is where a lambda's files go, in the folder of the project.
func (p *project) folder(l *plan.Lambda) string {
	return filepath.Join("target", "lambda", filepath.FromSlash(l.Folder()))
}

// openFolder opens the folder of a lambda, whose zips the key vouches for.
func (p *project) openFolder(l *plan.Lambda, key userkey.Key) (*artifact.Folder, error) {
	return artifact.OpenFolder(p.dir, p.folder(l), sync.OnceValue(func() string { return zipKey(key, p.dir, p.folder(l)) }))
}

// taker opens the folder of a lambda. The function takes what was built, if it is not delivered yet: the program from the
// folder if it is still the one that the receipt names, else from the engine. In CI the folder may be that of a pull
// request, or of a cache that others write, and all comes from the engine.
func (r *run) taker(p *project, l *plan.Lambda) (func(map[string][]byte, solve.ReadFile) error, error) {
	opened, err := p.openFolder(l, r.key)
	if err != nil {
		return nil, err
	}
	if r.cfg.CI != "" {
		opened.TakeNothing()
	}
	f := &folder{Folder: opened, path: filepath.Join(p.dir, p.folder(l))}
	f.order = sync.OnceValues(func() (artifact.Order, error) { return r.order(p, l, f.receipt) })
	r.folders[l] = f
	return func(files map[string][]byte, read solve.ReadFile) (err error) {
		f.receipt, err = artifact.ReadReceipt(files[dockerfile.FileReceipt], l.Package.Name, l.Kind, l.Bin)
		if err != nil {
			return err
		}
		order, err := f.order()
		if err != nil {
			return nil //nolint:nilerr // put reports it: what was built is worth keeping in the cache
		}
		if d, ok := f.Delivered(order); ok && !r.pushes(l) {
			f.delivered = &d
			return nil
		}
		f.program, err = f.Program(f.receipt.SHA256, func() ([]byte, error) {
			return read(dockerfile.FileBootstrap, func(size int64) error {
				f.refused = artifact.CheckUnpacked(order.Unpacked(size))
				return f.refused
			})
		})
		if f.refused != nil {
			return nil //nolint:nilerr // likewise
		}
		return err
	}, nil
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
	if err := errors.Join(err, f.refused); err != nil {
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
	sizes, err := artifact.CheckSizes(int64(len(zipped.Data)), order.Unpacked(int64(len(f.program.Data))), order.Expect)
	if err != nil {
		return nil, err
	}
	defer r.trace.Begin("write " + l.Label())()
	d, err := f.Deliver(order, f.program, zipped, append(info.Warnings, sizes...))
	if err != nil {
		return nil, err
	}
	if r.pushes(l) {
		r.push.files[l] = order.Entries(f.program)
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
			Why: "it is not a whole number of seconds since 1970", Fix: "unset it, or set it to such a number: git log -1 --format=%ct",
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
