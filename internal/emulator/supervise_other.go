//go:build !linux

package emulator

import (
	"context"
	"errors"
)

func (launch) supervised(context.Context) (*process, error) {
	return nil, errors.ErrUnsupported
}

// Supervise is for Linux alone.
func Supervise([]string, []string) (bool, error) { return false, errors.ErrUnsupported }
