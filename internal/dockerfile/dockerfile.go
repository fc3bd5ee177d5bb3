// Package dockerfile renders Dockerfile.tmpl for one variant of a build.
//
// Rendering is pure and its text depends on nothing of the host: a laptop and a CI job get equal bytes, and so
// equal cache keys. [OwnWarm] changes only what is no part of them. Each value that reaches a command is quoted, so no value can change the structure; values
// that cannot be quoted (a newline, NUL, other than UTF-8) are refused.
package dockerfile

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"

	"lpipe"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/pattern"
	"lpipe/internal/plan"
	"lpipe/internal/shell"
)

// Contexts are the names of the inputs a rendered Dockerfile reads besides its base image.
const (
	Skeleton = "skeleton"    // the dependency context, see package skeleton
	Stubs    = "stubs"       // what the closures of a variant with [plan.Variant.Stubs] have in common
	Closure  = "closure"     // the lambda's sources, where there are stubs without them
	Tests    = "tests"       // the same with what the tests read besides, often nothing
	Smoke    = "smoke-files" // settings for smoke.rs, the events, and below task the files that are in the zip beside the program
)

// Folder is where each of these inputs has its files: no step mounts the root of one. To BuildKit's digests a root is another
// once a step mounted it writable, so that what was compiled from then on would not be found by the next run
// (cache/contenthash: the root that a client sends has no header, the root on the disk has one).
const Folder = "files"

// Libraries is the name of the input with a set of local libraries laid over the skeleton: the set of [plan.Variant.Libs]
// at i.
func Libraries(i int) string { return numbered("libraries", i) }

// Args are the build arguments that say which program of the closure to build.
const (
	ArgKind = "LAMBDA_KIND" // "bin" or "example"
	ArgBin  = "LAMBDA_BIN"  // the cargo target's name
)

// ArgLate is the build argument with the value of a variable of [plan.Variant.LateEnv].
func ArgLate(name string) string { return config.LateArg + name }

// SecretWarm tells the deps stage to use the dependencies that it keeps outside of layers: [WarmKeep], or [WarmFresh] to
// replace them unused. Without it they are neither used nor kept. Secrets are in no cache key.
const (
	SecretWarm = "lpipe-warm"
	WarmKeep   = "keep"
	WarmFresh  = "fresh"
)

// warmMount begins the line that mounts what the deps stage keeps; an id in hexadecimal follows. No value of a project can
// begin a line.
const warmMount = "\n    --mount=type=cache,id=lpipe-warm-"

// withWarmID completes the cache mounts that keep compiled dependencies. The id is made of the text of the stages that they
// are compiled in, so that builds with other settings do not replace each other's. What is downloaded has no part in it.
func withWarmID(text string) string {
	id := sha256.New()
	for stage := range strings.SplitSeq(text, "\nFROM ") {
		stage, _, _ = strings.Cut(stage, "\nEOF\n") // what follows is about the next one
		from, _, _ := strings.Cut(stage, "\n")
		switch _, name, _ := strings.Cut(from, " AS "); name {
		case StageToolchain, stageCompiler, StageDeps:
			fmt.Fprintf(id, "%d:%s", len(stage), stage)
		}
	}
	return strings.ReplaceAll(text, warmMount, warmMount+hex.EncodeToString(id.Sum(nil)[:8]))
}

// StepMark is what the program of a step begins with, the name of its stage following, without a number: an engine tells of what
// it keeps by the program that made it.
const StepMark = "set -eu # "

// named has the program of each step begin with its stage.
func named(text string) string {
	stages := strings.Split(text, "\nFROM ")
	for i, stage := range stages {
		from, program, _ := strings.Cut(stage, "\n")
		if _, name, ok := strings.Cut(from, " AS "); ok {
			if s, known := StageOf(name); known {
				name = s.Name
			}
			stages[i] = from + "\n" + strings.Replace(program, "\nset -eu\n", "\n"+StepMark+name+"\n", 1)
		}
	}
	return strings.Join(stages, "\nFROM ")
}

