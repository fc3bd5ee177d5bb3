package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/finding"
)

// TestFilesAreRefusedBeforeARun: what cannot be written, what a build reads or writes itself, and one file for two.
func TestFilesAreRefusedBeforeARun(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files Files
		want  []string // nothing where they can be written
	}{
		"none":      {},
		"four":      {files: Files{Metadata: "a", Dotenv: "b", JUnit: "c", CodeQuality: "d"}},
		"a source":  {files: Files{Metadata: "src/main.rs"}, want: []string{"--metadata-file cannot write src/main.rs"}},
		"a lock":    {files: Files{Dotenv: "Cargo.lock"}, want: []string{"--dotenv cannot write Cargo.lock"}},
		"a result":  {files: Files{JUnit: "x/bootstrap.zip"}, want: []string{"--junit cannot write x/bootstrap.zip"}},
		"a folder":  {files: Files{CodeQuality: "folder"}, want: []string{"folder"}},
		"one twice": {files: Files{JUnit: "a", CodeQuality: filepath.Join(dir, "a")}, want: []string{"--junit and --code-quality name the same file"}},
		"a device":  {files: Files{JUnit: "/dev/null", CodeQuality: "/dev/null"}},
		"several":   {files: Files{Metadata: "lpipe.toml", Dotenv: "Cargo.toml"}, want: []string{"--metadata-file cannot", "--dotenv cannot"}},
	} {
		err := c.files.Check()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
}

func TestFilesHaveWhatARunDid(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s := Summary{Lambdas: []Lambda{{Name: "orders", Zip: "target/lambda/orders/bootstrap.zip", CodeSHA256: "abc="}}, CompilerWarnings: []finding.Finding{{File: "src/main.rs", Line: 1, Message: "unused"}}}
	inCheckout := func(file string) string { return "sub/" + file }
	if err := (Files{Metadata: at("m"), Dotenv: at("d"), JUnit: at("j"), CodeQuality: at("c")}).Write(s, inCheckout); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"m": `"orders"`, "d": "target/lambda/orders/bootstrap.zip", "j": "<testsuites", "c": "sub/src/main.rs"} {
		if data, err := os.ReadFile(at(name)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %v, %s", name, err, data)
		}
	}
	err := (Files{Metadata: dir, JUnit: at("again")}).Write(s, inCheckout)
	if _, statErr := os.Stat(at("again")); err == nil || statErr != nil {
		t.Errorf("one file that cannot be written keeps the other back: %v, %v", err, statErr)
	}
}

// TestJobsAreTold by files to which other steps write too.
func TestJobsAreTold(t *testing.T) {
	dir := t.TempDir()
	page, outputs := filepath.Join(dir, "page"), filepath.Join(dir, "outputs")
	if err := os.WriteFile(page, []byte("before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GITHUB_STEP_SUMMARY": page, "GITHUB_OUTPUT": outputs}
	failed := &fault.Error{Kind: fault.Build, What: "users does not compile", Fix: "correct it"}
	s := Summary{Lambdas: []Lambda{{Name: "orders", Zip: "a.zip", CodeSHA256: "abc="}}}
	if err := errors.Join(CheckJob(env), WriteJob(env, s, failed)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{page: {"before\n### lpipe", "users does not compile"}, outputs: {"=a.zip\n"}} {
		data, err := os.ReadFile(name)
		for _, want := range want {
			if err != nil || !strings.Contains(string(data), want) {
				t.Errorf("%s: %v\n%s\nwant %s", name, err, data, want)
			}
		}
	}
	if err := errors.Join(CheckJob(nil), WriteJob(nil, s, nil)); err != nil {
		t.Error(err)
	}
	env["GITHUB_OUTPUT"] = dir
	for _, err := range []error{CheckJob(env), WriteJob(env, s, nil)} {
		if err == nil || !strings.Contains(err.Error(), "the file of GITHUB_OUTPUT cannot be written") {
			t.Error(err)
		}
	}
}

func TestPathsInTheCheckout(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "checkout", "sub")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "checkout"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	for _, env := range []map[string]string{{"GITHUB_WORKSPACE": filepath.Join(root, "link")}, {"CI_PROJECT_DIR": filepath.Join(root, "checkout")}} {
		at := InCheckout(env)
		if got := at("a.rs") + " " + at("../b.rs") + " " + at("../../c.rs") + "."; got != "sub/a.rs b.rs ." {
			t.Error(got)
		}
	}
	if at := InCheckout(nil); at("a.rs") != "a.rs" || at("../b.rs") != "" {
		t.Errorf("without a job: %q, %q", at("a.rs"), at("../b.rs"))
	}
}

func TestASummarySaysHowTheRunEnded(t *testing.T) {
	var s Summary
	s.End(errors.Join(&fault.Error{Kind: fault.Build, What: "a", Fix: "b"}, &fault.Error{Kind: fault.Tests, What: "c", Err: errors.New("d"), Fix: "e"}))
	if s.Status != fault.Tests.ExitCode() || s.Kind != fault.Tests.String() || len(s.Errors) != 2 || s.Errors[1] != (Error{Kind: s.Kind, What: "c", Why: "d", Fix: "e"}) {
		t.Errorf("%+v", s)
	}
	s.End(nil)
	if s.Errors != nil {
		t.Errorf("%+v", s)
	}
}
