package plan

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// unheeded notes what plain cargo, or cargo-lambda, would obey here and a build in containers does not, with the key of
// lpipe.toml that has the effect.
func (f *found) unheeded() []string {
	var notes []string
	said := map[string]bool{}
	note := func(what, instead string) { notes = append(notes, what+" has no effect: "+instead) }
	targets := f.targets()
	ws := f.Workspace
	for _, s := range ws.Settings() {
		if slices.Equal(s.Key, []string{"build", "target"}) && s.Text != hostTuple && !slices.Contains(targets, s.Text) {
			note(s.At()+": build.target = "+fault.Quote(s.Text), fmt.Sprintf("the build is for %s; %s", strings.Join(targets, ", "), targetKey(s.Text)))
		}
	}
	if file := path.Join(ws.Root, NextestConfig); f.leavesNextest() && ws.HasFile(file) {
		note(ws.Show(file), "cargo test runs the tests; test-tool = \"nextest\" in [build] of lpipe.toml has nextest run them")
	}
	for _, l := range f.chosen {
		if runners := testRunners(ws, l.Build.TargetFor(l.Build.Arch[0])); len(runners) > 0 && l.Build.Test && l.Build.TestUser != "root" {
			notes = append(notes, runners[0].At()+": "+strings.Join(runners[0].Key, ".")+" starts the tests, so these run as root, and not as an ordinary user; "+
				"test-user = \"root\" in [build] of lpipe.toml asks for that")
			break
		}
	}
	for _, s := range ws.Settings() {
		if len(s.Key) > 2 && s.Key[0] == "target" && cargo.OtherLibc(s.Key[1], targets) && f.counts(s.Key[2:], s.Text) {
			key := s.Key[:min(len(s.Key), 4)]
			at := s.At() + ": " + strings.Join(key, ".")
			if !said[at] {
				note(at, "the build is for "+strings.Join(targets, ", ")+"; "+f.otherLink(key[2]))
			}
			said[at] = true
		}
		if slices.Equal(s.Key, []string{"build", "target-dir"}) {
			note(s.At()+": build.target-dir", "the results are in target/lambda; the variable CARGO_TARGET_DIR or --out-dir says otherwise")
		}
	}
	for _, name := range ws.MemberConfig() {
		note(ws.Show(name), "a build starts in the workspace's root; move its settings to "+ws.Show(cargoConfig(ws)))
	}
	if name := ws.MemberToolchain(); name != "" {
		note(ws.Show(name), "a build starts in the workspace's root; the compiler is that of the base image, or of a "+ws.ToolchainFile()+" there")
	}
	for _, name := range f.otherSettings() {
		instead := "lpipe.toml is looked for in the current folder and above, where there is none"
		if f.Config.File != "" {
			instead = "the settings of this run are in " + ws.Show(cargo.Rel(ws.Base, strings.TrimPrefix(f.Config.File, "/"))) + ", the closest to the current folder"
		}
		note(ws.Show(name), instead+"; [lambda.NAME] says what is for one lambda")
	}
	for _, name := range f.filesOf(ws.Closure(f.packages()), ".lpipeignore") {
		if dir := path.Dir(name); dir != ws.Root && dir != "." {
			note(ws.Show(name), "what is left out is said in "+ws.Show(path.Join(ws.Root, ".lpipeignore"))+", with patterns that start there")
		}
	}
	for _, m := range f.manifests() {
		for _, s := range cargo.LambdaMetadata(m) {
			key := s.Key[3:] // below metadata.lambda
			note(s.At()+": "+strings.Join(key, ".")+" of cargo-lambda", metadataKey(key))
		}
	}
	for _, file := range ws.LambdaFiles() {
		note(ws.Show(file), "the settings of lpipe are in lpipe.toml")
	}
	incremental := ws.WhereTrue("build", "incremental")
	for _, profile := range f.usedProfiles() {
		incremental = append(incremental, ws.WhereTrue("profile", profile, "incremental")...)
	}
	for _, at := range incremental {
		note(at, notIncremental)
	}
	if f.downloads() {
		for _, at := range ws.WhereTrue("net", "offline") {
			note(at, downloaded)
		}
	}
	notes = append(notes, f.outside()...)
	return append(notes, f.unheededVariables()...)
}

