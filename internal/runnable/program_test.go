package runnable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/emulator"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
)

// built is a lambda for this machine with what a build left of it.
func built(t *testing.T, included ...artifact.Entry) (*project.Here, project.Target) {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	t.Chdir(testparts.Project(t, `
-- Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
edition = "2021"
-- Cargo.lock --
version = 4

[[package]]
name = "orders"
version = "1.0.0"
-- lpipe.toml --
[build]
arch = ["`+arch+`"]
-- src/main.rs --
fn main() {}
`))
	here, err := project.NewHere(map[string]string{"HOME": t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	projects, err := here.Open(nil, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	target := project.Targets(projects)[0]
	key, _ := here.Key(projects)
	folder, err := target.OpenOutput(key)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("#!/bin/sh\n")
	sum := sha256.Sum256(data)
	in := artifact.Inputs{SHA256: hex.EncodeToString(sum[:]), Included: included, Sources: "sources of then"}
	program, err := folder.Program(in.SHA256, func() ([]byte, error) { return data, nil })
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := folder.Pack(in, program)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Deliver(in, program, zipped, nil); err != nil {
		t.Fatal(err)
	}
	return here, target
}

// TestAProgramIsWhatWasBuilt, unpacked for itself, with the settings, and with what is to be said of it.
func TestAProgramIsWhatWasBuilt(t *testing.T) {
	here, target := built(t, artifact.Entry{Name: "extensions/logs", Data: []byte("#!/bin/sh\n"), Executable: true})
	s := Settings{Env: []string{"A=b"}, Memory: 512, Timeout: time.Second, Log: emulator.LogJSON, Managed: 8, LimitBandwidth: true}
	var out strings.Builder
	supervisor := make([]string, 1, 8)
	supervisor[0] = "supervise"
	p, warnings, clean, err := s.Program(t.Context(), here, target, supervisor, &out)
	if err != nil {
		t.Fatal(err)
	}
	want := emulator.Config{Name: "orders", Memory: 512, Timeout: time.Second, LogFormat: emulator.LogJSON, MaxConcurrency: 8, LimitBandwidth: true}
	if p.Config != want || !slices.Equal(p.Env, s.Env) || p.Stdout != &out || p.Stderr != &out || p.Isolation != nil || p.Runner != nil {
		t.Errorf("%+v", p)
	}
	dir := filepath.Dir(p.Dir)
	if !slices.Equal(p.Supervisor, []string{"supervise", dir}) || p.Path != filepath.Join(p.Dir, artifact.ProgramName) || filepath.Dir(p.Opt) != dir {
		t.Errorf("%q, %s, %s", p.Supervisor, p.Path, p.Opt)
	}
	if data, err := os.ReadFile(p.Path); err != nil || string(data) != "#!/bin/sh\n" {
		t.Errorf("%q, %v", data, err)
	}
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0], "the sources of orders changed") || !strings.Contains(warnings[1], "orders has extensions in its zip, which are started here: logs;") {
		t.Errorf("%q", warnings)
	}
	clean()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestWhatWasNotBuiltIsNoProgram: a zip that somebody changed is none of lpipe's.
func TestWhatWasNotBuiltIsNoProgram(t *testing.T) {
	here, target := built(t)
	if err := os.WriteFile(filepath.Join(target.OutputDir(), artifact.ZipName), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, clean, err := (Settings{}).Program(t.Context(), here, target, nil, nil); err == nil || clean != nil || !strings.Contains(err.Error(), "is not what lpipe built") {
		t.Error(err)
	}
	target.Lambda.Arch = "riscv64"
	if _, _, _, err := (Settings{}).Program(t.Context(), here, target, nil, nil); err == nil || !strings.Contains(err.Error(), "cannot run on this machine") {
		t.Error(err)
	}
}
