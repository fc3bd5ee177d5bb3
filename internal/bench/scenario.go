package main

import (
	"fmt"
	"strconv"
	"strings"
)

// scenario is what happens between two builds.
type scenario struct {
	name, title string
	rounds      int // set by the command line
	project     string
	// edit changes the project in a way that no other round does; nil changes nothing. What it marks it writes into
	// the first lambda's program, where it is looked for after the build.
	edit    func(p project, mark string) files
	marks   bool
	cold    bool     // before each round, with cache before each build, all that the engine has cached is thrown away
	cache   bool     // a registry holds the cache, filled before the first round; each build writes it again
	arrives bool     // before each round the machine is one that was never used: nothing is there, and what comes is counted
	after   string   // the project that was built before, by each peer
	cooked  bool     // the time until the dependencies are compiled is of interest
	lambdas int      // how many are built; 0 is all
	many    bool     // fast enough for four times the rounds
	only    []string // peers that take part beside lpipe; nil is all that build the sources themselves
	extra   []string // peers of this scenario alone
	facts   bool     // about the engine itself: no peers
}

// features of tokio that the project does not use, in as many combinations as there may be rounds.
var features = []string{"fs", "io-std", "io-util", "sync"}

var scenarios = []scenario{
	{name: "cold", title: "first build, nothing cached but the base image", project: "hyper-echo", cold: true},
	{name: "no-op", title: "nothing changed", project: "hyper-echo", many: true, extra: []string{peerRendered, peerBuildx}},
	{name: "edit", title: "a line of src/main.rs changed", project: "hyper-echo", marks: true, edit: editEcho},
	{name: "version", title: "the package's version changed", project: "hyper-echo", edit: func(p project, mark string) files {
		f := p.files.replace("Cargo.toml", `version = "0.3.1"`, `version = "0.3.1-`+mark+`"`)
		return f.replace("Cargo.lock", "name = \"hyper-echo\"\nversion = \"0.3.1\"", "name = \"hyper-echo\"\nversion = \"0.3.1-"+mark+"\"")
	}},
	{name: "new-file", title: "a module added to the library", project: "hyper-echo", edit: func(p project, mark string) files {
		return p.files.with("src/extra.rs", "//! "+mark+"\n\n/// Nothing.\npub fn nothing() {}\n").
			with("src/lib.rs", p.files["src/lib.rs"]+"\npub mod extra;\n")
	}},
	{name: "new-test", title: "a test added", project: "hyper-echo", edit: func(p project, mark string) files {
		return p.files.with("tests/extra.rs", "//! "+mark+"\n\n#[test]\nfn extra() {}\n")
	}},
	{name: "new-bin", title: "a program added", project: "hyper-echo", edit: func(p project, mark string) files {
		return p.files.with("src/bin/extra.rs", "//! "+mark+"\n\nfn main() {}\n")
	}},
	{name: "feature", title: "a feature of a dependency added", project: "hyper-echo", edit: func(p project, mark string) files {
		more := ""
		for i, f := range features {
			if roundOf(mark)>>i&1 == 1 {
				more += fmt.Sprintf(", %q", f)
			}
		}
		return p.files.replace("Cargo.toml", `["macros", "net", "rt", "time"]`, `["macros", "net", "rt", "time"`+more+`]`)
	}},
	{name: "bump", title: "one dependency in another version, which nothing else depends on", project: "leaf", cooked: true, only: []string{peerPlanner}, edit: func(p project, mark string) files {
		return bumpLeaf(p.files, roundOf(mark))
	}},
	{name: "fleet-edit", title: "one of eight lambdas changed", project: "fleet", marks: true, only: containers, edit: editLambda},
	{name: "fleet-library", title: "a library changed that four of eight lambdas use", project: "fleet", only: containers, edit: func(p project, mark string) files {
		return editLibrary(p.files, "letters", mark)
	}},
	{name: "fleet-all", title: "everything but the dependencies changed: eight lambdas, three libraries", project: "fleet", marks: true, only: containers, edit: func(p project, mark string) files {
		f := editLambda(p, mark)
		for _, l := range p.lambdas[1:] {
			file := "lambdas/" + l + "/src/main.rs"
			f = f.with(file, f[file]+"// "+mark+"\n")
		}
		for _, l := range []string{"letters", "model", "rules"} {
			f = editLibrary(f, l, mark)
		}
		return f
	}},
	{name: "no-op-1", title: "nothing changed, one of fifty lambdas asked for", project: "tiny", lambdas: 1, many: true, only: []string{}, extra: []string{peerBuildx}},
	{name: "no-op-8", title: "nothing changed, eight of fifty lambdas asked for", project: "tiny", lambdas: 8, many: true, only: []string{}, extra: []string{peerBuildx}},
	{name: "no-op-50", title: "nothing changed, fifty lambdas", project: "tiny", lambdas: 50, many: true, only: []string{}, extra: []string{peerBuildx}},
	{name: "registry", title: "nothing changed, on an empty engine, with the cache in a registry", project: "hyper-echo", cold: true, cache: true, only: caching},
	{name: "registry-edit", title: "the same, with a line of src/main.rs changed", project: "hyper-echo", cold: true, cache: true, marks: true, only: caching, edit: editEcho},
	{name: "first", title: "first build on a new machine: image or toolchain, crates, build, tests", project: "api", arrives: true, only: []string{}, extra: []string{peerCargoLambda}},
	{name: "second", title: "first build of another project on that machine", project: "events", after: "api", arrives: true, only: []string{}, extra: []string{peerCargoLambda}},
	{name: "engine", title: "the embedded engine itself", project: "hyper-echo", facts: true},
}

// roundOf is the number at the end of a mark: 1 in the first round.
func roundOf(mark string) int {
	n, err := strconv.Atoi(mark[strings.LastIndex(mark, "-")+1:])
	if err != nil {
		panic(err)
	}
	return n
}

func editEcho(p project, mark string) files {
	return p.files.replace("src/main.rs", "    let greeter", "    eprintln!(\""+mark+"\");\n    let greeter")
}

func editLambda(p project, mark string) files {
	return p.files.replace(p.lambdaFile(0), "fn main() {\n", "fn main() {\n    eprintln!(\""+mark+"\");\n")
}

func editLibrary(f files, name, mark string) files {
	return f.with("libs/"+name+"/src/lib.rs", f["libs/"+name+"/src/lib.rs"]+"\npub const MARK: &str = \""+mark+"\";\n")
}
