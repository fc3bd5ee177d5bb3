package main

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// project is what the peers build.
type project struct {
	name    string
	files   files
	lambdas []string
	cache   string // the registry that its peers keep their cache in
	base    string // the base image, where it is not the one of the whole run
}

// lambdaFile is where the sources of one lambda's program are.
func (p project) lambdaFile(i int) string {
	if _, ok := p.files["src/main.rs"]; ok {
		return "src/main.rs"
	}
	return path.Join("lambdas", p.lambdas[i], "src/main.rs")
}

// project reads or generates the project of a scenario.
func (b *bench) project(ctx context.Context, s scenario) (project, error) {
	p, ok := b.projects[s.project]
	var err error
	switch {
	case ok:
	case s.project == "fleet":
		p = fleet()
	case s.project == "tiny":
		p = tiny()
	case s.project == "leaf":
		var index string
		if index, err = newCrates(ctx); err != nil {
			return p, err
		}
		p = project{name: "hyper-echo-leaf", lambdas: []string{"hyper-echo"}}
		if p.files, err = readFiles("testdata/lambdas/hyper-echo"); err == nil {
			p.files = withLeaf(p.files, index)
		}
	default:
		p = project{name: s.project, lambdas: []string{s.project}}
		p.files, err = readFiles("testdata/lambdas/" + s.project)
	}
	if err != nil {
		return p, err
	}
	if !ok {
		const config = ".cargo/config.toml"
		p.files[config] = b.crates.Config() + p.files[config]
		if _, locked := p.files["Cargo.lock"]; !locked {
			if err := b.lock(ctx, p); err != nil {
				return p, err
			}
		}
		b.projects[s.project] = p
	}
	if s.arrives {
		if err := b.serveDownloads(ctx); err != nil {
			return p, err
		}
		p.name += "-new"
		p.base = b.downloads.base
	}
	if s.cache {
		if err := b.startRegistry(ctx); err != nil {
			return p, err
		}
		p.name += "-registry"
		p.cache = b.registry.host
	}
	if s.lambdas > 0 {
		p.lambdas = p.lambdas[:s.lambdas]
		p.name += fmt.Sprintf("-%d", s.lambdas)
	}
	return p, nil
}

// Sizes of the generated workspaces.
const (
	fleetLambdas  = 8
	tinyLambdas   = 50
	modelTypes    = 60 // of the library that all lambdas of the fleet share: heavy, as code generated from a schema is
	ruleFunctions = 60
)

// fleet is a workspace of eight small lambdas on three libraries: model and rules, which all of them use, and letters,
// which half of them use. It has the dependencies of hyper-echo, and no Cargo.lock.
func fleet() project {
	p := project{name: "fleet", files: files{
		"Cargo.toml": `[workspace]
resolver = "2"
members = ["lambdas/*", "libs/*"]

[workspace.dependencies]
http-body-util = "0.1"
hyper = { version = "1", features = ["client", "http1"] }
hyper-util = { version = "0.1", features = ["tokio"] }
serde = { version = "1", features = ["derive"] }
serde_json = "1"
tokio = { version = "1", features = ["macros", "net", "rt", "time"] }
`,
		"libs/model/Cargo.toml": library("model", "serde", "serde_json"),
		"libs/model/src/lib.rs": types("Model", modelTypes),
		"libs/rules/Cargo.toml": library("rules", "http-body-util", "hyper", "hyper-util", "tokio") + "model = { path = \"../model\" }\n\n" +
			"[dev-dependencies]\nhyper = { workspace = true, features = [\"server\"] }\n",
		"libs/rules/src/lib.rs":   "pub use model::answer;\n\n" + functions(ruleFunctions),
		"libs/letters/Cargo.toml": library("letters", "serde", "serde_json"),
		"libs/letters/src/lib.rs": types("Letter", modelTypes),
	}}
	for i := range fleetLambdas {
		name := fmt.Sprintf("lambda-%d", i)
		dir := "lambdas/" + name
		manifest := library(name) + "rules = { path = \"../../libs/rules\" }\n"
		call := "rules::answer(\"" + name + "\")"
		if i >= fleetLambdas/2 {
			manifest += "letters = { path = \"../../libs/letters\" }\n"
			call += " + &letters::answer(\"letter\")"
		}
		p.files[dir+"/Cargo.toml"] = manifest
		p.files[dir+"/src/main.rs"] = "fn answer() -> String {\n    " + call + "\n}\n\nfn main() {\n    println!(\"{}\", answer());\n}\n\n" +
			"#[test]\nfn answers() {\n    assert!(answer().contains(\"" + name + "\"));\n}\n"
		p.lambdas = append(p.lambdas, name)
	}
	return p
}

// tiny is a workspace of fifty lambdas without dependencies, on one small library.
func tiny() project {
	p := project{name: "tiny", files: files{
		"Cargo.toml":             "[workspace]\nresolver = \"2\"\nmembers = [\"lambdas/*\", \"libs/*\"]\n",
		"libs/answer/Cargo.toml": library("answer"),
		"libs/answer/src/lib.rs": "pub fn answer(to: &str) -> String {\n    format!(\"answer to {to}\")\n}\n",
	}}
	for i := range tinyLambdas {
		name := fmt.Sprintf("lambda-%d", i)
		dir := "lambdas/" + name
		p.files[dir+"/Cargo.toml"] = library(name) + "answer = { path = \"../../libs/answer\" }\n"
		p.files[dir+"/src/main.rs"] = "fn main() {\n    println!(\"{}\", answer::answer(\"" + name + "\"));\n}\n"
		p.lambdas = append(p.lambdas, name)
	}
	return p
}

func library(name string, dependencies ...string) string {
	text := fmt.Sprintf("[package]\nname = %q\nversion = \"0.4.2\"\nedition = \"2021\"\n\n[dependencies]\n", name)
	for _, d := range dependencies {
		text += d + ".workspace = true\n"
	}
	return text
}

// types is a library of n types that are written as JSON and read back.
func types(name string, n int) string {
	var b strings.Builder
	b.WriteString("use serde::{Deserialize, Serialize};\n")
	for i := range n {
		fmt.Fprintf(&b, "\n#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]\n#[serde(default)]\npub struct %[1]s%[2]d {\n"+
			"    pub id: u64,\n    pub name: String,\n    pub notes: Vec<String>,\n    pub price: Option<f64>,\n}\n\n"+
			"pub fn copy_%[2]d(value: &%[1]s%[2]d) -> %[1]s%[2]d {\n"+
			"    serde_json::from_str(&serde_json::to_string(value).expect(\"plain data\")).expect(\"our own text\")\n}\n", name, i)
	}
	fmt.Fprintf(&b, "\npub fn answer(name: &str) -> String {\n    copy_0(&%s0 { name: name.into(), ..Default::default() }).name\n}\n", name)
	return b.String()
}

// functions is a library of n functions that sort and format.
func functions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "pub fn rule_%[1]d(items: &[String]) -> std::collections::BTreeMap<String, Vec<usize>> {\n"+
			"    let mut found = std::collections::BTreeMap::<String, Vec<usize>>::new();\n"+
			"    for (at, item) in items.iter().enumerate() {\n        found.entry(format!(\"{item:>%[2]d}\")).or_default().push(at * %[2]d);\n    }\n"+
			"    found.retain(|_, at| at.len() > %[1]d);\n    found\n}\n\n", i, i+1)
	}
	return b.String()
}
