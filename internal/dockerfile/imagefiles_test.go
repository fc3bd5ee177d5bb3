package dockerfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// imageDisk is the disk of an image with libraries of C, and a folder for what the stage takes of it.
type imageDisk struct {
	t   *testing.T
	dir string
}

func imageWithLibraries(t *testing.T) *imageDisk {
	i := &imageDisk{t, t.TempDir()}
	i.write("etc/ld.so.conf.d/own.conf", "# own\n"+i.dir+"/own/lib\n")
	i.write("own/share/data.txt", "data\n")
	i.write("own/lib/folder/x", "")
	i.compile("own/lib/libdeep.so.3", "int deep(void) { return 1; }")
	i.compile("own/plugins/libbeside.so", "int beside(void) { return 2; }")
	i.compile("own/lib/libmiddle.so.2.0", "int deep(void); int middle(void) { return deep(); }", "own/lib/libdeep.so.3")
	i.compile("own/plugins/libtop.so", "int middle(void); int beside(void); int top(void) { return middle() + beside(); }", "own/lib/libmiddle.so.2.0", "own/plugins/libbeside.so")
	i.compile("own/lib/libgone.so.3", "int gone(void) { return 1; }")
	i.compile("own/lib/libbroken.so", "int gone(void); int broken(void) { return gone(); }", "own/lib/libgone.so.3")
	if err := os.Remove(i.dir + "/own/lib/libgone.so.3"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(i.dir+"/own/lib/libmiddle.so.2.0", i.dir+"/own/lib/libmiddle.so.2.0.1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("libmiddle.so.2.0.1", i.dir+"/own/lib/libmiddle.so.2.0"); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *imageDisk) write(name, text string) {
	i.t.Helper()
	file := filepath.Join(i.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		i.t.Fatal(err)
	}
}

// compile makes a library that needs others.
func (i *imageDisk) compile(name, source string, needs ...string) {
	i.t.Helper()
	gcc, err := exec.LookPath("gcc")
	require.Part(i.t, err == nil, "gcc", "apt-get install gcc")
	i.write("src/x.c", source)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(i.dir, name)), 0o755); err != nil {
		i.t.Fatal(err)
	}
	args := []string{"-shared", "-fPIC", "-Wl,-soname," + filepath.Base(name), "-o", filepath.Join(i.dir, name), filepath.Join(i.dir, "src/x.c")}
	for _, need := range needs {
		args = append(args, filepath.Join(i.dir, need))
	}
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		i.t.Fatalf("%v\n%s", err, out)
	}
}

// take runs the stage with commands, and returns what it prints and the list of what it took.
func (i *imageDisk) take(machine, commands string) (said, index string, err error) {
	i.t.Helper()
	script, err := scripts.ReadFile("image-files.sh")
	if err != nil {
		i.t.Fatal(err)
	}
	text := "machine=" + machine + " runtime='libc.so.6 ld-linux-x86-64.so.2'\n" + string(script) + commands + "\nwrite_out\n"
	for _, folder := range []string{"/files", "/out", "/etc/ld.so"} {
		for _, before := range []string{" ", `"`, "<", ">", "="} {
			text = strings.ReplaceAll(text, before+folder, before+i.dir+folder)
		}
	}
	text = strings.ReplaceAll(text, "/own/", i.dir+"/own/")
	for _, dir := range []string{"files", "out"} {
		if err := os.RemoveAll(filepath.Join(i.dir, dir)); err != nil {
			i.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(i.t.Context(), "sh", "-euc", text)
	out, err := cmd.CombinedOutput()
	data, _ := os.ReadFile(filepath.Join(i.dir, "out/image-files.txt"))
	return string(out), string(data), err
}

// names are the modes and names of a list.
func names(index string) string {
	var all []string
	for line := range strings.Lines(index) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, rest)
	}
	return strings.Join(all, ", ")
}

func TestFilesOfTheImageComeWithWhatTheyNeed(t *testing.T) {
	if !strings.Contains(machineOf(t), "x86_64") {
		return // the libraries are compiled for the machine at hand
	}
	i := imageWithLibraries(t)
	for name, c := range map[string]struct{ commands, want string }{
		"a library by its name":   {"take_item libmiddle.so.2.0 task lib/libmiddle.so.2.0", "x task/lib/libdeep.so.3, x task/lib/libmiddle.so.2.0"},
		"one beside another":      {"take_item /own/plugins/libtop.so task plugins/t.so", "x task/lib/libbeside.so, x task/lib/libdeep.so.3, x task/lib/libmiddle.so.2.0, x task/plugins/t.so"},
		"another file":            {"take_item /own/share/data.txt task share/a.txt", "- task/share/a.txt"},
		"one twice":               {"take_item libdeep.so.3 task lib/libdeep.so.3\ntake_item libdeep.so.3 task lib/libdeep.so.3", "x task/lib/libdeep.so.3"},
		"a library of the system": {"take_item libc.so.6 task lib/libc.so.6", "x task/lib/libc.so.6"},
	} {
		t.Run(name, func(t *testing.T) {
			said, index, err := i.take("x86_64", c.commands)
			if got := strings.ReplaceAll(names(index), "- task/lib/libc", "x task/lib/libc"); err != nil || got != c.want {
				t.Errorf("%v: %s\ngot  %s\nwant %s", err, said, got, c.want)
			}
			if data, err := os.ReadFile(filepath.Join(i.dir, "out/image-files.bin")); err != nil || len(data) == 0 {
				t.Errorf("%d bytes: %v", len(data), err)
			}
		})
	}
}

func TestFilesOfTheImageThatCannotBeTaken(t *testing.T) {
	i := imageWithLibraries(t)
	said, _, err := i.take("x86_64", "take_item libnone.so.1 task lib/libnone.so.1\ntake_item /own/none.txt task lib/none.txt\n"+
		"take_item /own/lib/folder task lib/folder\ntake_item libbroken.so task lib/libbroken.so\n"+
		"take_item /own/share/data.txt task lib/x\ntake_item /own/lib/folder/x task lib/x")
	for _, want := range []string{
		"the image has no library libnone.so.1 for x86_64\n", "the image has no file " + i.dir + "/own/none.txt\n", i.dir + "/own/lib/folder is a folder\n",
		"libbroken.so needs libgone.so.3, which the image has not for x86_64\n", "two files would be lib/x in the zip",
	} {
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("%v: %s\nwant %q", err, said, want)
		}
	}
	if said, _, err := i.take("aarch64", "take_item libdeep.so.3 task lib/libdeep.so.3"); err == nil || !strings.Contains(said, "the image has no library libdeep.so.3 for aarch64\n") {
		t.Errorf("%v: %s", err, said)
	}
}

func machineOf(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("uname", "-m").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
