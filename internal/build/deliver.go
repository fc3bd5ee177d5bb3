package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/finding"
	"lpipe/internal/plan"
	"lpipe/internal/report"
	"lpipe/internal/solve"
	"lpipe/internal/trace"
)

// Output is what was delivered of a target, as far as it came.
type Output struct {
	report.Lambda                  // with absolute paths
	Warnings      []string         // what may go wrong later
	Files         []artifact.Entry // of the zip, where an image is made of them
	Opt           []artifact.Entry // of the layers, likewise
	Root          []artifact.Entry // for the root of the image, likewise
	// CompilerWarnings are about the packages of the project, with files as of [Built.Located].
	CompilerWarnings []finding.Finding
	TestLines        []byte // as of [finding.Cases]
}

// taken is what a job read of what was built for a target.
type taken struct {
	receipt   artifact.Receipt
	inputs    artifact.Inputs
	delivered *artifact.Output // what the target's folder holds of them already; nil if it has to be delivered
	program   artifact.File
	root      []artifact.Entry // for the root of the image that is pushed
	debug     []byte           // the program with its symbols, where there is one and the folder does not hold it
	crates    []attest.Crate   // of the program, where something is stated of it
	rustc     attest.Rustc     // likewise
	smoked    *smoked          // nil where there is no smoke test
	before    artifact.Output  // what the target's folder held when the build began, as far as its stamp tells
	refused   error            // why nothing can be delivered of it; what was built is worth keeping in the cache
}

// size is that of the program, 0 where nothing can be delivered.
func (t taken) size() int64 {
	if t.delivered != nil {
		return t.delivered.Size
	}
	return int64(len(t.program.Data))
}

// take takes what was built for the target, if it is not delivered yet: the program from the folder if it is still the one
// that the receipt names, else from the engine. It delivers what needs no other target, so that no more programs are held than
// jobs read back at a time.
func (t Target) take(files map[string][]byte, read solve.ReadFile, record *trace.Recorder) (taken, error) {
	receipt, err := artifact.ReadReceipt(files[dockerfile.FileReceipt], t.Lambda.Package.Name, t.Lambda.Kind, t.Lambda.Bin)
	if err != nil {
		return taken{}, err
	}
	built := taken{receipt: receipt, before: t.before()}
	if built.smoked, built.refused, err = t.readSmoke(files); err != nil {
		return taken{}, err
	}
	if built.refused != nil {
		return built, nil //nolint:nilerr // a refusal is a result
	}
	fromImage, refused, err := t.imageFiles(read)
	if err != nil {
		return taken{}, err
	}
	if built.root, err = t.addImageFiles(fromImage); err != nil {
		return taken{}, err
	}
	if built.refused = refused; refused == nil {
		built.refused = errors.Join(artifact.CheckLayers(t.layers), artifact.CheckIncluded(t.included, programPath(t.Lambda)))
	}
	if built.refused == nil {
		built.inputs, built.refused = t.inputs(receipt)
	}
	if built.refused != nil {
		return built, nil //nolint:nilerr // a refusal is a result
	}
	if sum := receipt.DebugSHA256; sum != "" && !t.folder.Has(artifact.DebugName, sum) {
		if built.debug, err = t.debug(sum, read); err != nil {
			return built, err
		}
	}
	if t.about != nil {
		if built.crates, built.rustc, err = t.crates(read, files[dockerfile.FileRustc]); err != nil {
			return built, err
		}
	}
	inputs := built.inputs
	if d, ok := t.folder.Delivered(inputs); ok && !t.imaged && t.hasLayers(d.Layers) {
		built.delivered = &d
		return t.deliver(built, record), nil
	}
	built.program, err = t.folder.Program(receipt.SHA256, func() ([]byte, error) {
		return read(dockerfile.FileBootstrap, func(size int64) error {
			built.refused = artifact.CheckUnpacked(inputs.Unpacked(size))
			return built.refused
		})
	})
	if built.refused != nil {
		return built, nil //nolint:nilerr // likewise
	}
	if err == nil && !t.imaged && len(t.Extensions()) == 0 {
		built = t.deliver(built, record)
	}
	return built, err
}

// maxDebug bounds the program with its symbols, in bytes.
const maxDebug = 2 << 30

// debug reads the program with its symbols.
func (t Target) debug(sum string, read solve.ReadFile) ([]byte, error) {
	data, err := read(dockerfile.FileDebug, func(size int64) error {
		if size > maxDebug {
			return fmt.Errorf("the program with its symbols takes %d bytes", size)
		}
		return nil
	})
	if err == nil && artifact.SHA256(data) != sum {
		err = errors.New("the program with its symbols is not the one that was built")
	}
	return data, err
}

