package runnable

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/artifact"
	"lpipe/internal/disk"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/testparts"
)

// opened are the projects of a folder with the functions orders and users, of which orders has the extension logs.
func opened(t *testing.T, lpipeToml string) []*project.Project {
	t.Helper()
	files := "-- Cargo.toml --\n[workspace]\nmembers = [\"orders\", \"users\", \"logs\"]\nresolver = \"2\"\n-- lpipe.toml --\n" + lpipeToml
	lock := "-- Cargo.lock --\nversion = 4\n"
	for _, name := range []string{"logs", "orders", "users"} {
		lock += "\n[[package]]\nname = \"" + name + "\"\nversion = \"1.0.0\"\n"
		files += "-- " + name + "/Cargo.toml --\n[package]\nname = \"" + name + "\"\nversion = \"1.0.0\"\nedition = \"2021\"\n-- " + name + "/src/main.rs --\nfn main() {}\n"
	}
	here := &project.Here{Dir: testparts.Project(t, files+lock), Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
	projects, err := here.Open(nil, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return projects
}

const extension = "[lambda.logs]\nkind = \"extension\"\n[lambda.orders]\nlayers = [\"logs\"]\n"

func TestLambdasForOtherMachinesAreLeftOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	projects := opened(t, "[build]\narch = [\"x86_64\", \"arm64\"]\n")
	kept, err := Settings{}.Keep(projects)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range kept[0].Plan.Lambdas() {
		if !runsHere(l.Arch) {
			t.Errorf("%s is kept", l.Label())
		}
	}
	if n := len(kept[0].Plan.Lambdas()); n != 3 || len(projects[0].Plan.Lambdas()) != 6 {
		t.Errorf("%d are kept", n)
	}
	for _, l := range projects[0].Plan.Lambdas() {
		l.Arch = "riscv64"
	}
	if kept, err := (Settings{}).Keep(projects); kept != nil || err == nil || !strings.Contains(err.Error(), "no lambda here runs on this machine") {
		t.Errorf("%v, %v", kept, err)
	}
}

func TestNamesToServeBy(t *testing.T) {
	projects := opened(t, extension)
	if names, err := Names(projects); err != nil || !slices.Equal(names, []string{"orders", "users"}) {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := Names(append(projects, opened(t, "")...)); err == nil || !strings.Contains(err.Error(), "two lambdas have one name") {
		t.Error(err)
	}
	if _, err := Names(nil); err == nil || !strings.Contains(err.Error(), "there is no function to serve") {
		t.Error(err)
	}
}

// TestCodesAreOfAllThatAFunctionHas: what failed has none.
func TestCodesAreOfAllThatAFunctionHas(t *testing.T) {
	lambda := func(name, code string, layers ...string) report.Lambda {
		l := report.Lambda{Name: name, CodeSHA256: code}
		for _, code := range layers {
			l.Layers = append(l.Layers, report.Layer{LayerSums: artifact.LayerSums{CodeSHA256: code}})
		}
		return l
	}
	projects := opened(t, extension)
	for want, lambdas := range map[string][]report.Lambda{
		"o l1 e": {lambda("logs", "e"), lambda("orders", "o", "l1"), lambda("users", "")},
		"o e2":   {lambda("logs", "e2"), lambda("orders", "o")},
		"o":      {lambda("orders", "o")},
	} {
		if got := Codes(projects, report.Summary{Lambdas: lambdas}); !maps.Equal(got, map[string]string{"orders": want}) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
