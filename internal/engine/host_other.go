//go:build !linux

package engine

import (
	"runtime"

	"lpipe/internal/fault"
)

func (thisHost) embeddable(Options) error {
	return &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine does not run on " + runtime.GOOS,
		Why:  "BuildKit makes its containers with Linux",
		Fix:  "use Docker (--engine docker) or the address of a buildkitd (--engine tcp://…)",
	}
}

func noSpace(string) error { return nil }