// OwnWarm returns the text with a cache mount, for the stages that compile dependencies, that only this owner has: who knows
// the owner knows the mount, so it is secret. BuildKit leaves the id of a cache mount out of the step's cache key, so builds of all owners,
// and those that keep nothing, find each other's steps.
func OwnWarm(text []byte, owner string) []byte {
	all := strings.Split(string(text), warmMount)
	for i, after := range all[1:] {
		rest := strings.TrimLeft(after, "0123456789abcdef")
		all[i+1] = strings.TrimSuffix(after, rest) + "-" + owner + rest
	}
	return []byte(strings.Join(all, warmMount))
}

// Files of the last stage.
const (
	FileBootstrap    = "bootstrap"
	FileReceipt      = "receipt.json"
	FileWarnings     = "warnings.txt" // what the compiler warned of, as it shows it
	FileTests        = "tests.json"
	FileTestLines    = "tests.txt"         // the line of each test
	FileSmoke        = "smoke.json"        // what smoke.rs measured, where there is a smoke test
	FileTestWarnings = "test-warnings.txt" // as FileWarnings, for the tests and all that they are compiled with
	FileDebug        = "bootstrap.debug"   // the program with its symbols, of a variant with [plan.Variant.SplitDebug]
	FileImageIndex   = "image-files.txt"   // of a variant with [plan.Variant.ImageFiles]: a line SIZE MODE NAME for each file, MODE is x or -
	FileImageFiles   = "image-files.bin"   // likewise: their bytes, one after the other
	FileUnits        = "units.json"        // cargo's messages about what it compiled for the program
	FileCrates       = "crates.json"       // of a stage of [Stated]: what cargo metadata says
	FileRustc        = "rustc.txt"         // likewise: what rustc -vV says
)

// MaxWarnings is how many bytes [FileWarnings] and [FileTestWarnings] have at most.
const MaxWarnings = 2_000_000

// ExitTests is the exit status of the test step when the tests compiled and one of them failed.
const ExitTests = 5

// ExitSetup is its exit status when what [plan.Variant.TestSetup] runs before the tests failed.
const ExitSetup = 6

// Exit statuses of the nextest step: the image has no cargo-nextest, or one that does not say what became of each test.
const (
	ExitNoNextest  = 7
	ExitOldNextest = 8
)

// Exit statuses of smoke.rs, and so of the smoke step: why a program does not pass.
const (
	ExitNotStarted = 20 + iota
	ExitEndedAtStart
	ExitSilentAtStart
	ExitInitError
	ExitEnded
	ExitSilent
	ExitFunctionError
	ExitTooLarge
	ExitSlowInit
	ExitTooMuchMemory
)

// ExitFetched is the exit status of a step that finds what fetch left not to be what it downloaded for this Cargo.lock.
const ExitFetched = 66

// BaseContext is the name that FROM gives the base image when it is an OCI layout, which comes as a context.
const BaseContext = "base"

// view is a variant as the template reads it.
type view struct{ *plan.Variant }

// Base is what FROM names.
func (v view) Base() string {
	if _, ok := config.ParseLayout(v.Variant.Base); ok {
		return BaseContext
	}
	return v.Variant.Base
}

// Root is the workspace root inside the build.
func (v view) Root() string { return path.Join(plan.Source, v.Dir) }

// libs is a stage that compiles local libraries on top of the stage From.
type libs struct {
	Stage, From, Context string
	Packages             plan.Libraries
}

// stratum is a stage that compiles crates on top of the stage From.
type stratum struct{ Stage, From string }

// Strata are the stages that compile the crates of [plan.Strata], each on top of the one before.
func (v view) Strata() []stratum {
	var all []stratum
	from := stageCompiler
	for i := range v.Variant.Strata {
		stage := numbered(StageStrata, i)
		all = append(all, stratum{stage, from})
		from = stage
	}
	return all
}

// Below is the stage that deps is built on.
func (v view) Below() string {
	if all := v.Strata(); len(all) > 0 {
		return all[len(all)-1].Stage
	}
	return stageCompiler
}

// FetchConfig is the file of the skeleton that says where crates come from.
func (v view) FetchConfig() string { return path.Join(plan.Source, v.Dir, plan.FetchConfig) }

