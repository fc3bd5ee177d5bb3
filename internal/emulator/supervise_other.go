//go:build !linux

package emulator

import (
	"context"
	"errors"
)

func (launch) supervised(context.Context) (*process, error) {
	return nil, errors.ErrUnsupported
}

// IsolationError is why there is no container for a program on this machine.
type IsolationError struct{ Err error }

func (e *IsolationError) Error() string { return "isolating the program: " + e.Err.Error() }
func (e *IsolationError) Unwrap() error { return e.Err }

// Supervise is for Linux alone.
func Supervise([]string, []string) (bool, error) { return false, errors.ErrUnsupported }
