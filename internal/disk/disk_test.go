package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"lpipe/internal/fault"
)

// machine makes files and links ("-> TARGET") and returns a disk whose root is the folder that holds them.
func machine(t *testing.T, files map[string]string) Disk {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(to, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Disk{FS: os.DirFS(dir)}
}

func view(t *testing.T, d Disk, dir string) *View {
	t.Helper()
	v, err := d.View(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNothingLeadsOutOfTheBound(t *testing.T) {
	files := map[string]string{
		"home/me/.ssh/id":     "SECRET",
		"home/me/repo2/x":     "SECRET", // its name starts with that of the repository
		"home/me/repo/.git/x": "",
		"home/me/repo/in":     "ours",
		"home/me/repo/p/in":   "ours",

		"home/me/repo/p/link":         "-> ../../.ssh/id",
		"home/me/repo/p/absolute":     "-> /home/me/.ssh/id",
		"home/me/repo/p/folder":       "-> ../../.ssh",
		"home/me/repo/p/chain":        "-> chain2",
		"home/me/repo/p/chain2":       "-> ../chain3",
		"home/me/repo/chain3":         "-> p/folder/id",
		"home/me/repo/p/middle":       "-> folder/../.ssh/id",
		"home/me/repo/p/round":        "-> round",
		"home/me/repo/p/far":          "-> ../../../../../../../../home/me/.ssh/id",
		"home/me/repo/p/there-back":   "-> ../../repo/in",
		"home/me/repo/p/up":           "-> ..",
		"home/me/repo/p/absolute-in":  "-> /home/me/repo/in",
		"home/me/repo/p/dangling-out": "-> ../../.ssh/none",
	}
	v := view(t, machine(t, files), "home/me/repo/p")
	for _, name := range []string{
		".ssh/id", ".ssh", ".", "repo2/x", ".ssh/none", "repo/p/link", "repo/p/absolute", "repo/p/folder", "repo/p/folder/id", "repo/p/folder/none",
		"repo/p/chain", "repo/p/chain2", "repo/chain3", "repo/p/middle", "repo/p/far", "repo/p/dangling-out", "REPO/in", "repo/p/up/p/link",
	} {
		name = filepath.Join("home/me", name)
		_, openErr := v.Open(name)
		_, statErr := v.Stat(name)
		_, listErr := v.ReadDir(name)
		_, readErr := Read(v, name, 100)
		_, listedErr := v.List(name)
		_, kindErr := v.Kind(name)
		for _, err := range []error{openErr, statErr, listErr, readErr, listedErr, kindErr, v.Check(name)} {
			if Outside(err) == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if v.Holds(name) || v.Owns(name) {
			t.Errorf("%s is held", name)
		}
	}
	for _, name := range []string{"in", "p/in", "p/there-back", "p/up/in", "p/up/p/up/p/in", "p/absolute-in"} {
		if text, err := Read(v, "home/me/repo/"+name, 100); err != nil || string(text) != "ours" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if to, err := v.ReadLink("home/me/repo/p/link"); err != nil || to != "../../.ssh/id" {
		t.Errorf("a link of the project can be looked at: %q, %v", to, err)
	}
	if _, err := v.ReadLink("home/me/repo/p/folder/id"); Outside(err) == nil {
		t.Errorf("a link beyond one: %v", err)
	}
	if _, err := v.Stat("home/me/repo/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := v.Stat("home/me/repo/p/round"); err == nil || Outside(err) != nil {
		t.Errorf("a link to itself: %v", err)
	}
	sub, err := fs.Sub(v, "home/me/repo/p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadFile(sub, "folder/id"); Outside(err) == nil {
		t.Errorf("below a folder of the view: %v", err)
	}
	if all := v.Up("home/me/repo/p"); !slices.Equal(all, []string{"home/me/repo/p", "home/me/repo"}) {
		t.Errorf("up to the bound: %q", all)
	}
}

// TestKindIsThatOfStat compares what lists of folders say with what is there.
func TestKindIsThatOfStat(t *testing.T) {
	d := machine(t, map[string]string{
		"repo/.git/config": "", "repo/a/file": "", "repo/a/sub/file": "", "repo/a/link": "-> sub", "repo/a/dangling": "-> none", "repo/a/out": "-> ../../else",
		"repo/a/x.git/file": "", "repo/a/sub/.git/file": "", "else/file": "",
	})
	names := []string{".", "none", "none/none"}
	if err := fs.WalkDir(d.FS, ".", func(name string, _ fs.DirEntry, _ error) error {
		names = append(names, name, name+"/none")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time by lists that are known
		v := view(t, d, "repo/a")
		for _, name := range slices.Concat(names, []string{"repo/a/link/file", "repo/a/file/..", "/repo"}) {
			info, want := v.Stat(name)
			for range 2 {
				kind, err := v.Kind(name)
				if (err == nil) != (want == nil) || (Outside(err) == nil) != (Outside(want) == nil) || errors.Is(err, fs.ErrNotExist) != errors.Is(want, fs.ErrNotExist) {
					t.Errorf("%s: %v, by Stat %v", name, err, want)
				}
				if want == nil && kind != info.Mode().Type() {
					t.Errorf("%s: %v, by Stat %v", name, kind, info.Mode())
				}
			}
		}
	}
	v := view(t, d, "repo/a")
	v.repository = "" // of which the bound can change
	if _, err := v.List("else"); Outside(err) == nil {
		t.Fatal(err)
	}
	v.Join("else")
	if kind, err := v.Kind("else/file"); err != nil || kind != 0 {
		t.Errorf("within the bound now: %v, %v", kind, err)
	}
	v.Settle("repo/a/sub")
	if _, err := v.Kind("else/file"); Outside(err) == nil {
		t.Errorf("no longer within the bound: %v", err)
	}
}

// TestNothingOfGit: git's folder may hold a token, and no name leads into it.
func TestNothingOfGit(t *testing.T) {
	d := machine(t, map[string]string{
		"w/.git/config": "SECRET", "w/.git/hooks/x": "SECRET", "w/sub/.git/config": "SECRET", "w/.GIT/config": "SECRET", "w/git~1/config": "SECRET", "w/in": "ours", "w/.gitignore": "ours",
		"w/l": "-> .git", "w/k": "-> l/config", "w/s": "-> sub/.git", "w/up": "-> ..",
		"gone/.git": "gitdir: ./data\n", "gone/data/config": "SECRET", "gone/in": "ours",
		"linked/.git": "-> data", "linked/data/config": "SECRET", "linked/in": "ours",
		"w/.git/tree/.git": "gitdir: ../../.git/x", "w/.git/tree/in": "ours",
	})
	for dir, names := range map[string]string{
		"w":           "in .gitignore !.git !.git/config !.git/hooks/x !.git/none !l !l/config !l/hooks !k !s !s/config !sub/.git/config !.GIT/config !git~1/config !up/w/.git/config",
		"gone":        "in .git !data !data/config",
		"linked":      "in !.git !.git/config !data !data/config",
		"w/.git/tree": "in .git", // a work tree of its own
	} {
		v := view(t, d, dir)
		for name := range strings.FieldsSeq(names) {
			name, hidden := strings.CutPrefix(name, "!")
			f, err := v.Open(dir + "/" + name)
			if err == nil {
				f.Close()
			}
			_, listErr := v.ReadDir(dir + "/" + name)
			if hidden != (Outside(err) != nil) || hidden != (Outside(listErr) != nil) {
				t.Errorf("%s in %s: %v, %v", name, dir, err, listErr)
			}
			if hidden && !strings.Contains(Outside(err).Error(), "git's own") {
				if !strings.HasPrefix(name, "up/") {
					t.Errorf("%s in %s: %v", name, dir, err)
				}
			}
		}
		if _, err := v.Stat(dir + "/.git"); err != nil {
			t.Errorf("%s: git's folder can be looked at: %v", dir, err)
		}
	}
	d.Allow = []string{"w/.git/config"}
	if text, err := Read(view(t, d, "w"), "w/l/config", 100); err != nil || string(text) != "SECRET" {
		t.Errorf("what the user allows: %q, %v", text, err)
	}
}

// TestAdviceIsInert: what a person is told to write names what a project may have made up.
func TestAdviceIsInert(t *testing.T) {
	v := view(t, machine(t, map[string]string{"w/.git/x": "", "w/l": "-> ../$(touch x)"}), "w")
	_, err := v.Open("w/l")
	if out := Outside(err); out == nil || !strings.Contains(out.Fix(), "--allow-outside '/$(touch x)', or") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsTheRepository(t *testing.T) {
	d := machine(t, map[string]string{
		".git/x": "", "home/me/.git/x": "", "home/me/file/.git": "gitdir: elsewhere", "home/me/file/p/x": "",
		"home/me/outer/.git/x": "", "home/me/outer/nested/.git/x": "", "home/me/outer/nested/p/x": "", "home/me/plain/x": "",
		"srv/x": "", "link": "-> home/me/outer/nested/p", "srv/linked/.git": "-> /home/me/outer/.git",
	})
	for dir, want := range map[string]string{
		"home/me/file/p":         "home/me/file",
		"home/me/outer":          "home/me/outer",
		"home/me/outer/nested/p": "home/me/outer/nested", // narrower, and never wider
		"home/me/plain":          "home/me",
		"home/me/outer/none/yet": "home/me/outer",
		"link":                   "home/me/outer/nested",
		"srv":                    "", // the whole disk is no repository
		"srv/linked":             "srv/linked",
	} {
		if got := d.Repository(dir); got != want {
			t.Errorf("that of %s is %q, want %q", dir, got, want)
		}
	}
	d.Home = "home/me"
	if got := d.Repository("home/me/plain"); got != "" {
		t.Errorf("the home folder is that of all in it: %q", got)
	}
	if got := d.Repository("home/me/outer"); got != "home/me/outer" {
		t.Errorf("a repository in the home folder is %q", got)
	}
}

func TestWithoutARepository(t *testing.T) {
	v := view(t, machine(t, map[string]string{"w/p/in": "", "w/in": "", "lib/in": "", "secret": "", "w/lib": "-> ../lib"}), "w/p")
	v.Settle("w")
	if !v.Holds("w/in") || v.Holds("lib/in") || v.Holds("w/lib/in") || v.Holds("secret") {
		t.Error("the workspace is the bound")
	}
	v.Join("w/lib")
	if !v.Holds("lib/in") || !v.Holds("w/lib/in") || v.Holds("secret") {
		t.Error("a dependency joins it, and nothing beside")
	}
	with := view(t, machine(t, map[string]string{"w/.git/x": "", "lib/in": ""}), "w")
	with.Settle("lib")
	with.Join("lib")
	if with.Holds("lib/in") {
		t.Error("with a repository nothing joins it")
	}
}

func TestWhatTheUserAllows(t *testing.T) {
	d := machine(t, map[string]string{"w/.git/x": "", "w/l": "-> ../shared/in", "shared/in": "yes", "shared/out": "-> ../secret", "secret": "", "one": "", "alias": "-> shared"})
	d.Allow = []string{"alias", "one", "none"}
	v := view(t, d, "w")
	for name, want := range map[string]bool{"w/l": true, "shared/in": true, "alias/in": true, "one": true, "none": true, "secret": false, "shared/out": false} {
		if v.Holds(name) != want {
			t.Errorf("%s is held: %v", name, !want)
		}
	}
	if v.Owns("shared/in") || !v.Owns("w/x") {
		t.Error("what is allowed is not the project's own")
	}
}

func TestTrust(t *testing.T) {
	d := machine(t, map[string]string{
		"w/.git/x": "", "w/mine": "", "w/other": "", "w/dir/file": "", "w/l": "-> p/other", "w/other-link": "-> mine", "w/p/other": "", "w/away": "-> other",
	})
	foreign := []string{"other", "dir", "other-link"}
	d.Foreign = func(project, file fs.FileInfo) string {
		if project.Name() != "p" {
			t.Errorf("compared with %s", project.Name())
		}
		if slices.Contains(foreign, file.Name()) {
			return "it is foreign"
		}
		return ""
	}
	v := view(t, d, "w/p")
	for name, want := range map[string]bool{
		"w/mine": true, "w/none": true, "w/other": false, "w/dir/file": false, "w/other-link": false, "w/away": false,
		"w/p/other": true, // in the folder that the user asked for
		"w/l":       true, // leads there
	} {
		if err := v.Trust(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign = []string{".git"}
	if _, err := d.View("w/p"); fault.Worst(err) != fault.Usage {
		t.Errorf("the repository of another user: %v", err)
	}
	if _, err := d.View("w"); err != nil {
		t.Errorf("asked for by name: %v", err)
	}
}

// TestReadTakesRegularFiles: none of these blocks, and none fills the memory.
func TestReadTakesRegularFiles(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"zero": "/dev/zero", "to-pipe": "pipe", "endless": "/proc/kmsg", "proc": "/proc/self/environ"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int{"fits": 10, "too-large": 11, "empty": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "sparse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "sparse"), 1<<40); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pipe": "a named pipe", "to-pipe": "a named pipe", "zero": "a device", ".": "a folder", "sparse": "larger than 10", "too-large": "larger than 10",
		"proc": "larger than 10", "none": "no such file", "fits": "", "empty": "",
	} {
		data, err := Read(os.DirFS(dir), name, 10)
		file, fileErr := ReadFile(filepath.Join(dir, name), 10)
		if string(data) != string(file) || fmt.Sprint(err == nil) != fmt.Sprint(fileErr == nil) {
			t.Errorf("%s: two answers, %v and %v", name, err, fileErr)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	v := view(t, Disk{FS: os.DirFS(dir)}, ".")
	if _, err := v.Open("pipe"); err == nil || !strings.Contains(err.Error(), "a named pipe") {
		t.Errorf("the view opens a pipe: %v", err)
	}
	if info, err := v.Stat("pipe"); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("a pipe can be looked at: %v", err)
	}
}

// TestTheViewIsAFileSystem holds it to the rules of package fs.
func TestTheViewIsAFileSystem(t *testing.T) {
	v := view(t, machine(t, map[string]string{"a/b": "b", "c": "c", "a/l": "-> ../c"}), ".")
	if err := fstest.TestFS(v, "a/b", "c", "a/l"); err != nil {
		t.Error(err)
	}
}

// FuzzResolve: whatever links and names say, what is read lies in the bound.
func FuzzResolve(f *testing.F) {
	f.Add("../../s", "l/x", "../p/l")
	f.Add("/", "l/s", ".")
	f.Add("..", "l/../../s", "l")
	f.Fuzz(func(t *testing.T, first, second, name string) {
		files := fstest.MapFS{
			"s": {Data: []byte("SECRET")}, "r/.git/x": {}, "r/p/x": {Data: []byte("ours")},
			"r/p/l": {Data: []byte(first), Mode: fs.ModeSymlink | 0o777}, "r/p/x/l": {Data: []byte(second), Mode: fs.ModeSymlink | 0o777},
		}
		delete(files, "r/p/x")
		v, err := Disk{FS: files}.View("r/p")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{name, "r/p/" + name, "r/p/l", "r/p/l/" + name, "r/p/x/l"} {
			if text, err := Read(v, name, 100); err == nil && string(text) == "SECRET" {
				t.Fatalf("%q leads out", name)
			}
		}
	})
}
