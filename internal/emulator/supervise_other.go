//go:build !linux

package emulator

import (
	"context"
	"errors"
)

func (p Program) supervised(context.Context, string, []string) (func() error, error) {
	return nil, errors.ErrUnsupported
}

// Supervise is for Linux alone.
func Supervise([]string, []string) error { return errors.ErrUnsupported }
