package runnable

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

// emulators are the programs of QEMU that run those of an architecture of Lambda, and where Debian has the libraries that
// these need if they are linked dynamically.
var emulators = map[string]struct{ program, libraries string }{
	"arm64": {"qemu-aarch64", "/usr/aarch64-linux-gnu"}, "x86_64": {"qemu-x86_64", "/usr/x86_64-linux-gnu"},
}

// emulatorOf is the command that runs programs of another architecture; nil where there is none on this machine. One for a
// container is linked statically, and programs find the libraries of the image.
func (s Settings) emulatorOf(arch string) []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	e := emulators[arch]
	for _, name := range []string{e.program, e.program + "-static"} {
		path, err := exec.LookPath(name)
		switch {
		case err != nil:
		case s.Isolation == nil:
			return []string{path, "-L", e.libraries}
		case isStatic(path):
			return []string{path}
		}
	}
	return nil
}

// isStatic reports whether a program needs no other file to start.
func isStatic(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && artifact.IsStatic(data)
}

// runsHere reports whether this machine runs programs for an architecture of Lambda by itself.
func runsHere(arch string) bool {
	return runtime.GOOS == "linux" && map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH] == arch
}

// Runs reports whether this machine runs programs for an architecture of Lambda.
func (s Settings) Runs(arch string) bool {
	return runsHere(arch) || s.QEMU && s.emulatorOf(arch) != nil
}

// Check fails for a lambda that this machine does not run.
func (s Settings) Check(l *plan.Lambda) error {
	if s.Runs(l.Arch) {
		return nil
	}
	f := &fault.Error{
		Kind: fault.Usage, What: l.Label() + " cannot run on this machine",
		Why: fmt.Sprintf("it is built for Linux on %s, and this is %s on %s", l.Arch, runtime.GOOS, runtime.GOARCH),
		Fix: "build it for this machine first: lpipe build --arch ARCH; or run it on such a machine",
	}
	switch program := emulators[l.Arch].program; {
	case runtime.GOOS != "linux":
	case s.emulatorOf(l.Arch) != nil:
		f.Fix += "; or have " + program + " run it: --qemu"
	case s.QEMU && s.Isolation != nil:
		f.Why += ", without a " + program + " that is linked statically, as a container needs it"
		f.Fix = "install QEMU's static user emulation (qemu-user-static in Debian, Ubuntu and Fedora)"
	case s.QEMU:
		f.Why += ", without " + program
		f.Fix = "install QEMU's user emulation (qemu-user in Debian and Ubuntu, qemu-user-static in Fedora)"
	default:
		f.Fix += "; or install " + program + " (qemu-user in Debian and Ubuntu) and add --qemu"
	}
	return f
}