// leavesNextest reports that there are tests, and that cargo test runs them by default alone.
func (f *found) leavesNextest() bool {
	tested := false
	for _, l := range f.chosen {
		if l.Build.TestTool == "nextest" || f.Config.Origin(config.Key("lambda", l.Name, "test-tool")) != (config.Origin{}) {
			return false
		}
		tested = tested || l.Build.Test
	}
	return tested
}

// otherSettings are the files of settings in the workspace that are about a lambda by their place, and are not those of this run.
func (f *found) otherSettings() (all []string) {
	const file = "lpipe.toml"
	ws := f.Workspace
	if f.Config.File != "" && path.Base(f.Config.File) != file { // named by the user in place of all
		return nil
	}
	return slices.DeleteFunc(f.filesOf(f.packages(), file), func(name string) bool { return path.Join("/", ws.Base, name) == f.Config.File })
}

// packages are those of the lambdas that were chosen.
func (f *found) packages() (all []*cargo.Package) {
	for _, l := range f.chosen {
		all = append(all, l.Package)
	}
	return all
}

// filesOf are the files of that name in the folders of the packages, up to the workspace's root.
func (f *found) filesOf(packages []*cargo.Package, file string) (all []string) {
	ws := f.Workspace
	for _, p := range packages {
		for dir := p.Dir; cargo.Within(ws.Root, dir); dir = path.Dir(dir) {
			if name := path.Join(dir, file); ws.HasFile(name) && !slices.Contains(all, name) {
				all = append(all, name)
			}
			if dir == ws.Root || dir == "." {
				break
			}
		}
	}
	return all
}

// outside notes what plain cargo obeys that is no file of the project.
func (f *found) outside() (notes []string) {
	if f.Outside == nil {
		return nil
	}
	o := f.Outside(f.targets())
	used := f.usedProfiles()
	for _, c := range o.Configs {
		c.Keys = slices.DeleteFunc(slices.Clone(c.Keys), func(key string) bool {
			profile, ok := strings.CutPrefix(key, "profile.")
			return ok && !slices.Contains(used, profile)
		})
		said := map[string]bool{}
		for _, s := range c.OtherLibc {
			key := strings.Join(s.Key[:min(len(s.Key), 4)], ".")
			if f.counts(s.Key[2:], s.Text) && !said[key] {
				said[key] = true
				notes = append(notes, fmt.Sprintf("%s: %s has no effect: a build reads the files of the project alone, and is for %s; in %s, %s",
					s.At(), key, strings.Join(f.targets(), ", "), f.Workspace.Show(cargoConfig(f.Workspace)), f.otherLink(s.Key[2])))
			}
		}
		if len(c.Keys) == 0 {
			continue
		}
		more := len(c.Keys) - mostKeys
		keys := strings.Join(c.Keys[:min(len(c.Keys), mostKeys)], ", ")
		if more > 0 {
			keys += fmt.Sprintf(" and %d more", more)
		}
		have := "have"
		if len(c.Keys) == 1 {
			have = "has"
		}
		notes = append(notes, fmt.Sprintf("%s of %s %s no effect: a build reads the files of the project alone; what all who build should have goes to %s",
			keys, c.File, have, f.Workspace.Show(cargoConfig(f.Workspace))))
	}
	if o.Toolchain != "" {
		notes = append(notes, fmt.Sprintf("%s has no effect: the compiler is that of the base image, or of a rust-toolchain.toml in the project", o.Toolchain))
	}
	return notes
}

// notIncremental is why nothing is compiled so.
const notIncremental = "a program is compiled at once, so that it is the same on every machine"

// downloaded is what becomes of crates that a build is to have without the network.
const downloaded = "what the engine does not have is downloaded; with crates that are vendored ([source] in .cargo/config.toml) nothing is"

// linking reports flags about how a program is linked, which is about the C library and the linker of a machine.
func linking(flags string) bool {
	return !slices.ContainsFunc(strings.Fields(flags), func(flag string) bool { return !linkFlag().MatchString(flag) })
}

var linkFlag = pattern.Of(`^(?:-C|--codegen)$|^(?:-C)?(?:link-arg|link-args|linker|linker-flavor|link-self-contained|prefer-dynamic|target-feature=[+-]crt-static)\b|^-L|^-l|^-Z(?:share-generics|threads)\b`)

