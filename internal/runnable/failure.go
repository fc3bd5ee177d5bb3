package runnable

import (
	"errors"
	"fmt"
	"io/fs"

	"lpipe/internal/emulator"
	"lpipe/internal/fault"
)

// CannotRun explains an error of starting a program.
func CannotRun(name string, err error) error {
	if failed := new(emulator.IsolationError); errors.As(err, &failed) {
		return &fault.Error{
			Kind: fault.Usage, What: "cannot run " + name + " in a container", Err: err,
			Fix: "allow namespaces, as for the embedded engine (docs/engines.md; in a container, docker run --privileged), or leave out --isolate; " +
				"where a network of its own is all that is refused, --isolate-network default does without",
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &fault.Error{Kind: fault.Usage, What: "cannot run " + name, Err: err, Fix: "set TMPDIR to a folder on a disk that is not mounted noexec"}
	}
	return err
}

// Failed is the fault of an invocation that ended with a function error, nil for any other.
func Failed(c emulator.Config, r emulator.Result) error {
	if r.FunctionError == "" {
		return nil
	}
	f := &fault.Error{
		Kind: fault.Build, What: c.Name + " failed", Why: r.ErrorType,
		Fix: "the answer and the output above say why; correct the lambda or the event, and run lpipe build before the next lpipe invoke",
	}
	switch r.ErrorType {
	case "Runtime.OutOfMemory":
		f.Fix = fmt.Sprintf("it may use %d MB; give it more by --memory, as on AWS, or have it use less", c.Memory)
	case "Sandbox.Timedout":
		f.Fix = fmt.Sprintf("it has %s; give it more by --timeout, as on AWS, or look for what it waits for", c.Timeout)
	}
	return f
}
