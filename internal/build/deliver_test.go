package build

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
)

// FuzzTests: whatever a test wrote where the count of the tests is, the count is one, or the build has failed.
func FuzzTests(f *testing.F) {
	for _, seed := range []string{
		`{"passed":8,"failed":0,"ignored":0}`, "", "null", "[]", `{"passed":-1}`, `{"passed":1e400}`, `{"passed":99999999999999999999}`,
		`{"passed":"8"}`, `{"PASSED":8}`, `{"passed":8}{"passed":9}`, "\xff", strings.Repeat("[", 100000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, err := readTests(data)
		switch {
		case err != nil && (tests != nil || fault.Worst(err) != fault.Tests):
			t.Errorf("%q: %v, %v", data, tests, err)
		case err == nil && min(tests.Passed, tests.Failed, tests.Ignored) < 0:
			t.Errorf("%q: %+v", data, tests)
		}
	})
}

// TestIncludedSizes: files that are too large together are refused by what their sizes are, and those that exceed the
// limit are not read.
func TestIncludedSizes(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"a", "b", "c"} {
		files["p/assets/"+name] = &fstest.MapFile{Data: make([]byte, 100<<20)}
	}
	l := &plan.Lambda{Name: "p", Package: &cargo.Package{Dir: "p"}}
	l.Build.Include = []string{"assets/**"}
	view, err := disk.Disk{FS: files}.View("p")
	if err != nil {
		t.Fatal(err)
	}
	p := &project.Project{Config: &config.Config{}, Plan: &plan.Plan{Project: plan.Project{Workspace: &cargo.Workspace{FS: view}}}}
	target := project.Target{Project: p, Lambda: l}
	entries, err := included(target)
	if fault.Worst(err) != fault.Artifact || !strings.Contains(err.Error(), "300.0 MiB") || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	delete(files, "p/assets/c")
	if entries, err := included(target); err != nil || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestCITakesNothing: a program that lies in the folder is taken for the one that was built if it is that, and in CI not
