package program

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Versions are those of the program that runs and of the BuildKit in it, as the Go toolchain recorded them.
func Versions() (lpipe, buildkit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	lpipe = info.Main.Version
	for _, m := range info.Deps {
		if m.Path == "github.com/moby/buildkit" {
			buildkit = m.Version
		}
	}
	return lpipe, buildkit
}

// Newest is the version of the newest release at a URL as of GitHub's releases, such as v1.2.3.
func Newest(ctx context.Context, releases string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, releases+"/latest/download/VERSION", nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 100))
	if err != nil {
		return "", err
	}
	version := "v" + strings.TrimSpace(string(text))
	if resp.StatusCode != http.StatusOK || !semver.IsValid(version) {
		return "", errors.New(req.URL.String() + " is answered with " + resp.Status + " and no version")
	}
	return version, nil
}
