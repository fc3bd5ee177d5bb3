package config

import "testing"

func TestDetectCI(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"CI": "true"}, "CI"},
		{map[string]string{"CI": "1"}, "CI"},
		{map[string]string{"CI": "false"}, ""},
		{map[string]string{"CI": "0"}, ""},
		{map[string]string{"CI": ""}, ""},
		{map[string]string{"BUILD_ID": "2026-11-21_08"}, "CI"},
		{map[string]string{"CI": "true", "GITHUB_ACTIONS": "true"}, "GitHub Actions"},
		{map[string]string{"CI": "false", "GITHUB_ACTIONS": "true"}, ""},
		{map[string]string{"CI": "", "GITHUB_ACTIONS": "true"}, "GitHub Actions"},
		{map[string]string{"GITLAB_CI": "true"}, "GitLab CI"},
		{map[string]string{"BUILDKITE": "true"}, "Buildkite"},
		{map[string]string{"TEAMCITY_VERSION": "2026.1"}, "TeamCity"},
		{map[string]string{"CODEBUILD_BUILD_ID": "p:1"}, "AWS CodeBuild"},
		{map[string]string{"BUILD_ID": "7", "JENKINS_URL": "https://ci.example.com"}, "Jenkins"},
	} {
		if got := DetectCI(c.env); got != c.want {
			t.Errorf("%v: got %q, want %q", c.env, got, c.want)
		}
	}
}
