package project

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lpipe/cache"
	"lpipe/internal/git"
)

// Whoever opens a pull request chooses what several of these variables hold. It must never be taken for a branch of the
// repository, whose cache others read, or that may write one.
func FuzzFindCheckout(f *testing.F) {
	all := slices.Concat(branchVariables, pullVariables, tagVariables, []string{
		"GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_REF_TYPE", "GITHUB_HEAD_REF", "GITHUB_EVENT_NAME", "CODEBUILD_WEBHOOK_TRIGGER",
	})
	f.Add("CIRCLE_PULL_REQUEST=https://github.com/o/r/pull/\nCIRCLE_BRANCH=main")
	f.Add("CIRCLE_PULL_REQUEST=.\nCIRCLE_BRANCH=main")
	f.Add("CODEBUILD_WEBHOOK_TRIGGER=pr/\nCODEBUILD_WEBHOOK_HEAD_REF=refs/heads/main")
	f.Add("GITHUB_EVENT_NAME=pull_request\nGITHUB_REF=\nBRANCH_NAME=main")
	f.Add("GITHUB_EVENT_NAME=pull_request_target\nGITHUB_REF=refs/heads/main\nGITHUB_HEAD_REF=")
	f.Add("GITHUB_EVENT_NAME=pull_request\nGITHUB_REF=refs/pull/7/merge\nGITHUB_REF_TYPE=tag")
	f.Add("CI_MERGE_REQUEST_IID=7\nCI_COMMIT_BRANCH=main")
	f.Add("BUILDKITE_PULL_REQUEST=x/main\nBUILDKITE_BRANCH=main")
	f.Add("BUILDKITE_PULL_REQUEST=7\nBUILDKITE_BRANCH=main\nBUILDKITE_TAG=v1")
	f.Add("BUILDKITE_PULL_REQUEST=false\nBUILDKITE_BRANCH=x\x00/../y\nLPIPE_BRANCH= ")
	f.Fuzz(func(t *testing.T, text string) {
		env := map[string]string{}
		for line := range strings.SplitSeq(text, "\n") {
			if name, value, _ := strings.Cut(line, "="); slices.Contains(all, name) {
				env[name] = value
			}
		}
		c := findCheckout(env, func() (git.Head, error) { return git.Head{Branch: "main", Main: "main"}, errors.New("none") })
		request := strings.HasPrefix(env["GITHUB_EVENT_NAME"], "pull_request") || strings.HasPrefix(env["CODEBUILD_WEBHOOK_TRIGGER"], "pr/")
		for _, name := range pullVariables {
			request = request || env[name] != "" && env[name] != "false"
		}
		if request && (c.Branch != "pr-"+c.Pull || c.Pull == "" || c.Tag) || !request && c.Pull != "" {
			t.Errorf("%q is %+v", env, c)
		}
		if c.Tag && c.Branch != "" || c.Main == "" {
			t.Errorf("%q is %+v", env, c)
		}
		refs, err := cache.Family("r.example.com/c", c.Branch, c.Main)
		if err != nil || request && refs.Export == "r.example.com/c:main" {
			t.Errorf("%q writes %q, %v", env, refs.Export, err)
		}
		for _, ref := range append(refs.Import, refs.Export) {
			if tag := strings.TrimPrefix(ref, "r.example.com/c:"); ref != "" && cache.Tag(tag) != tag {
				t.Errorf("%q has the ref %q, which is no tag", env, ref)
			}
		}
	})
}
