package dockerfile

import (
	"bytes"
	"strings"
)

// Stages of the Dockerfile. Deps, test, bootstrap and lambda are solved by name.
const (
	StageToolchain = "toolchain"   // the base image with packages and targets
	StageFetch     = "fetch"       // the crates of Cargo.lock
	StageUnits     = "units"       // which crates are compiled, and how
	StageStrata    = "strata"      // crates far below the project, compiled; strata-2 has more of them
	StageDeps      = "deps"        // every dependency, compiled
	StageLibs      = "libs"        // the local libraries, compiled; libs-2 has more of them
	StageBuild     = "build"       // the program, compiled
	StageNextest   = "nextest"     // whether the image has what runs the tests, where that is not cargo
	StageTest      = "test"        // the tests
	StageImage     = "image-files" // files of the image, for the zip
	StageRunner    = "runner"      // what starts a program as Lambda does, where a lambda is to answer events
	StageSmoke     = "smoke"       // the program, answering events
	StageBootstrap = "bootstrap"   // the program, without the tests
	StageLambda    = "lambda"      // the program, after the tests
	StageCrates    = "crates"      // what cargo says of the crates
)

// Stated is the stage that has what statements on the lambda need, beside all that a stage for the lambda has.
func Stated(stage string) string { return stage + "-stated" }

// Stage is one stage of Dockerfile.tmpl, or one of several that are numbered.
type Stage struct {
	Name     string // as in [StageDeps]
	Numbered bool   // there are none, one, or others called Name-2 and so on
	Title    string // what its step does; "" for a stage that runs no program
	Short    string // what its step is called where there is little room; "" for one of a single lambda
	Failed   string // what it is called when the step fails, with %s for the lambdas that need it
	Fix      string // what to do then
	// Network is set where the step always has the network. No code of the project or of a dependency runs in it, so what it
	// writes to its standard output is of the Dockerfile, and of nothing else.
	Network bool
	// Cargo is set where what the step prints is of cargo and of what cargo runs.
	Cargo bool
	Files []string // what is read of its result, but for the program
	Keeps string   // what its result is, in the list of what an engine keeps
	// Quick is set where that is made again in seconds to a minute, with the network or by compiling the code of one lambda.
	Quick bool
}

const correctErrors = "correct the errors above; --progress plain shows the output from its start"

// left is where a step leaves what it made, in the file system of its stage.
const left = "lpipe/out/"

