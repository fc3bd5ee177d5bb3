package chaos

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// build is a run of lpipe.
type build struct {
	w      *world
	p      *project
	cmd    *exec.Cmd
	cancel func()
	out    bytes.Buffer
	err    error
	took   time.Duration
	begun  time.Time
	may    []map[string]string // what the programs may print, by lambda: one of these
}

func (w *world) start(p *project, options ...string) *build {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	b := &build{w: w, p: p, cancel: cancel, begun: time.Now(), may: []map[string]string{snapshot(p)}}
	b.cmd = exec.CommandContext(ctx, w.program, append([]string{"build"}, options...)...)
	b.cmd.Dir, b.cmd.Env = p.dir, w.env
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.out
	b.cmd.WaitDelay = time.Second
	if err := b.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (b *build) wait() {
	b.err = b.cmd.Wait()
	b.took = time.Since(b.begun)
	b.cancel()
}

// outcome is a word on how the build ended: its time, or what lpipe said.
func (b *build) outcome() string {
	healed := ""
	for line := range strings.Lines(b.out.String()) {
		if strings.Contains(line, "damaged") {
			healed += " [" + strings.TrimSpace(line) + "]"
		}
	}
	if b.err == nil {
		return b.took.Round(100*time.Millisecond).String() + healed
	}
	_, said, _ := strings.Cut(b.out.String(), "lpipe: error: ")
	said, _, _ = strings.Cut(said, "\n")
	return b.err.Error() + " " + said + healed
}

// check compares the programs with the sources when the build ended well, and fails the test where it did not and had to.
func (b *build) check(mayFail bool) {
	t := b.w.t
	if b.err != nil {
		if !mayFail {
			t.Errorf("a build with no fault failed: %s\n%s", b.outcome(), b.out.String())
		}
		return
	}
	said := map[string]string{}
	for lambda := range lambdas {
		dir := filepath.Join(b.p.dir, "target", "lambda", lambda)
		program := filepath.Join(dir, "bootstrap")
		out, err := exec.Command(program).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", program, err, out)
		}
		said[lambda] = string(out)
		if whole, err := os.ReadFile(program); err != nil || !bytes.Equal(whole, zipped(dir)) {
			t.Errorf("the zip of %s does not hold its program (%v)", lambda, err)
		}
	}
	same := func(one map[string]string) bool {
		for lambda, text := range said {
			if one[lambda] != text {
				return false
			}
		}
		return true
	}
	if !slices.ContainsFunc(b.may, same) {
		t.Errorf("the programs print %q, and the sources say %q\n%s", said, b.may, b.out.String())
	}
	b.leftovers()
}

// zipped is the program in the zip of a folder, nil where there is none.
func zipped(dir string) []byte {
	z, err := zip.OpenReader(filepath.Join(dir, "bootstrap.zip"))
	if err != nil {
		return nil
	}
	defer z.Close()
	f, err := z.Open("bootstrap")
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil
	}
	return data
}

// leftovers looks for temporary files in the output.
func (b *build) leftovers() {
	err := filepath.WalkDir(filepath.Join(b.p.dir, "target"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !slices.Contains([]string{"bootstrap", "bootstrap.zip", ".bootstrap.zip.json", ".bootstrap.zip.inputs.json"}, d.Name()) {
			b.w.t.Errorf("beside the output: %s", name)
		}
		return err
	})
	if err != nil {
		b.w.t.Error(err)
	}
}

// end stops the engine, and looks for what is left of it.
func (w *world) end() {
	w.run("engine", "stop")
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, w.root+"/") {
			w.t.Errorf("still mounted: %s", line)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range processes {
		text, _ := os.ReadFile(name)
		if bytes.Contains(text, []byte(w.program)) || bytes.Contains(text, []byte(w.root)) {
			w.t.Errorf("still running: %q", text)
		}
	}
}
