package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/reach"
)

// chain is a workspace whose package depends on c-00, which depends on c-01, and so on: N crates are above c-N.
func chain(n int, change func(*cargo.Lock)) (*cargo.Workspace, *reach.Findings) {
	lock := &cargo.Lock{Packages: []cargo.LockPackage{{Name: "api", Version: "0.1.0", Dependencies: []string{"c-00"}}}}
	for i := range n {
		p := crate(fmt.Sprintf("c-%02d", i))
		if i < n-1 {
			p.Dependencies = []string{fmt.Sprintf("c-%02d", i+1)}
		}
		lock.Packages = append(lock.Packages, p)
	}
	if change != nil {
		change(lock)
	}
	api := &cargo.Package{Name: "api", Dir: ".", Member: true, Manifest: &cargo.Manifest{}}
	return &cargo.Workspace{Packages: []*cargo.Package{api}, Lock: lock}, &reach.Findings{Packages: map[*cargo.Package]reach.Package{}}
}

func crate(name string) cargo.LockPackage {
	return cargo.LockPackage{Name: name, Version: "1.0.0", Checksum: "00", Source: &cargo.Source{Kind: "registry", URL: cargo.CratesIO}}
}

// where lists the crates of each stratum as NAME VERSION.
func where(strata []Stratum) [][]string {
	var all [][]string
	for _, s := range strata {
		var names []string
		for _, p := range s {
			names = append(names, p.Name+" "+p.Version)
		}
		all = append(all, names)
	}
	return all
}

func TestCratesWithMoreAboveThemAreInLowerStrata(t *testing.T) {
	got := where(Strata(chain(70, nil)))
	if len(got) != 3 || len(got[0]) != 66 || got[0][0] != "c-04 1.0.0" || len(got[1]) != 3 || !slices.Equal(got[2], []string{"c-00 1.0.0"}) {
		t.Errorf("the strata are %q", got)
	}
	if got := Strata(chain(minStrata-1, nil)); got != nil {
		t.Errorf("few crates have strata: %q", where(got))
	}
}

// TestAStratumChangesWithItsCratesAlone: a new version, or another user more, changes no stratum below.
func TestAStratumChangesWithItsCratesAlone(t *testing.T) {
	before := where(Strata(chain(70, nil)))
	for name, c := range map[string]struct {
		change  func(*cargo.Lock)
		changed int // the lowest stratum that is another one
	}{
		"the order of the lock file": {func(k *cargo.Lock) { slices.Reverse(k.Packages) }, 3},
		"a leaf":                     {func(k *cargo.Lock) { k.Packages[1].Version = "1.0.1" }, 2},
		"one in the middle":          {func(k *cargo.Lock) { k.Packages[4].Version = "1.0.1" }, 1},
		"the one that all depend on": {func(k *cargo.Lock) { k.Packages[70].Version = "1.0.1" }, 0},
		"a crate that needs another": {func(k *cargo.Lock) {
			more := crate("more")
			more.Dependencies = []string{"c-20"}
			k.Packages = append(k.Packages, more)
		}, 2},
		"another user of the last of a stratum": {func(k *cargo.Lock) {
			more := crate("more")
			more.Dependencies = []string{"c-03"}
			k.Packages = append(k.Packages, more)
		}, 2},
		"another local package": {func(k *cargo.Lock) {
			k.Packages = append(k.Packages, cargo.LockPackage{Name: "new", Version: "0.1.0", Dependencies: []string{"c-03", "c-69"}})
		}, 3},
	} {
		after := where(Strata(chain(70, c.change)))
		for i := range before {
			if same := slices.Equal(before[i], after[i]); same != (i < c.changed) && (i <= c.changed) {
				t.Errorf("%s: stratum %d is the same: %t", name, i+1, same)
			}
		}
	}
}

