package build

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lpipe/internal/engine"
	"lpipe/internal/userkey"
)

func TestWhatIsKeptHasOneOwner(t *testing.T) {
	one, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	two, _ := userkey.Load(map[string]string{"HOME": t.TempDir()})
	words := map[string]bool{}
	for _, word := range []func(string, userkey.Key) string{warmOwner, contextOwner} {
		for _, key := range []userkey.Key{one, two} {
			for _, dir := range []string{"/home/me/api", "/home/me/other/api"} {
				words[word(dir, key)] = true
				if word(dir, key) != word(strings.Clone(dir), key) {
					t.Error("the word of a project changes")
				}
			}
		}
	}
	if len(words) != 8 {
		t.Errorf("two users, two projects and two uses have %d words", len(words))
	}
	// Whoever sees the names of contexts on an engine that others use must not know the mounts of compiled dependencies.
	if strings.HasPrefix(warmOwner("/a", one), contextOwner("/a", one)) {
		t.Error("a word that others see tells of one that is secret")
	}
}

func TestProjectsAreRemembered(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	key, err := userkey.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	if got := owners(env, key); len(got) != 0 {
		t.Errorf("before the first build: %v", got)
	}
	for _, dir := range []string{"/home/me/api", "/home/me/shop", "/home/me/api"} {
		remember(env, dir)
	}
	want := map[string]string{}
	for _, dir := range []string{"/home/me/api", "/home/me/shop"} {
		want[warmOwner(dir, key)], want[contextOwner(dir, key)] = dir, dir
	}
	if got := owners(env, key); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	folder, err := projectsFolder(env)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"relative": "api", "long": "/" + strings.Repeat("x", maxFolder)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(folder, "endless")); err != nil {
		t.Fatal(err)
	}
	if got := owners(env, key); !maps.Equal(got, want) {
		t.Errorf("with files that are none of lpipe's: %v", got)
	}
	remember(nil, "/nowhere")
	if got := owners(nil, key); got != nil {
		t.Errorf("without a home: %v", got)
	}
}

// TestWhatIsKeptIsListedByProject: those that were built here by their folders, and what others have together.
func TestWhatIsKeptIsListedByProject(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	key, err := userkey.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	remember(env, "/home/me/shop")
	warm, sources := engine.Usage{Kind: "warm", Count: 2, Size: 300}, engine.Usage{Kind: "sources", Count: 12, Size: 5}
	kept := engine.Kept{Projects: map[string][]engine.Usage{
		warmOwner("/home/me/shop", key): {warm}, contextOwner("/home/me/shop", key): {sources}, "ab": {warm, sources}, "cd": {sources},
	}}
	twice := engine.Usage{Kind: "sources", Count: 24, Size: 10}
	want := []KeptProject{{"/home/me/shop", []engine.Usage{warm, sources}}, {"", []engine.Usage{warm, twice}}}
	if got := KeptProjects(env, kept); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := KeptProjects(env, engine.Kept{}); got == nil || len(got) > 0 {
		t.Errorf("%#v", got)
	}
}
