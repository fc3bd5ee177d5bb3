package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
)

func TestSharedLibrariesAreReadFromTheDockerfile(t *testing.T) {
	text, err := os.ReadFile("../dockerfile/testdata/shared-libraries.Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"libraries": {"shared"}, "libraries-2": {"shared", "fleet-bikes"}}
	if got := libraries(string(text)); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestBuildAndBakeAreToldTheSame(t *testing.T) {
	target := bakeTarget{
		Context: "/empty", Dockerfile: "/d/Dockerfile", Target: "lambda", Args: map[string]string{"LAMBDA_BIN": "echo"},
		Contexts: map[string]string{"skeleton": "/skeleton"}, Output: []string{"type=local,dest=/out"},
	}
	want := []string{
		"build", "--progress=plain", "--file", "/d/Dockerfile", "--target", "lambda", "--build-arg", "LAMBDA_BIN=echo",
		"--build-context", "skeleton=/skeleton", "--output", "type=local,dest=/out", "/empty",
	}
	if got := target.flags(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	text, err := json.Marshal(target)
	if err != nil {
		t.Fatal(err)
	}
	const file = `{"context":"/empty","dockerfile":"/d/Dockerfile","target":"lambda","args":{"LAMBDA_BIN":"echo"},` +
		`"contexts":{"skeleton":"/skeleton"},"output":["type=local,dest=/out"]}`
	if string(text) != file {
		t.Errorf("%s", text)
	}
}
