package dockerfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unit is a line of cargo's unit graph, without what nobody reads.
func unit(id, kind, platform, mode, features string) string {
	return `{"pkg_id":"` + id + `","target":{"kind":["` + kind + `"],"required-features":["no"]},"platform":` + platform + `,"mode":"` + mode + `","features":[` + features + `],"dependencies":[]}`
}

const unitsIndex = "registry+https://github.com/rust-lang/crates.io-index#"

// unitsStage is a units step of a project with three crates, one in each stratum, whose cargo answers with graph.
func unitsStage(s *stage, leaf string, graph ...string) {
	s.write("graph", `{"version":1,"units":[`+strings.Join(graph, ",")+`],"roots":[0]}`)
	s.program("cargo", `case $1 in update) if [ -e `+s.dir+`/broken ]; then exit 101; fi ;; *) cat `+s.dir+`/graph ;; esac`)
	s.write("src/.cargo/lpipe-strata/packages", "- 1 base 1.0.0\n- 2 mid 2.0.0+c.1\n- 3 leaf "+leaf+"\nother 1 else 1.0.0\n")
	s.write("src/.cargo/lpipe-strata/Cargo.toml", "[package]\nname = 'lpipe-stratum'\n")
	s.write("src/.cargo/lpipe-strata/lib.rs", "")
	s.write("src/.cargo/config.toml", "[net]\n")
	s.write("src/Cargo.toml", "[package]\nname = 'api'\n")
	s.write("src/one/Cargo.toml", "[package]\nname = 'one'\n")
	s.write("src/Cargo.lock", "version = 4\n\n[[package]]\nname = 'api'\nversion = '1.0.0'\ndependencies = ['leaf']\n"+
		"\n[[package]]\nname = 'base'\nversion = '1.0.0'\nsource = 'registry'\n"+
		"\n[[package]]\nname = 'else'\nversion = '1.0.0'\nsource = 'registry'\n"+
		"\n[[package]]\nname = 'leaf'\nversion = '"+leaf+"'\nsource = 'registry'\ndependencies = ['mid']\n"+
		"\n[[package]]\nname = 'mid'\nversion = '2.0.0+c.1'\nsource = 'registry'\ndependencies = ['base']\n")
	for _, crate := range []string{"base-1.0.0", "mid-2.0.0+c.1", "leaf-" + leaf, "else-1.0.0"} {
		s.write("cargo/registry/cache/x/"+crate+".crate", crate)
	}
	s.write("cargo/config.toml", "# mirror\n")
	s.write("cargo/registry/index/x/config.json", "{}")
	index := func(age string, versions ...string) string {
		text := "\x03\x02\x00\x00\x00" + age + "\x00"
		for _, v := range versions {
			text += v + "\x00{\"vers\":\"" + v + "\"}\x00"
		}
		return text
	}
	s.write("cargo/registry/index/x/.cache/ba/se/base", index("today "+leaf, "0.9.0", "1.0.0", leaf+"-new"))
	s.write("cargo/registry/index/x/.cache/3/m/mid", index("today", "2.0.0", "2.0.0+c.1"))
	s.write("cargo/registry/index/x/.cache/le/af/leaf", "\x04 of another cargo")
}

// unitsScript is what the step does.
const unitsScript = `cd /src
crates_of -
units 1 build
units 2 test
needs 1 x86_64-unknown-linux-musl
needs 2 x86_64-unknown-linux-gnu
write_strata 3
`

// content is what a cache would know a folder by: its files, without their times.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		files[strings.TrimPrefix(name, dir)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var threeUnits = []string{
	unit("path+file:///src#api@1.0.0", "lib", `"x86_64-unknown-linux-musl"`, "build", ""),
	unit(unitsIndex+"base@1.0.0", "lib", `"x86_64-unknown-linux-musl"`, "build", `"default","std"`),
	unit(unitsIndex+"base@1.0.0", "lib", `null`, "build", `"std"`),
	unit(unitsIndex+"base@1.0.0", "custom-build", `null`, "build", `"script"`),
	unit(unitsIndex+"base@1.0.0", "custom-build", `null`, "run-custom-build", `"script"`),
	unit("mid 2.0.0+c.1 (registry+https://github.com/rust-lang/crates.io-index)", "proc-macro", `null`, "build", ""),
	unit(unitsIndex+"leaf@1.0.0", "lib", `"x86_64-unknown-linux-musl"`, "build", `"a-b"`),
}

