package config

import "strings"

// systems are the variables that CI systems set in every job, the telling ones first: most set CI as well.
var systems = []struct{ env, name string }{
	{"GITHUB_ACTIONS", "GitHub Actions"},
	{"GITLAB_CI", "GitLab CI"},
	{"BUILDKITE", "Buildkite"},
	{"TEAMCITY_VERSION", "TeamCity"},
	{"CODEBUILD_BUILD_ID", "AWS CodeBuild"},
	{"CIRCLECI", "CircleCI"},
	{"TF_BUILD", "Azure Pipelines"},
	{"BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines"},
	{"JENKINS_URL", "Jenkins"},
	{"DRONE", "Drone"},
	{"TRAVIS", "Travis CI"},
	{"APPVEYOR", "AppVeyor"},
	{"BUILD_ID", "CI"}, // Jenkins, Google Cloud Build and many scripts of one's own
	{"CI", "CI"},
}

// DetectCI returns the name of the CI system that env belongs to, "CI" for one it has no name for, "" on a
// laptop. CI=false or CI=0 says that it is none.
func DetectCI(env map[string]string) string {
	if ci := env["CI"]; ci != "" && off(ci) {
		return ""
	}
	for _, s := range systems {
		if !off(env[s.env]) {
			return s.name
		}
	}
	return ""
}

func off(v string) bool {
	return v == "" || v == "0" || strings.EqualFold(v, "false")
}
