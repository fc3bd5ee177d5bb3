package site

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/disk"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
	"lpipe/internal/testparts"
)

// hereIn is a folder with the files.
func hereIn(t *testing.T, files string) *project.Here {
	t.Helper()
	dir := t.TempDir()
	testparts.Unpack(t, dir, files)
	return &project.Here{Dir: dir, Env: map[string]string{}, Disk: disk.Disk{FS: os.DirFS("/")}}
}

// answers are the initial ones.
func answers(t *testing.T, name string) scaffold.Answers {
	t.Helper()
	of := scaffold.Answers{Name: name}
	for _, q := range scaffold.Questions {
		if err := q.Answer(&of, q.Initial(of)); err != nil {
			t.Fatal(err)
		}
	}
	return of
}

const workspace = "-- Cargo.toml --\n[workspace]\nmembers = []\nresolver = \"2\"\n-- Cargo.lock --\nversion = 4\n"

const single = "-- Cargo.toml --\n[package]\nname = \"orders\"\nversion = \"1.0.0\"\nedition = \"2021\"\n-- Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"orders\"\nversion = \"1.0.0\"\n-- src/main.rs --\nfn main() {}\n"

// TestWhereALambdaGoes, and what is asked there.
func TestWhereALambdaGoes(t *testing.T) {
	for name, c := range map[string]struct {
		files, dir string
		existing   bool
		fails      string
		unasked    []string
	}{
		"a new folder":         {dir: "orders"},
		"one with files":       {files: "-- orders/x --\n", dir: "orders", fails: "orders is there already"},
		"init, one with files": {files: "-- orders/x --\n", dir: "orders", existing: true},
		"init, none":           {dir: "orders", existing: true, fails: "there is no folder orders"},
		"a workspace":          {files: workspace, dir: "orders", unasked: []string{"workspace"}},
		"init, a project":      {files: single, dir: ".", existing: true, unasked: []string{"runtime", "workspace"}},
	} {
		here := hereIn(t, c.files)
		s, err := Find(here, here.Abs(c.dir), c.existing)
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		var unasked []string
		for _, q := range scaffold.Questions {
			if !s.Asks(q) {
				unasked = append(unasked, q.Flag)
			}
		}
		if !slices.Equal(unasked, c.unasked) {
			t.Errorf("%s: not asked is %q", name, unasked)
		}
		of := answers(t, "orders")
		of.Workspace = true
		if err := s.Check(here, of); (err != nil) != slices.Contains(c.unasked, "workspace") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhatIsWrittenAndWhatIsNext: what is there stays.
func TestWhatIsWrittenAndWhatIsNext(t *testing.T) {
	for name, c := range map[string]struct {
		files, dir string
		existing   bool
		created    string // one of the files
		cd         string
		event      string
	}{
		"a folder":    {dir: "orders", created: "orders/src/main.rs", cd: "cd orders", event: "events/"},
		"here":        {files: "-- README.md --\nmine\n", dir: ".", existing: true, created: "src/main.rs", event: "events/"},
		"a workspace": {files: workspace, dir: "orders", created: "orders/Cargo.toml", event: "orders/events/"},
	} {
		here := hereIn(t, c.files)
		s, err := Find(here, here.Abs(c.dir), c.existing)
		if err != nil {
			t.Fatal(name, err)
		}
		of := answers(t, "orders")
		w, err := s.Write(t.Context(), here, of, Template{})
		if err != nil || !slices.Contains(w.Created, filepath.Join(here.Dir, c.created)) {
			t.Errorf("%s: %v, created are %q", name, err, w.Created)
		}
		want := []string{"lpipe build orders"}
		if c.cd != "" {
			want = slices.Insert(want, 0, c.cd)
		}
		if runtime.GOOS == "linux" {
			want = append(want, "lpipe invoke orders --event "+c.event+of.EventFile(), "lpipe serve orders")
		}
		if got := s.Next(here, of); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if data, err := os.ReadFile(filepath.Join(here.Dir, "README.md")); c.existing && (err != nil || string(data) != "mine\n") {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		if s.Present = true; s.Next(here, of) != nil {
			t.Errorf("%s: there is something to do for a project that was there", name)
		}
	}
}

func TestATemplateOfTheUsersOwnIsWritten(t *testing.T) {
	here := hereIn(t, "-- own/Cargo.toml.tmpl --\n[package]\nname = \"<% .Name %>\"\nversion = \"1.0.0\"\n-- own/src/main.rs.tmpl --\n// <% .Set.team %>\n")
	s, err := Find(here, here.Abs("orders"), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), here, answers(t, "orders"), Template{From: "own", Set: map[string]string{"team": "shop"}}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(here.Dir, "orders", "src", "main.rs")); err != nil || string(data) != "// shop\n" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := s.Write(t.Context(), here, answers(t, "orders"), Template{From: "none"}); err == nil || !strings.Contains(err.Error(), `there is no folder "none" with a template`) {
		t.Error(err)
	}
}