// even then.
func TestCITakesNothing(t *testing.T) {
	const program = "the program"
	receipt := fmt.Sprintf(`{"reason":"compiler-artifact","package_id":"path+file:///src#echo@1.0.0","target":{"kind":["bin"],"name":"echo"},"executable":"/x"}
{"reason":"build-finished","success":true}
{"reason":"lpipe-program","sha256":"%x"}
`, sha256.Sum256([]byte(program)))
	for _, ci := range []string{"", "CI"} {
		dir := t.TempDir()
		key, err := userkey.Load(map[string]string{"HOME": t.TempDir()}, dir)
		if err != nil {
			t.Fatal(err)
		}
		l := &plan.Lambda{Name: "echo", Kind: "bin", Bin: "echo", Package: &cargo.Package{Name: "echo"}}
		target := Target{Target: project.Target{Project: &project.Project{Config: &config.Config{CI: ci}, Dir: dir, Plan: &plan.Plan{}}, Lambda: l}, Job: &solve.Job{}}
		if err := artifact.Write(filepath.Join(dir, "target/lambda/echo"), artifact.File{Name: artifact.ProgramName, Data: []byte(program), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if target, err = delivered(target, nil, nil, key); err != nil {
			t.Fatal(err)
		}
		read := false
		_, err = target.take(map[string][]byte{dockerfile.FileReceipt: []byte(receipt)}, func(string, func(int64) error) ([]byte, error) {
			read = true
			return []byte(program), nil
		}, nil)
		if err != nil || read != (ci != "") {
			t.Errorf("CI %q: the engine was asked: %t, %v", ci, read, err)
		}
	}
}

// programOf is the smallest that is one: a static ELF file for x86_64, with more bytes at its end.
func programOf(t *testing.T, more string) []byte {
	t.Helper()
	const heads = 64 + 56
	size := uint64(heads + len(more))
	var file bytes.Buffer
	for _, head := range []any{
		elf.Header64{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Entry: heads, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
		},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: size},
	} {
		if err := binary.Write(&file, binary.LittleEndian, head); err != nil {
			t.Fatal(err)
		}
	}
	return append(file.Bytes(), more...)
}

// solved is the outcome of a job whose stage has that program, as the engine would give it out.
func solved(t *testing.T, target Target, program []byte) (o solve.Outcome, read bool) {
	t.Helper()
	name := target.Lambda.Name
	o.Files = map[string][]byte{
		dockerfile.FileTests: []byte(`{"passed":3,"failed":0,"ignored":1}`),
		dockerfile.FileReceipt: fmt.Appendf(nil, `{"reason":"compiler-artifact","package_id":"path+file:///src#%s@1.0.0","target":{"kind":["bin"],"name":"%s"},"executable":"/x"}
{"reason":"build-finished","success":true}
{"reason":"lpipe-program","sha256":"%x"}
`, name, name, sha256.Sum256(program)),
	}
	o.Taken, o.Err = target.Job.Then(o.Files, func(_ string, accept func(int64) error) ([]byte, error) {
		read = true
		return program, accept(int64(len(program)))
	})
	return o, read
}

func TestWhatWasBuiltIsDelivered(t *testing.T) {
	r, err := prepared(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	target, first := r.Targets[0], programOf(t, "one")
	o, _ := solved(t, target, first)
	if held := o.Taken.(taken).program.Data; held != nil {
		t.Errorf("%d bytes of a program that needs no other target are held for the end of the run", len(held))
	}
	if err := os.WriteFile(filepath.Join(target.OutputDir(), "seen"), nil, 0o600); err != nil {
		t.Errorf("its folder is not there before the end of the run: %v", err)
	}
	out, err := Deliver(Built{target, o, "rust:1@sha256:x"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Name != "orders" || out.Base != "rust:1@sha256:x" || out.PackageVersion != "1.0.0" || out.Tests.Passed != 3 || out.Files != nil {
		t.Errorf("%+v", out)
	}
	written, err := os.ReadFile(out.Bootstrap)
	zipped, zipErr := os.ReadFile(out.Zip)
	if err != nil || zipErr != nil || !bytes.Equal(written, first) || fmt.Sprintf("%x", sha256.Sum256(zipped)) != out.SHA256 {
		t.Errorf("%v, %v: %d bytes of a program of %d", err, zipErr, len(written), len(first))
	}

	// The same program is in the folder already, where the next request finds it; another one is read from the engine.
	next := target
	if next.folder, err = target.OpenOutput(userkey.Key{}); err != nil {
		t.Fatal(err)
	}
	next.Job.Then = func(files map[string][]byte, read solve.ReadFile) (any, error) { return next.take(files, read, nil) }
	if _, read := solved(t, next, first); read {
		t.Error("a program that is there was read again")
	}
	if _, read := solved(t, next, programOf(t, "two")); !read {
		t.Error("another program was not read")
	}
}

// TestWhatIsRefusedIsNoFailureOfItsJob: the layers of what was built are worth keeping.
func TestWhatIsRefusedIsNoFailureOfItsJob(t *testing.T) {
	for name, c := range map[string]struct {
		files, env string
		program    []byte
		kind       fault.Kind
	}{
		"a time that is none": {env: "yesterday", program: programOf(t, ""), kind: fault.Usage},
		"not a program":       {program: []byte("#!/bin/sh"), kind: fault.Artifact},
		"too large":           {program: make([]byte, 300<<20), kind: fault.Artifact},
	} {
		r, err := prepared(t, c.files, nil)
		if err != nil {
			t.Fatal(err)
		}
		target := r.Targets[0]
		target.epoch = func() (time.Time, error) { return epoch(map[string]string{"SOURCE_DATE_EPOCH": c.env}) }
		target.Job.Then = func(files map[string][]byte, read solve.ReadFile) (any, error) { return target.take(files, read, nil) }
		o, _ := solved(t, target, c.program)
		if o.Err != nil {
			t.Errorf("%s: the job failed: %v", name, o.Err)
			continue
		}
		if out, err := Deliver(Built{target, o, ""}, nil, nil); fault.Worst(err) != c.kind || out.Zip != "" {
			t.Errorf("%s: %v, %q", name, err, out.Zip)
		}
		if _, err := os.Stat(target.OutputDir()); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestAFailedJobIsReportedAsItCame(t *testing.T) {
	r, err := prepared(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("it did not compile")
	if out, err := Deliver(Built{r.Targets[0], solve.Outcome{Err: failed, Engine: "tcp://a:1"}, "rust:1"}, nil, nil); err != failed || out.Engine != "tcp://a:1" || out.Tests != nil {
		t.Errorf("%v, %+v", err, out)
	}
}

func TestTestsAreReportedWithoutAFolder(t *testing.T) {
	r, err := prepared(t, "", func(o *Options) { o.Stage = dockerfile.StageTest })
	if err != nil {
		t.Fatal(err)
	}
	o := solve.Outcome{Files: map[string][]byte{dockerfile.FileTests: []byte(`{"passed":2,"failed":0,"ignored":0}`)}}
	if out, err := Deliver(Built{r.Targets[0], o, ""}, nil, nil); err != nil || out.Tests.Passed != 2 || out.Zip != "" {
		t.Errorf("%v, %+v", err, out)
	}
}

func TestFlakyTestsAreNamed(t *testing.T) {
	r, err := prepared(t, "-- lpipe.toml --\n[build]\ntest-tool = 'nextest'\n", func(o *Options) { o.Stage = dockerfile.StageTest })
	if err != nil {
		t.Fatal(err)
	}
	o := solve.Outcome{Files: map[string][]byte{
		dockerfile.FileTests:     []byte(`{"passed":2,"failed":0,"ignored":1}`),
		dockerfile.FileTestLines: []byte("     Running nextest a::it\ntest x ... ok\ntest y ... ok, in try 3\ntest z ... ignored, in try 2\n"),
	}}
	out, err := Deliver(Built{r.Targets[0], o, ""}, nil, nil)
	want := r.Targets[0].Lambda.Label() + ": the test y of a::it is flaky: it passed in try 3"
	if err != nil || out.Tests.Flaky != 1 || !slices.Equal(out.Warnings, []string{want}) {
		t.Errorf("%v, %+v, %q", err, out.Tests, out.Warnings)
	}
}

// TestAFunctionIsAsLargeAsItIsWithItsExtensions: Lambda counts the files of all layers, and the program of an extension is in one.
func TestAFunctionIsAsLargeAsItIsWithItsExtensions(t *testing.T) {
	built := func(size int64, beside int) Built {
		in := artifact.Inputs{Included: []artifact.Entry{{Name: "x", Data: make([]byte, beside)}}}
		return Built{Outcome: solve.Outcome{Taken: taken{inputs: in, delivered: &artifact.Output{Sums: artifact.Sums{Size: size}}}}}
	}
	failed, refused := Built{Outcome: solve.Outcome{Err: errors.New("x"), Taken: taken{}}}, Built{Outcome: solve.Outcome{Taken: taken{refused: errors.New("x")}}}
	function, extension := built(200<<20, 0), built(50<<20-9, 9)
	if err := checkWithExtensions(function, []Built{extension, failed, refused, {}}); err != nil {
		t.Error(err)
	}
	in := artifact.Inputs{Layers: []artifact.Layer{{Name: "fonts", Files: []artifact.Entry{{Name: "x"}}}}}
	if err := checkWithExtensions(Built{Outcome: solve.Outcome{Taken: taken{inputs: in}}}, []Built{extension}); fault.Worst(err) != fault.Artifact || !strings.Contains(err.Error(), "both have x") {
		t.Errorf("%v", err)
	}
	if err := checkWithExtensions(function, []Built{extension, built(0, 1)}); fault.Worst(err) != fault.Artifact || !strings.Contains(err.Error(), "262144001 bytes") {
		t.Errorf("%v", err)
	}
}
