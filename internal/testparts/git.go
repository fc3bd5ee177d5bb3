package testparts

import (
	"maps"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// Repository makes a bare git repository root/name, such as "org/repo.git", with a commit of files by path on the branch
// main, and returns the commit's hash, which depends on the files alone. On a repository that is there it commits
// files over what the branch has.
func Repository(t testing.TB, root, name string, files map[string]string) string {
	t.Helper()
	_, err := exec.LookPath("git")
	require.Part(t, err == nil, "git", "apt-get install git")
	bare, tree := filepath.Join(root, name), t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = tree
		// Neither who runs the test nor when is part of the commit, nor what they have configured.
		cmd.Env = append(
			os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1000000000 +0000",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1000000000 +0000",
		)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}

	if _, err := os.Stat(bare); err != nil {
		git("init", "--quiet", "--bare", "--initial-branch=main", bare)
	}
	in := []string{"--git-dir", bare, "--work-tree", tree}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, path), files[path], 0o644)
		git(append(in, "add", "--force", "--", path)...)
	}
	git(append(in, "commit", "--quiet", "--message=files")...)
	return git(append(in, "rev-parse", "HEAD")...)
}

// GitServer serves the bare repositories below root over HTTP, as git's own server does.
func GitServer(t testing.TB, root string) http.Handler {
	t.Helper()
	folder, err := exec.Command("git", "--exec-path").Output()
	backend := filepath.Join(strings.TrimSpace(string(folder)), "git-http-backend")
	if err == nil {
		_, err = os.Stat(backend)
	}
	require.Part(t, err == nil, "git-http-backend", "apt-get install git")
	return &cgi.Handler{Path: backend, Env: []string{
		"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}}
}
