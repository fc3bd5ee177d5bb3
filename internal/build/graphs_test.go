package build

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lpipe/internal/userkey"
)

func TestGraphsOfOthersAreNotRead(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	key, err := userkey.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	kept := keptGraphs(env, key)
	if got := kept.Read("a"); got != nil {
		t.Fatalf("there is a graph that nobody wrote: %q", got)
	}
	kept.Write("a", []byte("graph"))
	if got := kept.Read("a"); string(got) != "graph" {
		t.Fatalf("got %q", got)
	}
	file := filepath.Join(env["HOME"], ".cache/lpipe/graphs/a")
	sealed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	forged, moved := append([]byte(nil), sealed...), filepath.Join(filepath.Dir(file), "b")
	forged[len(forged)-1] ^= 1
	for name, data := range map[string][]byte{"changed": forged, "cut": sealed[:len(sealed)-1], "too short": sealed[:10], "empty": nil} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := kept.Read("a"); got != nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if err := os.WriteFile(moved, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := kept.Read("b"); got != nil {
		t.Errorf("under the name of another: got %q", got)
	}
	other, err := userkey.Load(map[string]string{"HOME": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := keptGraphs(env, other).Read("a"); got != nil {
		t.Errorf("of another user: got %q", got)
	}
}

func TestOldGraphsGo(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	key, err := userkey.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	kept := keptGraphs(env, key)
	for i := range maxGraphs + 3 {
		name := fmt.Sprint("graph-", i)
		kept.Write(name, []byte("graph"))
		at := time.Unix(int64(i), 0)
		if err := os.Chtimes(filepath.Join(env["HOME"], ".cache/lpipe/graphs", name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range map[int]string{0: "", 2: "", 3: "graph", maxGraphs + 2: "graph"} {
		if got := kept.Read(fmt.Sprint("graph-", i)); string(got) != want {
			t.Errorf("graph %d: %q, want %q", i, got, want)
		}
	}
}