// counts reports that a key of such a table decides more than how a program is linked: flags, what starts the tests, and what
// stands in for the build script of a crate.
func (f *found) counts(key []string, text string) bool {
	switch {
	case len(key) > 1:
		return true
	case key[0] == "rustflags":
		return !linking(text)
	case key[0] == "runner":
		return slices.ContainsFunc(f.chosen, func(l *Lambda) bool { return l.Build.Test })
	}
	return false
}

// otherLink says how a key of such a table takes effect.
func (f *found) otherLink(key string) string {
	instead := `link = "dynamic" in [build] of lpipe.toml builds for glibc`
	if slices.ContainsFunc(f.targets(), func(t string) bool { return strings.HasSuffix(t, "-gnu") }) {
		instead = `link = "static" in [build] of lpipe.toml builds for musl`
	}
	if key == "rustflags" {
		return "rustflags of [build] count for any target, and " + instead
	}
	return instead
}

// mostKeys is how many keys of one file are named.
const mostKeys = 6

// cargoConfig is where cargo's configuration of the project is, or could be.
func cargoConfig(ws *cargo.Workspace) string { return path.Join(ws.Root, ".cargo/config.toml") }

// targets are the Rust targets of the lambdas that were chosen.
func (f *found) targets() []string {
	var all []string
	for _, l := range f.chosen {
		for _, arch := range l.Build.Arch {
			all = append(all, l.Build.TargetFor(arch))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// manifests are those of the packages of the lambdas that were chosen, and the workspace's.
func (f *found) manifests() []*cargo.Manifest {
	all := []*cargo.Manifest{f.Workspace.Manifest}
	for _, l := range f.chosen {
		if m := l.Package.Manifest; !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// targetKey says how lpipe.toml asks for a target.
func targetKey(target string) string {
	for arch, machine := range map[string]string{"arm64": "aarch64-unknown-linux-", "x86_64": "x86_64-unknown-linux-"} {
		if strings.HasPrefix(target, machine) {
			return fmt.Sprintf("in [build] of lpipe.toml, target = %q or arch = %q says otherwise", target, arch)
		}
	}
	return "Lambda runs x86_64 and arm64 Linux alone"
}

// metadataKey is the key of lpipe.toml for one of cargo-lambda's:
// https://www.cargo-lambda.info/guide/configuration.html
func metadataKey(key []string) string {
	const inBuild = " in [build] or [lambda.NAME] of lpipe.toml does it"
	switch strings.Join(key, ".") {
	case "build.include", "deploy.include":
		return "include" + inBuild
	case "build.target", "build.arm64", "build.x86_64":
		return "arch or target" + inBuild
	case "build.features":
		return "features" + inBuild
	case "build.profile":
		return "profile" + inBuild
	case "build.compiler":
		return "the image has the compiler: base" + inBuild
	case "build.lambda_dir":
		return "--out-dir or LPIPE_OUT_DIR does it"
	case "build.manifest_path":
		return "lpipe build FOLDER/ does it"
	}
	switch key[0] {
	case "bin":
		return "[lambda.NAME] in lpipe.toml does it; lpipe init --from cargo-lambda writes it"
	case "env", "deploy":
		return "[deploy] in lpipe.toml does it, for lpipe deploy; lpipe init --from cargo-lambda writes it"
	case "watch":
		return "[serve] in lpipe.toml and the flags of lpipe serve do it"
	}
	return "lpipe.toml has the settings of lpipe"
}

// obeyed reports the variables by which settings and flags of cargo, rustc and what runs the tests can be given in an environment,
// that a build in containers does not see: https://doc.rust-lang.org/cargo/reference/environment-variables.html
func (f *found) obeyed(name string) bool {
	switch name {
	case "RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_ENCODED_RUSTDOCFLAGS",
		"RUSTUP_TOOLCHAIN", "RUSTC_BOOTSTRAP", "RUST_MIN_STACK":
		return true
	case "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR", "CARGO_BUILD_DEP_INFO_BASEDIR": // where things are
		return false
	case "CARGO_INCREMENTAL": // as it is for release, or true
		return f.Env[name] != "0"
	case "CARGO_BUILD_INCREMENTAL":
		return f.Env[name] != "false"
	case "CARGO_BUILD_TARGET":
		return f.Env[name] != hostTuple && !slices.Equal(f.targets(), []string{f.Env[name]})
	case "CARGO_NET_OFFLINE":
		return f.Env[name] == "true" && f.downloads()
	}
	if rest, ok := strings.CutPrefix(name, "CARGO_TARGET_"); ok {
		ofTarget := slices.ContainsFunc(f.targets(), func(target string) bool { return strings.HasPrefix(rest, variableName(target)+"_") })
		return ofTarget || f.isMachine(rest) && f.counts([]string{variableKey(rest)}, f.Env[name]) || rest == "APPLIES_TO_HOST"
	}
	if strings.HasPrefix(name, "CARGO_PROFILE_") {
		return slices.ContainsFunc(f.usedProfiles(), func(profile string) bool { return strings.HasPrefix(name, profileVariables(profile)) })
	}
	if rest, ok := strings.CutPrefix(name, "CARGO_LAMBDA_"); ok { // its tables
		table, _, _ := strings.Cut(rest, "_")
		return slices.Contains([]string{"BUILD", "DEPLOY", "WATCH", "ENV"}, table)
	}
	return strings.HasPrefix(name, "CARGO_BUILD_") || strings.HasPrefix(name, "CARGO_UNSTABLE_") || f.ofTests(name)
}

// ofTests reports a variable by which the program of the tests is told something, or what runs it.
func (f *found) ofTests(name string) bool {
	nextest := func(l *Lambda) bool { return l.Build.TestTool == "nextest" }
	return strings.HasPrefix(name, testVariables) || strings.HasPrefix(name, "NEXTEST_") && slices.ContainsFunc(f.chosen, nextest)
}

// hostTuple is cargo's name for the target that it takes without any.
const hostTuple = "host-tuple"

// testVariables is how the variables begin by which the program of the tests is told: rustc's book, "Tests".
const testVariables = "RUST_TEST_"

// variableName is a target as cargo's variables have it.
func variableName(target string) string { return strings.ToUpper(strings.ReplaceAll(target, "-", "_")) }

// variableKey is the key at the end of such a variable.
func variableKey(name string) string { return strings.ToLower(name[strings.LastIndex(name, "_")+1:]) }

// isMachine reports that what follows CARGO_TARGET_ is about Linux on a machine that a lambda is built for: cargo here may well
// compile for another C library.
func (f *found) isMachine(rest string) bool {
	return slices.ContainsFunc(f.targets(), func(target string) bool {
		machine, _, _ := strings.Cut(target, "-")
		return strings.HasPrefix(rest, strings.ToUpper(machine)+"_UNKNOWN_LINUX_")
	})
}

// ofOtherLibc reports a variable for a target that is none of the build.
func (f *found) ofOtherLibc(name string) bool {
	rest, ok := strings.CutPrefix(name, "CARGO_TARGET_")
	return ok && f.isMachine(rest) && !slices.ContainsFunc(f.targets(), func(t string) bool { return strings.HasPrefix(rest, variableName(t)+"_") })
}

// downloads reports that crates come from elsewhere than the project.
func (f *found) downloads() bool {
	ws := f.Workspace
	return len(ws.Config.Folders) == 0 && ws.Lock != nil && slices.ContainsFunc(ws.Lock.Packages, func(p cargo.LockPackage) bool { return p.Source != nil })
}

// readBy are the variables by which build scripts and macros of crates that many use are told what to do, by the name of the crate, as
// the crates document them.
var readBy = map[string]func() *regexp.Regexp{
	"cc":                pattern.Of(`^(?:HOST_|TARGET_)?(?:CC|CXX|AR|CFLAGS|CXXFLAGS|ARFLAGS)(?:_\w+)?$|^CRATE_CC_NO_DEFAULTS$`),
	"cmake":             pattern.Of(`^CMAKE(?:_GENERATOR|_PREFIX_PATH|_TOOLCHAIN_FILE)?(?:_\w+)?$`),
	"pkg-config":        pattern.Of(`^(?:HOST_|TARGET_)?PKG_CONFIG(?:_PATH|_LIBDIR|_SYSROOT_DIR|_ALLOW_CROSS|_ALL_STATIC|_ALL_DYNAMIC)?(?:_\w+)?$`),
	"clang-sys":         pattern.Of(`^(?:LIBCLANG|LLVM_CONFIG|CLANG)_(?:STATIC_)?PATH$`),
	"bindgen":           pattern.Of(`^BINDGEN_EXTRA_CLANG_ARGS(?:_\w+)?$`),
	"prost-build":       pattern.Of(`^PROTOC(?:_INCLUDE)?$`),
	"openssl-sys":       pattern.Of(`^(?:\w+_)?OPENSSL_(?:DIR|LIB_DIR|INCLUDE_DIR|STATIC|LIBS|NO_VENDOR)$`),
	"aws-lc-sys":        pattern.Of(`^AWS_LC_SYS_\w+$`),
	"libz-sys":          pattern.Of(`^LIBZ_SYS_STATIC$`),
	"zstd-sys":          pattern.Of(`^ZSTD_SYS_USE_PKG_CONFIG$`),
	"libsqlite3-sys":    pattern.Of(`^(?:SQLITE3_(?:LIB_DIR|INCLUDE_DIR|STATIC)|LIBSQLITE3_(?:FLAGS|SYS_USE_PKG_CONFIG)|SQLITE_MAX_\w+)$`),
	"libgit2-sys":       pattern.Of(`^LIBGIT2_NO_VENDOR$`),
	"pq-sys":            pattern.Of(`^PQ_LIB_(?:DIR|STATIC)(?:_\w+)?$`),
	"sqlx-macros":       pattern.Of(`^(?:SQLX_OFFLINE(?:_DIR)?|DATABASE_URL)$`),
	"tikv-jemalloc-sys": pattern.Of(`^JEMALLOC_\w+$`),
	"vergen-lib":        pattern.Of(`^VERGEN_\w+$`),
	"vergen":            pattern.Of(`^VERGEN_\w+$`),
	"pyo3-build-config": pattern.Of(`^PYO3_\w+$`),
}

// readBySome reports a variable that a crate of the lock file reads when it is compiled.
func (f *found) readBySome(name string) bool {
	if f.Workspace.Lock == nil {
		return false
	}
	return slices.ContainsFunc(f.Workspace.Lock.Packages, func(p cargo.LockPackage) bool {
		reads := readBy[p.Name]
		return reads != nil && reads().MatchString(name)
	})
}

// unheededVariables notes those of this machine's environment. A lambda whose env has one takes it from there.
func (f *found) unheededVariables() []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		ofTests := f.ofTests(name)
		set := !slices.ContainsFunc(f.chosen, func(l *Lambda) bool {
			_, ok := l.Build.Env[name]
			_, late := l.Build.LateEnv[name]
			_, test := l.Build.TestEnv[name]
			return !ok && !late && !(ofTests && (test || !l.Build.Test))
		})
		// Who is run by cargo has variables that cargo and rustup set for themselves.
		if !f.obeyed(name) && !f.readBySome(name) || f.Env[name] == "" || set || name == "RUSTUP_TOOLCHAIN" && f.Env["CARGO"] != "" {
			continue
		}
		instead := "variables of this machine do not reach the build; for all who build, env = { " + name + " = \"…\" } in [build] of lpipe.toml does it"
		switch {
		case ofTests:
			instead = strings.Replace(instead, "env = {", "test-env = {", 1)
		case strings.HasPrefix(name, "CARGO_LAMBDA_"):
			instead = "the settings of lpipe are in lpipe.toml"
		case name == "DATABASE_URL":
			instead = "it may hold a password, which no build gets; SQLX_OFFLINE = \"true\" in [build.env] has the crate sqlx take what cargo sqlx prepare wrote"
		case name == "CARGO_NET_OFFLINE":
			instead = downloaded
		case name == "CARGO_INCREMENTAL" || name == "CARGO_BUILD_INCREMENTAL":
			instead = notIncremental
		case name == "CARGO_BUILD_TARGET":
			instead = targetKey(f.Env[name])
		case f.ofOtherLibc(name):
			instead = "the build is for " + strings.Join(f.targets(), ", ") + "; " + f.otherLink(variableKey(name))
		case name == "RUSTUP_TOOLCHAIN":
			instead = "the compiler is that of the base image or of " + f.Workspace.ToolchainFile()
		case name == "RUSTFLAGS" || name == "CARGO_ENCODED_RUSTFLAGS" || name == "CARGO_BUILD_RUSTFLAGS":
			instead = "variables of this machine do not reach the build; for all who build, rustflags = [\"…\"] in [build] of lpipe.toml does it"
		}
		notes = append(notes, name+" of the environment has no effect: "+instead)
	}
	return append(notes, f.unreadVariables()...)
}

// unreadVariables notes variables of this machine's environment that sources read while they are compiled.
func (f *found) unreadVariables() (notes []string) {
	places := map[string]string{}
	for _, l := range f.chosen {
		for _, p := range f.Workspace.Closure([]*cargo.Package{l.Package}) {
			for name, at := range f.Reach.Packages[p].Variables {
				_, own := l.Build.Env[name]
				_, late := l.Build.LateEnv[name]
				if own || late || f.Env[name] == "" || f.Workspace.Config.Env[name].Force || f.obeyed(name) || f.readBySome(name) || ofTheMachine(name) {
					continue
				}
				if places[name] == "" || at < places[name] {
					places[name] = at
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		instead := "for all who build, env = { " + name + " = \"…\" } in [build] of lpipe.toml does it, and late-env where it changes from build to build"
		if config.SecretName(name) {
			instead = "its name is that of a secret, and what the function needs belongs in its configuration on Lambda"
		}
		notes = append(notes, name+" of the environment, which "+places[name]+" reads, has no effect: variables of this machine do not reach the build; "+instead)
	}
	return notes
}

// ofTheMachine reports a variable that is about the machine or the terminal where cargo runs, or that cargo sets itself.
func ofTheMachine(name string) bool {
	return strings.HasPrefix(name, "CARGO") || strings.HasPrefix(name, "LC_") || slices.Contains([]string{
		"HOME", "HOST", "HOSTNAME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "OUT_DIR", "PATH", "PWD", "SHELL", "TARGET", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER",
	}, name)
}

// native refuses what makes a program for the machine that compiles it, or for one that Lambda has not: its hosts may lack
// the instructions.
func (f *found) native() error {
	var l fault.List
	refuse := func(at, flag string) {
		what := at + " compiles for a processor that Lambda has not"
		if strings.HasSuffix(flag, "=native") {
			what = at + " compiles for the machine that builds"
		}
		l.Addf(what, flag+" takes instructions that the hosts of Lambda may not have, and the program would die there",
			`remove it; cpu = "v3" in [build] of lpipe.toml, or "neoverse-n1" for arm64, takes what they all have`)
	}
	targets := f.targets()
	for _, s := range f.Workspace.Settings() {
		other := len(s.Key) > 1 && s.Key[0] == "target" && !slices.ContainsFunc(targets, func(t string) bool { return cargo.Applies(s.Key[1], t) })
		if what := beyondFlag(s.Text); what != "" && s.Key[0] != "alias" && !other {
			refuse(s.At()+": "+strings.Join(s.Key, "."), what)
		}
	}
	said := map[string]bool{}
	for _, lambda := range f.chosen {
		check := func(text string, key ...string) {
			at := f.Config.Origin(config.Key(append([]string{"lambda", lambda.Name}, key...)...)).String() + ": " + strings.Join(key, ".")
			if what := beyondFlag(text); what != "" && !said[at] {
				said[at] = true
				refuse(at, what)
			}
		}
		for _, flag := range lambda.Build.Rustflags {
			check(flag, "rustflags")
		}
		for _, name := range slices.Sorted(maps.Keys(lambda.Build.Env)) {
			check(lambda.Build.Env[name], "env", name)
		}
	}
	return l.Err()
}

// beyond are the flags by which rustc and C compilers take instructions that a host of Lambda may lack. The processors are
// those of LLVM and GCC with AVX-512 or SVE: rustc --print target-cpus, and "x86 Options" and "AArch64 Options" of GCC's manual.
var beyond = pattern.Of(`(?:target-cpu|-march|-mcpu)=(?:native|x86-64-v4|skylake-avx512|skx|cascadelake|cooperlake|cannonlake|icelake-client|icelake-server|` +
	`tigerlake|rocketlake|sapphirerapids|emeraldrapids|graniterapids(?:-d)?|diamondrapids|knl|knm|znver[4-6]|` +
	`neoverse-(?:n2|n3|v1|v2|v3|v3ae|512tvb)|a64fx|grace|olympus|armv8[^\s,]*\+sve\S*|armv9\S*)\b|` +
	`target-feature=\S*\+(?:avx512|avx10|amx|sve|sme)\w*|-m(?:avx512|avx10|amx)[\w.-]*`)

// beyondFlag is the first of those flags in a text, "" for none.
func beyondFlag(text string) string { return beyond().FindString(text) }
