// Package program identifies the lpipe that runs, so that what another one made is not taken for its own, and tells its version.
package program

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
)

// ID identifies what a program file contains: by the build id that Go's linker derives from it, or by
// its size and time if it has none.
func ID(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if note := f.Section(".note.go.buildid"); note != nil {
			if id, err := note.Data(); err == nil && len(id) > 16 {
				return hex.EncodeToString(id), nil
			}
		}
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano()), nil
}

// Own is the ID of the program that runs, "" where that cannot be told.
var Own = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	id, _ := ID(self)
	return id
})
