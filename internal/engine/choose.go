package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lpipe/internal/fault"
)

// Kind is one way to have a BuildKit: see the package comment. Each has a file of its own, which chooses and opens it.
type Kind string

// named are the kinds that --engine and LPIPE_ENGINE know by name; all else is an address.
var named = []struct {
	Kind
	choose func(o Options, h host, why string) (Choice, error)
}{
	{Embedded, chooseEmbedded},
	{Docker, chooseDocker},
}

// Names are the words that --engine takes in place of an address.
func Names() (all []string) {
	for _, kind := range named {
		all = append(all, string(kind.Kind))
	}
	return all
}

// Choice is an engine that was picked; whether it answers is not known yet.
type Choice struct {
	Kind    Kind
	Address string // of the BuildKit or of Docker Engine; for the embedded engine its state folder
	// Local is set by who resolved the address, where the engine is known to run on this machine, in its network, for this
	// user alone. What must not reach anybody else asks for it, so an engine of which nothing is known gets none of that.
	Local   bool
	Why     string   // the setting that decided, such as "BUILDKIT_HOST"
	Skipped []string // which better engines were passed over, and why
	tls     tlsFiles
	open    func(ctx context.Context, o Options, c Choice) (*Engine, error)
}

// Choose decides which engine a run uses, and starts none. In this order:
// Options.Engine or Options.Builder; LPIPE_ENGINE; BUILDKIT_HOST; DOCKER_HOST, DOCKER_CONTEXT, a docker context
// other than the default, or BUILDX_BUILDER; the embedded engine where it can run; Docker Engine on its default
// socket.
func Choose(o Options) (Choice, error) {
	return choose(o.withDefaults(), thisHost{})
}

// host is what the decision needs to know of the machine.
type host interface {
	files
	embeddable(o Options) error   // nil when the embedded engine can run here
	accepts(address string) error // nil when something listens on a docker socket
}

// files are where docker and buildx keep their settings.
type files interface {
	readFile(path string) ([]byte, error)
	listFiles(folder string) (names []string)
}

func choose(o Options, h host) (Choice, error) {
	if o.Engine != "" && o.Builder != "" {
		return Choice{}, &fault.Error{
			Kind: fault.Usage,
			What: "--engine and --builder both pick an engine",
			Why:  fmt.Sprintf("--engine is %q and --builder is %q", o.Engine, o.Builder),
			Fix:  "give one of them",
		}
	}
	docker := dockerSettings{o.Getenv, h}
	switch {
	case o.Engine != "":
		return byName(o, h, o.Engine, "--engine "+o.Engine)
	case o.Builder != "":
		return docker.builder(o.Builder, "--builder "+o.Builder)
	case o.Getenv("LPIPE_ENGINE") != "":
		return byName(o, h, o.Getenv("LPIPE_ENGINE"), "LPIPE_ENGINE")
	case o.Getenv("BUILDKIT_HOST") != "":
		return address(o, o.Getenv("BUILDKIT_HOST"), "BUILDKIT_HOST")
	case o.Getenv("BUILDX_BUILDER") != "":
		return docker.builder(o.Getenv("BUILDX_BUILDER"), "BUILDX_BUILDER")
	}
	c, explicit, err := docker.engine()
	if err != nil || explicit {
		return c, err
	}
	own, embeddedErr := chooseEmbedded(o, h, "nothing else is configured")
	if embeddedErr == nil {
		return own, nil
	}
	skipped := fmt.Sprintf("embedded: %v", embeddedErr)
	dockerErr := h.accepts(c.Address)
	if dockerErr == nil {
		c.Skipped = append(c.Skipped, skipped)
		return c, nil
	}
	return Choice{}, noEngine(embeddedErr, dockerErr)
}

// byName resolves the value of --engine or LPIPE_ENGINE.
func byName(o Options, h host, name, why string) (Choice, error) {
	for _, kind := range named {
		if string(kind.Kind) == name {
			return kind.choose(o, h, why)
		}
	}
	names := Names()
	if strings.Contains(name, "://") {
		return address(o, name, why)
	}
	fix := "use " + strings.Join(names, ", ") + ", or an address such as unix:///run/buildkit/buildkitd.sock; a buildx builder goes to --builder"
	if near := fault.Nearest(name, names); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	return Choice{}, &fault.Error{
		Kind: fault.Usage,
		What: fmt.Sprintf("unknown engine %q", name),
		Why:  "it was given by " + why,
		Fix:  fix,
	}
}

// noEngine is the error of a machine without any engine, with all the ways out.
func noEngine(embedded, docker error) error {
	fix := "start Docker, or give the address of a buildkitd with --engine"
	if f := (*fault.Error)(nil); errors.As(embedded, &f) && f.Fix != "" {
		fix = f.Fix + "\nor " + fix
	}
	return &fault.Error{
		Kind: fault.Engine,
		What: "there is no BuildKit to build with",
		Why:  fmt.Sprintf("embedded: %v\ndocker: %v", embedded, docker),
		Fix:  fix,
		Err:  embedded,
	}
}
