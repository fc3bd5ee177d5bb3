package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/reach"
)

// Source is where the workspace's base is seen inside the build.
const Source = "/src"

// FetchConfig is the file of the skeleton, below the workspace's root, with cargo's configuration for downloading: see
// [cargo.Workspace.FetchConfig].
const FetchConfig = ".cargo/lpipe-fetch.toml"

// NextestConfig is the file, below the workspace's root, by which a project configures cargo nextest.
const NextestConfig = ".config/nextest.toml"

// Env is one environment variable of the build.
type Env struct{ Name, Value string }

// ImageFile is a file of the build image.
type ImageFile struct {
	From string // its absolute path, or the name of a library
	In   string // the zip that it is for: [InTask] or [InLayer]
	To   string // its path there
}

// InTask is the zip of the lambda itself.
const InTask = "task"

// InImage is the image that is pushed, from its root.
const InImage = "image"

// InLayer is the zip of a layer.
func InLayer(name string) string { return "layers/" + name }

// imageFiles are those for the zip of a lambda and for its layers.
func imageFiles(c *config.Config, l *Lambda) (all []ImageFile) {
	add := func(in string, items []string) {
		for _, item := range items {
			from, to := config.SplitInclude(item)
			if to == "" {
				to = "lib/"
			}
			if strings.HasSuffix(to, "/") {
				to += path.Base(from)
			}
			all = append(all, ImageFile{from, in, path.Clean(to)})
		}
	}
	add(InTask, l.Build.IncludeFromImage)
	for _, name := range l.Build.Layers {
		add(InLayer(name), c.Layer[name].IncludeFromImage)
	}
	return all
}

// Variant is all that the rendered Dockerfile depends on. Lambdas of one variant share its text, and so every
// step but their own. Lists are in an order that depends on the project alone.
type Variant struct {
	Base       string   // image reference, or an oci-layout:// folder
	Packages   []string // operating system packages for the toolchain
	Channel    string   // of rust-toolchain.toml; "" leaves the toolchain of the base image
	Components []string // of rust-toolchain.toml
	Targets    []string // of rust-toolchain.toml, beside Target
	// InstallProfile is rustup's profile of rust-toolchain.toml, "" for the smallest.
	InstallProfile string
	Dir            string   // the workspace root, relative to the workspace's Base
	Target         string   // Rust target triple of the programs
	Profile        string   // cargo profile
	Features       []string // "package/feature"
	// SeparatePackages are set when one package is compiled with the features that it alone asks for: the package, and the members of
	// the workspace that it depends on. Empty means the whole workspace, with one set of features.
	SeparatePackages  []string
	NoDefaultFeatures bool
	Env               []Env    // while compiling and testing
	LateEnv           []string // names of variables while the lambda's own code is compiled and tested; each lambda has its values
	TestEnv           []Env    // while the tests run
	Auditable         bool     // the list of its crates is put into the program
	SplitDebug        bool     // symbols are taken out of the program, into a file of their own
	Nextest           bool     // cargo nextest runs the tests
	Documented        []string // of a variant with Nextest: the members of the workspace whose libraries may have tests in their documentation
	Emulate           bool     // the tests are compiled for Target, and run under qemu where the machine is another
	TestsAsRoot       bool     // and not as an ordinary user
	TestSetup         string   // of the shell, before the tests; "" for none
	AllowNetwork      bool     // build scripts and tests may use the network
	Git               bool     // Cargo.lock names git repositories
	SSH               bool     // some of them are fetched over SSH

	// Stubs is set where a program needs a part of the workspace's packages: what a lambda needs is laid over stubs of the others.
	Stubs bool

	// ImageFiles are files of the build image that go into the zip, or into those of layers.
	ImageFiles []ImageFile

	// CACertificates is set where the image that is pushed has those of the build image.
	CACertificates bool

	// Smoke is set where programs are started and answer events before there is a zip.
	Smoke bool

	// Warm is set where an engine may keep the compiled dependencies for the next build.
	Warm bool

	// Strata is in how many steps the crates of [Strata] are compiled, before all that is left of the dependencies; 0 for none.
	Strata int

	// Libs are the local libraries of these lambdas, compiled once for all of them, in steps: each set holds the one before,
	// which other lambdas may share.
	Libs []Libraries

	Lambdas []*Lambda
}

// key is the same for variants that differ in nothing but their lambdas.
func (v *Variant) key() string {
	one := *v
	one.Lambdas = nil
	libs := make([][]string, len(v.Libs))
	for i, set := range v.Libs {
		for _, p := range set {
			libs[i] = append(libs[i], p.Dir)
		}
	}
	text, _ := json.Marshal(struct {
		Variant
		Libs [][]string
	}{one, libs}) // text and lists of it alone
	return string(text)
}

