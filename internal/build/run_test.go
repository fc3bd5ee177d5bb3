package build

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/config"
	"lpipe/internal/engine"
	"lpipe/internal/fault"
	"lpipe/internal/finding"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// TestARunEndsBeforeAnEngineIsNeeded where there are mistakes, of which the network's is one.
func TestARunEndsBeforeAnEngineIsNeeded(t *testing.T) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop+"-- lpipe.toml --\n[build]\ninclude = [\"missing\"]\n")
	here, projects, o := opened(t, dir, false)
	o.NetworkErr = &fault.Error{Kind: fault.Usage, What: "the network is wrong", Fix: "correct it"}
	none := engine.Options{Engine: "tcp://127.0.0.1:1", Getenv: func(string) string { return "" }}
	summary, err := Run(t.Context(), here, projects, projects[0].Config, o, none, Display{})
	if summary != nil || err == nil || !strings.HasPrefix(err.Error(), "the network is wrong") || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%+v, %v", summary, err)
	}
	testparts.Unpack(t, dir, "-- lpipe.toml --\n")
	here, projects, o = opened(t, dir, false)
	if summary, err = Run(t.Context(), here, projects, projects[0].Config, o, none, Display{}); summary != nil || fault.Worst(err) != fault.Engine {
		t.Errorf("%+v, %v", summary, err)
	}
}

