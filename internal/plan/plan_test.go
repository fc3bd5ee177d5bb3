package plan

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/golden"
)

// plan makes a plan for the project in a txtar archive, which gets an empty lock file.
func plan(t *testing.T, archive string, wants []Want) (*Plan, error) {
	t.Helper()
	disk := testparts.Files("p", "-- Cargo.lock --\nversion = 4\n-- .git/HEAD --\n"+archive)
	cfg, err := config.Load(config.Input{FS: disk, Dir: "/p"})
	if err != nil {
		t.Fatal(err)
	}
	ws, err := cargo.Load(disk, "p")
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	return one(Make([]Project{{Config: cfg, Workspace: ws, Reach: found}}, wants))
}

// one is the plan of the only project.
func one(plans []*Plan, broken, err error) (*Plan, error) {
	if err := errors.Join(broken, err); err != nil {
		return nil, err
	}
	return plans[0], nil
}

// names wants lambdas or packages by name.
func names(all ...string) []Want {
	var wants []Want
	for _, name := range all {
		wants = append(wants, Want{Given: name, Name: true})
	}
	return wants
}

// folder wants the lambdas of a folder of the project.
func folder(name string) Want { return Want{Given: name, Paths: []string{path.Join("p", name)}} }

func mustPlan(t *testing.T, archive string, wants []Want) *Plan {
	t.Helper()
	p, err := plan(t, archive, wants)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lambdas are "NAME = PACKAGE/BIN", with the kind where it is not a binary and the architecture where it has two.
func lambdas(p *Plan) []string {
	var all []string
	for _, l := range p.Lambdas() {
		text := fmt.Sprintf("%s = %s/%s", l.Label(), l.Package.Name, l.Bin)
		if l.Kind != "bin" {
			text += " (" + l.Kind + ")"
		}
		all = append(all, text)
	}
	return all
}

func wantLambdas(t *testing.T, p *Plan, want ...string) {
	t.Helper()
	if got := lambdas(p); !slices.Equal(got, want) {
		t.Errorf("lambdas\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantMistake compares all that a person reads, the sentences of one mistake on a line of their own.
func wantMistake(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no mistake found, want\n%s", want)
	}
	var got strings.Builder
	fault.Print(&got, err)
	text := strings.ReplaceAll(strings.ReplaceAll(got.String(), "lpipe: ", ""), "\n       ", "\n")
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if kind := fault.Worst(err); kind != fault.Usage {
		t.Errorf("the mistake is of kind %d", kind)
	}
}

// single is a package with one binary.
const single = `
-- Cargo.toml --
[package]
name = "report"
version = "1.0.0"
edition = "2021"
[features]
default = ["json"]
json = []
pdf = ["json"]
-- src/main.rs --
`

// fleet is a workspace in which each folder has one package of its name.
const fleet = `
-- Cargo.toml --
[workspace]
resolver = "2"
members = ["api/*", "jobs/sweep", "lib"]
default-members = ["api/*"]
-- api/users/Cargo.toml --
[package]
name = "users"
version = "1.0.0"
edition = "2021"
[features]
default = ["cache"]
cache = []
audit = []
-- api/users/src/main.rs --
-- api/orders/Cargo.toml --
[package]
name = "orders"
version = "1.0.0"
edition = "2021"
[features]
audit = []
-- api/orders/src/main.rs --
-- api/orders/src/bin/order-events.rs --
-- api/orders/examples/replay.rs --
-- jobs/sweep/Cargo.toml --
[package]
name = "sweep"
version = "1.0.0"
edition = "2021"
-- jobs/sweep/src/main.rs --
-- lib/Cargo.toml --
[package]
name = "lib"
version = "1.0.0"
edition = "2021"
-- lib/src/lib.rs --
`

func TestAPackageNeedsNoConfiguration(t *testing.T) {
	p := mustPlan(t, single, nil)
	wantLambdas(t, p, "report = report/report")
	v := p.Variants[0]
	if v.Base != "docker.io/library/rust:1-bookworm" || v.Target != "x86_64-unknown-linux-musl" || v.Profile != "release" ||
		v.Features != nil || v.NoDefaultFeatures || v.Env != nil || v.AllowNetwork || v.Dir != "." {
		t.Errorf("the variant is %+v", v)
	}
}

func TestLambdasAreChosen(t *testing.T) {
	for name, c := range map[string]struct {
		project string
		want    []string
	}{
		"the default members of a workspace": {
			fleet, []string{"order-events = orders/order-events", "orders = orders/orders", "users = users/users"},
		},
		"the lambdas key lists them, in any member": {
			fleet + "-- lpipe.toml --\nlambdas = ['sweep', 'order*']\n",
			[]string{"order-events = orders/order-events", "orders = orders/orders", "sweep = sweep/sweep"},
		},
		"the lambdas key may list examples": {
			fleet + "-- lpipe.toml --\nlambdas = ['replay']\n", []string{"replay = orders/replay (example)"},
		},
		"a table renames a program": {
			fleet + "-- lpipe.toml --\n[lambda.inbox]\npackage = 'orders'\nbin = 'order-events'\n",
			[]string{"inbox = orders/order-events", "orders = orders/orders", "users = users/users"},
		},
		"a table adds a program of another member": {
			fleet + "-- lpipe.toml --\n[lambda.sweep]\nprofile = 'dev'\n",
			[]string{"order-events = orders/order-events", "orders = orders/orders", "sweep = sweep/sweep", "users = users/users"},
		},
		"a table adds an example": {
			fleet + "-- lpipe.toml --\nlambdas = ['again']\n[lambda.again]\nbin = 'replay'\n", []string{"again = orders/replay (example)"},
		},
		"a table without keys means the only program of a package": {
			"-- Cargo.toml --\n[package]\nname = 'report'\nversion = '1.0.0'\nedition = '2021'\n[[bin]]\nname = 'worker'\npath = 'src/main.rs'\n" +
				"-- src/main.rs --\n-- lpipe.toml --\n[lambda.report]\n",
			[]string{"report = report/worker"},
		},
		"two tables may swap names": {
			fleet + "-- lpipe.toml --\n[lambda.orders]\nbin = 'order-events'\n[lambda.order-events]\npackage = 'orders'\nbin = 'orders'\n",
			[]string{"order-events = orders/orders", "orders = orders/order-events", "users = users/users"},
		},
		"a program called bootstrap has the name of its package": {
			"-- Cargo.toml --\n[package]\nname = 'report'\nversion = '1.0.0'\nedition = '2021'\n[[bin]]\nname = 'bootstrap'\npath = 'src/main.rs'\n-- src/main.rs --\n",
			[]string{"report = report/bootstrap"},
		},
		"both architectures have a folder each": {
			single + "-- lpipe.toml --\n[build]\narch = ['x86_64', 'arm64']\n", []string{"report/arm64 = report/report", "report/x86_64 = report/report"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantLambdas(t, mustPlan(t, c.project, nil), c.want...)
		})
	}
}

func TestSelection(t *testing.T) {
	const both, events = "orders = orders/orders", "order-events = orders/order-events"
	for name, c := range map[string]struct {
		s    []Want
		want []string
	}{
		"by name":                                    {names("order-events"), []string{events}},
		"by name, which wins over a package's":       {names("orders"), []string{both}},
		"by pattern":                                 {names("*s"), []string{events, both, "users = users/users"}},
		"by folder":                                  {[]Want{folder("api/users")}, []string{"users = users/users"}},
		"by a folder above":                          {[]Want{folder("api")}, []string{events, both, "users = users/users"}},
		"by the root":                                {[]Want{folder(".")}, []string{events, both, "users = users/users"}},
		"by name and folder":                         {append(names("order-events"), folder("api/users")), []string{events, "users = users/users"}},
		"twice is once":                              {append(names("users", "users"), folder("api/users")), []string{"users = users/users"}},
		"by nothing means the default members":       {nil, []string{events, both, "users = users/users"}},
		"by name, outside of the default members":    {names("sweep"), []string{"sweep = sweep/sweep"}},
		"by pattern, outside of the default members": {names("sw*"), []string{"sweep = sweep/sweep"}},
		"by folder, outside of the default members":  {[]Want{folder("jobs")}, []string{"sweep = sweep/sweep"}},
		"all": {[]Want{{All: true}}, []string{events, both, "sweep = sweep/sweep", "users = users/users"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantLambdas(t, mustPlan(t, fleet, c.s), c.want...)
		})
	}
}

// rooted is a workspace whose root is a package, which is then the only default member.
const rooted = "-- Cargo.toml --\n[package]\nname = 'app'\nversion = '1.0.0'\nedition = '2021'\n[workspace]\nmembers = ['crates/*']\n" +
	"-- crates/fn/Cargo.toml --\n[package]\nname = 'fn-a'\nversion = '1.0.0'\nedition = '2021'\n[features]\nx = []\n-- crates/fn/src/main.rs --\n"

func TestWhatIsNamedIsALambda(t *testing.T) {
	for root, byDefault := range map[string][]string{
		"-- src/main.rs --\n": {"app = app/app"}, "-- src/lib.rs --\n": nil,
	} {
		for _, wants := range [][]Want{names("fn-a"), {folder("crates/fn")}, {folder("crates")}} {
			wantLambdas(t, mustPlan(t, rooted+root, wants), "fn-a = fn-a/fn-a")
		}
		wantLambdas(t, mustPlan(t, rooted+root, []Want{{All: true}}), append(slices.Clone(byDefault), "fn-a = fn-a/fn-a")...)
		listed := rooted + root + "-- lpipe.toml --\nlambdas = ['*']\n"
		wantLambdas(t, mustPlan(t, listed, nil), append(slices.Clone(byDefault), "fn-a = fn-a/fn-a")...)
	}
}

// TestOtherProgramsChangeNothing builds the default members: a program outside of them neither adds features nor shares.
func TestOtherProgramsChangeNothing(t *testing.T) {
	const config = "-- src/main.rs --\n-- lpipe.toml --\n[lambda.app]\nfeatures = []\n"
	p := mustPlan(t, rooted+config, nil)
	if p.All || p.Partial || len(p.Notes) > 0 || p.Variants[0].Features != nil {
		t.Errorf("%+v", p)
	}
	if p = mustPlan(t, rooted+config, names("fn-a")); !p.All || !p.Partial {
		t.Errorf("%+v", p)
	}
}

func TestSelectionByPackage(t *testing.T) {
	const project = "-- Cargo.toml --\n[package]\nname = 'suite'\nversion = '1.0.0'\nedition = '2021'\n-- src/bin/a.rs --\n-- src/bin/b.rs --\n"
	wantLambdas(t, mustPlan(t, project, names("suite")), "a = suite/a", "b = suite/b")
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		project string
		s       []Want
		want    string
	}{
		"an unknown lambda": {fleet, names("user"), `error: there is no lambda "user"
why:   the lambdas are order-events, orders, sweep, users
fix:   did you mean "users"?
`},
		"one that lpipe.toml leaves out": {fleet + "-- lpipe.toml --\nlambdas = ['users']\n", names("orders"), `error: "orders" is a program but no lambda
why:   lpipe.toml:1: lambdas leaves it out
fix:   add it there
`},
		"only programs outside of the default members": {rooted + "-- src/lib.rs --\n", nil, `error: there is no lambda to build
why:   no default member of the workspace has a program; outside of them are fn-a
fix:   name one of them, build all with --all, or make them the default in lpipe.toml: lambdas = ["*"]
`},
		"two of one name": {
			rooted + "-- src/main.rs --\n-- crates/b/Cargo.toml --\n[package]\nname = 'b'\nversion = '1.0.0'\nedition = '2021'\n[[bin]]\nname = 'app'\npath = 'src/main.rs'\n-- crates/b/src/main.rs --\n",
			[]Want{folder("crates/b")},
			`error: two lambdas are called "app"
why:   both app/app and b/app have this name
fix:   give one another name in lpipe.toml:
       [lambda.app-2]
       package = "b"
       bin = "app"
`,
		},
		"several unknown lambdas are reported at once": {fleet, names("user", "zzzzzzzz"), `error: there is no lambda "user"
why:   the lambdas are order-events, orders, sweep, users
fix:   did you mean "users"?
error: there is no lambda "zzzzzzzz"
why:   the lambdas are order-events, orders, sweep, users
fix:   name one of them
`},
		"a folder without lambdas": {fleet, []Want{folder("lib")}, `error: there is no lambda in lib
why:   no package at or below it has a program that is a lambda
fix:   lpipe plan lists the lambdas; name one, or a folder that holds one
`},
		"a package that is only a library": {
			"-- Cargo.toml --\n[package]\nname = 'shapes'\nversion = '1.0.0'\nedition = '2021'\n-- src/lib.rs --\n", nil, `error: there is no lambda to build
why:   the package "shapes" has only a library
fix:   add a src/main.rs or a [[bin]], or list the programs in lpipe.toml: lambdas = ["NAME"]
`,
		},
		"a workspace without programs": {
			"-- Cargo.toml --\n[workspace]\nresolver = '2'\nmembers = ['a', 'b']\n" +
				"-- a/Cargo.toml --\n[package]\nname = 'a'\nversion = '1.0.0'\nedition = '2021'\n-- a/src/lib.rs --\n" +
				"-- b/Cargo.toml --\n[package]\nname = 'b'\nversion = '1.0.0'\nedition = '2021'\n-- b/src/lib.rs --\n",
			nil,
			`error: there is no lambda to build
why:   no default member of the workspace has a binary target
fix:   add a src/main.rs or a [[bin]], or list the programs in lpipe.toml: lambdas = ["NAME"]
`,
		},
		"two packages with a program of one name": {
			"-- Cargo.toml --\n[workspace]\nresolver = '2'\nmembers = ['a', 'b']\n" +
				"-- a/Cargo.toml --\n[package]\nname = 'a'\nversion = '1.0.0'\nedition = '2021'\n-- a/src/bin/worker.rs --\n" +
				"-- b/Cargo.toml --\n[package]\nname = 'b'\nversion = '1.0.0'\nedition = '2021'\n-- b/src/bin/worker.rs --\n",
			nil,
			`error: two lambdas are called "worker"
why:   both a/worker and b/worker have this name
fix:   give one another name in lpipe.toml:
       [lambda.worker-2]
       package = "b"
       bin = "worker"
`,
		},
		"a table for a program that two packages have": {
			"-- Cargo.toml --\n[workspace]\nresolver = '2'\nmembers = ['a', 'b']\n" +
				"-- a/Cargo.toml --\n[package]\nname = 'a'\nversion = '1.0.0'\nedition = '2021'\n-- a/src/bin/worker.rs --\n" +
				"-- b/Cargo.toml --\n[package]\nname = 'b'\nversion = '1.0.0'\nedition = '2021'\n-- b/src/bin/worker.rs --\n" +
				"-- lpipe.toml --\n[lambda.worker]\n",
			nil,
			`error: lpipe.toml:1: [lambda.worker] names several programs
why:   a/worker, b/worker all fit
fix:   say which one: package = "a", bin = "worker"
error: two lambdas are called "worker"
why:   both a/worker and b/worker have this name
fix:   give one another name in lpipe.toml:
       [lambda.worker-2]
       package = "b"
       bin = "worker"
`,
		},
		"a table for no program": {fleet + "-- lpipe.toml --\n[lambda.order-event]\n", nil, `error: lpipe.toml:1: [lambda.order-event] names no program
why:   no package of the workspace has such a binary or example
fix:   did you mean "order-events"?
`},
		"two tables for one program": {
			fleet + "-- lpipe.toml --\n[lambda.a]\nbin = 'users'\n[lambda.b]\nbin = 'users'\n", nil, `error: lpipe.toml:3: users/users is two lambdas
why:   [lambda.a] and [lambda.b] both name it
fix:   leave one of them out; a program is built once
`,
		},
		"a pattern that fits nothing": {fleet + "-- lpipe.toml --\nlambdas = ['order', 'users']\n", nil, `error: lpipe.toml:1: "order" in lambdas names no binary
fix:   did you mean "orders"?
`},
		"a program of one name in a package that it depends on": {
			"-- Cargo.toml --\n[workspace]\nresolver = '2'\nmembers = ['a', 'b']\n" +
				"-- a/Cargo.toml --\n[package]\nname = 'a'\nversion = '1.0.0'\nedition = '2021'\n[[bin]]\nname = 'bootstrap'\npath = 'src/main.rs'\n" +
				"-- a/src/lib.rs --\n-- a/src/main.rs --\n" +
				"-- b/Cargo.toml --\n[package]\nname = 'b'\nversion = '1.0.0'\nedition = '2021'\n[[bin]]\nname = 'bootstrap'\npath = 'src/main.rs'\n" +
				"[dependencies]\na = { path = '../a' }\n-- b/src/main.rs --\n",
			nil,
			`error: the lambda "b" cannot be built beside the package "a" that it depends on
why:   both have a program called "bootstrap", and cargo writes both to one file
fix:   rename one of the two in its Cargo.toml: in the zip the program is called bootstrap, whatever its name
`,
		},
		"a feature that no lambda has": {single + "-- lpipe.toml --\n[build]\nfeatures = ['pdg']\n", nil, `error: the package "report" has no feature "pdg"
why:   lpipe.toml:2 asks for it, for the lambda "report"
fix:   did you mean "pdf"?
`},
		"a feature that this lambda does not have": {fleet + "-- lpipe.toml --\n[lambda.orders]\nfeatures = ['cache']\n", nil, `error: the package "orders" has no feature "cache"
why:   lpipe.toml:2 asks for it, for the lambda "orders"
fix:   add it to the package, or take it out of lpipe.toml
`},
		"flags of .cargo/config.toml that cannot be joined with those of lpipe.toml": {
			single + "-- .cargo/config.toml --\n[build]\nrustflags = ['--cfg', 'feature=\"a b\"']\n-- lpipe.toml --\n[build]\nrustflags = ['-Cdebuginfo=1']\n",
			nil,
			`error: the flag "feature=\"a b\"" of .cargo/config.toml cannot be used together with flags of lpipe
why:   cargo would split it at the white space
fix:   move it to [target.x86_64-unknown-linux-musl] rustflags, with all others of [build]
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan(t, c.project, c.s)
			wantMistake(t, err, c.want)
		})
	}
}

// local is a package with a program for the desk and one for Lambda, which is behind a feature.
const local = `
-- Cargo.toml --
[package]
name = "words"
version = "1.0.0"
edition = "2021"
[features]
with-lambda = ["net"]
net = []
[[bin]]
name = "count"
path = "src/count.rs"
[[bin]]
name = "count-lambda"
path = "src/lambda.rs"
required-features = ["with-lambda", "net"]
-- src/count.rs --
-- src/lambda.rs --
`

func TestRequiredFeatures(t *testing.T) {
	for name, c := range map[string]struct {
		config   string
		want     []string
		features []string
		notes    []string
	}{
		"a program that lacks some is skipped, with a note": {
			"", []string{"count = words/count"}, nil, []string{"words/count-lambda is no lambda: it needs the features with-lambda, net, which are off; a table [lambda.count-lambda] in lpipe.toml turns them on"},
		},
		"a table turns them on": {
			"[lambda.count-lambda]\n", []string{"count = words/count", "count-lambda = words/count-lambda"}, []string{"words/net", "words/with-lambda"}, nil,
		},
		"the lambdas key turns them on": {
			"lambdas = ['count-lambda']\n", []string{"count-lambda = words/count-lambda"}, []string{"words/net", "words/with-lambda"}, nil,
		},
		"a feature that implies the others is enough": {
			"[build]\nfeatures = ['with-lambda']\n", []string{"count = words/count", "count-lambda = words/count-lambda"}, []string{"words/with-lambda"}, nil,
		},
		"a feature with its package before it counts": {
			"[build]\nfeatures = ['words/with-lambda']\n", []string{"count = words/count", "count-lambda = words/count-lambda"}, []string{"words/with-lambda"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPlan(t, local+"-- lpipe.toml --\n"+c.config, nil)
			wantLambdas(t, p, c.want...)
			if got := p.Variants[0].Features; !slices.Equal(got, c.features) {
				t.Errorf("features %q, want %q", got, c.features)
			}
			if !slices.Equal(p.Notes, c.notes) {
				t.Errorf("notes %q, want %q", p.Notes, c.notes)
			}
		})
	}
	t.Run("naming a skipped program says why it is none", func(t *testing.T) {
		_, err := plan(t, local, names("count-lambda"))
		wantMistake(t, err, `error: there is no lambda "count-lambda"
why:   words/count-lambda is no lambda: it needs the features with-lambda, net, which are off; a table [lambda.count-lambda] in lpipe.toml turns them on
fix:   write [lambda.count-lambda] into lpipe.toml, or name one of these: count
`)
	})
	t.Run("nothing is left", func(t *testing.T) {
		_, err := plan(t, strings.Replace(local, "[[bin]]\nname = \"count\"\npath = \"src/count.rs\"\n", "", 1), nil)
		wantMistake(t, err, `error: there is no lambda to build
why:   words/count-lambda is no lambda: it needs the features with-lambda, net, which are off; a table [lambda.count-lambda] in lpipe.toml turns them on
fix:   turn the features on in lpipe.toml: [build] features = [...]
`)
	})
}

func TestFeatures(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   map[string][]string // by the name of a lambda; "" for all of them
		none   []string            // lambdas without default features
	}{
		"those of [build] go to the packages that have them": {
			"[build]\nfeatures = ['cache', 'audit']\n", map[string][]string{"": {"orders/audit", "users/audit", "users/cache"}}, nil,
		},
		"those of one lambda are on for all, so that they share dependencies": {
			"[lambda.users]\nfeatures = ['audit']\n", map[string][]string{"": {"users/audit"}}, nil,
		},
		"default features are turned off for one package alone": {
			"[lambda.users]\ndefault-features = false\nfeatures = ['audit']\n[lambda.orders]\nfeatures = ['audit']\n",
			map[string][]string{"users": {"users/audit"}, "orders": {"orders/audit"}, "order-events": {"orders/audit"}},
			[]string{"users"},
		},
		"the default features of other packages stay on": {
			"[lambda.orders]\ndefault-features = false\n", map[string][]string{"orders": {"users/default"}, "users": nil}, []string{"orders"},
		},
		"no package has default features": {
			"[build]\ndefault-features = false\n", map[string][]string{"": nil}, []string{"orders", "order-events", "users"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range mustPlan(t, fleet+"-- lpipe.toml --\n"+c.config, nil).Variants {
				for _, l := range v.Lambdas {
					want, ok := c.want[l.Name]
					if !ok {
						want = c.want[""]
					}
					if !slices.Equal(v.Features, want) {
						t.Errorf("%s: features %q, want %q", l.Name, v.Features, want)
					}
					if v.NoDefaultFeatures != slices.Contains(c.none, l.Name) {
						t.Errorf("%s: default features off: %t", l.Name, v.NoDefaultFeatures)
					}
				}
			}
		})
	}
}

// TestFeaturesPerLambda: what one package asks for is none of the others', whose libraries are then not shared.
func TestFeaturesPerLambda(t *testing.T) {
	const uses = "\n[dependencies]\nlib = { path = '../../lib' }\n"
	project := strings.NewReplacer("name = \"users\"\nversion = \"1.0.0\"\nedition = \"2021\"\n", "name = \"users\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"+uses,
		"name = \"orders\"\nversion = \"1.0.0\"\nedition = \"2021\"\n", "name = \"orders\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"+uses).Replace(fleet)
	const lpipe = "-- lpipe.toml --\n[build]\nfeatures-per-lambda = %v\n[lambda.users]\nfeatures = ['audit']\ndefault-features = false\n[lambda.order-events]\nfeatures = ['audit']\n"
	describe := func(on bool) []string {
		var all []string
		for _, v := range mustPlan(t, project+fmt.Sprintf(lpipe, on), nil).Variants {
			var names []string
			for _, l := range v.Lambdas {
				names = append(names, l.Name)
			}
			all = append(all, fmt.Sprintf("%v alone %v features %v defaults %v libs %d", names, v.SeparatePackages, v.Features, !v.NoDefaultFeatures, len(v.Libs)))
		}
		return all
	}
	for on, want := range map[bool][]string{
		true: {
			"[order-events orders] alone [orders lib] features [orders/audit] defaults true libs 0",
			"[users] alone [users lib] features [users/audit] defaults false libs 0",
		},
		false: {
			"[order-events orders] alone [] features [orders/audit] defaults true libs 1",
			"[users] alone [] features [users/audit] defaults false libs 1",
		},
	} {
		if got := describe(on); !slices.Equal(got, want) {
			t.Errorf("%v:\n\t%s\nwant\n\t%s", on, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// TestSelectionDoesNotChangeTheVariant: one lambda and all of them share every compiled dependency.
func TestSelectionDoesNotChangeTheVariant(t *testing.T) {
	const config = "-- lpipe.toml --\n[lambda.users]\nfeatures = ['audit']\n"
	all := mustPlan(t, fleet+config, nil).Variants
	one := mustPlan(t, fleet+config, names("order-events")).Variants
	if len(all) != 1 || len(one) != 1 {
		t.Fatalf("%d and %d variants, want 1 and 1", len(all), len(one))
	}
	a, b := *all[0], *one[0]
	a.Lambdas, b.Lambdas = nil, nil
	if got, want := fmt.Sprintf("%#v", b), fmt.Sprintf("%#v", a); got != want {
		t.Errorf("one lambda is built with\n%s\nall of them with\n%s", got, want)
	}
}

func TestLambdasThatDifferHaveVariantsOfTheirOwn(t *testing.T) {
	p := mustPlan(t, fleet+"-- lpipe.toml --\n[build]\nenv = { MODE = 'a b' }\n[lambda.users]\nprofile = 'dev'\n[lambda.orders]\nenv = { LEVEL = '1' }\n", nil)
	var got []string
	for _, v := range p.Variants {
		var names []string
		for _, l := range v.Lambdas {
			names = append(names, l.Name)
		}
		got = append(got, fmt.Sprintf("%s: %s %v", strings.Join(names, " "), v.Profile, v.Env))
	}
	want := []string{"order-events: release [{MODE a b}]", "orders: release [{LEVEL 1} {MODE a b}]", "users: dev [{MODE a b}]"}
	if !slices.Equal(got, want) {
		t.Errorf("variants %q, want %q", got, want)
	}
}

func TestRustflags(t *testing.T) {
	const musl, gnu = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS"
	const cargoConfig = "-- .cargo/config.toml --\n[build]\nrustflags = ['--cfg', 'site']\n"
	for name, c := range map[string]struct {
		files string
		want  []Env
	}{
		"none": {"", nil},
		"cargo finds those of .cargo/config.toml itself": {cargoConfig, nil},
		"of a processor":           {"-- lpipe.toml --\n[build]\ncpu = 'v3'\n", []Env{{musl, "-Ctarget-cpu=x86-64-v3"}}},
		"of a processor, and more": {"-- lpipe.toml --\n[build]\ncpu = ['v2']\nrustflags = ['-Copt-level=2']\n", []Env{{musl, "-Copt-level=2 -Ctarget-cpu=x86-64-v2"}}},
		"of no processor":          {"-- lpipe.toml --\n[build]\ncpu = 'baseline'\n", nil},
		"of lpipe.toml":            {"-- lpipe.toml --\n[build]\nrustflags = ['-C', 'debuginfo=1']\n", []Env{{musl, "-C debuginfo=1"}}},
		"those of [build] in .cargo/config.toml are kept": {cargoConfig + "-- lpipe.toml --\n[build]\nrustflags = ['-Copt-level=2']\n", []Env{{musl, "--cfg site -Copt-level=2"}}},
		"unless a [target] there hides them": {
			cargoConfig + "[target.x86_64-unknown-linux-musl]\nrustflags = ['-Cllvm-args=x']\n-- lpipe.toml --\n[build]\nrustflags = ['-Copt-level=2']\n",
			[]Env{{musl, "-Copt-level=2"}},
		},
		"or one for a cfg": {
			cargoConfig + "[target.'cfg(unix)']\nrustflags = ['-Cllvm-args=x']\n-- lpipe.toml --\n[build]\nrustflags = ['-Copt-level=2']\n",
			[]Env{{musl, "-Copt-level=2"}},
		},
		"static glibc":  {"-- lpipe.toml --\n[build]\ntarget = 'x86_64-unknown-linux-gnu'\n", []Env{{gnu, "-Ctarget-feature=+crt-static"}}},
		"dynamic glibc": {"-- lpipe.toml --\n[build]\nlink = 'dynamic'\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mustPlan(t, single+c.files, nil).Variants[0].Env; !slices.Equal(got, c.want) {
				t.Errorf("environment %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheToolchainFileDecidesTheToolchain(t *testing.T) {
	v := mustPlan(t, single+`-- rust-toolchain.toml --
[toolchain]
channel = '1.85'
components = ['clippy']
targets = ['wasm32-unknown-unknown']
profile = 'default'
`, nil).Variants[0]
	if v.Channel != "1.85" || !slices.Equal(v.Components, []string{"clippy"}) ||
		!slices.Equal(v.Targets, []string{"wasm32-unknown-unknown"}) || v.InstallProfile != "default" {
		t.Errorf("channel %q, components %q, targets %q, profile %q", v.Channel, v.Components, v.Targets, v.InstallProfile)
	}
}

func TestTestsAreEmulatedOnRequest(t *testing.T) {
	for text, want := range map[string]bool{"": false, "test-runner = 'native'\n": false, "test-runner = 'qemu'\n": true} {
		v := mustPlan(t, single+"-- lpipe.toml --\n[build]\narch = 'arm64'\n"+text, nil).Variants[0]
		if v.Emulate != want {
			t.Errorf("%q: emulated: %t", text, v.Emulate)
		}
	}
}

func TestNextestRunsTestsOnRequest(t *testing.T) {
	const members = `-- Cargo.toml --
[workspace]
members = ['a', 'c', 'lib', 'derive']
-- Cargo.lock --
version = 4
[[package]]
name = 'a'
version = '1.0.0'
[[package]]
name = 'c'
version = '1.0.0'
[[package]]
name = 'derive'
version = '1.0.0'
[[package]]
name = 'lib'
version = '1.0.0'
-- a/Cargo.toml --
package = { name = 'a', version = '1.0.0' }
-- a/src/main.rs --
-- c/Cargo.toml --
package = { name = 'c', version = '1.0.0' }
lib = { crate-type = ['cdylib'] }
-- c/src/lib.rs --
-- lib/Cargo.toml --
package = { name = 'lib', version = '1.0.0' }
-- lib/src/lib.rs --
-- derive/Cargo.toml --
package = { name = 'derive', version = '1.0.0' }
lib = { proc-macro = true }
-- derive/src/lib.rs --
-- lpipe.toml --
[build]
`
	for text, want := range map[string][]string{"": nil, "test-tool = 'cargo'\n": nil, "test-tool = 'nextest'\n": {"derive", "lib"}} {
		v := mustPlan(t, members+text, nil).Variants[0]
		if v.Nextest != (want != nil) || !slices.Equal(slices.Sorted(slices.Values(v.Documented)), want) {
			t.Errorf("%q: nextest: %t, with documentation: %q", text, v.Nextest, v.Documented)
		}
	}
}

func TestTestsRunAsAnOrdinaryUser(t *testing.T) {
	for name, c := range map[string]struct {
		files string
		root  bool
	}{
		"by default":                       {"", false},
		"not where lpipe.toml says so":     {"-- lpipe.toml --\n[build]\ntest-user = 'root'\n", true},
		"nor where a program starts them":  {"-- .cargo/config.toml --\n[target.x86_64-unknown-linux-musl]\nrunner = ['valgrind', '-q']\n", true},
		"nor where one may":                {"-- .cargo/config.toml --\n[target.'cfg(unix)']\nrunner = 'valgrind'\n", true},
		"a program for other machines":     {"-- .cargo/config.toml --\n[target.thumbv7em-none-eabi]\nrunner = 'probe-run'\n", false},
		"a program for tests of both libc": {"-- .cargo/config.toml --\n[target.x86_64-unknown-linux-gnu]\nrunner = 'x'\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustPlan(t, single+c.files, nil)
			if got := p.Variants[0].TestsAsRoot; got != c.root {
				t.Errorf("as root: %t", got)
			}
			noted := slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "run as root") })
			if want := c.root && strings.Contains(c.files, "runner"); noted != want {
				t.Errorf("noted: %t: %q", noted, p.Notes)
			}
		})
	}
}

func TestVariantNamesItsMachine(t *testing.T) {
	v := Variant{Target: "aarch64-unknown-linux-gnu"}
	if v.Machine() != "aarch64" || v.System() != "unknown-linux-gnu" {
		t.Errorf("machine %q, system %q", v.Machine(), v.System())
	}
}

// TestFixturesHaveTheGoldenPlan plans every project in testdata/lambdas.
func TestFixturesHaveTheGoldenPlan(t *testing.T) {
	const root = "../../testdata"
	projects, err := filepath.Glob(root + "/lambdas/*/Cargo.toml")
	if err != nil || len(projects) == 0 {
		t.Fatalf("no project in %s: %v", root, err)
	}
	for _, manifest := range projects {
		name := filepath.Base(filepath.Dir(manifest))
		t.Run(name, func(t *testing.T) {
			disk, dir := os.DirFS(root), "lambdas/"+name
			cfg, err := config.Load(config.Input{FS: disk, Dir: "/" + dir})
			if err != nil {
				t.Fatal(err)
			}
			ws, err := cargo.Load(disk, dir)
			if err != nil {
				t.Fatal(err)
			}
			ws, found := reach.Find(ws)
			p, err := one(Make([]Project{{Config: cfg, Workspace: ws, Reach: found}}, nil))
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".txt", describe(p))
		})
	}
}

// describe is a plan for a reader: what is not mentioned is empty.
func describe(p *Plan) string {
	var b strings.Builder
	for _, v := range p.Variants {
		fmt.Fprintf(&b, "variant %s, profile %s, on %s\n", v.Target, v.Profile, v.Base)
		line := func(what string, values ...string) {
			if len(values) > 0 && values[0] != "" {
				fmt.Fprintf(&b, "  %s: %s\n", what, strings.Join(values, " "))
			}
		}
		if v.NoDefaultFeatures {
			line("default features", "off")
		}
		line("features", v.Features...)
		line("packages", v.Packages...)
		for _, set := range v.Libs {
			var libs []string
			for _, p := range set {
				libs = append(libs, p.Name)
			}
			line("libraries", libs...)
		}
		line("toolchain", append([]string{v.Channel}, v.Components...)...)
		for _, e := range v.Env {
			line("env "+e.Name, e.Value)
		}
		for _, e := range v.TestEnv {
			line("test env "+e.Name, e.Value)
		}
		for _, l := range v.Lambdas {
			fmt.Fprintf(&b, "  lambda %s: %s %s of %s in %s, for %s\n", l.Folder(), l.Kind, l.Bin, l.Package.Name, l.Package.Dir, l.Arch)
		}
	}
	for _, r := range p.Repositories {
		fmt.Fprintf(&b, "fetches %s\n", r)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}
