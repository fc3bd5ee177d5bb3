//go:build !linux

package emulator

// Nothing is known on this system.

func descendants(int) []int { return nil }

func usageOf([]int) usage { return usage{} }
