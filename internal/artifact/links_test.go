//go:build unix

package artifact

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

// TestLinksOnTheWay: no link leads what is written out of the project, or into git's own folder, and each is refused
// before anything is built.
func TestLinksOnTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		links [][2]string // name and what it leads to; OUT is a folder elsewhere
		want  string      // "" where it is fine
	}{
		"none":                         {nil, ""},
		"the target":                   {[][2]string{{"target", "OUT"}}, "no relative path inside the project"},
		"the target, relative":         {[][2]string{{"target", "../out"}}, "no relative path inside the project"},
		"the folder of all lambdas":    {[][2]string{{"target/lambda", "OUT"}}, "no relative path inside the project"},
		"that of one":                  {[][2]string{{"target/lambda/echo", "../../../out"}}, "no relative path inside the project"},
		"by a detour":                  {[][2]string{{"a", "../out"}, {"target", "a"}}, "no relative path inside the project"},
		"by a folder inside":           {[][2]string{{"target", "a"}, {"a/lambda", "OUT"}}, "no relative path inside the project"},
		"to itself":                    {[][2]string{{"target", "target"}}, "no relative path inside the project"},
		"to nothing":                   {[][2]string{{"target", "nothing"}}, "does not exist"},
		"to nothing elsewhere":         {[][2]string{{"target", "../nothing"}}, "no relative path inside the project"},
		"into git's folder":            {[][2]string{{"target", ".git"}}, "git's own"},
		"into git's folder, by detour": {[][2]string{{"a", ".git/hooks"}, {"target/lambda", "../a"}}, "git's own"},
		"to a file":                    {[][2]string{{"target", "file"}}, "not a folder"},
		"to a folder inside":           {[][2]string{{"target", "inside"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			project, out := filepath.Join(top, "project"), filepath.Join(top, "out")
			for _, dir := range []string{out, project + "/inside", project + "/.git/hooks"} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			overwrite(t, project, "file", nil)
			for _, link := range c.links {
				at := filepath.Join(project, link[0])
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(strings.Replace(link[1], "OUT", out, 1), at)); err != nil {
					t.Fatal(err)
				}
			}
			f, err := OpenFolder(project, "target/lambda/echo", func() string { return "key" })
			if c.want != "" {
				checkErrors(t, err, fault.Usage, c.want)
				if !strings.Contains(err.Error(), filepath.Join(project, c.links[len(c.links)-1][0])) && !strings.Contains(err.Error(), filepath.Join(project, "target")) {
					t.Errorf("the link is not named: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Deliver(inputs, File{Name: ProgramName, Data: program, Mode: 0o755}, File{Name: ZipName, Mode: 0o644}, nil); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(project, "target/lambda/echo/bootstrap")); string(got) != string(program) {
				t.Errorf("the program is not there: %v", err)
			}
		})
	}
}

// TestLinkedDuringTheBuild: a link that is put in the way while the program is compiled leads nowhere.
func TestLinkedDuringTheBuild(t *testing.T) {
	for _, link := range []string{"target", "target/lambda", "target/lambda/echo"} {
		top := t.TempDir()
		project, out := filepath.Join(top, "project"), filepath.Join(top, "out")
		if err := errors.Join(os.MkdirAll(out, 0o755), os.MkdirAll(filepath.Join(project, "target/lambda/echo"), 0o755)); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFolder(project, "target/lambda/echo", func() string { return "key" })
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(project, link)
		if err := errors.Join(os.RemoveAll(at), os.Symlink(out, at)); err != nil {
			t.Fatal(err)
		}
		_, err = f.Deliver(inputs, File{Name: ProgramName, Data: program, Mode: 0o755}, File{Name: ZipName, Mode: 0o644}, nil)
		checkErrors(t, err, fault.Usage, "escapes")
		if got := names(t, out); got != "" {
			t.Errorf("%s: outside there is %s", link, got)
		}
	}
}

// TestLinkedFiles: what lies in the folder under the names of the files as links is not followed, neither to read nor
// to write.
func TestLinkedFiles(t *testing.T) {
	top := t.TempDir()
	dir, out := filepath.Join(top, "echo"), filepath.Join(top, "out")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Mkdir(out, 0o755)); err != nil {
		t.Fatal(err)
	}
	deliver(t, out, "key", inputs, program)
	for _, name := range []string{ProgramName, ZipName, stampName} {
		if err := os.Symlink(filepath.Join(out, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(t, dir, "key").Vouched(); err == nil {
		t.Error("links are taken for files")
	}
	before := stat(t, out, ProgramName)
	if _, did := deliver(t, dir, "key", inputs, program); len(did) != 2 {
		t.Errorf("it %q", did)
	}
	if info := stat(t, dir, ProgramName); !info.Mode().IsRegular() || !os.SameFile(before, stat(t, out, ProgramName)) {
		t.Errorf("the link was followed: %v", info.Mode())
	}
}