// Machine is the architecture as uname -m says it.
func (v *Variant) Machine() string {
	machine, _, _ := strings.Cut(v.Target, "-")
	return machine
}

// System is the part of the target triple that does not name the architecture: "unknown-linux-musl". Tests that run on the
// machine that builds, whichever that is, have the same.
func (v *Variant) System() string {
	_, system, _ := strings.Cut(v.Target, "-")
	return system
}

func newVariant(ws *cargo.Workspace, found *reach.Findings, l *Lambda, features []string, libs []Libraries) (*Variant, error) {
	b := l.Build
	v := &Variant{
		Base:              b.Base,
		Packages:          slices.Clone(b.Packages),
		Dir:               ws.Root,
		Target:            b.TargetFor(l.Arch),
		Profile:           b.Profile,
		Features:          features,
		NoDefaultFeatures: !b.DefaultFeatures,
		Env:               list(b.Env),
		LateEnv:           slices.Sorted(maps.Keys(b.LateEnv)),
		TestEnv:           list(b.TestEnv),
		Auditable:         b.Auditable,
		SplitDebug:        b.Debug == "split",
		Nextest:           b.TestTool == "nextest",
		Emulate:           b.TestRunner == "qemu",
		TestsAsRoot:       b.TestUser == "root",
		TestSetup:         b.TestSetup,
		AllowNetwork:      b.Network == "default",
		Stubs:             stubs(ws),
		Smoke:             len(b.Smoke) > 0,
		Warm:              warm(ws, found, b),
		Libs:              libs,
	}
	if t := ws.Toolchain; t != nil {
		v.Channel, v.Components, v.Targets, v.InstallProfile = t.Channel, t.Components, t.Targets, t.Profile
	}
	if v.Nextest {
		v.Documented = documented(ws)
	}
	if v.SplitDebug {
		v.Env = withDebug(v.Env, ws, b.Profile)
	}
	flags := rustflags(ws, b, l.Arch, v.Target)
	for _, flag := range flags {
		if strings.ContainsFunc(flag, unicode.IsSpace) {
			return nil, &fault.Error{
				Kind: fault.Usage,
				What: fmt.Sprintf("the flag %q of .cargo/config.toml cannot be used together with flags of lpipe", flag),
				Why:  "cargo would split it at the white space",
				Fix:  "move it to [target." + v.Target + "] rustflags, with all others of [build]",
			}
		}
	}
	if len(flags) > 0 {
		name := "CARGO_TARGET_" + strings.ToUpper(strings.ReplaceAll(v.Target, "-", "_")) + "_RUSTFLAGS"
		v.Env = append(v.Env, Env{name, strings.Join(flags, " ")})
	}
	return v, nil
}

// withDebug has cargo leave symbols in the program, and line tables where the profile says nothing of debug information.
func withDebug(env []Env, ws *cargo.Workspace, profile string) []Env {
	prefix := profileVariables(profile)
	env = append(env, Env{prefix + "STRIP", "none"})
	says := slices.ContainsFunc(ws.Profile(profile), func(t map[string]any) bool { return t["debug"] != nil })
	set := slices.ContainsFunc(env, func(e Env) bool { return e.Name == prefix+"DEBUG" })
	if !says && !set && profile != "dev" {
		env = append(env, Env{prefix + "DEBUG", "line-tables-only"})
	}
	return env
}

// documented are the names of the members with a library whose documentation cargo test looks for tests in: none where the library
// is for other languages alone.
func documented(ws *cargo.Workspace) (names []string) {
	for _, p := range ws.Packages {
		if p.Member && p.Lib != nil && (p.Linkable() || p.ProcMacro) {
			names = append(names, p.Name)
		}
	}
	return names
}

// stubs reports that a program of the workspace does not need all of its packages. It holds for all lambdas, whichever are
// built, so that they share their steps.
func stubs(ws *cargo.Workspace) bool {
	return slices.ContainsFunc(ws.Packages, func(p *cargo.Package) bool {
		return len(p.Programs()) > 0 && len(ws.Closure([]*cargo.Package{p})) < len(ws.Packages)
	})
}

// testRunners are the programs of cargo's configuration that start the tests of a lambda for the target. Where tests run
// natively, that is on the engine's machine, which may be either.
func testRunners(ws *cargo.Workspace, target string) []cargo.Setting {
	_, system, _ := strings.Cut(target, "-")
	return slices.DeleteFunc(ws.Settings(), func(s cargo.Setting) bool {
		return len(s.Key) != 3 || s.Key[0] != "target" || s.Key[2] != "runner" ||
			!cargo.Applies(s.Key[1], "x86_64-"+system) && !cargo.Applies(s.Key[1], "aarch64-"+system)
	})
}

