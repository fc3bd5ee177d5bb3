package main

import (
	"os"

	"lpipe/internal/fault"
)

// main refuses to run: the paths in lpipe start at "/", and package ownership cannot tell here whose a file is.
func main() {
	err := &fault.Error{
		Kind: fault.Usage, What: "lpipe does not run on Windows", Why: "it is a program for Linux and macOS",
		Fix: "run it in WSL 2: https://learn.microsoft.com/windows/wsl/install",
	}
	fault.Print(os.Stderr, err)
	os.Exit(err.Kind.ExitCode())
}
