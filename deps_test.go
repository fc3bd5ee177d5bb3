package lpipe_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const buildkit = "github.com/moby/buildkit"

// row is what one package may import beside the standard library: packages of lpipe relative to the module, and
// packages of other modules with all below them.
type row struct {
	imports  []string
	why      string // the rule in words, shown with each break of it
	pure     bool   // no disk, network, clock or process of its own
	testOnly bool   // imported by tests alone
}

// lpipeMap is the architecture: every package, what it may know, and why no more.
var lpipeMap = map[string]row{
	".":         {why: "the template and the architecture page are data", pure: true},
	"cmd/lpipe": {imports: in("internal/cli", "internal/fault"), why: "the program is package cli; main only ends the process, on Windows with a word on why"},

	"cache":    {why: "a library for other programs too: cache options are text, so the standard library is enough"},
	"hostkeys": {imports: in("golang.org/x/crypto", "golang.org/x/net"), why: "a library for other programs too: SSH host keys need SSH and a proxy's dialler"},
	"sshfwd": {
		imports: in("golang.org/x/crypto"),
		why:     "a library for other programs too: an agent and its rules need SSH alone; who serves it to what is not their concern",
	},
	"sshfwd/session": {
		imports: in("sshfwd", "google.golang.org/grpc", buildkit),
		why:     "a library for other programs too: agents as BuildKit's session provider over gRPC",
	},

	"internal/ownership": {why: "every package that reads what others may write may import it, so it imports nothing of lpipe"},
	"internal/userkey":   {imports: in("internal/ownership"), why: "a secret and what is derived from it; what it protects is for the packages that use it"},

	"internal/program": {imports: in("golang.org/x/mod/semver"), why: "it identifies the program that runs, and asks whether there is a newer one; what follows from that is not its concern"},

	"internal/limits":  {why: "every package may import it, so it imports nothing", pure: true},
	"internal/shell":   {why: "every package that writes for a shell may import it, so it imports nothing", pure: true},
	"internal/subset":  {why: "two JSON values in, how they differ out", pure: true},
	"internal/pattern": {why: "every package may import it, so it imports nothing", pure: true},
	"internal/redact":  {imports: in("internal/pattern"), why: "every package that shows text of others may import it, so of lpipe it imports only expressions", pure: true},
	"internal/foreign": {imports: in("internal/pattern", "internal/redact"), why: "every package that prints may import it, so of lpipe it imports only what hides passwords", pure: true},
	"internal/finding": {imports: in("internal/pattern"), why: "every package that fails may import it, so of lpipe it imports only expressions", pure: true},
	"internal/fault": {
		imports: in("internal/finding", "internal/foreign", "github.com/agext/levenshtein"),
		why:     "everything imports it, so of lpipe it imports only what was found and how text is shown", pure: true,
	},
	"internal/disk": {imports: in("internal/fault", "internal/shell"), why: "which files a project may use is decided in one place, whatever they are for"},
	"internal/config": {
		imports: in("internal/disk", "internal/fault", "internal/limits", "internal/pattern", "internal/route", "cache", "github.com/distribution/reference", "github.com/pelletier/go-toml/v2"),
		why:     "it says what the user wrote; whether a lambda or an engine exists is for their packages", pure: true,
	},
	"internal/cargo": {imports: in("internal/disk", "internal/fault", "internal/parallel", "internal/pattern", "github.com/pelletier/go-toml/v2"), why: "it reads a project as cargo does, whatever lpipe.toml says", pure: true},
	"internal/reach": {imports: in("internal/cargo", "internal/disk", "internal/fault", "internal/parallel", "internal/pattern"), why: "it reads the sources of a loaded workspace; what is built of them is not its concern", pure: true},
	"internal/plan":  {imports: in("internal/config", "internal/cargo", "internal/reach", "internal/fault", "internal/pattern"), why: "configuration, workspace and what its packages read in, lambdas out", pure: true},
	"internal/skeleton": {
		imports: in("internal/cargo", "internal/disk", "internal/parallel", "internal/plan", "internal/reach", "internal/fault", "github.com/pelletier/go-toml/v2", "github.com/moby/patternmatcher", "github.com/tonistiigi/fsutil"),
		why:     "a tree of files in memory, in the shape in which BuildKit's client sends one (fsutil)", pure: true,
	},
	"internal/dockerfile": {imports: in(".", "internal/config", "internal/plan", "internal/fault", "internal/limits", "internal/pattern", "internal/shell"), why: "a plan in, text out", pure: true},

	"internal/network": {
		imports: in("internal/cargo", "internal/config", "internal/disk", "internal/fault", "internal/ownership", "internal/redact", "internal/shell", "internal/userkey", "github.com/docker/cli"),
		why:     "proxies and authorities, as steps and this process are given them; it contacts nobody",
	},
	"internal/access": {
		imports: in("hostkeys", "sshfwd", "sshfwd/session", "internal/cargo", "internal/config", "internal/disk", "internal/dockerfile", "internal/network", "internal/pattern", "internal/plan", "internal/fault",
			"golang.org/x/crypto", "google.golang.org/grpc", buildkit+"/session"),
		why: "keys, tokens and pinned hosts for the repositories of a plan, as the session serves them; it talks to no engine",
	},
	"internal/git": {
		imports: in("internal/disk", "internal/fault", "internal/pattern", "internal/redact", "internal/shell"),
		why:     "it asks git about a repository that nobody vouches for; what the answers are for is not its concern",
	},
	"internal/project": {
		imports: in("internal/artifact", "internal/cargo", "internal/config", "internal/disk", "internal/fault", "internal/foreign", "internal/git", "internal/ownership", "internal/pattern", "internal/plan",
			"internal/program", "internal/reach", "internal/redact", "internal/trace", "internal/userkey"),
		why: "it finds and reads projects, and knows where their results go; how they are built is not its concern",
	},
	"internal/since": {
		imports: in("internal/cargo", "internal/config", "internal/dockerfile", "internal/git", "internal/plan", "internal/project", "internal/reach", "internal/skeleton", "internal/fault"),
		why:     "it compares what a build would be given, and so asks the packages that give it",
	},

	"internal/engine": {
		imports: in("internal/disk", "internal/dockerfile", "internal/fault", "internal/ownership", "internal/pattern", "internal/program", "internal/engine/daemon", "github.com/containerd/platforms", "github.com/docker", "golang.org/x/sys", buildkit),
		why:     "it finds and starts a BuildKit; of what is built there it knows the table of stages, to say in words what is kept",
	},
	"internal/engine/daemon": {
		imports: in("internal/pattern", "github.com/containerd", "github.com/gofrs/flock", "github.com/moby/sys", "github.com/opencontainers/go-digest",
			"github.com/tonistiigi/fsutil", "go.etcd.io/bbolt", "golang.org/x/sync", "golang.org/x/sys", "google.golang.org/grpc", buildkit),
		why: "BuildKit's own daemon, wired; it knows nothing of lambdas",
	},
	"internal/engine/enginetest": {
		imports: in("internal/testparts/require", "github.com/tonistiigi/fsutil", buildkit),
		why:     "one suite that every engine passes, over the client alone", testOnly: true,
	},
	"internal/parallel":  {why: "what the work is, those who share it know", pure: true},
	"internal/garbage":   {why: "it is initialised before the packages that allocate much because it imports next to nothing"},
	"internal/interrupt": {why: "it is initialised before the packages that take long because it imports next to nothing"},
	"internal/trace":     {imports: in("internal/foreign"), why: "every package that takes time may import it, so of lpipe it imports only how text is shown"},
	"internal/symptom":   {imports: in("internal/dockerfile", "internal/fault", "internal/pattern"), why: "an output in, sentences out; who runs a step and who reads the sentences is not its concern", pure: true},
	"internal/screen":    {imports: in("github.com/morikuni/aec", "golang.org/x/text/width"), why: "what a build is at in, lines of a terminal out", pure: true},
	"internal/progress": {
		imports: in("internal/finding", "internal/foreign", "internal/pattern", "internal/report", "internal/screen", "github.com/morikuni/aec", "github.com/opencontainers/go-digest", "golang.org/x/term", buildkit),
		why:     "it draws BuildKit's status stream and decides nothing",
	},
	"internal/solve": {
		imports: in("internal/dockerfile", "internal/fault", "internal/pattern", "internal/progress", "internal/redact", "internal/report", "internal/symptom", "internal/trace",
			"github.com/containerd/containerd/v2", "github.com/distribution/reference", "github.com/opencontainers", "github.com/tonistiigi/fsutil", "golang.org/x/sync", "google.golang.org/grpc/codes", "google.golang.org/protobuf/proto", buildkit),
		why: "rendered Dockerfiles and contexts in, files out: it reads no project and writes no file",
	},

	"internal/opcode":   {why: "functions in, those with instructions that a processor lacks out; which file they come from is not its concern", pure: true},
	"internal/artifact": {imports: in("internal/disk", "internal/fault", "internal/limits", "internal/opcode", "internal/pattern", "github.com/ianlancetaylor/demangle", "github.com/klauspost/compress", "golang.org/x/sys"), why: "it decides from the bytes of a program, wherever they come from"},
	"internal/login": {
		imports: in("github.com/docker/cli/cli/config", buildkit+"/session"),
		why:     "it hands out what docker login left; who uses it against a registry is not its concern",
	},
	"internal/publish": {
		imports: in("internal/artifact", "internal/disk", "internal/fault", "internal/limits", "github.com/containerd/containerd/v2/core/remotes/docker", "github.com/distribution/reference",
			"github.com/in-toto/attestation", "github.com/opencontainers", "google.golang.org/protobuf"),
		why: "it makes an image of the files of a zip and sends it; what they are and who may push is not its concern",
	},
	"internal/report":   {imports: in("internal/artifact", "internal/fault", "internal/finding", "internal/foreign", "internal/pattern"), why: "it tells what happened and makes nothing happen"},
	"internal/emulator": {imports: in("internal/limits", "internal/pattern", "golang.org/x/sys"), why: "it serves HTTP as Lambda does, and beside expressions and calls of the kernel the standard library is enough"},
	"internal/examples": {pure: true, why: "events as files; the library that they come from is for its test alone"},
	"internal/measure":  {imports: in("internal/emulator"), why: "it calls a function and counts; who it is, and how numbers are shown, is for others"},
	"internal/route":    {imports: in("internal/pattern"), pure: true, why: "which function answers a request, from values"},
	"internal/template": {imports: in("internal/fault", "internal/limits", "internal/pattern", "internal/route", "go.yaml.in/yaml/v4"), pure: true, why: "it reads what a template says, and evaluates nothing"},
	"internal/stack": {
		imports: in("internal/artifact", "internal/disk", "internal/fault", "internal/foreign", "internal/project", "internal/route", "internal/template"),
		why:     "it reads the templates that projects name; what one says is for template, and who answers its routes for serve",
	},
	"internal/scaffold": {
		imports: in("internal/disk", "internal/examples", "internal/fault", "internal/foreign", "internal/pattern", "github.com/pelletier/go-toml/v2", "golang.org/x/mod/semver"),
		why:     "answers in, files out; where they go is not its concern", pure: true,
	},
	"internal/site": {
		imports: in("hostkeys", "internal/artifact", "internal/config", "internal/disk", "internal/fault", "internal/git", "internal/ownership", "internal/plan", "internal/project", "internal/scaffold", "internal/shell"),
		why:     "it finds where new files go, and writes them; what is in them is for scaffold",
	},
	"internal/gateway": {imports: in("internal/emulator", "internal/route"), why: "HTTP to events and back, for whoever invokes"},
	"internal/page":    {imports: in("internal/emulator", "internal/examples", "internal/foreign", "internal/route", "internal/trace"), why: "it shows what it is handed, and invokes what it is handed"},
	"internal/serve":   {imports: in("internal/emulator", "internal/gateway", "internal/limits", "internal/page", "internal/route", "internal/shell"), why: "it answers for programs, whoever builds them"},
	"internal/attest": {
		imports: in("internal/artifact", "internal/cargo", "internal/config", "internal/plan", "internal/publish", "internal/redact", "github.com/CycloneDX/cyclonedx-go", "github.com/distribution/reference",
			"github.com/github/go-spdx/v2", "github.com/google/uuid", "github.com/in-toto/attestation", "github.com/package-url/packageurl-go", "github.com/secure-systems-lab/go-securesystemslib/dsse",
			"github.com/spdx/tools-golang", "google.golang.org/protobuf"),
		why: "statements on what was built, as values; where they are put is not its concern",
	},
	"internal/sigstore": {
		imports: in("internal/pattern", "github.com/digitorus/timestamp", "github.com/secure-systems-lab/go-securesystemslib/dsse", "github.com/sigstore/protobuf-specs", "github.com/sigstore/sigstore-go", "google.golang.org/protobuf"),
		why:     "it signs bytes by whoever runs, and checks such signatures; what is stated in them is not its concern. BuildKit links what it imports",
	},
	"internal/bloat": {
		imports: in("internal/artifact"),
		why:     "a program in, numbers out", pure: true,
	},
	"internal/symbolize": {
		imports: in("internal/artifact", "internal/pattern"),
		why:     "a program and a text in, a text out; where they are from is not its concern", pure: true,
	},
	"internal/debuginfo": {
		imports: in("internal/artifact", "internal/bloat", "internal/disk", "internal/fault", "internal/project", "internal/symbolize"),
		why:     "it finds a program with symbols, wherever that is; what is read in it is for others",
	},
	"internal/inventory": {
		imports: in("internal/artifact", "internal/attest", "internal/disk", "github.com/Masterminds/semver/v3", "github.com/package-url/packageurl-go", "github.com/pelletier/go-toml/v2"),
		why:     "it reads what others wrote of zips, and compares versions; who wrote it is not its concern",
	},
	"internal/verify": {
		imports: in("internal/artifact", "internal/attest", "internal/config", "internal/fault", "internal/plan"),
		why:     "two zips and what is stated of them in, how they differ out; it builds nothing", pure: true,
	},
	"internal/build": {
		imports: in("cache", "internal/access", "internal/artifact", "internal/attest", "internal/cargo", "internal/config", "internal/disk", "internal/dockerfile", "internal/emulator", "internal/engine",
			"internal/fault", "internal/finding", "internal/git", "internal/limits", "internal/login", "internal/network", "internal/pattern", "internal/plan", "internal/progress", "internal/project", "internal/publish",
			"internal/program", "internal/reach", "internal/report", "internal/sigstore", "internal/since", "internal/skeleton", "internal/solve", "internal/subset", "internal/trace", "internal/userkey", "github.com/distribution/reference", "github.com/moby/patternmatcher",
			"github.com/opencontainers", buildkit+"/client", buildkit+"/session"),
		why: "the phases of a build, each from values to values; it reads no flag and prints nothing but the display",
	},
	"internal/deploy": {
		imports: in("internal/artifact", "internal/fault", "internal/limits", "internal/pattern", "internal/subset", "golang.org/x/sync"),
		why:     "what is wanted and what there is in, changes out; AWS is an interface, and of artifact it takes which runtimes are past their end",
	},
	"internal/awsapi": {
		imports: in("internal/deploy", "internal/fault", "internal/limits", "internal/pattern", "internal/redact", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "golang.org/x/time"),
		why:     "it asks AWS what a deployment needs, and decides nothing",
	},
	"internal/proof": {
		imports: in("internal/artifact", "internal/attest", "internal/awsapi", "internal/build", "internal/config", "internal/deploy", "internal/disk", "internal/dockerfile", "internal/fault", "internal/ownership",
			"internal/plan", "internal/project", "internal/report", "internal/sigstore", "internal/verify"),
		why: "it finds zips and statements and has commits built again, by whom it is told; how two zips compare is for verify",
	},
	"internal/deployable": {
		imports: in("internal/build", "internal/config", "internal/deploy", "internal/disk", "internal/emulator", "internal/fault", "internal/project"),
		why:     "projects in, what is wanted of them on AWS out; nobody is asked",
	},
	"internal/runnable": {
		imports: in("internal/artifact", "internal/build", "internal/config", "internal/emulator", "internal/fault", "internal/foreign", "internal/limits", "internal/plan", "internal/project", "internal/report"),
		why:     "built lambdas in, programs for the emulator out; it starts none",
	},
	"internal/doctor": {
		imports: in("internal/access", "internal/build", "internal/config", "internal/engine", "internal/fault", "internal/foreign", "internal/network", "internal/project", "internal/publish"),
		why:     "it looks at what a build would use, and builds nothing",
	},
	"internal/help": {imports: in("github.com/spf13/cobra", "github.com/spf13/pflag"), why: "verbs in, text out; what they do is not its concern"},
	"internal/usage": {
		imports: in("internal/fault", "internal/help", "github.com/spf13/cobra", "github.com/spf13/pflag"),
		why:     "a command line and the verbs in, what is wrong with it out", pure: true,
	},
	"internal/cli": {
		imports: in("hostkeys", "internal/access", "internal/artifact", "internal/awsapi", "internal/attest", "internal/bloat", "internal/build", "internal/config", "internal/debuginfo", "internal/deploy", "internal/deployable", "internal/disk", "internal/dockerfile", "internal/doctor", "internal/emulator",
			"internal/engine", "internal/engine/daemon", "internal/examples", "internal/fault", "internal/foreign", "internal/garbage", "internal/help", "internal/interrupt", "internal/inventory", "internal/limits", "internal/login", "internal/measure", "internal/network", "internal/page", "internal/plan",
			"internal/program", "internal/progress", "internal/project", "internal/proof", "internal/redact", "internal/report", "internal/route", "internal/runnable", "internal/scaffold", "internal/serve", "internal/shell", "internal/sigstore", "internal/since", "internal/site", "internal/stack", "internal/trace", "internal/usage", "internal/verify", "github.com/docker/cli/pkg/kvfile", "github.com/sirupsen/logrus", "github.com/spf13/cobra",
			"github.com/spf13/pflag", "golang.org/x/mod/semver", "golang.org/x/term"),
		why: "flags, help, printing and exit codes",
	},
	"internal/bench": {
		imports: in("internal/cargo", "internal/reach", "internal/skeleton", "internal/testparts/mirror", "github.com/distribution/distribution/v3", "github.com/sirupsen/logrus",
			"github.com/spf13/pflag"),
		why: "a program of its own, which measures lpipe from outside and takes from it only how a project is read; it serves a registry",
	},
	"internal/release": {
		imports: in("internal/attest", "internal/publish", "github.com/in-toto/attestation", "github.com/package-url/packageurl-go", "github.com/spdx/tools-golang", "google.golang.org/protobuf"),
		why:     "a program of its own, which packs lpipe's programs and takes nothing from them but what the toolchain recorded; it signs as lpipe does",
	},
	"internal/testparts/require": {why: "every test may import it, so it imports nothing", testOnly: true},
	"internal/testparts/golden":  {why: "the tests of every package may import it, so it imports nothing", testOnly: true},
	"internal/testparts/pages":   {imports: in("github.com/yuin/goldmark"), why: "what a page has, for the tests that know whether it is true", testOnly: true},
	"internal/testparts/mirror":  {why: "a mirror of crates.io for tests and for the bench"},
	"internal/testparts/suite": {
		imports: in("internal/testparts/require"),
		why:     "a program of its own, which runs the tests and knows only how they say that they were left out", testOnly: true,
	},
	"internal/testparts/sigstore": {
		imports: in("github.com/cyberphone/json-canonicalization", "github.com/digitorus/timestamp", "github.com/secure-systems-lab/go-securesystemslib/dsse", "github.com/sigstore", "github.com/transparency-dev",
			"golang.org/x/mod/sumdb/note", "google.golang.org/protobuf"),
		why: "an instance of Sigstore, made with what verifies it; nothing of lpipe may be needed to start it", testOnly: true,
	},
	"internal/testparts": {
		imports: in("golang.org/x/sys", "internal/testparts/mirror", "internal/testparts/require", "github.com/distribution/distribution/v3", "github.com/opencontainers",
			"github.com/pelletier/go-toml/v2", "github.com/rogpeppe/go-internal", "github.com/sirupsen/logrus", "golang.org/x/crypto"),
		why: "the real parts that tests run against; nothing of lpipe may be needed to start them", testOnly: true,
	},
}

