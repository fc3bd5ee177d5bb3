package runnable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
)

// TestIsolatedNetworks: none unless it is asked for.
func TestIsolatedNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"none": "no network (", "default": "the network of this machine", "5432": "no network but this machine's loopback at 5432", "80,79,80": "no network but this machine's loopback at 79, 80",
		"host": `"host" is no port`, "": `"" is no port`, "5432,": `"" is no port`, "0": "ports are 1 to 65535", "65536": "ports are 1 to 65535", "9001": "that of the Runtime API",
		strings.TrimSuffix(strings.Repeat("1,", 65), ","): "no network but this machine's loopback at 1",
	} {
		n, err := ParseNetwork(text)
		got := n.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
	var many []string
	for port := range emulator.MostPorts + 1 {
		many = append(many, strconv.Itoa(port+1))
	}
	if _, err := ParseNetwork(strings.Join(many, ",")); err == nil {
		t.Error("too many ports are taken")
	}
}

// TestFailuresSayWhatToDo: function errors, and what keeps a program from starting.
func TestFailuresSayWhatToDo(t *testing.T) {
	c := emulator.Config{Name: "orders", Memory: 256, Timeout: 3 * time.Second}
	for errorType, want := range map[string]string{"Runtime.OutOfMemory": "256 MB; give it more by --memory", "Sandbox.Timedout": "it has 3s; give it more by --timeout", "My.Error": "correct the lambda"} {
		f := new(fault.Error)
		if err := Failed(c, emulator.Result{FunctionError: "Unhandled", ErrorType: errorType}); !errors.As(err, &f) || f.Kind != fault.Build || f.What != "orders failed" || !strings.Contains(f.Fix, want) {
			t.Errorf("%s: %+v", errorType, f)
		}
	}
	if err := Failed(c, emulator.Result{}); err != nil {
		t.Error(err)
	}
	other := errors.New("other")
	for err, want := range map[error]string{&emulator.IsolationError{Err: other}: "leave out --isolate", fs.ErrPermission: "set TMPDIR", other: ""} {
		f := new(fault.Error)
		if got := CannotRun("orders", err); !errors.Is(got, err) || errors.As(got, &f) != (want != "") || !strings.Contains(f.Fix, want) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestImagesOfContainers: that of the runtime unless another one is named, of which the folder is where the user is.
func TestImagesOfContainers(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for text, want := range map[string]string{
		"alpine:3": "alpine:3", "oci-layout://images": "oci-layout://" + filepath.Join(dir, "images"), "oci-layout:///a": "oci-layout:///a",
		"Not An Image": "is no image", "oci-layout://": "is no image",
	} {
		got, err := ParseImage(text)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for named, want := range map[string]string{"": "public.ecr.aws/lambda/provided:al2023", "alpine:3": "alpine:3"} {
		if got := (&Isolation{Image: named}).ImageFor("provided.al2023"); got != want {
			t.Errorf("%q: %s", named, got)
		}
	}
}

// TestContainersAreAsTheFlagsSay, and told in words.
func TestContainersAreAsTheFlagsSay(t *testing.T) {
	i := &Isolation{Storage: 600, Network: Network{Ports: []int{80}}}
	p := emulator.Program{Config: emulator.Config{Memory: 512}}
	words := i.Put(&p, "/root")
	if want := (emulator.Isolation{Root: "/root", Temp: 600, Ports: []int{80}}); !reflect.DeepEqual(*p.Isolation, want) {
		t.Errorf("%+v, want %+v", *p.Isolation, want)
	}
	for _, want := range []string{"512 MB of memory", "600 MB in /tmp", "loopback at 80"} {
		if !strings.Contains(words, want) {
			t.Errorf("%s: there is no %s", words, want)
		}
	}
}

// path puts the programs, none of which is one, into a folder that alone is searched.
func path(t *testing.T, programs ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

// TestOtherProcessorsNeedAnEmulator, which a container needs linked statically.
func TestOtherProcessorsNeedAnEmulator(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("programs for Lambda run on Linux")
	}
	own, other, qemu := "x86_64", "arm64", "qemu-aarch64"
	if runtime.GOARCH == "arm64" {
		own, other, qemu = other, own, "qemu-x86_64"
	}
	isolated := &Isolation{}
	for _, c := range []struct {
		name     string
		settings Settings
		arch     string
		programs []string
		fix      string // "" where it runs
	}{
		{"its own", Settings{}, own, nil, ""},
		{"none", Settings{}, other, nil, "install " + qemu},
		{"one, not asked for", Settings{}, other, []string{qemu}, "have " + qemu + " run it: --qemu"},
		{"none, asked for", Settings{QEMU: true}, other, nil, "install QEMU's user emulation"},
		{"one", Settings{QEMU: true}, other, []string{qemu}, ""},
		{"one of another name", Settings{QEMU: true}, other, []string{qemu + "-static"}, ""},
		{"one that is not static", Settings{QEMU: true, Isolation: isolated}, other, []string{qemu}, "install QEMU's static user emulation"},
	} {
		dir := path(t, c.programs...)
		l := &plan.Lambda{Name: "orders", Arch: c.arch}
		err := c.settings.Check(l)
		f := new(fault.Error)
		if errors.As(err, &f) != (c.fix != "") || !strings.Contains(f.Fix, c.fix) || c.settings.Runs(c.arch) != (c.fix == "") {
			t.Errorf("%s: %v, %s", c.name, err, f.Fix)
		}
		if c.fix == "" && c.arch == other {
			if got := c.settings.emulatorOf(other); got[0] != filepath.Join(dir, c.programs[0]) || got[1] != "-L" {
				t.Errorf("%s: %q", c.name, got)
			}
		}
	}
}
