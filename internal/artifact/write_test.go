//go:build unix

package artifact

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

// The test binary, started with this variable, writes the second generation of files into the folder it names, and kills itself
// at the step that the value begins with.
const writerEnv = "LPIPE_TEST_WRITE_TO"

func writerMain(step, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	next, path := files(1), func(name string) string { return name }
	temps, err := writeTemps(root, path, next)
	if err != nil {
		return err
	}
	switch step {
	case "partial":
		err = os.Truncate(filepath.Join(dir, temps[1]), 1000)
	case "renamed 1":
		err = rename(root, path, temps, next[:1])
	case "renamed 2":
		err = rename(root, path, temps, next)
	}
	return errors.Join(err, syscall.Kill(os.Getpid(), syscall.SIGKILL))
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(delivererEnv); dir != "" {
		if err := delivererMain(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if step, dir, ok := strings.Cut(os.Getenv(writerEnv), "="); ok {
		fmt.Fprintln(os.Stderr, writerMain(step, dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// files are the program and the zip of a generation, different and of different sizes.
func files(generation int) []File {
	return []File{
		{Name: "bootstrap", Data: bytes.Repeat([]byte{byte(generation), 7}, 1<<20+generation), Mode: 0o755},
		{Name: "bootstrap.zip", Data: bytes.Repeat([]byte{byte(generation), 9}, 1<<19-generation), Mode: 0o644},
	}
}

// holds returns the generation of the file with that index in dir, -1 for any other content.
func holds(dir string, index int) int {
	for generation := range 2 {
		f := files(generation)[index]
		got, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err == nil && sha256.Sum256(got) == sha256.Sum256(f.Data) {
			return generation
		}
	}
	return -1
}

// names lists a folder, hidden files too.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWriteReplacesFilesWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "target", "lambda", "echo")
	mask := syscall.Umask(0o077)
	defer syscall.Umask(mask)
	for generation := range 2 {
		if err := Write(dir, files(generation)...); err != nil {
			t.Fatal(err)
		}
		for i, f := range files(generation) {
			info, err := os.Stat(filepath.Join(dir, f.Name))
			if err != nil || info.Mode() != f.Mode || holds(dir, i) != generation {
				t.Errorf("%s of generation %d: mode %v, generation %d, %v", f.Name, generation, info.Mode(), holds(dir, i), err)
			}
		}
		if got := names(t, dir); got != "bootstrap bootstrap.zip" {
			t.Errorf("the folder has %s", got)
		}
	}
}

// A link under the name of the output is replaced, and what it points to is left alone.
func TestWriteDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files(0)...); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(elsewhere); string(got) != "precious" || holds(dir, 0) != 0 {
		t.Errorf("the link's target holds %d bytes", len(got))
	}
}

func TestKilledWritersLeaveOldOrNewFiles(t *testing.T) {
	// The last file is under a temporary name in part, all are there whole, the first one has its name, and all have.
	for step, want := range map[string][2]int{"partial": {0, 0}, "written": {0, 0}, "renamed 1": {1, 0}, "renamed 2": {1, 1}} {
		dir := t.TempDir()
		if err := Write(dir, files(0)...); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), writerEnv+"="+step+"="+dir)
		if out, err := child.CombinedOutput(); child.ProcessState == nil || child.ProcessState.Success() || len(out) > 0 {
			t.Fatalf("%s: %v %s", step, err, out)
		}
		if got := [2]int{holds(dir, 0), holds(dir, 1)}; got != want {
			t.Errorf("%s: the files are of the generations %v, want %v", step, got, want)
		}
		if left := strings.Contains(names(t, dir), ".partial"); left != (step != "renamed 2") {
			t.Errorf("%s: the folder has %s", step, names(t, dir))
		}
		if err := Write(dir, files(1)...); err != nil {
			t.Fatal(err)
		}
		if got := names(t, dir); got != "bootstrap bootstrap.zip" || holds(dir, 0) != 1 || holds(dir, 1) != 1 {
			t.Errorf("%s: the next run leaves %s", step, got)
		}
	}
}

func TestConcurrentWritersDoNotMix(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := Write(dir, files(i%2)...); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if a, b := holds(dir, 0), holds(dir, 1); a < 0 || a != b {
		t.Errorf("the program is of generation %d, the zip of %d", a, b)
	}
	if got := names(t, dir); got != "bootstrap bootstrap.zip" {
		t.Errorf("the folder has %s", got)
	}
}

func TestFullDiskLeavesTheOldFiles(t *testing.T) {
	require.Part(t, os.Geteuid() == 0, "root, to mount a small file system", "run as root")
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		require.Part(t, false, "a mount", string(out))
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	small := []File{{Name: "bootstrap", Data: bytes.Repeat([]byte("a"), 200_000), Mode: 0o755}, {Name: "bootstrap.zip", Data: bytes.Repeat([]byte("b"), 100_000), Mode: 0o644}}
	if err := Write(dir, small...); err != nil {
		t.Fatal(err)
	}
	// The first file fits, the second does not: neither may change.
	big := []File{{Name: "bootstrap", Data: bytes.Repeat([]byte("c"), 200_000), Mode: 0o755}, {Name: "bootstrap.zip", Data: make([]byte, 2<<20), Mode: 0o644}}
	err := Write(dir, big...)
	checkErrors(t, err, fault.NoSpace, "no space left on device")
	for _, f := range small {
		if got, err := os.ReadFile(filepath.Join(dir, f.Name)); err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s changed: %v", f.Name, err)
		}
	}
	if got := names(t, dir); got != "bootstrap bootstrap.zip" {
		t.Errorf("the folder has %s", got)
	}
}

func TestWriteSaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bootstrap.zip"), 0o755); err != nil {
		t.Fatal(err)
	}
	checkErrors(t, Write(dir, files(0)...), fault.Usage, "it is a folder")
	if got := names(t, dir); got != "bootstrap.zip" {
		t.Errorf("the folder has %s", got)
	}
	checkErrors(t, Write(dir, File{Name: "../x"}), fault.Usage, "has a folder in it")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := Write(filepath.Join(file, "sub"), files(0)...)
	checkErrors(t, err, fault.Usage, "not a directory")
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("the cause is lost: %v", err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(dir, 0o755)
		err := Write(dir, files(0)[:1]...)
		checkErrors(t, err, fault.Usage, "permission denied")
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
}

// A build in which nothing changed leaves the files alone, and a planted one does not pass for them.
func TestWriteLeavesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	files := []File{{Name: "bootstrap", Data: []byte("program"), Mode: 0o755}, {Name: "bootstrap.zip", Data: []byte("zip"), Mode: 0o644}}
	if err := Write(dir, files...); err != nil {
		t.Fatal(err)
	}
	before := stat(t, dir, "bootstrap")
	plant := filepath.Join(dir, "bootstrap.zip")
	if err := os.WriteFile(plant, []byte("ZIP"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files...); err != nil {
		t.Fatal(err)
	}
	if after := stat(t, dir, "bootstrap"); !os.SameFile(before, after) {
		t.Error("the program was written again")
	}
	if data, err := os.ReadFile(plant); err != nil || string(data) != "zip" {
		t.Errorf("the planted zip is %q, %v", data, err)
	}
	if err := os.Chmod(filepath.Join(dir, "bootstrap"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files...); err != nil {
		t.Fatal(err)
	}
	if mode := stat(t, dir, "bootstrap").Mode(); mode != 0o755 {
		t.Errorf("a program that lost its executable bit has mode %v", mode)
	}
}

func stat(t *testing.T, dir, name string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestCheckWritable(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, File{Name: "file", Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"new": true, "file": true, "some/where/new": true, "file/new": false, "file/below/new": false, ".": false,
		"/proc/self/new": false, "/proc/new/new": false, "/sys/new": false, "/dev/null": true, "/dev/new": false, "pipe": true,
	} {
		at := name
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, name)
		}
		if err := CheckWritable(at); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if len(entries) != 2 || err != nil {
		t.Errorf("the check leaves %v, %v", entries, err)
	}
	before := time.Unix(1, 0)
	if err := os.Chtimes(dir, before, before); err != nil {
		t.Fatal(err)
	}
	if err := CheckWritable(filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || runtime.GOOS == "linux" && !info.ModTime().Equal(before) {
		t.Errorf("who reads the folder meanwhile sees a file: %v", err)
	}
}

// TestReplace: a file gets its name when it is complete, and a device or a pipe stays what it is.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	for _, text := range []string{"first", "second"} {
		if err := Replace(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(file); string(data) != "second" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if err := Replace("/dev/null", []byte("text")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Fatal("/dev/null is a file now")
	}
	if err := Replace("/dev/full", []byte("text")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("/dev/full: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		data, _ := os.ReadFile(pipe)
		read <- string(data)
	}()
	if err := Replace(pipe, []byte("text")); err != nil {
		t.Error(err)
	}
	if got := <-read; got != "text" {
		t.Errorf("the pipe had %q", got)
	}
}
