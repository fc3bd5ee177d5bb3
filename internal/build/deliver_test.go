package build

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

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
		target := Target{Target: project.Target{Project: &project.Project{Config: &config.Config{CI: ci}, Dir: dir}, Lambda: l}, Job: &solve.Job{}}
		if err := artifact.Write(filepath.Join(dir, "target/lambda/echo"), artifact.File{Name: artifact.ProgramName, Data: []byte(program), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if target, err = delivered(target, nil, key); err != nil {
			t.Fatal(err)
		}
		read := false
		built, err := target.take(map[string][]byte{dockerfile.FileReceipt: []byte(receipt)}, func(string, func(int64) error) ([]byte, error) {
			read = true
			return []byte(program), nil
		})
		if err != nil || string(built.program.Data) != program || read != (ci != "") {
			t.Errorf("CI %q: the engine was asked: %t, %v", ci, read, err)
		}
	}
}
