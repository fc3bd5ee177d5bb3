//go:build !linux

package engine

import (
	"io/fs"
	"os/exec"

	"lpipe/internal/engine/daemon"
)

func startDetached(*exec.Cmd) error { return daemon.ErrUnsupported }

func mine(fs.FileInfo) bool { return false }