// Libs are the stages that compile local libraries, each on top of the one before.
func (v view) Libs() []libs {
	var all []libs
	from := StageDeps
	for i, set := range v.Variant.Libs {
		stage := numbered(StageLibs, i)
		all = append(all, libs{stage, from, Libraries(i), set})
		from = stage
	}
	return all
}

// Compiled is the stage whose compiled crates a lambda is built on.
func (v view) Compiled() string {
	if all := v.Libs(); len(all) > 0 {
		return all[len(all)-1].Stage
	}
	return StageDeps
}

// numbered is name for the first of several, "name-2" for the second.
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}

// TestTarget is the Rust target of the tests as a word of the shell: that of the machine that builds, unless the tests of
// another machine's programs are emulated.
func (v view) TestTarget() string {
	if v.Emulate {
		return quote(v.Target)
	}
	return `"$(uname -m)-"` + quote(v.System())
}

// Network is the flag that cuts the step of a stage off from the network.
func (v view) Network(stage string) (string, error) {
	s, ok := StageOf(stage)
	switch {
	case !ok:
		return "", fmt.Errorf("the stage %s is in no row of the table", stage)
	case s.Network || v.AllowNetwork:
		return "", nil
	default:
		return "--network=none ", nil
	}
}

// TakesImageFiles reports that there is a stage for files of the image.
func (v view) TakesImageFiles() bool { return len(v.ImageFiles) > 0 || v.CACertificates }

// Certificates is where an image that is pushed has its certificate authorities.
func (v view) Certificates() string { return plan.InImage + " etc/ssl/certs/ca-certificates.crt" }

// Libraries are those of Lambda's runtimes, as words of the shell.
func (v view) Libraries() string { return quote(strings.Join(limits.Libraries, " ")) }

// Select are the packages that cargo compiles a program of.
func (v view) Select() string {
	if len(v.SeparatePackages) == 0 {
		return "--workspace"
	}
	return "--package " + quote(v.SeparatePackages[0])
}

// Package is the package that is compiled with features of its own, [plan.EveryPackage] for none.
func (v view) Package() string {
	if len(v.SeparatePackages) == 0 {
		return plan.EveryPackage
	}
	return quote(v.SeparatePackages[0])
}

// command is what cargo test is told: packages, and the flags of Args.
type command struct{ Select, Args string }

// Tests are the commands that test. Where a package has features of its own, so have its tests, and what it depends on
// is tested apart from it.
func (v view) Tests() []command {
	all := []command{{v.Select(), v.Args()}}
	if len(v.SeparatePackages) > 1 {
		others := command{Args: " --profile " + quote(v.Profile)}
		for _, name := range v.SeparatePackages[1:] {
			others.Select += " --package " + quote(name)
		}
		others.Select = others.Select[1:]
		all = append(all, others)
	}
	return all
}

// run is a command that runs tests: a function of the step, and what cargo is told.
type run struct {
	Run string
	command
}

// Runs are the commands that run what those of Tests have compiled. nextest runs no tests in documentation; where there
// is no library to document, cargo test would refuse to look for them.
func (v view) Runs() []run {
	var all []run
	for i, c := range v.Tests() {
		if !v.Nextest {
			all = append(all, run{"run_tests", c})
			continue
		}
		// nextest has profiles of its own.
		all = append(all, run{"run_nextest", command{c.Select, strings.Replace(c.Args, " --profile ", " --cargo-profile ", 1)}})
		tested := v.SeparatePackages
		if len(tested) > 0 && i == 0 {
			tested = tested[:1]
		} else if i > 0 {
			tested = tested[1:]
		}
		if slices.ContainsFunc(v.Documented, func(name string) bool { return len(tested) == 0 || slices.Contains(tested, name) }) {
			all = append(all, run{"run_tests --doc", c})
		}
	}
	return all
}

// Args are the flags that every cargo command which compiles gets; equal flags keep the compiled dependencies
// fresh from one stage to the next.
func (v view) Args() string {
	args := " --profile " + quote(v.Profile)
	if v.NoDefaultFeatures {
		args += " --no-default-features"
	}
	if len(v.Features) > 0 {
		args += " --features " + quote(strings.Join(v.Features, ","))
	}
	return args
}

