//go:build !linux

package daemon

import "context"

// Run returns [ErrUnsupported].
func Run(context.Context, Config) error { return ErrUnsupported }

// Running finds no daemon.
func Running(string) (Process, bool) { return Process{}, false }

// Stop has nothing to stop.
func Stop(context.Context, string) (bool, error) { return false, nil }
