//go:build unix

package artifact

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	program = bytes.Repeat([]byte("program "), 1000)
	inputs  = Inputs{
		SHA256: sum(program).String(), Included: []Entry{{Name: "assets/a", Data: []byte("a")}, {Name: "assets/b", Data: []byte("b")}},
		Epoch: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Expect: Expect{Arch: "arm64"},
	}
)

// deliver delivers as a run does, and returns what is there then and what it did: nothing, or "read", or that and "packed".
func deliver(t *testing.T, dir, key string, o Inputs, program []byte) (Output, []string) {
	t.Helper()
	f := open(t, dir, key)
	f.Read()
	if d, ok := f.Delivered(o); ok {
		return d, nil
	}
	p, err := f.Program(o.SHA256, func() ([]byte, error) { return program, nil })
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := f.Pack(o, p)
	if err != nil {
		t.Fatal(err)
	}
	did := []string{"read"}
	if zipped.seen == nil {
		did = append(did, "packed")
	}
	d, err := f.Deliver(o, p, zipped, []string{"a warning"})
	if err != nil {
		t.Fatal(err)
	}
	return d, did
}

func open(t *testing.T, dir, key string) *Folder {
	t.Helper()
	f, err := OpenFolder(filepath.Dir(dir), filepath.Base(dir), func() string { return key })
	if err != nil {
		t.Fatal(err)
	}
	f.now = func() time.Time { return time.Now().Add(ahead) }
	return f
}

// ahead is how much later it is for folders than it is.
var ahead time.Duration

// TestDelivered: what is there and right is left alone, and nothing else.
func TestDelivered(t *testing.T) {
	other := func(change func(o *Inputs)) Inputs {
		o := inputs
		o.Included = slices.Clone(o.Included)
		change(&o)
		return o
	}
	all := []string{"read", "packed"}
	var none []string
	if runtime.GOOS != "linux" { // where files are always read
		none = []string{"read"}
	}
	cases := map[string]struct {
		change func(t *testing.T, dir string)
		key    string
		order  Inputs
		want   []string
	}{
		"nothing changed":       {nil, "key", inputs, none},
		"another order of them": {nil, "key", other(func(o *Inputs) { slices.Reverse(o.Included) }), none},
		"another key":           {nil, "other", inputs, all},
		"no key":                {nil, "", inputs, all},
		"another time":          {nil, "key", other(func(o *Inputs) { o.Epoch = o.Epoch.Add(time.Minute) }), all},
		"another name":          {nil, "key", other(func(o *Inputs) { o.Included[0].Name = "assets/c" }), all},
		"an executable asset":   {nil, "key", other(func(o *Inputs) { o.Included[0].Executable = true }), all},
		"one entry less":        {nil, "key", other(func(o *Inputs) { o.Included = o.Included[:1] }), all},
		"another architecture":  {nil, "key", other(func(o *Inputs) { o.Expect.Arch = "x86_64" }), all},
		"a touched program":     {func(t *testing.T, dir string) { touch(t, dir, ProgramName) }, "key", inputs, []string{"read"}},
		"a changed program, of the same size and time": {func(t *testing.T, dir string) {
			disguise(t, dir, ProgramName, bytes.Repeat([]byte("prigram "), 1000))
		}, "key", inputs, []string{"read"}},
		"a touched zip":           {func(t *testing.T, dir string) { touch(t, dir, ZipName) }, "key", inputs, []string{"read"}},
		"a changed zip":           {func(t *testing.T, dir string) { disguise(t, dir, ZipName, nil) }, "key", inputs, all},
		"a cut zip":               {func(t *testing.T, dir string) { overwrite(t, dir, ZipName, nil) }, "key", inputs, all},
		"no zip":                  {func(t *testing.T, dir string) { remove(t, dir, ZipName) }, "key", inputs, all},
		"no program":              {func(t *testing.T, dir string) { remove(t, dir, ProgramName) }, "key", inputs, []string{"read"}},
		"no stamp":                {func(t *testing.T, dir string) { remove(t, dir, stampName) }, "key", inputs, all},
		"a damaged stamp":         {func(t *testing.T, dir string) { overwrite(t, dir, stampName, []byte(`{"mac":`)) }, "key", inputs, all},
		"a stamp of nothing":      {func(t *testing.T, dir string) { overwrite(t, dir, stampName, []byte(`{}`)) }, "key", inputs, all},
		"a changed stamp":         {func(t *testing.T, dir string) { forge(t, dir) }, "key", inputs, all},
		"a pipe in the zip's way": {func(t *testing.T, dir string) { pipe(t, dir, ZipName) }, "key", inputs, all},
		"a pipe in the stamp's":   {func(t *testing.T, dir string) { pipe(t, dir, stampName) }, "key", inputs, all},
	}
	folders := map[string]string{}
	var first Output
	for name := range cases {
		folders[name] = t.TempDir()
		var did []string
		if first, did = deliver(t, folders[name], "key", inputs, program); !slices.Equal(did, all) {
			t.Errorf("at first it %q", did)
		}
	}
	ahead = clockTick + time.Second
	defer func() { ahead = 0 }()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := folders[name]
			for _, want := range [][]string{{"read"}, none} { // what was written is read once
				if d, did := deliver(t, dir, "key", inputs, program); !slices.Equal(did, want) || !reflect.DeepEqual(d, first) {
					t.Errorf("it %q, want %q: %v, want %v", did, want, d, first)
				}
			}
			if c.change != nil {
				c.change(t, dir)
			}
			d, did := deliver(t, dir, c.key, c.order, program)
			if !slices.Equal(did, c.want) {
				t.Errorf("it %q, want %q", did, c.want)
			}
			want, err := Zip(append([]Entry{{Name: ProgramName, Data: program, Executable: true}}, c.order.Included...), c.order.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			if zipped, err := os.ReadFile(filepath.Join(dir, ZipName)); !bytes.Equal(zipped, want) || d.SHA256 != sum(want).String() {
				t.Errorf("the zip is not that of the order (%v)", err)
			}
			if there, err := os.ReadFile(filepath.Join(dir, ProgramName)); !bytes.Equal(there, program) {
				t.Errorf("the program is not that of the order (%v)", err)
			}
		})
	}
}

