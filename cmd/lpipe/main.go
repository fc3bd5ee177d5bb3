//go:build !windows

// Command lpipe builds AWS Lambda functions written in Rust, in containers. Run "lpipe help".
package main

import (
	"os"

	"lpipe/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ()))
}
