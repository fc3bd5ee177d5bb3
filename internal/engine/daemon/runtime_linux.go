package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"lpipe/internal/pattern"
)

// abandonedAfter is how old a configuration is that no daemon will read any more, and a socket that should be served.
const abandonedAfter = 10 * time.Minute

// runtimeNames are the files that lpipe, and releases of it that kept the configurations, make beside a socket.
var runtimeNames = pattern.Of(`^[0-9a-f]{16}(-[0-9]+)?\.(sock|json(\.[0-9]+)?)$`)

// sweepRuntime removes from the folder of the sockets what killed runs and daemons left, be it of other state folders.
func sweepRuntime(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !runtimeNames().MatchString(e.Name()) || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if filepath.Ext(path) == ".sock" {
			conn, err := Dial(path)
			if err == nil {
				conn.Close()
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				continue
			}
		}
		_ = os.Remove(path)
	}
}