// rustflags are the flags for the target, or none when cargo finds all of them by itself. A flag given for a
// target hides the [build] rustflags of .cargo/config.toml, so these are repeated, unless a [target] table there
// already hides them.
func rustflags(ws *cargo.Workspace, b config.Build, arch, target string) []string {
	flags := slices.Clone(b.Rustflags)
	if cpu := b.TargetCPU(arch); cpu != "" {
		flags = append(flags, "-Ctarget-cpu="+cpu)
	}
	if b.Debug == "split" {
		flags = append(flags, "-Clink-arg=-Wl,--build-id=sha1")
	}
	if b.Link == "static" && strings.HasSuffix(target, "-gnu") {
		flags = append(flags, "-Ctarget-feature=+crt-static")
	}
	if len(flags) == 0 {
		return nil
	}
	for table := range ws.Config.TargetRustflags {
		if table == target || strings.HasPrefix(table, "cfg(") {
			return flags
		}
	}
	return slices.Concat(ws.Config.Rustflags, flags)
}

func list(m map[string]string) []Env {
	var env []Env
	for _, name := range slices.Sorted(maps.Keys(m)) {
		env = append(env, Env{name, m[name]})
	}
	return env
}

// separatePackages lists the lambda's package and the members that it depends on. The error is a usage fault where cargo could not
// tell one of them by its name.
func separatePackages(ws *cargo.Workspace, l *Lambda) ([]string, error) {
	names := []string{l.Package.Name}
	for _, p := range ws.Closure([]*cargo.Package{l.Package}) {
		if p != l.Package && p.Member {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		count := 0
		for _, p := range ws.Lock.Packages {
			if p.Name == name {
				count++
			}
		}
		if count > 1 {
			return nil, &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("the package %q cannot be compiled with features of its own", name),
				Why: "Cargo.lock has another package of this name", Fix: "rename it, or leave out features-per-lambda",
			}
		}
	}
	return names, nil
}

// features are those that the lambdas of a workspace ask for. Lambdas that differ in whether default features are on
// cannot share compiled dependencies, and neither can packages that are compiled with features of their own.
type features map[unit][]string

// unit is what is compiled with one set of features.
type unit struct {
	alone    *cargo.Package // nil for the workspace
	defaults bool
}

// unit is that of a lambda of the project.
func (p *found) unit(l *Lambda) unit {
	u := unit{defaults: l.Build.DefaultFeatures}
	if p.Config.FeaturesPerLambda {
		u.alone = l.Package
	}
	return u
}

// unite collects the features of all lambdas of the project as "package/feature". Turning off default features is per
// workspace in cargo, so the other packages' defaults are turned on again by name. all are the projects of the run.
func (p *found) unite(all []*found) (features, error) {
	cfg, ws := p.Config, p.Workspace
	f := features{}
	var l fault.List
	without := map[*cargo.Package]bool{}
	for _, lambda := range p.lambdas {
		if u := p.unit(lambda); !u.defaults && u.alone == nil {
			without[lambda.Package] = true
		}
		for _, name := range lambda.Build.Features {
			switch {
			case strings.Contains(name, "/"):
				f[p.unit(lambda)] = append(f[p.unit(lambda)], name)
			case has(lambda.Package, name):
				f[p.unit(lambda)] = append(f[p.unit(lambda)], lambda.Package.Name+"/"+name)
			default:
				// A feature of [build] is for the lambdas that have it; one that none has is a mistake.
				at := cfg.Origin(config.Key("lambda", lambda.Name, "features"))
				if at == cfg.Origin("build.features") && (slices.ContainsFunc(all, func(o *found) bool { return o.has(name) }) || at.File != "" && p.others()) {
					continue
				}
				l.Addf(fmt.Sprintf("the package %q has no feature %q", lambda.Package.Name, name),
					fmt.Sprintf("%s asks for it, for the lambda %q", at, lambda.Name),
					suggest(name, slices.Sorted(maps.Keys(lambda.Package.Features)), "add it to the package, or take it out of lpipe.toml"))
			}
		}
	}
	if len(without) > 0 {
		for _, pkg := range ws.Packages {
			if _, ok := pkg.Features["default"]; ok && pkg.Member && !without[pkg] {
				f[unit{}] = append(f[unit{}], pkg.Name+"/default")
			}
		}
	}
	for u := range f {
		slices.Sort(f[u])
		f[u] = slices.Compact(f[u])
	}
	return f, l.Err()
}

// has reports whether a lambda of the project has the feature.
func (p *found) has(feature string) bool {
	return slices.ContainsFunc(p.lambdas, func(l *Lambda) bool { return has(l.Package, feature) })
}

func has(pkg *cargo.Package, feature string) bool {
	_, ok := pkg.Features[feature]
	return ok
}
