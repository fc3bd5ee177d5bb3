package plan

import (
	"errors"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// aProject is one in a folder, with a program of that name.
func aProject(t *testing.T, dir, lpipe string) Project {
	t.Helper()
	disk := testparts.Files(dir, "-- Cargo.toml --\n[package]\nname = \""+dir+"\"\nversion = \"1.0.0\"\n-- src/main.rs --\n-- Cargo.lock --\nversion = 4\n-- .git/HEAD --\n-- lpipe.toml --\n"+lpipe)
	cfg, err := config.Load(config.Input{FS: disk, Dir: "/" + dir})
	if err != nil {
		t.Fatal(err)
	}
	ws, err := cargo.Load(disk, dir)
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	return Project{Config: cfg, Workspace: ws, Reach: found}
}

func neighbour(p Project) Project {
	p.Neighbour = true
	return p
}

// TestMistakesOfANeighbour: in a project beside, of which nothing is wanted but that a name be looked for, they are a note at
// most.
func TestMistakesOfANeighbour(t *testing.T) {
	broken := Project{Dir: "orders", Err: errors.New("orders/Cargo.toml is not valid TOML"), Neighbour: true}
	twice := neighbour(aProject(t, "twice", "[lambda.a]\nbin = \"twice\"\n[lambda.b]\nbin = \"twice\"\n"))
	absent := neighbour(aProject(t, "absent", "[lambda.nothing]\nbin = \"nothing\"\n"))
	users := neighbour(aProject(t, "users", ""))
	asked := absent
	asked.Neighbour = false
	for name, c := range map[string]struct {
		projects []Project
		want     string
		mistakes []string // else notes
		notes    []string
	}{
		"cannot be read":               {projects: []Project{broken, users}, want: "users", notes: []string{"orders/Cargo.toml is not valid TOML"}},
		"the folder is part of a name": {projects: []Project{users, broken}, want: "users/users", notes: []string{"orders/Cargo.toml"}},
		"two tables for a program":     {projects: []Project{users, twice}, want: "users", notes: []string{"is two lambdas"}},
		"a table for nothing":          {projects: []Project{users, absent}, want: "users"},
		"and it is wanted":             {projects: []Project{users, absent}, want: "absent", mistakes: []string{"names no program"}},
		"and it is asked for":          {projects: []Project{users, asked}, want: "users", mistakes: []string{"names no program"}},
		"the name is nowhere":          {projects: []Project{users, broken}, want: "user", mistakes: []string{"orders/Cargo.toml", `did you mean "users"`}},
		"all of them":                  {projects: []Project{broken}, want: "users", mistakes: []string{"orders/Cargo.toml"}},
		"not a neighbour":              {projects: []Project{users, {Dir: "orders", Err: broken.Err}}, want: "users", mistakes: []string{"orders/Cargo.toml"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := one(Make(c.projects, names(c.want)))
			var said strings.Builder
			if fault.Print(&said, err); (err != nil) != (c.mistakes != nil) {
				t.Fatalf("mistakes:\n%s", &said)
			}
			for _, want := range c.mistakes {
				if !strings.Contains(said.String(), want) {
					t.Errorf("%q is not said:\n%s", want, &said)
				}
			}
			if err != nil {
				return
			}
			if len(p.Notes) != len(c.notes) {
				t.Errorf("notes: %q", p.Notes)
			}
			for _, want := range c.notes {
				if !strings.Contains(strings.Join(p.Notes, "\n"), want) {
					t.Errorf("%q is not noted: %q", want, p.Notes)
				}
			}
		})
	}
}
