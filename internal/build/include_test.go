package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/artifact"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// assets are files beside and beyond the package orders of the shop.
const assets = `
-- orders/templates/a.txt --
a
-- orders/templates/mail/b.txt --
b
-- orders/lib/libfoo.so.1.0 --
#!/ a program
-- orders/bootstrap --
-- users/model.bin --
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
-- orders/target/x --
-- orders/other/x.json --
-- users/x.json --
-- shared/geo/cities.json --
{}
-- shared/geo/.git/HEAD --
-- shared/geo/module/.git --
gitdir: /home/me/shop/.git/modules/module
-- .git/config --
a token
`

// TestIncludedFiles: what the globs name is in the zip, each file once, or all that is wrong is said before anything is built.
func TestIncludedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		globs string
		links map[string]string
		names string // in the zip
		said  string // or what the error says
	}{
		"globs that overlap":         {globs: `"templates", "templates/**/*.txt", "templates/a.txt"`, names: "templates/a.txt templates/mail/b.txt"},
		"beyond the package":         {globs: `"../shared/**"`, names: "shared/geo/cities.json"},
		"beyond and back":            {globs: `"../orders/templates", "templates"`, names: "templates/a.txt templates/mail/b.txt"},
		"a file by its path":         {globs: `"../shared/geo/cities.json"`, names: "shared/geo/cities.json"},
		"another package":            {globs: `"../users/*.json"`, names: "users/x.json"},
		"a chain of links":           {globs: `"lib/*"`, links: map[string]string{"orders/lib/libfoo.so": "libfoo.so.1", "orders/lib/libfoo.so.1": "libfoo.so.1.0"}, names: "lib/libfoo.so lib/libfoo.so.1 lib/libfoo.so.1.0"},
		"a link to a folder":         {globs: `"geo/*"`, links: map[string]string{"orders/geo": "../shared/geo"}, names: "geo/cities.json"},
		"a link back":                {globs: `"templates/**"`, links: map[string]string{"orders/templates/up": ".."}, names: "templates/a.txt templates/mail/b.txt templates/up/bootstrap templates/up/lib/libfoo.so.1.0 templates/up/other/x.json templates/up/src/main.rs templates/up/target/x templates/up/Cargo.toml"},
		"not what lpipe delivered":   {globs: `"**/*.*"`, links: map[string]string{"orders/bootstrap.zip": "templates/a.txt"}, names: "lib/libfoo.so.1.0 other/x.json src/main.rs templates/a.txt templates/mail/b.txt Cargo.toml"},
		"not what cargo writes":      {globs: `"**/x*"`, names: "other/x.json"},
		"a link out of the project":  {globs: `"lib/*"`, links: map[string]string{"orders/lib/secret": "/etc/hostname"}, said: "a build reads only"},
		"a link to nothing":          {globs: `"lib/*"`, links: map[string]string{"orders/lib/none": "nowhere"}, said: "cannot include lib/none"},
		"links in a circle":          {globs: `"lib/*"`, links: map[string]string{"orders/lib/a": "b", "orders/lib/b": "a"}, said: "cannot include lib/a"},
		"git's":                      {globs: `"../.git/config"`, said: "a build reads nothing of git's own"},
		"git's, by a pattern":        {globs: `"../.git/**"`, said: "matches no file"},
		"git's, of a submodule":      {globs: `"../shared/geo/module/.git"`, said: "matches no file"},
		"git's, by a link":           {globs: `"lib/*"`, links: map[string]string{"orders/lib/config": "../../.git/config"}, said: "a build reads nothing of git's own"},
		"git's, by a folder":         {globs: `"g/config"`, links: map[string]string{"orders/g": "../.git"}, said: "a build reads nothing of git's own"},
		"git's, by a folder in it":   {globs: `"lib/**"`, links: map[string]string{"orders/lib/g": "../../.git"}, said: "a build reads nothing of git's own"},
		"out of the project":         {globs: `"../../*"`, said: "a build reads only"},
		"nothing":                    {globs: `"none/*"`, said: `the include "none/*" matches no file`},
		"braces":                     {globs: `"templates/*.{txt,md}"`, said: "fix:   braces stand for themselves"},
		"what is taken back":         {globs: `"!templates/a.txt"`, said: "fix:   no item takes back what others name"},
		"a folder, misspelt":         {globs: `"Templates/*.txt"`, said: `fix:   did you mean "templates/*.txt"?`},
		"a file beyond, misspelt":    {globs: `"../shared/geo/citys.json"`, said: `fix:   did you mean "../shared/geo/cities.json"?`},
		"a colon in a name":          {globs: `"none/a:b.txt"`, said: `"?" stands for a colon in a name`},
		"the program's name":         {globs: `"bootstrap"`, said: `the zip cannot hold "bootstrap"`},
		"two files of one name":      {globs: `"other/x.json", "../orders/other/x.json", "../users/x.json", "users/x.json"`, links: map[string]string{"orders/users": "other"}, said: "two files would be users/x.json in the zip"},
		"all of the package":         {globs: `".:all"`, names: "all/bootstrap all/lib/libfoo.so.1.0 all/other/x.json all/src/main.rs all/templates/a.txt all/templates/mail/b.txt all/Cargo.toml"},
		"all that is in the folder":  {globs: `"./templates/.", "./lib/"`, names: "lib/libfoo.so.1.0 templates/a.txt templates/mail/b.txt"},
		"a file by a new name":       {globs: `"templates/a.txt:mail/hello.txt", "templates/a.txt"`, names: "mail/hello.txt templates/a.txt"},
		"a file into a folder":       {globs: `"../shared/geo/cities.json:data/"`, names: "data/cities.json"},
		"a folder by a new name":     {globs: `"../shared/geo:geo", "templates:t/"`, names: "geo/cities.json t/a.txt t/mail/b.txt"},
		"a pattern into a folder":    {globs: `"templates/**/*.txt:texts/"`, names: "texts/a.txt texts/mail/b.txt"},
		"a folder into the root":     {globs: `"other:./"`, names: "x.json"},
		"two files by one new name":  {globs: `"templates/a.txt:x", "other/x.json:x"`, said: "two files would be x in the zip"},
		"the program's, new":         {globs: `"templates/a.txt:bootstrap"`, said: `the zip cannot hold "bootstrap"`},
		"a pointer of Git LFS":       {globs: `"../users/model.bin:m"`, said: "it is a pointer of Git LFS"},
		"a pointer in a folder":      {globs: `"../users:assets"`, said: "cannot include users/model.bin\nlpipe: why:   it is a pointer of Git LFS"},
		"a pointer by a pattern":     {globs: `"../users/*.bin:assets/"`, said: "it is a pointer of Git LFS"},
		"a link to a pointer":        {globs: `"lib/*"`, links: map[string]string{"orders/lib/model": "../../users/model.bin"}, said: "cannot include lib/model\nlpipe: why:   it is a pointer of Git LFS"},
		"a folder linked out":        {globs: `"lib/etc/host*"`, links: map[string]string{"orders/lib/etc": "/etc"}, said: "a build reads only"},
		"a link out by two":          {globs: `"lib/*"`, links: map[string]string{"orders/lib/a": "b", "orders/lib/b": "/etc/hostname"}, said: "a build reads only"},
		"all that is wrong":          {globs: `"none", "lib/*", "nothing"`, links: map[string]string{"orders/lib/none": "nowhere"}, said: `"nothing" matches no file`},
		"all that is wrong, a link":  {globs: `"none", "lib/*", "nothing"`, links: map[string]string{"orders/lib/none": "nowhere"}, said: `cannot include lib/none`},
		"all that is wrong, a first": {globs: `"none", "lib/*", "nothing"`, links: map[string]string{"orders/lib/none": "nowhere"}, said: `"none" matches no file`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := preparedIn(t, assets+"-- lpipe.toml --\n[lambda.orders]\ninclude = ["+c.globs+"]\n", func(dir string) {
				for at, to := range c.links {
					if err := os.Symlink(to, filepath.Join(dir, at)); err != nil {
						t.Fatal(err)
					}
				}
			}, nil)
			if c.said != "" {
				var said strings.Builder
				fault.Print(&said, err)
				if !strings.Contains(said.String(), c.said) {
					t.Errorf("said:\n%s\nwant %q", said.String(), c.said)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range r.Targets[0].included {
				names = append(names, e.Name)
			}
			want := strings.Fields(c.names)
			slices.Sort(want)
			if slices.Sort(names); !slices.Equal(names, want) {
				t.Errorf("%q, want %q", names, want)
			}
		})
	}
}

