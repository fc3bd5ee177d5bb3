package engine

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
)

// ProgramID identifies what a program file contains: by the build id that Go's linker derives from it, or by
// its size and time if it has none.
func ProgramID(path string) (string, error) {
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
