//go:build !linux

package daemon

import (
	"context"
	"net"
)

// Run returns [ErrUnsupported].
func Run(context.Context, Config) error { return ErrUnsupported }

// Dial returns [ErrUnsupported].
func Dial(string) (net.Conn, error) { return nil, ErrUnsupported }

// Running finds no daemon.
func Running(string) (Process, bool) { return Process{}, false }

// Stop has nothing to stop.
func Stop(context.Context, string) (bool, error) { return false, nil }
