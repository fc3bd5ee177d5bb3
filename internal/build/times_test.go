package build

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"lpipe/internal/project"
)

func TestTimesAreKeptForTheNextBuild(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	one, two := []*project.Project{{Dir: "/one"}}, []*project.Project{{Dir: "/one"}, {Dir: "/two"}}
	file := timesFile(env, one)
	if file == timesFile(env, two) || timesFile(nil, one) != "" {
		t.Error("other projects have the same file, or there is one without a home")
	}
	if got := readTimes(file); got != nil {
		t.Errorf("before the first build: %v", got)
	}
	times{"dependencies": 64, "lambda api": 7}.write(file)
	times{"lambda api": 9}.write(file)
	if got, want := readTimes(file), (times{"dependencies": 64, "lambda api": 9}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	times{}.write(filepath.Join(filepath.Dir(file), "none"))
	times{"a": 1}.write("")
	times{"a": 1}.write(filepath.Join(file, "in a file"))
	if err := os.WriteFile(file, []byte("{no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readTimes(file); got != nil {
		t.Errorf("of a broken file: %v", got)
	}
}
