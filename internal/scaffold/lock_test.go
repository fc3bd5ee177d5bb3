package scaffold

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/require"
)

// kinds are answers of each lock file.
func kinds() []Answers {
	all := []Answers{{Name: "orders", HTTP: true, Runtime: "crate"}}
	for _, t := range eventTypes {
		all = append(all, Answers{Name: "orders", EventType: t.name, Runtime: "crate"})
	}
	return all
}

// write writes files below a folder.
func write(t *testing.T, dir string, files []File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cargo runs cargo, which needs crates.io, in a folder.
func cargo(t *testing.T, dir string, args ...string) {
	t.Helper()
	_, err := exec.LookPath("cargo")
	require.Part(t, err == nil, "cargo", "scripts/test installs it")
	cmd := exec.Command("cargo", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cargo %v: %v\n%s", args, err, out)
	}
}

// TestLocksAreCargos: cargo takes the lock files as they are. With -update cargo writes them.
func TestLocksAreCargos(t *testing.T) {
	if !golden.Updating() && !require.Slow(t) {
		return
	}
	for _, a := range kinds() {
		t.Run(a.kind().name, func(t *testing.T) {
			dir := t.TempDir()
			files, err := Package(a, "")
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, files)
			if golden.Updating() {
				cargo(t, dir, "generate-lockfile")
				data, err := os.ReadFile(filepath.Join(dir, "Cargo.lock"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, ".", []File{{Name: "locks/" + a.kind().name + ".lock", Data: data}})
				return
			}
			data, err := NewLock(a)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, []File{{Name: "Cargo.lock", Data: data}})
			cargo(t, dir, "metadata", "--locked", "--format-version=1")
		})
	}
}

func TestALockIsWrittenAsCargoDoes(t *testing.T) {
	for _, a := range kinds() {
		a.Name = "orders"
		want, err := embedded.ReadFile("locks/" + a.kind().name + ".lock")
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewLock(a)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: it is written in another way", a.kind().name)
		}
		a.Name = "a-first"
		got, err = NewLock(a)
		if err != nil || strings.Contains(string(got), `"orders"`) || !strings.Contains(string(got), "\n\n[[package]]\nname = \"a-first\"\nversion = \"0.1.0\"\ndependencies = [\n") {
			t.Errorf("%s of another name: %v", a.kind().name, err)
		}
	}
}

func TestAMemberIsAddedToALock(t *testing.T) {
	http := Answers{Name: "web", HTTP: true, Runtime: "crate"}
	sqs := Answers{Name: "jobs", EventType: "sqs", Runtime: "crate"}
	plain := Answers{Name: "plain", Runtime: "none"}
	before, err := NewLock(http)
	if err != nil {
		t.Fatal(err)
	}
	more, reason := AddToLock(sqs, before)
	if reason != "" {
		t.Fatal(reason)
	}
	more, reason = AddToLock(plain, more)
	if reason != "" {
		t.Fatal(reason)
	}
	for _, want := range []string{"\nname = \"web\"\n", "\nname = \"jobs\"\n", "\nname = \"plain\"\nversion = \"0.1.0\"\n\n", "\nname = \"lambda_http\"\n"} {
		if strings.Count(string(more), want) != 1 {
			t.Errorf("there is %d times %q", strings.Count(string(more), want), want)
		}
	}

	const tokio = "version = 4\n\n[[package]]\nname = \"tokio\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
	for text, want := range map[string]string{
		"# old\n" + tokio: "it has tokio 1.0.0, and lpipe knows what goes with ",
		"# no version\n":  "it is of a format that lpipe does not write",
		"#\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://example.com/a#0\"\n": "it has a from a git repository",
		"#\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n]\n":             `it has the dependency "b", which lpipe does not write`,
		"#\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[metadata]\n":                             `it has "[metadata]", which lpipe does not write`,
	} {
		if _, reason := AddToLock(sqs, []byte(text)); !strings.HasPrefix(reason, want) {
			t.Errorf("%q is refused with %q, want %q", text, reason, want)
		}
	}
}

// FuzzAddToLock: whatever stands in a lock file, what is added to it can be read again.
func FuzzAddToLock(f *testing.F) {
	plain := Answers{Name: "plain", Runtime: "none"}
	lock, err := NewLock(plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(lock)
	f.Add([]byte("\nversion = 3\n\n[[package]]\nname = \"a\"\nversion = \"0.0.1\"\ndependencies = [\n \"a\",\n]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		added, reason := AddToLock(plain, data)
		if reason != "" {
			return
		}
		l, err := parseLock(string(added))
		if err != nil || len(l.packages) == 0 {
			t.Errorf("%q became %q: %v", data, added, err)
		}
	})
}

func TestVersionsAreInCargosOrder(t *testing.T) {
	versions := []string{"0.9.0", "0.10.0", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.0+a", "1.0.0+b", "10.0.0"}
	l := lock{head: "version = 4\n"}
	for _, v := range slices.Backward(versions) {
		l.packages = append(l.packages, locked{name: "a", version: v})
	}
	var got []string
	for line := range strings.Lines(string(l.bytes())) {
		if version, ok := strings.CutPrefix(line, `version = "`); ok {
			got = append(got, strings.TrimRight(version, "\"\n"))
		}
	}
	if !slices.Equal(got, versions) {
		t.Errorf("got %q", got)
	}
}
