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
	Others  []State        // those that run for projects which reach registries in ways of their own
}

// Status tells whether the embedded engines of o.Root run.
func Status(_ context.Context, o Options) (State, error) {
	o = o.withDefaults()
	if err := checkStateFolder(commonFolder(o)); err != nil {
		return State{}, err
	}
	var all []State
	for _, root := range stateFolders(o) {
		s := State{Root: root, Log: filepath.Join(root, daemon.LogName)}
		if s.Process, s.Running = daemon.Running(root); s.Running || len(all) == 0 {
			all = append(all, s)
		}
	}
	all[0].Others = all[1:]
	return all[0], nil
}

// Stop ends the embedded engines of o.Root once their builds are done, and waits for that until ctx ends. It returns false
// when none was running.
func Stop(ctx context.Context, o Options) (bool, error) {
	was := false
	var l fault.List
	for _, root := range stateFolders(o.withDefaults()) {
		stopped, err := stop(ctx, root)
		was = was || stopped
		l.Add(err)
	}
	return was, l.Err()
}

// stop ends the engine of a state folder. It returns false when none was running.
func stop(ctx context.Context, root string) (bool, error) {
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
