package cli

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
	p := &project{cfg: &config.Config{}, plan: &plan.Plan{Project: plan.Project{Workspace: &cargo.Workspace{FS: view}}}}
	entries, err := p.included(l)
	if fault.Worst(err) != fault.Artifact || !strings.Contains(err.Error(), "300.0 MiB") || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	delete(files, "p/assets/c")
	if entries, err := p.included(l); err != nil || len(entries) != 2 {
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
		r := &run{app: &app{}, cfg: &config.Config{CI: ci}, folders: map[*plan.Lambda]*folder{}, key: key}
		p := &project{cfg: r.cfg, dir: dir}
		l := &plan.Lambda{Name: "echo", Kind: "bin", Bin: "echo", Package: &cargo.Package{Name: "echo"}}
		if err := artifact.Write(filepath.Join(dir, "target/lambda/echo"), artifact.File{Name: artifact.ProgramName, Data: []byte(program), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		take, err := r.taker(p, l)
		if err != nil {
			t.Fatal(err)
		}
		read := false
		err = take(map[string][]byte{dockerfile.FileReceipt: []byte(receipt)}, func(string, func(int64) error) ([]byte, error) {
			read = true
			return []byte(program), nil
		})
		if err != nil || string(r.folders[l].program.Data) != program || read != (ci != "") {
			t.Errorf("CI %q: the engine was asked: %t, %v", ci, read, err)
		}
		if zipKey(key, dir, "target/lambda/echo") == zipKey(key, dir, "target/lambda/other") {
			t.Error("one key is for several folders")
		}
	}
}
