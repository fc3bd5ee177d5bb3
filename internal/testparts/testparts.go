// Package testparts starts the real parts that tests run against: a container registry, a registry of crates, an SSH
// server with git repositories, and the base image of scripts/base-image.
//
// It is imported by tests alone. What a part needs from the machine is asked for with package require, so that the tests of
// a bare machine skip with the reason. Each part listens on loopback and is gone when its test ends.
package testparts