// TestDeliveredTooSoon: a file that was changed just now may change again within the same tick of the clock.
func TestDeliveredTooSoon(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		if _, did := deliver(t, dir, "key", inputs, program); len(did) == 0 {
			t.Error("the files were not read")
		}
	}
}

// TestWriteLeavesAlone: what is there is not written again, but for its mode.
func TestWriteLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	status := func() (infos []fs.FileInfo) {
		deliver(t, dir, "key", inputs, program)
		for _, name := range []string{ProgramName, ZipName, stampName} {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			infos = append(infos, info)
		}
		return infos
	}
	first := status()
	for i, info := range status() {
		if !os.SameFile(info, first[i]) {
			t.Errorf("%s was written again", info.Name())
		}
	}
	if err := os.Chmod(filepath.Join(dir, ProgramName), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := status()[0].Mode(); got != 0o755 {
		t.Errorf("the program's mode stays %v", got)
	}
	if _, err := open(t, dir, "key").Pack(Inputs{}, File{Name: ProgramName}); err == nil || !strings.Contains(err.Error(), "without the executable bit") {
		t.Errorf("a zip whose program cannot be started: %v", err)
	}
}

// touch sets the time of a file.
func touch(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// disguise changes the contents of a file, by default one byte, and nothing that its user can set.
func disguise(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	file := filepath.Join(dir, name)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if data == nil {
		if data, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		data[len(data)/2]++
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(data, 0)
	if err = errors.Join(err, f.Close(), os.Chtimes(file, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

// forge puts another zip there and changes the stamp for it, without the key.
func forge(t *testing.T, dir string) {
	t.Helper()
	overwrite(t, dir, ZipName, []byte("another zip"))
	data, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		t.Fatal(err)
	}
	n := readStamp(data, "key")
	info, err := os.Lstat(filepath.Join(dir, ZipName))
	if err != nil {
		t.Fatal(err)
	}
	n.Seen, n.SHA256 = []status{statusOf(stat(t, dir, ProgramName)), statusOf(info)}, sum([]byte("another zip")).String()
	if data, err = n.write("another key"); err != nil {
		t.Fatal(err)
	}
	overwrite(t, dir, stampName, data)
}

// TestWriteAfterAnotherRun: what another run wrote since the folder was read is written over, so that program and zip
// are always of one build.
func TestWriteAfterAnotherRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ProgramName)
	put := func(text string, at time.Time) {
		overwrite(t, dir, ProgramName, []byte(text))
		if err := errors.Join(os.Chmod(file, 0o755), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, change := range []func(){
		func() { put("another", now) },
		func() { remove(t, dir, ProgramName); put("another", now) },
		func() { remove(t, dir, ProgramName) },
	} {
		program := []byte("program")
		put(string(program), now.Add(-time.Hour))
		p, err := open(t, dir, "key").Program(sum(program).String(), func() ([]byte, error) { return program, nil })
		if err != nil {
			t.Fatal(err)
		}
		change()
		if err := Write(dir, p); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); !bytes.Equal(got, program) {
			t.Errorf("%q %v", got, err)
		}
	}
}

func overwrite(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T, dir, name string) {
	t.Helper()
	remove(t, dir, name)
	if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestProgram: what comes out has the digest of the receipt, wherever it comes from.
func TestProgram(t *testing.T) {
	const program = "the program"
	for name, c := range map[string]struct {
		file, engine string // what each of them holds; "" is nothing
		read         bool   // the engine was asked
		want         string
	}{
		"both":                    {program, program, false, ""},
		"the engine alone":        {"", program, true, ""},
		"a changed file":          {"The program", program, true, ""},
		"another on the engine":   {"", "another", true, "not the one that was built"},
		"neither is the one":      {"planted", "another", true, "not the one that was built"},
		"the engine has it not":   {"planted", "", true, "gone"},
		"the file alone is right": {program, "another", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.file != "" {
				overwrite(t, dir, ProgramName, []byte(c.file))
			}
			read := false
			got, err := open(t, dir, "key").Program(sum([]byte(program)).String(), func() ([]byte, error) {
				read = true
				if c.engine == "" {
					return nil, errors.New("gone")
				}
				return []byte(c.engine), nil
			})
			if read != c.read {
				t.Errorf("asked the engine: %t, want %t", read, c.read)
			}
			if c.want == "" && (err != nil || string(got.Data) != program) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%q %v, want the program or %q", got.Data, err, c.want)
			}
		})
	}
}

// TestSourcesOfTheStamp: they are those of the last build, also of one that made the same zip of others.
func TestSourcesOfTheStamp(t *testing.T) {
	dir := t.TempDir()
	in := inputs
	for _, sources := range []string{"a", "b", ""} {
		in.Sources = sources
		deliver(t, dir, "key", in, program)
		if got := open(t, dir, "key").Sources(); got != sources {
			t.Errorf("they are %q, want %q", got, sources)
		}
	}
	if got := open(t, dir, "other").Sources(); got != "" {
		t.Errorf("of a stamp of another user: %q", got)
	}
}