// stages is the one table of them, in the order of the template.
var stages = []Stage{
	{
		Name: StageToolchain, Title: "prepare packages and Rust targets", Short: "toolchain", Network: true,
		Keeps:  "packages and Rust targets",
		Failed: "the toolchain for %s could not be prepared",
		Fix:    "check base and packages in [build] of lpipe.toml, and that the engine's machine reaches where they come from",
	},
	{
		Name: StageFetch, Title: "download the dependencies", Short: "downloads", Network: true,
		Keeps:  "downloaded crates",
		Failed: "the dependencies of %s could not be downloaded",
		Fix: "run the command again, which goes on with the crates that arrived; if that does not help, check Cargo.lock, " +
			"and that the engine's machine reaches what the output above names",
	},
	{Name: stageCompiler},
	{
		Name: StageUnits, Title: "list what is compiled of the dependencies", Short: "list of crates",
		Keeps:  "downloaded crates",
		Failed: "what %s needs of the dependencies could not be listed", Fix: "build with strata = false in [build] of lpipe.toml",
	},
	{
		Name: StageStrata, Numbered: true, Cargo: true, Title: "compile the dependencies that change rarely", Short: "dependencies",
		Keeps:  "compiled dependencies",
		Failed: "the dependencies of %s could not be compiled", Fix: correctErrors,
	},
	{
		Name: StageDeps, Cargo: true, Title: "compile the dependencies", Short: "dependencies",
		Keeps:  "compiled dependencies",
		Failed: "the dependencies of %s do not compile",
		Fix:    correctErrors + "; a dependency may need packages, env or features in [build] of lpipe.toml, or another version",
	},
	{
		Name: StageLibs, Numbered: true, Cargo: true, Title: "compile the local libraries", Short: "libraries",
		Keeps:  "compiled libraries",
		Failed: "the local libraries of %s do not compile", Fix: correctErrors,
	},
	{
		Name: StageBuild, Cargo: true, Title: "compile the lambda",
		Keeps: "programs", Quick: true,
		Failed: "%s does not compile", Fix: correctErrors,
	},
	{
		Name: StageNextest, Title: "look for cargo-nextest", Short: "nextest",
		Keeps: "tests", Quick: true,
		Failed: "the tests of %s cannot be run with nextest",
		Fix: "set base in [build] of lpipe.toml to an image with a recent cargo-nextest for the engine's machine, or add the distribution's to packages, " +
			"as cargo-nextest of Alpine; or take test-tool out: docs/tests.md",
	},
	{
		Name: StageTest, Cargo: true, Title: "run the tests", Files: []string{left + FileTests, left + FileTestLines, left + FileTestWarnings},
		Keeps: "tests", Quick: true,
		Failed: "the tests of %s do not compile", Fix: correctErrors,
	},
	{
		Name: StageImage, Title: "take files of the image", Short: "image files",
		Keeps: "programs", Quick: true,
		Failed: "the files of the image for the zip of %s cannot be taken",
		Fix:    "correct include-from-image in lpipe.toml, or add to packages in [build] what has the files",
	},
	{
		Name: StageRunner, Title: "compile what starts the lambda", Short: "runner",
		Keeps:  "smoke tests",
		Failed: "what starts %s as Lambda does could not be compiled",
		Fix:    "check that rustc of the base image compiles for its own machine; or take smoke out of lpipe.toml",
	},
	{
		Name: StageSmoke, Title: "start the lambda and send it events", Short: "smoke tests",
		Keeps: "smoke tests", Quick: true,
		Failed: "%s did not pass its smoke test",
		Fix:    "correct the program or the events that smoke in lpipe.toml names; smoke-env sets variables that it needs",
	},
	{Name: StageBootstrap, Keeps: "programs", Quick: true, Files: []string{FileReceipt, FileWarnings}},
	{Name: StageLambda, Keeps: "programs", Quick: true, Files: []string{FileReceipt, FileWarnings, FileTests, FileTestLines, FileTestWarnings}},
	{
		Name: StageCrates, Cargo: true, Title: "read the manifests of the crates", Short: "crates",
		Keeps: "programs", Quick: true,
		Failed: "cargo does not say what the crates of %s are", Fix: "build without statements; the output above is cargo's",
	},
	{Name: Stated(StageBootstrap), Keeps: "programs", Quick: true, Files: []string{FileReceipt, FileWarnings, FileRustc}},
	{Name: Stated(StageLambda), Keeps: "programs", Quick: true, Files: []string{FileReceipt, FileWarnings, FileTests, FileTestLines, FileTestWarnings, FileRustc}},
}

// stageCompiler is the environment in which every crate is compiled.
const stageCompiler = "compiler"

// Stages returns all of them, in the order of the template.
func Stages() []Stage { return stages }

// StageOf returns the stage that a Dockerfile calls name, such as "libs-2".
func StageOf(name string) (s Stage, ok bool) {
	for _, s := range stages {
		if name == s.Name || s.Numbered && strings.HasPrefix(name, s.Name+"-") {
			return s, true
		}
	}
	return Stage{}, false
}

// From is where a stage begins in a Dockerfile.
type From struct {
	Line  int // the first is 1
	Stage string
}

// StagesOf returns where the stages of a rendered Dockerfile begin, in its order.
func StagesOf(text []byte) []From {
	var all []From
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if from, ok := bytes.CutPrefix(line, []byte("FROM ")); ok { // no value of a project begins a line
			_, name, _ := bytes.Cut(bytes.TrimSpace(from), []byte(" AS "))
			all = append(all, From{n, string(name)})
		}
	}
	return all
}

// StepTitle returns the name under which the step of a stage is shown, whose text would fill the screen:
// "[libs-2] compile the local libraries".
func StepTitle(name string) string {
	s, _ := StageOf(name)
	return "[" + name + "] " + s.Title
}
