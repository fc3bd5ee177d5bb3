//go:build unix

package ownership

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPathNamesThePart(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(os.MkdirAll(path, 0o755))
		must(os.Chmod(path, mode))
		return path
	}
	open := make("open", 0o777)
	inOpen := make("open/mine", 0o700)
	sticky := make("sticky", 0o777|os.ModeSticky)
	mine := make("mine", 0o755)
	file := filepath.Join(mine, "file")
	must(os.WriteFile(file, nil, 0o600))
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		must(os.Symlink(target, path))
		return path
	}
	cases := map[string]struct{ path, want string }{
		"mine":                           {mine, ""},
		"not there":                      {filepath.Join(mine, "a/b"), "no such file"},
		"not there, in a sticky folder":  {filepath.Join(sticky, "a/b"), "no such file"},
		"not there, in an open folder":   {filepath.Join(open, "a/b"), open + ": every user may write it"},
		"in an open folder":              {inOpen, open + ": every user may write it"},
		"an open folder":                 {open, open + ": every user may write it"},
		"through a link":                 {filepath.Join(link("to-open", "open"), "mine"), open + ": every user may write it"},
		"through an absolute link":       {filepath.Join(link("to-in-open", inOpen), "x"), open + ": every user may write it"},
		"over an open folder and back":   {link("back", "open/../mine"), open + ": every user may write it"},
		"a link to what is mine":         {link("to-mine", "mine"), ""},
		"a link into nothing":            {link("to-nothing", "nothing"), "no such file"},
		"a link to itself":               {link("loop", "loop"), "too many links"},
		"a file where a folder ought be": {filepath.Join(file, "x"), "not a directory"},
	}
	if os.Getuid() == 0 {
		foreign := link("sticky/of-another", "../mine")
		must(os.Lchown(foreign, 12345, -1))
		cases["a link of another user in a sticky folder"] = struct{ path, want string }{foreign, foreign + ": it belongs to user 12345"}
	}
	for name, c := range cases {
		err := Path(c.path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Path(%s) is %v, want %q", name, c.path, err, c.want)
		}
	}
}

func TestTemporaryFoldersAreNobodyElses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	made, err := MakeTemp("x-")
	if info, statErr := os.Stat(made); err != nil || statErr != nil || info.Mode().Perm() != 0o700 || filepath.Dir(made) != dir {
		t.Errorf("%s: %v, %v", made, err, statErr)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if made, err := MakeTemp("x-"); err == nil || !strings.Contains(err.Error(), "every user may write it") {
		t.Errorf("%s is made where others can replace it: %v", made, err)
	}
}
