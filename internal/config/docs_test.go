package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/pages"
)

// TestDocsListEveryKey keeps docs/config.md equal to the table of keys; -update rewrites it.
func TestDocsListEveryKey(t *testing.T) {
	golden.Check(t, "../../docs/config.md", "# lpipe.toml\n\n[All pages](README.md). Written by `go test ./internal/config -update`.\n\n"+Reference())
}

// TestDocsShowFilesThatLoad: what the README and docs show as TOML is an lpipe.toml. Other files say what they are in their first
// line, as in "# Cargo.toml".
func TestDocsShowFilesThatLoad(t *testing.T) {
	found := 0
	for _, page := range pages.Read(t, "../..") {
		for _, code := range page.Code {
			if code.Language != "toml" || strings.HasPrefix(code.Text, "# ") && !strings.HasPrefix(code.Text, "# lpipe.toml") {
				continue
			}
			found++
			in := input(code.Text)
			in.FS.(fstest.MapFS)["p/ci/known_hosts"] = &fstest.MapFile{}
			in.FS.(fstest.MapFS)["p/ci/company-ca.pem"] = &fstest.MapFile{}
			if _, err := Load(in); err != nil {
				t.Errorf("%s: %s", code.Where, said(err))
			}
		}
	}
	if found < 5 {
		t.Errorf("%d files were found: the test looks in the wrong places", found)
	}
}

// TestDocsNameVariablesThatAreTaken: those that docs and the jobs of docs/ci name are in the environment of lpipe as well.
func TestDocsNameVariablesThatAreTaken(t *testing.T) {
	files, err := filepath.Glob("../../docs/ci/*")
	more, moreErr := filepath.Glob("../../docs/*.md")
	if files = append(files, more...); errors.Join(err, moreErr) != nil || len(files) < 25 {
		t.Fatal(len(files), err, moreErr)
	}
	env := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`LPIPE_[A-Z0-9_]*[A-Z0-9]`).FindAllString(string(text), -1) {
			env[name] = ""
		}
	}
	in := input("[statements]\nkey = \"env:LPIPE_STATEMENTS_KEY\"\n")
	in.Env = env
	if _, err := Load(in); err != nil || len(env) < 40 {
		t.Error(len(env), err)
	}
}