func in(packages ...string) []string { return packages }

// impure are the packages through which a program sees more than its arguments.
var impure = in("crypto/rand", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "os/signal", "os/user", "syscall", "time")

type goPackage struct {
	ImportPath string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// list runs go list for one operating system: the packages, by default all of the module, and everything below them, by
// import path.
func list(t *testing.T, goos string, packages ...string) map[string]goPackage {
	t.Helper()
	if packages == nil {
		packages = in("./...")
	}
	cmd := exec.Command("go", append(in("list", "-deps", "-json=ImportPath,Standard,GoFiles,Imports,Deps"), packages...)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	all := map[string]goPackage{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// short is an import path relative to the module; ok is false for those of others.
func short(importPath string) (name string, ok bool) {
	if importPath == "lpipe" {
		return ".", true
	}
	return strings.CutPrefix(importPath, "lpipe/")
}

func below(name, prefix string) bool { return name == prefix || strings.HasPrefix(name, prefix+"/") }

func TestPackagesImportWhatTheMapAllows(t *testing.T) {
	for _, goos := range []string{"linux", "darwin"} {
		all := list(t, goos)
		for importPath, p := range all {
			name, ours := short(importPath)
			if !ours || len(p.GoFiles) == 0 {
				continue
			}
			r, ok := lpipeMap[name]
			if !ok {
				t.Errorf("%s is in no row of the map: say what it may import, and why", name)
				continue
			}
			for _, i := range p.Imports {
				if broken := breaks(name, r, i, all[i].Standard); broken != "" {
					t.Errorf("%s (%s): %s imports %s: %s; %s", name, goos, name, i, broken, r.why)
				}
			}
			// What is linked in counts too: a small module that brings in BuildKit makes a pure package heavy.
			if links := slices.ContainsFunc(p.Deps, func(d string) bool { return below(d, buildkit) }); links && !mayLink(name, buildkit) {
				t.Errorf("%s (%s) links BuildKit through a module that it imports: %s", name, goos, r.why)
			}
		}
	}
}

// TestTheMapAllowsWhatIsUsed: a row for no package, or an allowance that nobody needs, is one that nobody would question.
func TestTheMapAllowsWhatIsUsed(t *testing.T) {
	packages := map[string]bool{}
	used := map[[2]string]bool{} // by package and allowance
	for _, all := range []map[string]goPackage{list(t, "linux"), list(t, "darwin"), list(t, "windows", "./cmd/lpipe")} {
		for importPath, p := range all {
			name, ours := short(importPath)
			if !ours || len(p.GoFiles) == 0 {
				continue
			}
			packages[name] = true
			for _, i := range p.Imports {
				for _, allowed := range lpipeMap[name].imports {
					used[[2]string{name, allowed}] = used[[2]string{name, allowed}] || allows(allowed, i)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lpipeMap)) {
		if !packages[name] {
			t.Errorf("%s has a row, and there is no such package", name)
			continue
		}
		for _, allowed := range lpipeMap[name].imports {
			if !used[[2]string{name, allowed}] {
				t.Errorf("%s may import %s, and does not", name, allowed)
			}
		}
	}
}

// allows reports whether an allowance of a row is for an import.
func allows(allowed, imported string) bool {
	target, ours := short(imported)
	if ours {
		return target == allowed
	}
	return below(imported, allowed)
}

// TestTheModuleCanBeInstalled: go install PATH@VERSION refuses a module that replaces or excludes others.
func TestTheModuleCanBeInstalled(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	module, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range module.Replace {
		t.Errorf("go.mod replaces %s", r.Old.Path)
	}
	for _, e := range module.Exclude {
		t.Errorf("go.mod excludes %s", e.Mod.Path)
	}
}

// TestWindowsIsRefused: the program for Windows says that there is none, so what it would be made of need not compile.
func TestWindowsIsRefused(t *testing.T) {
	all := list(t, "windows", "./cmd/lpipe")
	if main := all["lpipe/cmd/lpipe"]; !slices.Equal(main.GoFiles, in("main_windows.go")) || slices.Contains(main.Deps, "lpipe/internal/cli") {
		t.Errorf("it is made of %q and %q", main.GoFiles, main.Deps)
	}
}

// breaks says which rule the import breaks, "" when it is allowed.
func breaks(name string, r row, imported string, standard bool) string {
	target, ours := short(imported)
	switch {
	case standard && r.pure && slices.Contains(impure, imported):
		return "the package is pure"
	case standard && imported == "testing" && !r.testOnly:
		return "only tests import it"
	case standard:
		return ""
	case ours && lpipeMap[target].testOnly && !r.testOnly:
		return "only tests import it"
	case ours && !below(name, "internal") && !below(name, "cmd") && below(target, "internal"):
		return "packages that other programs use stand alone"
	case slices.ContainsFunc(r.imports, func(allowed string) bool { return allows(allowed, imported) }):
		return ""
	}
	return "the map does not allow it"
}

// mayLink reports whether the map lets a package reach a module, directly or through packages of lpipe.
func mayLink(name, module string) bool {
	seen := map[string]bool{}
	var reach func(name string) bool
	reach = func(name string) bool {
		if seen[name] {
			return false
		}
		seen[name] = true
		return slices.ContainsFunc(lpipeMap[name].imports, func(i string) bool {
			return below(i, module) || reach(i)
		})
	}
	return reach(name)
}

func TestTheMapIsEnforced(t *testing.T) {
	for _, c := range []struct{ from, imported, want string }{
		{"internal/plan", "lpipe/internal/cargo", ""},
		{"internal/plan", "lpipe/internal/engine", "the map does not allow it"},
		{"internal/plan", "os", "the package is pure"},
		{"internal/plan", buildkit + "/client", "the map does not allow it"},
		{"internal/engine", "lpipe/internal/engine/daemon", ""},
		{"internal/engine", "lpipe/internal/engine/enginetest", "only tests import it"},
		{"internal/cli", "lpipe/internal/testparts", "only tests import it"},
		{"internal/cli", "testing", "only tests import it"},
		{"internal/cli", buildkit + "/solver", "the map does not allow it"},
		{"internal/solve", buildkit + "/solver", ""},
		{"sshfwd", "lpipe/internal/fault", "packages that other programs use stand alone"},
		{"sshfwd", buildkit + "/session", "the map does not allow it"},
		{"sshfwd/session", buildkit + "/session", ""},
		{"cache", "golang.org/x/net/proxy", "the map does not allow it"},
		{"hostkeys", "golang.org/x/net/proxy", ""},
		{"hostkeys", "golang.org/x/netball", "the map does not allow it"},
	} {
		if got := breaks(c.from, lpipeMap[c.from], c.imported, !strings.Contains(c.imported, "/")); got != c.want {
			t.Errorf("%s imports %s: %q, want %q", c.from, c.imported, got, c.want)
		}
	}
}

// TestMapSaysWhy keeps the rows themselves honest.
func TestMapSaysWhy(t *testing.T) {
	for name, r := range lpipeMap {
		if r.why == "" {
			t.Errorf("%s has no reason", name)
		}
		for _, i := range r.imports {
			if _, known := lpipeMap[i]; !known && !strings.Contains(i, ".") {
				t.Errorf("%s may import %s, which is in no row", name, i)
			}
		}
		if direct := slices.ContainsFunc(r.imports, func(i string) bool { return below(i, buildkit) }); direct &&
			!slices.Contains(in("sshfwd/session", "internal/access", "internal/build", "internal/engine", "internal/engine/daemon", "internal/engine/enginetest", "internal/login", "internal/progress", "internal/solve"), name) {
			t.Errorf("%s may import BuildKit: only the engine, its clients and the agent know it", name)
		}
	}
}

// sources are the Go files of the module outside of tests, by path.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files[filepath.ToSlash(name)], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// exits are the functions that end the process and skip every defer on the way.
var exits = map[string][]string{"os": {"Exit"}, "log": {"Fatal", "Fatalf", "Fatalln"}, "syscall": {"Exit"}, "logrus": {"Exit", "Fatal", "Fatalf", "Fatalln"}}

// TestTheProcessEndsInMain: everywhere else an error is returned, so that what was opened is closed.
func TestTheProcessEndsInMain(t *testing.T) {
	found := map[string][]string{}
	for name, file := range sources(t) {
		for _, declared := range file.Decls {
			where := name
			if f, ok := declared.(*ast.FuncDecl); ok {
				where += ": " + f.Name.Name
			}
			ast.Inspect(declared, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && slices.Contains(exits[x.Name], s.Sel.Name) {
						found[path.Dir(name)] = append(found[path.Dir(name)], where+": "+x.Name+"."+s.Sel.Name)
					}
				}
				return true
			})
		}
	}
	if found["cmd/lpipe"] == nil {
		t.Error("cmd/lpipe ends without an exit status")
	}
	for program, got := range found {
		slices.Sort(got)
		if want := in(program+"/main.go: main: os.Exit", program+"/main_windows.go: main: os.Exit"); !slices.Equal(got, want[:1]) && !slices.Equal(got, want) {
			t.Errorf("%s ends the process in %q, want %q", program, got, want)
		}
	}
}

// TestGitIsRunByOnePackage: package git sees to it that no repository runs a command.
func TestGitIsRunByOnePackage(t *testing.T) {
	var found []string
	for name, file := range sources(t) {
		if lpipeMap[path.Dir(name)].testOnly {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "Command" && s.Sel.Name != "CommandContext" && s.Sel.Name != "LookPath" {
				return true
			}
			for _, argument := range call.Args {
				if text, ok := argument.(*ast.BasicLit); ok && text.Value == `"git"` {
					found = append(found, name)
				}
			}
			return true
		})
	}
	if want := in("internal/git/git.go"); !slices.Equal(found, want) {
		t.Errorf("git is run in %q, want %q alone", found, want)
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	commented := map[string]int{}
	for name, file := range sources(t) {
		dir := path.Dir(name)
		commented[dir] += 0
		opening := "Package " + file.Name.Name + " "
		if file.Name.Name == "main" {
			opening = "Command " + path.Base(dir) + " "
		}
		if file.Doc == nil {
			continue
		}
		commented[dir]++
		if !strings.HasPrefix(file.Doc.Text(), opening) {
			t.Errorf("the package comment in %s opens with %.40q instead of %q", name, file.Doc.Text(), opening)
		}
	}
	for dir, n := range commented {
		if n != 1 {
			t.Errorf("%s has %d package comments: one file says what the package is for", dir, n)
		}
	}
}
