package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/emulator"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/limits"
	"lpipe/internal/plan"
)

// isolation is how lpipe invoke and lpipe serve run programs in containers.
type isolation struct {
	image   string // "" for that of the runtime
	storage int    // the size of /tmp in MB
	network isolatedNetwork
}

// isolatedNetwork is what a program in a container reaches.
type isolatedNetwork struct {
	host  bool  // what this machine does
	ports []int // of this machine's loopback, otherwise
}

// isolatedNetworks are the words of --isolate-network, those of the network of a build.
var isolatedNetworks = []string{"none", "default"}

// checkIsolatedNetwork reads --isolate-network, or adds to l what is wrong with it.
func checkIsolatedNetwork(text string, l *fault.List) (n isolatedNetwork) {
	const fix = "there are none, default, and ports of this machine's loopback, such as --isolate-network 5432,6379"
	if slices.Contains(isolatedNetworks, text) {
		return isolatedNetwork{host: text == "default"}
	}
	for one := range strings.SplitSeq(text, ",") {
		port, err := strconv.Atoi(one)
		if err != nil {
			l.Addf("--isolate-network "+fault.Quote(text)+" is no network", fault.Quote(one)+" is no port", fix)
			return n
		}
		if err := emulator.CheckPort(port); err != nil {
			l.Addf("--isolate-network "+fault.Quote(text)+" is no network", err.Error(), fix)
			return n
		}
		n.ports = append(n.ports, port)
	}
	slices.Sort(n.ports)
	if n.ports = slices.Compact(n.ports); len(n.ports) > emulator.MostPorts {
		l.Addf("--isolate-network has too many ports", fmt.Sprintf("there may be %d", emulator.MostPorts), "name those that the program needs, or --isolate-network default")
	}
	return n
}

// String is what is said of it to the user.
func (n isolatedNetwork) String() string {
	switch {
	case n.host:
		return "the network of this machine"
	case len(n.ports) == 0:
		return "no network (--isolate-network default gives it that of this machine)"
	}
	var ports []string
	for _, p := range n.ports {
		ports = append(ports, strconv.Itoa(p))
	}
	return "no network but this machine's loopback at " + strings.Join(ports, ", ")
}

// isolate has the program of a lambda run in a container, and says with what.
func (a *app) isolate(ctx context.Context, cfg *config.Config, i *isolation, l *plan.Lambda, p *emulator.Program) error {
	if i == nil {
		return nil
	}
	image := i.image
	if image == "" {
		image = runtimeImage(l.Build.Runtime)
	}
	root, err := a.imageRoot(ctx, cfg, image, l.Arch)
	if err != nil {
		return &fault.Error{
			Kind: fault.Worst(err), What: "cannot get the files of the image " + image, Err: err,
			Fix: "name another one, from a registry that the engine reaches: --isolate --isolate-image IMAGE",
		}
	}
	p.Isolation = &emulator.Isolation{Root: root, Temp: i.storage, HostNetwork: i.network.host, Ports: i.network.ports}
	processor := fmt.Sprintf("%.2f of a processor", float64(p.Memory)/limits.MemoryPerProcessor)
	if err := emulator.CanShareCPU(); err != nil {
		processor = "all processors (" + err.Error() + ")"
	}
	foreign.Fprintf(a.Err, "lpipe: %s runs in a container with the files of %s: %d MB of memory, looked at every 20 ms; %s; %d MB in /tmp; %s\n",
		l.Label(), image, p.Memory, processor, i.storage, i.network.String())
	return nil
}

// runtimeImage is the image that AWS publishes of a runtime: https://gallery.ecr.aws/lambda/provided
func runtimeImage(runtime string) string {
	return "public.ecr.aws/lambda/" + strings.Replace(runtime, ".", ":", 1)
}

// imageRoot is a folder with the files of an image, which an engine of the configuration gets.
func (a *app) imageRoot(ctx context.Context, cfg *config.Config, image, arch string) (string, error) {
	joined, err := a.join(cfg)
	if err != nil {
		return "", err
	}
	o, err := a.engineOptions(cfg, joined)
	if err != nil {
		return "", err
	}
	opened, _, err := engine.OpenEach(ctx, o, engine.ChooseEach(o), nil)
	if err != nil {
		return "", err
	}
	for _, e := range opened {
		defer e.Close()
	}
	root, held, err := build.Root(ctx, opened[0], build.Logins(cfg, joined.Env, nil), image, arch, a.env)
	switch {
	case err != nil:
		return "", err
	case a.held[root] != nil: // by a program before
		held.Close()
	default:
		a.held[root] = held
	}
	return root, nil
}

// checkImage returns an image of a flag with an absolute folder, or adds to l what is wrong with it.
func checkImage(flag, image string, l *fault.List) string {
	layout, ok := config.ParseLayout(image)
	if ok && layout.Dir != "" {
		if dir, err := filepath.Abs(layout.Dir); err == nil {
			layout.Dir = dir
		}
		image = layout.String()
	}
	if why, fix := config.CheckBase(image); why != "" {
		l.Addf(flag+" "+fault.Quote(image)+" is no image", why, fix)
	}
	return image
}

// emulators are the programs of QEMU that run those of an architecture of Lambda, and where Debian has the libraries that
// these need if they are linked dynamically.
var emulators = map[string]struct{ program, libraries string }{
	"arm64": {"qemu-aarch64", "/usr/aarch64-linux-gnu"}, "x86_64": {"qemu-x86_64", "/usr/x86_64-linux-gnu"},
}

// emulatorOf is the command that runs programs of another architecture; nil where there is none on this machine. One for a
// container is linked statically, and programs find the libraries of the image.
func (r running) emulatorOf(arch string) []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	e := emulators[arch]
	for _, name := range []string{e.program, e.program + "-static"} {
		path, err := exec.LookPath(name)
		switch {
		case err != nil:
		case r.isolation == nil:
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

// runs reports whether this machine runs programs for an architecture of Lambda as the flags say.
func (r running) runs(arch string) bool { return runsHere(arch) || r.qemu && r.emulatorOf(arch) != nil }

// canRun fails for a lambda that this machine does not run.
func (r running) canRun(l *plan.Lambda) error {
	if r.runs(l.Arch) {
		return nil
	}
	f := &fault.Error{
		Kind: fault.Usage, What: l.Label() + " cannot run on this machine",
		Why: fmt.Sprintf("it is built for Linux on %s, and this is %s on %s", l.Arch, runtime.GOOS, runtime.GOARCH),
		Fix: "build it for this machine first: lpipe build --arch ARCH; or run it on such a machine",
	}
	switch program := emulators[l.Arch].program; {
	case runtime.GOOS != "linux":
	case r.emulatorOf(l.Arch) != nil:
		f.Fix += "; or have " + program + " run it: --qemu"
	case r.qemu && r.isolation != nil:
		f.Why += ", without a " + program + " that is linked statically, as a container needs it"
		f.Fix = "install QEMU's static user emulation (qemu-user-static in Debian, Ubuntu and Fedora)"
	case r.qemu:
		f.Why += ", without " + program
		f.Fix = "install QEMU's user emulation (qemu-user in Debian and Ubuntu, qemu-user-static in Fedora)"
	default:
		f.Fix += "; or install " + program + " (qemu-user in Debian and Ubuntu) and add --qemu"
	}
	return f
}
