package build

import (
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lpipe/internal/disk"
	"lpipe/internal/program"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
)

// graphs keeps what Dockerfiles were converted to, for [solve.Graphs], in files that begin with a seal: a MAC by the user's
// secret, over the program that wrote them and their names too.
type graphs struct {
	dir string
	key userkey.Key
}

const (
	maxGraph  = 4 << 20 // the largest file of a graph, in bytes; they have some 40 KB
	maxGraphs = 256     // how many there are at most, of all projects
)

// keptGraphs are those of this user, nil where there is nowhere to keep them.
func keptGraphs(env map[string]string, key userkey.Key) solve.Graphs {
	dir, err := userkey.Folder(env)
	if err != nil || program.Own() == "" {
		return nil
	}
	return graphs{filepath.Join(dir, "graphs"), key}
}

func (g graphs) seal(name string, graph []byte) []byte {
	return g.key.Derive("graph", program.Own(), name, string(graph))
}

// Read returns the graph of that name, nil where there is none or somebody else wrote it.
func (g graphs) Read(name string) []byte {
	data, err := disk.ReadFile(filepath.Join(g.dir, name), maxGraph)
	if err != nil || len(data) < sha256.Size || !hmac.Equal(data[:sha256.Size], g.seal(name, data[sha256.Size:])) {
		return nil
	}
	return data[sha256.Size:]
}

// Write replaces the graph of that name. It is no failure where that cannot be written.
func (g graphs) Write(name string, graph []byte) {
	if len(graph)+sha256.Size > maxGraph || os.MkdirAll(g.dir, 0o700) != nil {
		return
	}
	replace(filepath.Join(g.dir, name), append(g.seal(name, graph), graph...))
	g.removeOldest()
}

// removeOldest removes the graphs that were written first where there are too many.
func (g graphs) removeOldest() {
	entries, _ := os.ReadDir(g.dir)
	if len(entries) <= maxGraphs {
		return
	}
	written := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			written[e.Name()] = info.ModTime()
		}
	}
	names := slices.SortedFunc(maps.Keys(written), func(a, b string) int { return written[a].Compare(written[b]) })
	for _, name := range names[:max(len(names)-maxGraphs, 0)] {
		_ = os.Remove(filepath.Join(g.dir, name))
	}
}

// replace writes a file that nothing depends on, whole or not at all.
func replace(file string, data []byte) {
	temp, err := os.CreateTemp(filepath.Dir(file), ".temp-*") // mode 0600
	if err != nil {
		return
	}
	_, err = temp.Write(data)
	if closeErr := temp.Close(); err != nil || closeErr != nil || os.Rename(temp.Name(), file) != nil {
		_ = os.Remove(temp.Name())
	}
}