// TestFailuresOfOneLambdaAreItsOwn: one that was not built has no result and keeps no other back, and one cause is named once.
func TestFailuresOfOneLambdaAreItsOwn(t *testing.T) {
	r, err := prepared(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	cause := &fault.Error{Kind: fault.Build, What: "it does not compile", Fix: "correct it", Found: finding.Report{Warnings: []finding.Finding{{Name: "unused"}}}}
	built := make([]Built, len(r.Targets))
	for i, target := range r.Targets {
		built[i].Target, built[i].Err = target, cause
	}
	here := &project.Here{Dir: r.Targets[0].Dir}
	outputs, failures := deliverAll(built, here)
	for i, out := range outputs {
		if out.Name != r.Targets[i].Lambda.Label() || out.Error != cause.Error() || out.Kind != fault.Build.String() || failures[i] != error(cause) {
			t.Errorf("%+v, %v", out, failures[i])
		}
	}
	if cause.Found.Warnings != nil {
		t.Error("the warnings are in the failure and in the summary")
	}
	if err := sendAll(t.Context(), built, outputs, failures, nil); err != error(cause) || len(outputs) != 2 {
		t.Errorf("%v of %d lambdas", err, len(outputs))
	}
}

// TestExtensionsAreFoundAmongWhatWasBuilt, those for the same architecture.
func TestExtensionsAreFoundAmongWhatWasBuilt(t *testing.T) {
	r, err := prepared(t, "-- lpipe.toml --\n[build]\narch = [\"x86_64\", \"arm64\"]\n[lambda.orders]\nlayers = [\"users\"]\n[lambda.users]\nkind = \"extension\"\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	built := make([]Built, len(r.Targets))
	for i, target := range r.Targets {
		built[i].Target = target
	}
	for i, b := range built {
		places := extensionsOf(b.Target, built)
		if b.Lambda.Name == "users" {
			if places != nil {
				t.Errorf("an extension has extensions: %v", places)
			}
			continue
		}
		if got := pick(built, places); len(got) != 1 || got[0].Lambda.Name != "users" || got[0].Lambda.Arch != b.Lambda.Arch {
			t.Errorf("%d: %v", i, places)
		}
	}
}

func TestPathsAreShownFromHere(t *testing.T) {
	here := &project.Here{Dir: "/work"}
	out := Output{Lambda: report.Lambda{
		Bootstrap: "/work/a/bootstrap", Zip: "/other/bootstrap.zip", Statements: []string{"/work/s"}, Layers: []report.Layer{{LayerSums: artifact.LayerSums{}, Zip: "/work/l.zip"}},
		Failures: []finding.Finding{{File: "/work/t.rs"}, {}},
	}, CompilerWarnings: []finding.Finding{{File: "/work/w.rs"}}}
	out.shorten(here)
	got := []string{out.Bootstrap, out.Zip, out.Debug, out.Statements[0], out.Layers[0].Zip, out.Failures[0].File, out.Failures[1].File, out.CompilerWarnings[0].File}
	if want := []string{"a/bootstrap", "/other/bootstrap.zip", "", "s", "l.zip", "t.rs", "", "w.rs"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// checkedOut is a project in a folder of a repository with one commit, and changes since.
func checkedOut(t *testing.T, changes string) (here *project.Here, projects []*project.Project, git func(args ...string) string) {
	t.Helper()
	_, err := exec.LookPath("git")
	require.Part(t, err == nil, "git", "apt-get install git")
	top := t.TempDir()
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = top
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
		return strings.TrimSpace(string(out))
	}
	testparts.Unpack(t, filepath.Join(top, "shop"), shop)
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message=a")
	testparts.Unpack(t, filepath.Join(top, "shop"), changes)
	here, projects, _ = opened(t, filepath.Join(top, "shop"), false)
	here.Env["PATH"] = "/usr/local/bin:/usr/bin:/bin"
	return here, projects, git
}

// TestCommitsAreThoseThatAreCheckedOut, and lambdas that differ from theirs are told apart. git is asked once.
func TestCommitsAreThoseThatAreCheckedOut(t *testing.T) {
	here, projects, git := checkedOut(t, "-- users/src/main.rs --\nfn main() { }\n")
	settings := []config.Setting{{Key: "build.base", Values: []string{"rust:1"}, Flag: "--base"}}
	commits := CommitsOf(here, settings)
	got, err := commits(t.Context(), projects[0])
	if err != nil {
		t.Fatal(err)
	}
	want := attest.Git{Commit: git("rev-parse", "HEAD"), Tree: git("rev-parse", "HEAD^{tree}"), Dir: "shop"}
	for _, l := range projects[0].Plan.Lambdas() {
		want.Modified = l.Name == "users"
		if !reflect.DeepEqual(got[l], want) {
			t.Errorf("%s: %+v, want %+v", l.Name, got[l], want)
		}
	}
	git("commit", "--quiet", "--allow-empty", "--message=b")
	if again, err := commits(t.Context(), projects[0]); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("%v, %v", again, err)
	}
}

// TestGitIsAskedForStatementsAlone: a commit that nothing names is not looked for, and one that cannot be found is a note.
func TestGitIsAskedForStatementsAlone(t *testing.T) {
	l := &plan.Lambda{Name: "orders"}
	git := map[*plan.Lambda]attest.Git{l: {Commit: "c"}}
	asked := 0
	commits := func(context.Context, *project.Project) (map[*plan.Lambda]attest.Git, error) {
		asked++
		return git, nil
	}
	lacking := func(context.Context, *project.Project) (map[*plan.Lambda]attest.Git, error) {
		return nil, errors.New("no repository")
	}
	zips := &config.Config{Statements: config.Statements{Kinds: []string{attest.KindProvenance}}}
	for name, c := range map[string]struct {
		cfg     *config.Config
		images  Statements
		commits Commits
		known   bool
		notes   []string
	}{
		"nothing":                  {&config.Config{}, Statements{SBOM: true}, commits, false, nil},
		"a zip":                    {zips, Statements{}, commits, true, nil},
		"an image":                 {&config.Config{Push: true}, Statements{Provenance: true}, commits, true, nil},
		"an image without":         {&config.Config{Push: true}, Statements{}, commits, false, nil},
		"a zip outside a checkout": {zips, Statements{}, lacking, false, []string{"the statements name no commit: no repository"}},
	} {
		asked = 0
		s, notes := NewStating(t.Context(), []*project.Project{{Config: c.cfg}}, c.commits, c.images, "v1")
		if s.Version != "v1" || !s.Zips || s.Images != c.images || (s.Git[l].Commit == "c") != c.known || (asked == 1) != c.known || !slices.Equal(notes, c.notes) {
			t.Errorf("%s: %+v, %q, asked %d times", name, s, notes, asked)
		}
	}
}

// TestALambdaThatWasNotBuiltIsNew, in what differs from the last build.
func TestALambdaThatWasNotBuiltIsNew(t *testing.T) {
	dir := t.TempDir()
	testparts.Unpack(t, dir, shop)
	here, projects, _ := opened(t, dir, false)
	here.Env["HOME"] = t.TempDir()
	all, err := SinceLast(here, projects)
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	for l, changes := range all {
		if len(changes) != 1 || changes[0].Kind != "new" {
			t.Errorf("%s: %v", l.Name, changes)
		}
	}
}
