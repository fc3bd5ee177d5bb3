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
//	crates NAME DIR PROJECT   publishes the crates in the folders of DIR, and gives the Cargo.lock of PROJECT their
//	                          checksums. When NAME is empty it starts the registry, sets NAME to its address, and makes
//	                          cargo in PROJECT take crates from there
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
		r = testparts.NewCrateRegistry(c.t)
		c.all[r.IndexURL] = r
		ts.Setenv(args[0], r.IndexURL)
		config := filepath.Join(ts.MkAbs(args[2]), ".cargo", "config.toml")
		ts.Check(os.MkdirAll(filepath.Dir(config), 0o755))
		ts.Check(os.WriteFile(config, []byte(r.Config()), 0o644))
	}
	folders, err := filepath.Glob(ts.MkAbs(args[1]) + "/*")
	ts.Check(err)
	for _, dir := range folders {
		r.Publish(c.t, dir)
	}
	r.Relock(c.t, ts.MkAbs(args[2]))
}
