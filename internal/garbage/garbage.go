// Package garbage has a process collect garbage seldom, from the first moment on.
//
// A run is short and holds little: collecting took a seventh of the work of a build that had nothing to do. The packages that
// the program is linked with allocate so much as they are initialised that the first collection would come before main. This
// one imports next to nothing, and so is initialised before them, as package interrupt is.
package garbage

import "runtime/debug"

// percent is that of GOGC: https://pkg.go.dev/runtime/debug#SetGCPercent.
const percent = 400

func init() { debug.SetGCPercent(percent) }
