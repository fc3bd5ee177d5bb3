package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/git"
	"lpipe/internal/solve"
	"lpipe/internal/testparts"
)

func TestFindCheckout(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		git  git.Head
		want checkout
	}{
		"nothing is known": {want: checkout{main: "main"}},
		"a laptop": {
			git:  git.Head{Branch: "feature/x", Main: "trunk", Commit: "abc"},
			want: checkout{branch: "feature/x", main: "trunk", sha: "abc"},
		},
		"a push on GitHub": {
			env:  map[string]string{"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main", "GITHUB_EVENT_NAME": "push", "GITHUB_SHA": "1"},
			want: checkout{branch: "main", main: "main", sha: "1"},
		},
		"a fork's branch called main is not main": {
			env: map[string]string{
				"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_REF_TYPE": "branch",
				"GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "main",
			},
			want: checkout{branch: "pr-7", main: "main", pull: "7"},
		},
		"pull_request_target": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "main"},
			want: checkout{branch: "pr-from-main", main: "main", pull: "from-main"},
		},
		"pull_request_target of a branch that is called as a request": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "7"},
			want: checkout{branch: "pr-from-7", main: "main", pull: "from-7"},
		},
		"a tag on GitHub": {
			env:  map[string]string{"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"},
			git:  git.Head{Branch: "main"},
			want: checkout{main: "main", tag: true},
		},
		"a merge request on GitLab": {
			env:  map[string]string{"CI_MERGE_REQUEST_IID": "12", "CI_DEFAULT_BRANCH": "trunk"},
			want: checkout{branch: "pr-12", main: "trunk", pull: "12"},
		},
		"Buildkite, no pull request": {
			env:  map[string]string{"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BRANCH": "x", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "master"},
			want: checkout{branch: "x", main: "master"},
		},
		"CircleCI": {
			env:  map[string]string{"CIRCLE_PULL_REQUEST": "https://github.com/o/r/pull/3", "CIRCLE_BRANCH": "pull/3"},
			want: checkout{branch: "pr-3", main: "main", pull: "3"},
		},
		"CodeBuild": {
			env:  map[string]string{"CODEBUILD_WEBHOOK_TRIGGER": "pr/9", "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/main"},
			want: checkout{branch: "pr-9", main: "main", pull: "9"},
		},
		"Azure":     {env: map[string]string{"BUILD_SOURCEBRANCH": "refs/heads/dev"}, want: checkout{branch: "dev", main: "main"}},
		"one's own": {env: map[string]string{"LPIPE_BRANCH": "dev", "BUILD_ID": "7"}, want: checkout{branch: "dev", main: "main"}},
	} {
		got := findCheckout(c.env, func() (git.Head, error) { return c.git, nil })
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestARepositoryAmongTheFilesDecidesNothing: any commit can hold a bare repository, which says that it is on main.
func TestARepositoryAmongTheFilesDecidesNothing(t *testing.T) {
	top := t.TempDir()
	testparts.Repository(t, top, "evil", map[string]string{"x": "x"})
	evil := filepath.Join(top, "evil")
	env := map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "CI": "true"}
	a := &app{env: env}
	if at := a.checkout(t.Context(), evil); at.branch != "" || at.sha != "" || at.main != "main" {
		t.Errorf("it is taken for the checkout: %+v", at)
	}

	written := func() (int, []string) {
		t.Helper()
		r, request := cached(env, func(r *run) { r.cfg.CacheWrite, r.projects[0].dir = "main", evil }), &solve.Request{}
		if err := r.caches(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		return len(request.CacheTo), r.notes
	}
	if n, notes := written(); n != 0 {
		t.Errorf("it may write the cache of main: %d, %q", n, notes)
	}
	// The checkout around it is what counts.
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=topic"}, {"remote", "add", "origin", evil}} {
		if out, err := exec.Command("git", append([]string{"-C", top}, args...)...).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
	}
	if at := a.checkout(t.Context(), evil); at.branch != "topic" || at.sha != "" {
		t.Errorf("the checkout is %+v", at)
	}
	if n, _ := written(); n != 0 {
		t.Error("it may write the cache of main")
	}
}

// TestAnUnreadCheckoutIsSaid: without the branch the build has another cache, and images no name.
func TestAnUnreadCheckoutIsSaid(t *testing.T) {
	top := t.TempDir()
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, request := cached(map[string]string{"PATH": os.Getenv("PATH")}, func(r *run) { r.projects[0].dir = top }), &solve.Request{}
	if err := r.caches(t.Context(), request); err != nil || len(r.notes) != 1 || !strings.Contains(r.notes[0], "cannot be read") {
		t.Errorf("%v, %q", err, r.notes)
	}
}