func TestWhatCannotBeTakenFromARegistryIsInNoStratum(t *testing.T) {
	all := func(ws *cargo.Workspace, found *reach.Findings) string {
		var b strings.Builder
		for _, s := range where(Strata(ws, found)) {
			fmt.Fprintln(&b, strings.Join(s, ","))
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		change func(*cargo.Lock)
		out    string // is in no stratum, and neither is c-02 that depends on it
	}{
		"of git": {func(k *cargo.Lock) { k.Packages[4].Source = &cargo.Source{Kind: "git"} }, "c-03 "},
		"local":  {func(k *cargo.Lock) { k.Packages[4].Source = nil }, "c-03 "},
		"of a git registry": {func(k *cargo.Lock) {
			k.Packages[4].Source = &cargo.Source{Kind: "registry", URL: "https://x.example/index"}
		}, "c-03 "},
		"without checksum": {func(k *cargo.Lock) { k.Packages[4].Checksum = "" }, "c-03 "},
		"twice": {func(k *cargo.Lock) {
			twin := crate("c-03")
			twin.Source = &cargo.Source{Kind: "sparse", URL: "https://x.example/"}
			k.Packages = append(k.Packages, twin)
		}, "c-03 "},
		"with a name for the shell": {func(k *cargo.Lock) {
			k.Packages[4].Name = "$(id)"
			k.Packages[3].Dependencies = []string{"$(id)"}
		}, "$(id)"},
	} {
		got := all(chain(70, c.change))
		if strings.Contains(got, c.out) || strings.Contains(got, "c-02 ") || !strings.Contains(got, "c-04 1.0.0") {
			t.Errorf("%s: the strata are\n%s", name, got)
		}
	}
	ws, found := chain(70, nil)
	ws.Config.Folders = []string{"vendor"}
	if got := Strata(ws, found); got != nil {
		t.Errorf("vendored sources have strata: %q", where(got))
	}
	if got := all(chain(70, func(k *cargo.Lock) { k.Packages[70].Dependencies = []string{"c-00"} })); !strings.Contains(got, "c-00 1.0.0") {
		t.Errorf("of a lock file with a circle the strata are\n%s", got) // no cargo writes one
	}
}

// TestAPackageOfItsOwnHasStrataOfItsOwn: what another one needs besides changes none of them.
func TestAPackageOfItsOwnHasStrataOfItsOwn(t *testing.T) {
	ws, _ := chain(70, nil)
	before := where(StrataOf(ws, ws.Packages[0]))
	more := crate("more")
	more.Dependencies = []string{"c-01", "c-07"}
	ws.Lock.Packages = append(ws.Lock.Packages, more, cargo.LockPackage{Name: "other", Version: "0.1.0", Dependencies: []string{"more"}})
	ws.Packages = append(ws.Packages, &cargo.Package{Name: "other", Dir: "other", Member: true})
	if after := where(StrataOf(ws, ws.Packages[0])); !reflect.DeepEqual(before, after) {
		t.Errorf("the strata are %q, they were %q", after, before)
	}
}

func TestStrataAreForWhoHasACache(t *testing.T) {
	lock := "version = 4\n[[package]]\nname = \"api\"\nversion = \"0.1.0\"\ndependencies = [\"c-00\"]\n"
	for i := range minStrata {
		lock += fmt.Sprintf("[[package]]\nname = \"c-%02d\"\nversion = \"1.0.0\"\nsource = \"registry+%s\"\nchecksum = \"00\"\n", i, cargo.CratesIO)
	}
	for toml, want := range map[string]int{
		"":                                  0, // nobody else reads what is compiled
		"[build]\nstrata = true":            3,
		"[cache]\nfrom = [\"a.example/x\"]": 3,
		"[cache]\nto = [\"a.example/x\"]":   3,
		"[build]\nstrata = false\n[cache]\nfrom = [\"a.example/x\"]": 0,
		"[build]\nnetwork = \"default\"\nstrata = true":              0, // what a build script downloads has no version
	} {
		p := mustPlan(t, "-- Cargo.toml --\n[package]\nname = \"api\"\nversion = \"0.1.0\"\n-- src/main.rs --\n-- lpipe.toml --\n"+toml+"\n-- Cargo.lock --\n"+lock, nil)
		if got := p.Variants[0].Strata; got != want {
			t.Errorf("%q: %d strata, want %d", toml, got, want)
		}
	}
}
