package project

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"lpipe/internal/git"
	"lpipe/internal/testparts"
)

func TestFindCheckout(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		git  git.Head
		want Checkout
	}{
		"nothing is known": {want: Checkout{Main: "main"}},
		"a laptop": {
			git:  git.Head{Branch: "feature/x", Main: "trunk", Commit: "abc"},
			want: Checkout{Branch: "feature/x", Main: "trunk", Commit: "abc"},
		},
		"a push on GitHub": {
			env:  map[string]string{"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main", "GITHUB_EVENT_NAME": "push", "GITHUB_SHA": "1"},
			want: Checkout{Branch: "main", Main: "main", Commit: "1"},
		},
		"a fork's branch called main is not main": {
			env: map[string]string{
				"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_REF_TYPE": "branch",
				"GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "main",
			},
			want: Checkout{Branch: "pr-7", Main: "main", Pull: "7"},
		},
		"pull_request_target": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "main"},
			want: Checkout{Branch: "pr-from-main", Main: "main", Pull: "from-main"},
		},
		"pull_request_target of a branch that is called as a request": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "7"},
			want: Checkout{Branch: "pr-from-7", Main: "main", Pull: "from-7"},
		},
		"what a comment on a request starts": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "issue_comment", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "1"},
			git:  git.Head{Branch: "main", Commit: "2"},
			want: Checkout{Branch: "pr-of-2", Main: "main", Pull: "of-2", Commit: "2"},
		},
		"what follows a workflow of main": {
			env:  map[string]string{"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "1"},
			git:  git.Head{Commit: "1"},
			want: Checkout{Branch: "main", Main: "main", Commit: "1"},
		},
		"a request on Woodpecker": {
			env:  map[string]string{"CI": "woodpecker", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_PULL_REQUEST": "5", "CI_REPO_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": "1"},
			want: Checkout{Branch: "pr-5", Main: "main", Pull: "5", Commit: "1"},
		},
		"a push on Woodpecker": {
			env:  map[string]string{"CI": "woodpecker", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_PULL_REQUEST": "", "CI_REPO_DEFAULT_BRANCH": "trunk", "CI_COMMIT_SHA": "1"},
			want: Checkout{Branch: "main", Main: "trunk", Commit: "1"},
		},
		"a request that was merged into main there": {
			env:  map[string]string{"BITRISE_PULL_REQUEST": "5"},
			git:  git.Head{Branch: "main", Commit: "2"},
			want: Checkout{Branch: "pr-5", Main: "main", Pull: "5", Commit: "2"},
		},
		"a request of another system for GitLab": {
			env:  map[string]string{"CI_EXTERNAL_PULL_REQUEST_IID": "5", "CI_COMMIT_BRANCH": "main"},
			want: Checkout{Branch: "pr-5", Main: "main", Pull: "5"},
		},
		"a tag on GitHub": {
			env:  map[string]string{"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"},
			git:  git.Head{Branch: "main"},
			want: Checkout{Main: "main", Tag: true},
		},
		"a merge request on GitLab": {
			env:  map[string]string{"CI_MERGE_REQUEST_IID": "12", "CI_DEFAULT_BRANCH": "trunk"},
			want: Checkout{Branch: "pr-12", Main: "trunk", Pull: "12"},
		},
		"Buildkite, no pull request": {
			env:  map[string]string{"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BRANCH": "x", "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "master"},
			want: Checkout{Branch: "x", Main: "master"},
		},
		"CircleCI": {
			env:  map[string]string{"CIRCLE_PULL_REQUEST": "https://github.com/o/r/pull/3", "CIRCLE_BRANCH": "pull/3"},
			want: Checkout{Branch: "pr-3", Main: "main", Pull: "3"},
		},
		"CodeBuild": {
			env:  map[string]string{"CODEBUILD_WEBHOOK_TRIGGER": "pr/9", "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/main"},
			want: Checkout{Branch: "pr-9", Main: "main", Pull: "9"},
		},
		"Azure":     {env: map[string]string{"BUILD_SOURCEBRANCH": "refs/heads/dev"}, want: Checkout{Branch: "dev", Main: "main"}},
		"one's own": {env: map[string]string{"LPIPE_BRANCH": "dev", "BUILD_ID": "7"}, want: Checkout{Branch: "dev", Main: "main"}},
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
	checkout := func() Checkout { return (&Here{Env: env, Disk: thisDisk(env)}).Checkout(t.Context(), evil) }
	if at := checkout(); at.Branch != "" || at.Commit != "" || at.Main != "main" {
		t.Errorf("it is taken for the checkout: %+v", at)
	}

	// The checkout around it is what counts.
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=topic"}, {"remote", "add", "origin", evil}} {
		if out, err := exec.Command("git", append([]string{"-C", top}, args...)...).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
	}
	if at := checkout(); at.Branch != "topic" || at.Commit != "" {
		t.Errorf("the checkout is %+v", at)
	}
}