// scripts are what the template takes from files of their own: functions of the shell, which depend on no variant.
//
//go:embed *.sh smoke.rs
var scripts embed.FS

func include(name string) (string, error) {
	text, err := scripts.ReadFile(name)
	return strings.TrimSpace(string(text)), err
}

// parsed is the template.
var parsed = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("Dockerfile").Option("missingkey=error").Funcs(template.FuncMap{
		"sh":      quote,
		"env":     quoteEnv,
		"include": include,
		"late":    ArgLate,
		"number":  func(i, first int) int { return first + i },
		"src":     func(dir string) string { return path.Join(plan.Source, dir) },
	}).Parse(lpipe.Dockerfile))
})

// Reading it takes half a millisecond, which passes while the program begins.
func init() { go parsed() }

// Render returns the Dockerfile for v. It fails with a [fault.Usage] error that names every value which cannot
// be written into a Dockerfile.
func Render(variant *plan.Variant) ([]byte, error) {
	v := view{variant}
	if err := check(v); err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := parsed().Execute(&b, v); err != nil {
		return nil, fmt.Errorf("rendering the Dockerfile: %w", err)
	}
	return []byte(withWarmID(named(b.String()))), nil
}

// base is what FROM accepts as one word that nothing expands: a reference or a context's name.
var base = pattern.Of(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

// variable is a name that the shell and Dockerfile ENV both accept.
var variable = pattern.Of(`^[A-Za-z_][A-Za-z0-9_]*$`)

func check(v view) error {
	var l fault.List
	refuse := func(what, value, why string) {
		l.Addf(fmt.Sprintf("%s %q cannot be used", what, value), why, "write another one in lpipe.toml or, for what cargo names, in the manifest")
	}
	if !base().MatchString(v.Base()) {
		refuse("the base image", v.Variant.Base, "it is not an image reference")
	}
	words := func(what string, values ...string) {
		for _, value := range values {
			why := unwritable(value)
			switch {
			case why != "":
				refuse(what, value, "it "+why)
			case strings.HasPrefix(value, "-"):
				refuse(what, value, "it would be read as an option")
			}
		}
	}
	words("the package", v.Packages...)
	words("the toolchain", slices.Concat([]string{v.Channel, v.InstallProfile}, v.Components, v.Targets)...)
	words("the folder", v.Dir)
	words("the target", v.Target)
	for _, set := range v.Variant.Libs {
		for _, lib := range set {
			words("the library", lib.Name, lib.Dir)
		}
	}
	words("the package", v.SeparatePackages...)
	for _, f := range v.ImageFiles {
		words("the file of the image", f.From, f.In, f.To)
	}
	words("the profile", v.Profile)
	words("the feature", v.Features...)
	for _, name := range v.LateEnv {
		if !variable().MatchString(name) {
			refuse("the variable", name, "a name has letters, digits and underscores only")
		}
	}
	for _, e := range slices.Concat(v.Env, v.TestEnv) {
		if !variable().MatchString(e.Name) {
			refuse("the variable", e.Name, "a name has letters, digits and underscores only")
		}
		if why := unwritable(e.Value); why != "" {
			refuse("the variable", e.Name, "its value "+why)
		}
	}
	return l.Err()
}

// unwritable says why no quoting can bring value into a Dockerfile unchanged, "" when it can be written.
func unwritable(value string) string {
	switch {
	case strings.ContainsAny(value, "\n\r\x00"):
		return "contains a line break or a NUL byte"
	case !utf8.ValidString(value):
		return "is not UTF-8"
	default:
		return ""
	}
}

var plain = pattern.Of(`^[A-Za-z0-9_./:=,@%+-]+$`)

// quote makes one shell word of s.
func quote(s string) string {
	if plain().MatchString(s) {
		return s
	}
	return shell.Quote(s)
}

// quoteEnv makes one word of s for a Dockerfile ENV instruction, in which nothing is expanded.
func quoteEnv(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}
