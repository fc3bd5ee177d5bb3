package cli

import (
	"cmp"
	"context"
	"strings"

	"lpipe/internal/git"
)

// checkout is what of a repository is being built, as the CI system says it, and else git.
type checkout struct {
	branch string // "" when it is not known
	main   string // the branch that others start from
	pull   string // what tells the pull or merge request from others, such as its number; "" outside of one
	tag    bool   // a tag is built
	sha    string // of the commit, "" when it is not known
	// unread is why git was asked and could not tell, nil when it could.
	unread error
}

// The variables in which CI systems say what they build; "" and "false" are no answer.
var (
	// LPIPE_BRANCH is for systems that are not here.
	branchVariables = []string{
		"LPIPE_BRANCH", "CI_COMMIT_BRANCH", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "BITBUCKET_BRANCH", "BRANCH_NAME",
		"DRONE_BRANCH", "TRAVIS_BRANCH", "APPVEYOR_REPO_BRANCH", "BUILD_SOURCEBRANCH", "CODEBUILD_WEBHOOK_HEAD_REF",
	}
	mainVariables = []string{"CI_DEFAULT_BRANCH", "BUILDKITE_PIPELINE_DEFAULT_BRANCH", "DRONE_REPO_BRANCH"}
	pullVariables = []string{
		"CI_MERGE_REQUEST_IID", "BUILDKITE_PULL_REQUEST", "CIRCLE_PULL_REQUEST", "BITBUCKET_PR_ID", "CHANGE_ID",
		"DRONE_PULL_REQUEST", "TRAVIS_PULL_REQUEST", "APPVEYOR_PULL_REQUEST_NUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID",
	}
	tagVariables = []string{"CI_COMMIT_TAG", "BUILDKITE_TAG", "CIRCLE_TAG", "BITBUCKET_TAG", "TAG_NAME", "DRONE_TAG", "TRAVIS_TAG", "APPVEYOR_REPO_TAG_NAME"}
	shaVariables = []string{
		"GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "BITBUCKET_COMMIT", "GIT_COMMIT", "DRONE_COMMIT_SHA",
		"TRAVIS_COMMIT", "APPVEYOR_REPO_COMMIT", "BUILD_SOURCEVERSION", "CODEBUILD_RESOLVED_SOURCE_VERSION",
	}
)

// findCheckout looks into the environment, and asks git where that is silent.
func findCheckout(env map[string]string, askGit func() (git.Head, error)) checkout {
	get := func(names []string) string {
		for _, name := range names {
			if v := env[name]; v != "" && v != "false" {
				return v
			}
		}
		return ""
	}
	c := checkout{
		branch: strings.TrimPrefix(get(branchVariables), "refs/heads/"),
		main:   get(mainVariables),
		pull:   get(pullVariables),
		tag:    get(tagVariables) != "" || env["GITHUB_REF_TYPE"] == "tag",
		sha:    get(shaVariables),
	}
	request := c.pull != ""
	c.pull = c.pull[strings.LastIndexByte(c.pull, '/')+1:] // CircleCI has a URL
	switch number, ok := strings.CutPrefix(env["CODEBUILD_WEBHOOK_TRIGGER"], "pr/"); {
	case ok:
		request, c.pull = true, number
	case strings.HasPrefix(env["GITHUB_EVENT_NAME"], "pull_request"):
		request = true
		// refs/pull/7/merge; pull_request_target runs on the branch that the request is for. Of that the request's own
		// branch is known and not its number, and the branch may be called 7 as well.
		c.pull = strings.TrimSuffix(strings.TrimPrefix(env["GITHUB_REF"], "refs/pull/"), "/merge")
		if strings.HasPrefix(env["GITHUB_REF"], "refs/heads/") {
			c.pull = "from-" + env["GITHUB_HEAD_REF"]
		}
	case env["GITHUB_REF_TYPE"] == "branch" && c.branch == "":
		c.branch = env["GITHUB_REF_NAME"]
	}
	// What a request calls its branch is up to whoever made it: it must not be taken for a branch of this repository, also
	// where the request's number is not understood.
	if request {
		c.pull = cmp.Or(c.pull, "unknown")
		c.branch, c.tag = "pr-"+c.pull, false
	}
	var head git.Head
	if c.branch == "" && !c.tag || c.main == "" || c.sha == "" {
		head, c.unread = askGit()
	}
	if !c.tag {
		c.branch = cmp.Or(c.branch, head.Branch)
	} else {
		c.branch = ""
	}
	c.main = cmp.Or(c.main, head.Main, "main")
	c.sha = cmp.Or(c.sha, head.Commit)
	return c
}

// checkout is that of a project in dir.
func (a *app) checkout(ctx context.Context, dir string) checkout {
	return findCheckout(a.env, func() (git.Head, error) {
		repository, err := git.Open(ctx, dir, a.env)
		if err != nil {
			return git.Head{}, err
		}
		return repository.Head(ctx), nil
	})
}
