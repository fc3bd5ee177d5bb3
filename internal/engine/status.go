package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
)

// State is what is known of the embedded engine without starting it.
type State struct {
	Running bool
	Process daemon.Process // when Running
	Root    string         // the state folder
	Log     string         // the log file, which may not exist yet
}

// Status tells whether the embedded engine of o.Root runs.
func Status(_ context.Context, o Options) (State, error) {
	root := stateFolder(o.withDefaults())
	if err := checkStateFolder(root); err != nil {
		return State{}, err
	}
	s := State{Root: root, Log: filepath.Join(root, daemon.LogName)}
	s.Process, s.Running = daemon.Running(root)
	return s, nil
}

// Stop ends the embedded engine of o.Root once its builds are done, and waits for that until ctx ends. It
// returns false when none was running.
func Stop(ctx context.Context, o Options) (bool, error) {
	root := stateFolder(o.withDefaults())
	if err := checkStateFolder(root); err != nil {
		return false, err
	}
	was, err := daemon.Stop(ctx, root)
	if err == nil {
		return was, nil
	}
	f := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine did not stop",
		Fix:  fmt.Sprintf("wait for its builds; \"lpipe engine status\" shows its process, and killing that loses only what is being built (%s)", root),
		Err:  err,
	}
	if p, ok := daemon.Running(root); ok && p.Suspended {
		f.Why = fmt.Sprintf("process %d is suspended, as by \"kill -STOP\" or a debugger", p.PID)
		f.Fix = fmt.Sprintf("let it go on with \"kill -CONT %d\": it then stops by itself", p.PID)
	}
	return was, f
}
