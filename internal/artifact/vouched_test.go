//go:build unix

package artifact

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

// TestVouched: program and zip are taken only as the same run of the user's lpipe wrote both.
func TestVouched(t *testing.T) {
	other := inputs
	other.SHA256 = sum([]byte("other")).String()
	for name, c := range map[string]struct {
		change func(t *testing.T, dir, older string) // older has what another run wrote
		key    string
		want   string // "" where they are taken
	}{
		"as written":        {nil, "key", ""},
		"another user":      {nil, "other", "no stamp of yours"},
		"no lasting key":    {nil, "", "no stamp of yours"},
		"no stamp":          {func(t *testing.T, dir, _ string) { remove(t, dir, stampName) }, "key", "no stamp of yours"},
		"a forged stamp":    {func(t *testing.T, dir, _ string) { forge(t, dir) }, "key", "no stamp of yours"},
		"a planted zip":     {func(t *testing.T, dir, _ string) { overwrite(t, dir, ZipName, []byte("zip")) }, "key", "bootstrap.zip was changed"},
		"a planted program": {func(t *testing.T, dir, _ string) { overwrite(t, dir, ProgramName, []byte("evil")) }, "key", "bootstrap was changed"},
		"both planted": {func(t *testing.T, dir, _ string) {
			overwrite(t, dir, ProgramName, []byte("evil"))
			overwrite(t, dir, ZipName, []byte("zip"))
		}, "key", "program and zip were changed"},
		"no program":           {func(t *testing.T, dir, _ string) { remove(t, dir, ProgramName) }, "key", "bootstrap was changed"},
		"no zip":               {func(t *testing.T, dir, _ string) { remove(t, dir, ZipName) }, "key", "bootstrap.zip was changed"},
		"the stamp of another": {func(t *testing.T, dir, older string) { take(t, dir, older, stampName) }, "key", "program and zip were changed"},
		"the zip of another":   {func(t *testing.T, dir, older string) { take(t, dir, older, ZipName) }, "key", "bootstrap.zip was changed"},
		"a zip without end": {func(t *testing.T, dir, _ string) {
			if err := os.Truncate(filepath.Join(dir, ZipName), 1<<40); err != nil {
				t.Fatal(err)
			}
		}, "key", "bootstrap.zip was changed"},
		"nothing": {func(t *testing.T, dir, _ string) {
			remove(t, dir, ProgramName)
			remove(t, dir, ZipName)
		}, "key", "not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, older := t.TempDir(), t.TempDir()
			deliver(t, dir, "key", inputs, program)
			deliver(t, older, "key", other, []byte("other"))
			if c.change != nil {
				c.change(t, dir, older)
			}
			zipped, err := open(t, dir, c.key).Vouched()
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				unpacked := t.TempDir()
				if err := Unpack(zipped.Data, unpacked); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(unpacked, ProgramName))
				info := stat(t, unpacked, ProgramName)
				if !bytes.Equal(got, program) || err != nil || info.Mode() != 0o755 {
					t.Errorf("the unpacked program is %d bytes, %v, %v", len(got), info.Mode(), err)
				}
				if got, err := os.ReadFile(filepath.Join(unpacked, "assets/a")); string(got) != "a" {
					t.Errorf("%q %v", got, err)
				}
			}
			if errors.Is(err, fs.ErrNotExist) != (name == "nothing") {
				t.Errorf("%v", err)
			}
		})
	}
}

// take copies a file from another folder.
func take(t *testing.T, dir, from, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, dir, name, data)
}

// TestTakeNothing: where the folder is not trusted, all of it is made anew, and is vouched for then.
func TestTakeNothing(t *testing.T) {
	dir := t.TempDir()
	deliver(t, dir, "key", inputs, program)
	f := open(t, dir, "key")
	f.TakeNothing()
	if _, ok := f.Delivered(inputs); ok {
		t.Error("what was there counts as delivered")
	}
	read := false
	p, err := f.Program(inputs.SHA256, func() ([]byte, error) { read = true; return program, nil })
	if err != nil || !read {
		t.Errorf("the program was taken from the folder: %v", err)
	}
	overwrite(t, dir, ZipName, []byte("planted"))
	zipped, err := f.Pack(inputs, p)
	if err != nil || zipped.seen != nil {
		t.Errorf("the zip was taken from the folder: %v", err)
	}
	if _, err := f.Deliver(inputs, p, zipped, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, "key").Vouched(); err != nil {
		t.Error(err)
	}
}