func TestAStratumHasItsCratesAndThoseBelow(t *testing.T) {
	inShells(t, func(t *testing.T, s *stage) {
		unitsStage(s, "1.0.0", threeUnits...)
		s.must("units.sh", unitsScript)
		const base = "[package]\nname = 'lpipe-stratum'\n\n[target.x86_64-unknown-linux-musl.dependencies]\n" +
			"base-1_0_0 = { package = \"base\", version = \"=1.0.0\", default-features = false, features = [\"default\",\"std\"] }\n"
		const host = "[build-dependencies]\nbase-1_0_0 = { package = \"base\", version = \"=1.0.0\", default-features = false, features = [\"std\"] }\n"
		for n, want := range map[string]string{
			"1": base + host,
			"2": base + host + "mid-2_0_0_c_1 = { package = \"mid\", version = \"=2.0.0\", default-features = false, features = [] }\n",
			"3": base + "leaf-1_0_0 = { package = \"leaf\", version = \"=1.0.0\", default-features = false, features = [\"a-b\"] }\n" +
				host + "mid-2_0_0_c_1 = { package = \"mid\", version = \"=2.0.0\", default-features = false, features = [] }\n",
		} {
			if got := content(t, filepath.Join(s.dir, "strata", n))["/src/.cargo/lpipe-strata/1/Cargo.toml"]; got != want {
				t.Errorf("the manifest of stratum %s is\n%swant\n%s", n, got, want)
			}
		}
		files := content(t, filepath.Join(s.dir, "strata/2"))
		var names []string
		for name := range files {
			names = append(names, name)
		}
		slices.Sort(names)
		want := []string{
			"/cargo/config.toml", "/cargo/registry/cache/x/base-1.0.0.crate", "/cargo/registry/cache/x/mid-2.0.0+c.1.crate",
			"/cargo/registry/index/x/.cache/3/m/mid", "/cargo/registry/index/x/.cache/ba/se/base", "/cargo/registry/index/x/config.json",
			"/src/.cargo/config.toml", "/src/.cargo/lpipe-strata/1/Cargo.lock", "/src/.cargo/lpipe-strata/1/Cargo.toml",
			"/src/.cargo/lpipe-strata/2/Cargo.lock", "/src/.cargo/lpipe-strata/2/Cargo.toml", "/src/.cargo/lpipe-strata/lib.rs",
		}
		if !slices.Equal(names, want) {
			t.Errorf("the second stratum has\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
		}
		const locked = "version = 4\n\n[[package]]\nname = 'base'\nversion = '1.0.0'\nsource = 'registry'\n\n" +
			"[[package]]\nname = 'mid'\nversion = '2.0.0+c.1'\nsource = 'registry'\ndependencies = ['base']\n"
		if got := files["/src/.cargo/lpipe-strata/2/Cargo.lock"]; got != locked {
			t.Errorf("its lock file is\n%s", got)
		}
		if got := files["/cargo/registry/index/x/.cache/ba/se/base"]; got != "\x03\x02\x00\x00\x00lpipe\x001.0.0\x00{\"vers\":\"1.0.0\"}\x00" {
			t.Errorf("of the index it has %q", got)
		}
		if got := content(t, filepath.Join(s.dir, "strata/3"))["/cargo/registry/index/x/.cache/le/af/leaf"]; !strings.HasPrefix(got, "\x04 of another cargo") {
			t.Errorf("an index of another form is %q", got)
		}
	})
}

// TestAStratumIsTheSameWhateverIsAbove: not with another leaf, another package of the project, or an index of another day.
func TestAStratumIsTheSameWhateverIsAbove(t *testing.T) {
	inShells(t, func(t *testing.T, s *stage) {
		unitsStage(s, "1.0.0", threeUnits...)
		s.must("units.sh", unitsScript)
		before := filepath.Join(s.dir, "before")
		if err := os.Rename(filepath.Join(s.dir, "strata"), before); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{"src", "tmp"} {
			if err := os.RemoveAll(filepath.Join(s.dir, folder)); err != nil {
				t.Fatal(err)
			}
		}
		s.write("tmp/of the step", "")
		unitsStage(s, "1.0.1", append(slices.Clone(threeUnits[1:6]), unit(unitsIndex+"leaf@1.0.1", "lib", `"x86_64-unknown-linux-musl"`, "build", ""))...)
		s.write("src/two/Cargo.toml", "[package]\nname = 'two'\n")
		s.must("units.sh", unitsScript)
		for n, same := range map[string]bool{"1": true, "2": true, "3": false} {
			a, b := content(t, filepath.Join(before, n)), content(t, filepath.Join(s.dir, "strata", n))
			equal := len(a) == len(b)
			for name := range a {
				equal = equal && a[name] == b[name]
			}
			if equal != same {
				t.Errorf("stratum %s is the same: %t\n%v\n%v", n, equal, a, b)
			}
		}
	})
}

// TestWhatCargoDoesNotSayIsInNoStratum: then all compiles after them.
func TestWhatCargoDoesNotSayIsInNoStratum(t *testing.T) {
	for name, broken := range map[string]func(*stage){
		"no unit graph": func(s *stage) { s.write("graph", "error: unknown flag\n") },
		"no lock file":  func(s *stage) { s.write("broken", "") },
		"another graph": func(s *stage) { s.write("graph", `{"version":2,"units":[{"id":7}]}`) },
	} {
		t.Run(name, func(t *testing.T) {
			inShells(t, func(t *testing.T, s *stage) {
				unitsStage(s, "1.0.0", threeUnits...)
				broken(s)
				s.must("units.sh", unitsScript)
				manifest := content(t, filepath.Join(s.dir, "strata/3"))["/src/.cargo/lpipe-strata/1/Cargo.toml"]
				if strings.Contains(manifest, "version =") || !strings.Contains(manifest, "lpipe-stratum") {
					t.Errorf("the manifest is\n%s", manifest)
				}
			})
		})
	}
}