// expect is what the program and the files beside it are checked for.
func (t Target) expect() artifact.Expect {
	l := t.Lambda
	e := artifact.Expect{
		Arch: l.Arch, Link: l.Build.Link, Runtime: l.Build.Runtime, CPU: l.Build.CPUFor(l.Arch), CPUAllow: l.Build.CPUAllow,
	}
	e.ZipBudget, _ = config.ParseSize(l.Build.Budget.Zip) // checked by package config
	return e
}

// beside are the files that the program has beside it, and what all of it is checked for.
func (t Target) beside() artifact.Inputs {
	return artifact.Inputs{Path: programPath(t.Lambda), Included: t.included, Layers: t.layers, Expect: t.expect()}
}

// inputs are what the program and the zip in the folder of the target are made of.
func (t Target) inputs(receipt artifact.Receipt) (artifact.Inputs, error) {
	o := t.beside()
	o.SHA256 = receipt.SHA256
	var err error
	if t.sources != nil {
		o.Sources = t.sources()
	}
	o.Record = t.record
	o.Epoch, err = t.epoch()
	return o, err
}

// Deliver checks what was built for a target and puts its files into its folder. extensions are what was built for those that the
// function has beside it; record may be nil.
func Deliver(b Built, extensions []Built, record *trace.Recorder) (Output, error) {
	l := b.Lambda
	out := Output{Lambda: report.Lambda{
		Name: l.Label(), Arch: l.Arch, Target: l.Build.TargetFor(l.Arch), Base: b.Base,
		Network: l.Build.Network == "default", Engine: b.Engine,
	}}
	if b.Err != nil {
		out.failed(b.Err)
		return out, b.Err
	}
	for _, name := range []string{dockerfile.FileWarnings, dockerfile.FileTestWarnings} {
		out.CompilerWarnings = append(out.CompilerWarnings, b.Located(finding.Warnings(string(b.Files[name])))...)
		if len(b.Files[name]) >= dockerfile.MaxWarnings {
			out.Warnings = append(out.Warnings, l.Label()+": the compiler has more warnings than are kept")
		}
	}
	out.TestLines = b.Files[dockerfile.FileTestLines]
	if data, ok := b.Files[dockerfile.FileTests]; ok {
		var err error
		if out.Tests, err = readTests(data); err != nil {
			return out, err
		}
		if out.Tests.User == "root" && l.Build.TestUser != "root" {
			out.Warnings = append(out.Warnings, l.Label()+": its tests ran as root, since the engine has no other user, or the base image none of "+
				"setpriv, chroot of coreutils and su; permissions did not hold them")
		}
	}
	out.flaky(l)
	if b.folder == nil {
		return out, nil
	}
	built := b.Taken.(taken)
	out.Package, out.PackageVersion = built.receipt.Package, built.receipt.Version
	if err := checkWithExtensions(b, extensions); err != nil {
		return out, err
	}
	built = b.deliver(built, record)
	if built.refused != nil {
		return out, built.refused
	}
	d := built.delivered
	if b.imaged {
		out.Files = built.inputs.Entries(built.program)
		out.Root = built.root
		for _, layer := range built.inputs.Layers {
			out.Opt = append(out.Opt, layer.Files...)
		}
	}
	for _, layer := range d.Layers {
		out.Lambda.Layers = append(out.Lambda.Layers, report.Layer{LayerSums: layer, Zip: filepath.Join(b.LayerDir(layer.Name), artifact.LayerZipName)})
	}
	if l.Extension {
		out.Lambda.Extension = programPath(l)
	}
	if built.receipt.DebugSHA256 != "" {
		out.Debug = filepath.Join(b.OutputDir(), artifact.DebugName)
	}
	out.Bootstrap, out.Zip = filepath.Join(b.OutputDir(), artifact.ProgramName), filepath.Join(b.OutputDir(), artifact.ZipName)
	if built.before.ZipSize != d.ZipSize {
		out.ZipSizeBefore = built.before.ZipSize
	}
	if built.smoked != nil {
		var warnings []string
		out.Smoke, warnings = b.told(built.smoked)
		out.Warnings = append(out.Warnings, warnings...)
	}
	out.Size, out.ZipSize, out.SHA256, out.CodeSHA256 = d.Size, d.ZipSize, d.SHA256, d.CodeSHA256
	for _, w := range d.Warnings {
		out.Warnings = append(out.Warnings, l.Label()+": "+w)
	}
	return out, nil
}

