package project

import (
	"cmp"
	"slices"
	"strings"

	"lpipe/internal/git"
)

// Checkout is what of a repository is being built, as the CI system says it, and else git.
type Checkout struct {
	Branch string // "" when it is not known
	Main   string // the branch that others start from
	Pull   string // what tells the pull or merge request from others, such as its number; "" outside of one
	Tag    bool   // a tag is built
	Commit string // "" when it is not known
	// Unread is why git was asked and could not tell, nil when it could.
	Unread error
}

// The variables in which CI systems say what they build; "" and "false" are no answer.
var (
	// LPIPE_BRANCH is for systems that are not here.
	branchVariables = []string{
		"LPIPE_BRANCH", "CI_COMMIT_BRANCH", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "BITBUCKET_BRANCH", "BRANCH_NAME",
		"DRONE_BRANCH", "TRAVIS_BRANCH", "APPVEYOR_REPO_BRANCH", "BUILD_SOURCEBRANCH", "CODEBUILD_WEBHOOK_HEAD_REF",
	}
	mainVariables = []string{"CI_DEFAULT_BRANCH", "BUILDKITE_PIPELINE_DEFAULT_BRANCH", "DRONE_REPO_BRANCH", "CI_REPO_DEFAULT_BRANCH"}
	// pullVariables are those of more systems than the others: where git is asked, what a request is merged into may be checked out
	// under the name of a branch of this repository.
	pullVariables = []string{
		"CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID", "BUILDKITE_PULL_REQUEST", "CIRCLE_PULL_REQUEST", "CIRCLE_PR_NUMBER", "BITBUCKET_PR_ID", "CHANGE_ID",
		"ghprbPullId", "DRONE_PULL_REQUEST", "TRAVIS_PULL_REQUEST", "APPVEYOR_PULL_REQUEST_NUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID",
		"SYSTEM_PULLREQUEST_PULLREQUESTNUMBER",
		"CI_COMMIT_PULL_REQUEST", // of Woodpecker, whose CI_COMMIT_BRANCH is then the branch that the request is for
		"SEMAPHORE_GIT_PR_NUMBER", "CIRRUS_PR", "BITRISE_PULL_REQUEST", "CF_PULL_REQUEST_NUMBER", "CM_PULL_REQUEST_NUMBER", "PULL_NUMBER",
	}
	tagVariables = []string{"CI_COMMIT_TAG", "BUILDKITE_TAG", "CIRCLE_TAG", "BITBUCKET_TAG", "TAG_NAME", "DRONE_TAG", "TRAVIS_TAG", "APPVEYOR_REPO_TAG_NAME"}
	shaVariables = []string{
		"GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "BITBUCKET_COMMIT", "GIT_COMMIT", "DRONE_COMMIT_SHA",
		"TRAVIS_COMMIT", "APPVEYOR_REPO_COMMIT", "BUILD_SOURCEVERSION", "CODEBUILD_RESOLVED_SOURCE_VERSION",
	}
)

// findCheckout looks into the environment, and asks git where that is silent.
func findCheckout(env map[string]string, askGit func() (git.Head, error)) Checkout {
	get := func(names []string) string {
		for _, name := range names {
			if v := env[name]; v != "" && v != "false" {
				return v
			}
		}
		return ""
	}
	c := Checkout{
		Branch: strings.TrimPrefix(get(branchVariables), "refs/heads/"),
		Main:   get(mainVariables),
		Pull:   get(pullVariables),
		Tag:    get(tagVariables) != "" || env["GITHUB_REF_TYPE"] == "tag",
		Commit: get(shaVariables),
	}
	request := c.Pull != ""
	c.Pull = c.Pull[strings.LastIndexByte(c.Pull, '/')+1:] // CircleCI has a URL
	switch number, ok := strings.CutPrefix(env["CODEBUILD_WEBHOOK_TRIGGER"], "pr/"); {
	case ok:
		request, c.Pull = true, number
	case strings.HasPrefix(env["GITHUB_EVENT_NAME"], "pull_request"):
		request = true
		// refs/pull/7/merge; pull_request_target runs on the branch that the request is for. Of that the request's own
		// branch is known and not its number, and the branch may be called 7 as well.
		c.Pull = strings.TrimSuffix(strings.TrimPrefix(env["GITHUB_REF"], "refs/pull/"), "/merge")
		if strings.HasPrefix(env["GITHUB_REF"], "refs/heads/") {
			c.Pull = "from-" + env["GITHUB_HEAD_REF"]
		}
	case env["GITHUB_REF_TYPE"] == "branch" && c.Branch == "":
		c.Branch = env["GITHUB_REF_NAME"]
	}
	// Such a job is of the main branch, and may have checked out the request that it is about.
	if slices.Contains([]string{"workflow_run", "issue_comment", "repository_dispatch"}, env["GITHUB_EVENT_NAME"]) {
		if head, err := askGit(); err == nil && head.Commit != "" && head.Commit != env["GITHUB_SHA"] {
			request, c.Pull, c.Commit = true, "of-"+head.Commit, head.Commit
		}
	}
	// What a request calls its branch is up to whoever made it: it must not be taken for a branch of this repository, also
	// where the request's number is not understood.
	if request {
		c.Pull = cmp.Or(c.Pull, "unknown")
		c.Branch, c.Tag = "pr-"+c.Pull, false
	}
	var head git.Head
	if c.Branch == "" && !c.Tag || c.Main == "" || c.Commit == "" {
		head, c.Unread = askGit()
	}
	if !c.Tag {
		c.Branch = cmp.Or(c.Branch, head.Branch)
	} else {
		c.Branch = ""
	}
	c.Main = cmp.Or(c.Main, head.Main, "main")
	c.Commit = cmp.Or(c.Commit, head.Commit)
	return c
}
