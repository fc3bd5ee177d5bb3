// Package runnable makes of built lambdas what package emulator runs on this machine: programs with their settings, in a container or
// out of it, and with an emulator of another processor where they need one.
package runnable

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/build"
	"lpipe/internal/emulator"
	"lpipe/internal/foreign"
	"lpipe/internal/project"
)

// Settings are how programs run.
type Settings struct {
	Env     []string // NAME=value
	Memory  int      // in MB
	Timeout time.Duration
	Log     emulator.LogFormat
	Managed int // requests that a process has at a time, 0 where it has one as on Lambda's own instances

	Isolation      *Isolation // nil for none
	QEMU           bool       // programs for other processors are emulated
	LimitBandwidth bool       // streams are as slow as on Lambda
}

// Config is the configuration of a function that its program is told.
func (s Settings) Config(name string) emulator.Config {
	return emulator.Config{Name: name, Memory: s.Memory, Timeout: s.Timeout, LogFormat: s.Log, MaxConcurrency: s.Managed, LimitBandwidth: s.LimitBandwidth}
}

// Program is a lambda as the last build left it, whose lines out takes; clean removes it. The supervisor is a command that calls
// [emulator.Supervise] and gets the folder to remove first. The warnings are for whoever runs it, also beside an error.
func (s Settings) Program(ctx context.Context, here *project.Here, t project.Target, supervisor []string, out io.Writer) (
	program emulator.Program, warnings []string, clean func(), err error,
) {
	l := t.Lambda
	if err := s.Check(l); err != nil {
		return program, nil, nil, err
	}
	dir, from, err := here.Unpack(t)
	if err != nil {
		return program, nil, nil, err
	}
	clean = func() { os.RemoveAll(dir) }
	if now, err := new(build.Present).Sources(t); err == nil && from != "" && now != from {
		warnings = append(warnings, foreign.Sprintf("the sources of %s changed since it was built; lpipe build %s builds it anew", l.Label(), l.Name))
	}
	task := filepath.Join(dir, project.TaskFolder)
	extensions, err := emulator.Extensions(task)
	if err != nil {
		clean()
		return program, warnings, nil, err
	}
	if len(extensions) > 0 {
		warnings = append(warnings, foreign.Sprintf("%s has extensions in its zip, which are started here: %s; AWS starts those of layers alone: make them a layer, as docs/artifact.md says",
			l.Label(), strings.Join(extensions, ", ")))
	}
	program = emulator.Program{
		Config: s.Config(l.Name), Path: filepath.Join(task, artifact.ProgramName), Dir: task, Opt: filepath.Join(dir, project.OptFolder), Env: s.Env, Stdout: out, Stderr: out,
		Supervisor: append(supervisor[:len(supervisor):len(supervisor)], dir),
	}
	if !runsHere(l.Arch) {
		program.Runner = s.emulatorOf(l.Arch)
	}
	return program, warnings, clean, nil
}
