package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"lpipe/internal/testparts"
)

// crates is the command for scripts that need a registry of crates:
//
//	crates NAME DIR PROJECT   publishes the crates in the folders of DIR, in the registry at NAME, which it starts when
//	                          NAME is empty; cargo in PROJECT takes crates from there, and Cargo.lock gets their checksums
type crates struct {
	t   *testing.T // at whose end they stop
	mu  sync.Mutex
	all map[string]*testparts.CrateRegistry // by address
}

// withCrates adds the command to those of a test.
func withCrates(t *testing.T, commands map[string]func(*testscript.TestScript, bool, []string)) map[string]func(*testscript.TestScript, bool, []string) {
	commands["crates"] = (&crates{t: t, all: map[string]*testparts.CrateRegistry{}}).publish
	return commands
}

func (c *crates) publish(ts *testscript.TestScript, _ bool, args []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.all[ts.Getenv(args[0])]
	if r == nil {
		r = testparts.NewEmptyCrateRegistry(c.t)
		c.all[r.IndexURL] = r
		ts.Setenv(args[0], r.IndexURL)
	}
	folders, err := filepath.Glob(ts.MkAbs(args[1]) + "/*")
	ts.Check(err)
	for _, dir := range folders {
		r.Publish(c.t, dir)
	}
	project := ts.MkAbs(args[2])
	r.Relock(c.t, project)
	ts.Check(os.MkdirAll(filepath.Join(project, ".cargo"), 0o755))
	ts.Check(os.WriteFile(filepath.Join(project, ".cargo", "config.toml"), []byte(r.Config()), 0o644))
}
