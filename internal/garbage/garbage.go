// Package garbage has a process collect garbage seldom, from the first moment on.
//
// A run is short and holds little: collecting took a seventh of the work of a build that had nothing to do. The packages that
// the program is linked with allocate so much as they are initialised that the first collection would come before main. This
// one imports next to nothing, and so is initialised before them, as package interrupt is.
package garbage

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// Those of GOGC: https://pkg.go.dev/runtime/debug#SetGCPercent. At first it is of the 4 MiB that Go takes for the least heap, so
// that nothing is collected before there are 64 MiB, and then of what is in use.
const (
	first = 1500
	later = 400
	usual = 100
)

var percent atomic.Int64 // after the first collection

func init() {
	debug.SetGCPercent(first)
	percent.Store(later)
	runtime.AddCleanup(new([64]byte), func(int) { debug.SetGCPercent(int(percent.Load())) }, 0)
}

// Usual has a process that lives long collect as often as Go does by itself.
func Usual() {
	percent.Store(usual)
	debug.SetGCPercent(usual)
}
