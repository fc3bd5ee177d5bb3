package cache

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// TestTableHasBuildKitsAttributes reads the attributes out of the sources of the BuildKit that lpipe is built with,
// so that a new release with new ones is noticed.
func TestTableHasBuildKitsAttributes(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/buildkit")
	list.Env = append(os.Environ(), "GOPROXY=off")
	out, err := list.Output()
	root := strings.TrimSpace(string(out))
	require.Part(t, err == nil && root != "", "BuildKit in the module cache", "go mod download")
	constant := regexp.MustCompile(`(?m)^\s*attr\w+\s*=\s*"([^"]+)"`)
	for kind, attributes := range table {
		files, err := filepath.Glob(filepath.Join(root, "cache", "remotecache", kind, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("BuildKit has no cache of type %s (%v)", kind, err)
		}
		if _, ok := attributes["compression"]; ok {
			files = append(files, filepath.Join(root, "util", "compression", "attrs.go"))
		}
		read := map[string]bool{"tag": true, "reset": true, "mode": true, "ignore-error": true} // not named by constants
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range constant.FindAllStringSubmatch(string(source), -1) {
				read[m[1]] = true
				if _, ok := attributes[m[1]]; !ok {
					t.Errorf("%s: BuildKit reads %q, the table does not have it", kind, m[1])
				}
			}
		}
		for key := range attributes {
			if !read[key] {
				t.Errorf("%s: the table has %q, BuildKit does not read it", kind, key)
			}
		}
	}
}