// flaky counts the tests of a lambda that failed before they passed, and warns of each.
func (out *Output) flaky(l *plan.Lambda) {
	if out.Tests == nil || l.Build.TestTool != "nextest" {
		return
	}
	for _, c := range finding.Cases(string(out.TestLines)) {
		if c.Try > 0 {
			out.Tests.Flaky++
			out.Warnings = append(out.Warnings, fmt.Sprintf("%s: the test %s of %s is flaky: it passed in try %d", l.Label(), c.Name, c.Suite, c.Try))
		}
	}
}

// failed takes from why there is no result what was found in the project.
func (out *Output) failed(err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return
	}
	found := f.Found
	out.Failures, out.MoreFailures, out.Cases, out.CompilerWarnings = found.Findings, found.More, found.Cases, found.Warnings
	if found.Passed+found.Failed+found.Ignored > 0 {
		out.Tests = &report.Tests{Passed: found.Passed, Failed: found.Failed, Ignored: found.Ignored}
	}
}

// Located returns the findings with the files of the project as absolute paths on this machine.
func (t Target) Located(all []finding.Finding) []finding.Finding {
	root := path.Join(plan.Source, t.Plan.Variants[0].Dir)
	all = slices.Clone(all)
	for i, f := range all {
		file := f.File
		if file != "" && !path.IsAbs(file) {
			file = path.Join(root, file)
		}
		if rel, err := filepath.Rel(root, file); err == nil && strings.HasPrefix(file, plan.Source+"/") {
			all[i].File = filepath.Join(t.Dir, rel)
		}
	}
	return all
}

// deliver puts what was taken into the target's folder, where it is not there, and lets go of it but for an image.
func (t Target) deliver(built taken, record *trace.Recorder) taken {
	program, debug := built.program, built.debug
	if !t.imaged {
		built.program.Data = nil
	}
	built.debug = nil
	if built.refused != nil {
		return built
	}
	if built.delivered == nil {
		d, err := t.put(built.inputs, program, record)
		if built.refused = err; err != nil {
			return built
		}
		built.delivered = &d
	}
	if debug != nil {
		built.refused = t.folder.PutBeside(built.delivered.SHA256, []artifact.File{{Name: artifact.DebugName, Data: debug, Mode: 0o644}})
	}
	return built
}

// put checks the program, packs it and puts program and zip into the target's folder.
func (t Target) put(inputs artifact.Inputs, program artifact.File, record *trace.Recorder) (artifact.Output, error) {
	info, err := artifact.Inspect(program.Data, inputs.Expect)
	libraries, problems := artifact.CheckLibraries(program.Data, inputs)
	extensions, unstartable := artifact.CheckExtensions(inputs)
	if err = errors.Join(err, problems, unstartable); err != nil {
		return artifact.Output{}, err
	}
	instructions, err := artifact.CheckInstructions(slices.Concat(libraries, extensions), inputs.Expect)
	if err != nil {
		return artifact.Output{}, err
	}
	end := record.Begin("zip " + t.Lambda.Label())
	zipped, err := t.folder.Pack(inputs, program)
	end()
	if err != nil {
		return artifact.Output{}, err
	}
	unpacked := inputs.Unpacked(int64(len(program.Data)))
	sizes, err := artifact.CheckSizes(int64(len(zipped.Data)), unpacked, inputs.Expect)
	if err != nil {
		return artifact.Output{}, err
	}
	defer record.Begin("write " + t.Lambda.Label())()
	layers, err := t.putLayers(inputs.Layers)
	if err != nil {
		return artifact.Output{}, err
	}
	for _, l := range layers {
		sizes = append(sizes, l.Warnings()...)
	}
	return t.folder.Deliver(inputs, program, zipped, slices.Concat(info.Warnings, instructions, sizes), layers...)
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

// epoch is SOURCE_DATE_EPOCH, the zero time when it is not set.
func epoch(env map[string]string) (time.Time, error) {
	value := env["SOURCE_DATE_EPOCH"]
	if value == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	why := ""
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		why = "it is not a whole number of seconds since 1970"
	case err != nil || seconds < 0 || seconds > artifact.LastTime.Unix():
		why = "it is not between 0 and " + strconv.FormatInt(artifact.LastTime.Unix(), 10) + ", the last second that a zip can name"
	}
	if why != "" {
		return time.Time{}, &fault.Error{
			Kind: fault.Usage, What: fmt.Sprintf("SOURCE_DATE_EPOCH is %q", value), Why: why, Fix: "unset it, or set it to such a number: git log -1 --format=%ct",
		}
	}
	return time.Unix(seconds, 0).UTC(), nil
}