// TestTornPair: a run that ends between the files' names leaves a pair that is not taken, unless it is the old one or the
// new one; and the next run makes it whole.
func TestTornPair(t *testing.T) {
	strace, err := exec.LookPath("strace")
	require.Part(t, err == nil, "strace", "apt-get install strace")
	const calls = "renameat,renameat2,rename"
	states := map[string]int{}
	for _, fault := range []string{"signal=SIGKILL", "error=EIO", "error=ENOSPC"} {
		for n, name := range []string{ZipName, ProgramName, stampName, "none"} {
			dir := t.TempDir()
			deliver(t, dir, "key", inputs, program)
			cmd := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-o", "/dev/null", "-P", name, "-e", "trace="+calls,
				"-e", "inject="+calls+":"+fault, os.Args[0])
			cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), delivererEnv+"="+dir)
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "ptrace") {
				require.Part(t, false, "ptrace", string(out))
			}
			state := ""
			for _, name := range []string{ZipName, ProgramName, stampName} {
				isNext := map[string]func() bool{
					ZipName:     func() bool { return bytes.Equal(unzipped(t, dir), nextProgram) },
					ProgramName: func() bool { return bytes.Equal(read(t, dir, ProgramName), nextProgram) },
					stampName:   func() bool { return readStamp(read(t, dir, stampName), "key").Program == next.SHA256 },
				}[name]
				state += map[bool]string{true: "new ", false: "old "}[isNext()]
			}
			states[state]++
			_, vouched := open(t, dir, "key").Vouched()
			if whole := state == "old old old " || state == "new new new "; whole != (vouched == nil) {
				t.Errorf("%s of rename %d leaves %s, and that is taken: %v (%v %s)", fault, n+1, state, vouched == nil, err, out)
			}
			if state != "old old old " && state != "new new new " && fault != "signal=SIGKILL" && !strings.Contains(string(out), "run it again") {
				t.Errorf("%s of rename %d says %s", fault, n+1, out)
			}
			deliver(t, dir, "key", next, nextProgram)
			if _, err := open(t, dir, "key").Vouched(); err != nil || !bytes.Equal(read(t, dir, ProgramName), nextProgram) || !bytes.Equal(unzipped(t, dir), nextProgram) {
				t.Errorf("%s of rename %d: the next run does not mend it: %v", fault, n+1, err)
			}
			if got := names(t, dir); got != ".bootstrap.zip.json bootstrap bootstrap.zip" {
				t.Errorf("the folder has %s", got)
			}
		}
	}
	for _, want := range []string{"old old old ", "new old old ", "new new old ", "new new new "} {
		if states[want] != 3 {
			t.Errorf("the faults left %s: %v", want, states)
		}
	}
}

// next is what is delivered after [inputs].
var (
	nextProgram = bytes.Repeat([]byte("program2"), 1000)
	next        = func() Inputs {
		o := inputs
		o.SHA256 = sum(nextProgram).String()
		return o
	}()
)

// delivererEnv makes the test binary deliver next into the folder it names.
const delivererEnv = "LPIPE_TEST_DELIVER_TO"

func delivererMain(dir string) error {
	f, err := OpenFolder(filepath.Dir(dir), filepath.Base(dir), func() string { return "key" })
	if err != nil {
		return err
	}
	p, err := f.Program(next.SHA256, func() ([]byte, error) { return nextProgram, nil })
	if err != nil {
		return err
	}
	zipped, err := f.Pack(next, p)
	if err != nil {
		return err
	}
	_, err = f.Deliver(next, p, zipped, nil)
	var said *fault.Error
	if errors.As(err, &said) {
		return errors.New(said.Error() + "\n" + said.Fix)
	}
	return err
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unzipped is the program in a folder's zip.
func unzipped(t *testing.T, dir string) []byte {
	t.Helper()
	to := t.TempDir()
	if err := Unpack(read(t, dir, ZipName), to); err != nil {
		t.Fatal(err)
	}
	return read(t, to, ProgramName)
}

// FuzzStamp: nothing counts as a stamp that was not written with the key.
func FuzzStamp(f *testing.F) {
	good, err := stamp{Inputs: "o", Program: "p", Output: Output{Sums: Sums{SHA256: "z"}}}.write("key")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), "", "{}", `{"mac":null,"stamp":null}`, `{"mac":"","stamp":{}}`, strings.Replace(string(good), `"p"`, `"q"`, 1), string(good) + "x"} {
		f.Add([]byte(seed), "key")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		s := readStamp(data, key)
		if (s.Inputs != "" || s.Program != "" || s.SHA256 != "" || s.Seen != nil) && (key != "key" || s.Program != "p" || s.Inputs != "o" || s.SHA256 != "z") {
			t.Errorf("%q is a stamp for the key %q: %+v", data, key, s)
		}
	})
}

// FuzzUnpack: whatever the zip, nothing is written outside the folder.
func FuzzUnpack(f *testing.F) {
	good, err := Zip(inputs.Entries(File{Name: ProgramName, Data: program, Mode: 0o755}), inputs.Epoch)
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"assets/a", "../sets/a", "/ssets/a", "assets//", "./sets/a"} {
		f.Add(bytes.ReplaceAll(good, []byte("assets/a"), []byte(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = Unpack(data, dir)
		if got := names(t, top); got != "in" {
			t.Errorf("outside there is %s", got)
		}
	})
}
