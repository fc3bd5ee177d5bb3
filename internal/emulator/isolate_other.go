//go:build !linux

package emulator

import "errors"

// PrepareRoot is for Linux alone.
func PrepareRoot(string) error { return errors.ErrUnsupported }

// CanShareCPU is for Linux alone.
func CanShareCPU() error { return errors.ErrUnsupported }

func shareCPU(int) (string, func(), error) { return "", nil, errors.ErrUnsupported }