// passing is a disk from which files are removed once their folder was listed.
type passing struct {
	fstest.MapFS
	gone map[string]bool
}

func (p passing) Open(name string) (fs.File, error) {
	if p.gone[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return p.MapFS.Open(name)
}

func (p passing) Stat(name string) (fs.FileInfo, error) {
	if p.gone[name] {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return p.MapFS.Stat(name)
}

func (p passing) Lstat(name string) (fs.FileInfo, error) {
	if p.gone[name] {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return p.MapFS.Lstat(name)
}

// TestIncludedFilesThatAreRemoved meanwhile count as never there.
func TestIncludedFilesThatAreRemoved(t *testing.T) {
	files := passing{fstest.MapFS{}, map[string]bool{"p/assets/b.txt": true, "p/assets/deep": true, "p/old/c.txt": true}}
	for _, name := range []string{"p/.git/HEAD", "p/assets/a.txt", "p/assets/b.txt", "p/assets/deep/c.txt", "p/old/c.txt"} {
		files.MapFS[name] = &fstest.MapFile{Data: []byte("x")}
	}
	view, err := disk.Disk{FS: files}.View("p")
	if err != nil {
		t.Fatal(err)
	}
	in := &inclusion{fsys: view, at: "lpipe.toml:2", files: map[string]string{}, pkg: "p", relative: "the package's folder /p", target: "p/target"}
	entries, err := in.read([]string{"assets/**"})
	if err != nil || len(entries) != 1 || entries[0].Name != "assets/a.txt" || in.size != 1 {
		t.Errorf("%v, %d bytes: %v", entries, in.size, err)
	}
	if _, err := in.read([]string{"old/*"}); err == nil || !strings.Contains(err.Error(), `"old/*" matches no file`) {
		t.Errorf("of nothing that is left: %v", err)
	}
}

// TestIncludedLibraries: a program may need a library that lies in the zip where Lambda looks for it.
func TestIncludedLibraries(t *testing.T) {
	r, err := preparedIn(t, assets+"-- lpipe.toml --\n[lambda.orders]\ninclude = [\"lib/*\", \"other/*\"]\n", func(dir string) {
		if err := os.Symlink("libfoo.so.1.0", filepath.Join(dir, "orders/lib/libfoo.so.1")); err != nil {
			t.Fatal(err)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := r.Targets[0].inputs(artifact.Receipt{})
	var names []string
	for _, e := range in.Included {
		names = append(names, e.Name)
	}
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"lib/libfoo.so.1", "lib/libfoo.so.1.0", "other/x.json"}) {
		t.Errorf("%q: %v", names, err)
	}
}

// preparedIn is prepared for a project whose folder change has changed.
func preparedIn(t *testing.T, files string, change func(dir string), options func(*Options)) (*Request, error) {
	t.Helper()
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop+files+"-- .git/HEAD --\n")
	change(dir)
	return preparedFrom(t, dir, options)
}

// TestExtensionsBesideLayers: the zip of an extension is unpacked where the files of layers are, and what it has in extensions/ is started.
func TestExtensionsBesideLayers(t *testing.T) {
	for files, want := range map[string]string{
		`"templates/a.txt:share/b.txt"`:     "",
		`"templates/a.txt:share/a.txt"`:     "the layers words and users both have share/a.txt",
		`"templates/a.txt:share"`:           "the layers words and users both have share: it is a file in one, and a folder in the other",
		`"templates/a.txt:extensions/note"`: "Lambda could not start extensions/note of the layer users: it is not executable",
	} {
		_, err := preparedIn(t, assets+"-- users/templates/a.txt --\n-- lpipe.toml --\n[layer.words]\ninclude = [\"orders/templates/a.txt:share/\"]\n"+
			"[lambda.orders]\nlayers = [\"words\", \"users\"]\n[lambda.users]\nkind = \"extension\"\ninclude = ["+files+"]\n", func(string) {}, nil)
		if want == "" && err != nil || want != "" && (err == nil || len(fault.Parts(err)) != 1 || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", files, err, want)
		}
	}
}
