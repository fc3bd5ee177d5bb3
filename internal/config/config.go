// Package config reads lpipe.toml, the environment and the flags into one [Config] that remembers where each
// value came from.
//
// It knows nothing of cargo projects or engines: that a lambda or a feature exists, and that an engine can be
// reached, is for their packages to say, with the [Origin] kept here. The environment comes in as a map and the
// disk as an [fs.FS].
//
// A key is the path of a value as lpipe.toml spells it, "build.arch". A layer is one source of values; a higher
// layer hides the lower ones: the default, lpipe.toml, its [ci] table when lpipe runs in CI, the environment,
// the flags. Within one layer a key of [lambda.NAME] hides the same key of [build]. Tables of a person's own
// names, such as build.env, are laid over each other name by name; lists are replaced as a whole.
package config

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/route"
)

// Config is all settings of one run. Paths in it are absolute: those of lpipe.toml start at its folder, those of
// flags and the environment at the current one.
type Config struct {
	File    string   // lpipe.toml as found, "" when there is none
	CI      string   // the CI system of [DetectCI], "" on a laptop
	Lambdas []string // names and patterns of the binary targets to build; empty: those of the default members

	Lambda   map[string]Lambda   // by the name of the lambda; [Config.For] has its build settings
	Layer    map[string]Layer    // by name
	Registry map[string]Registry // by host, with a port where it has one
	SSH      SSH
	Git      Git
	Network  Network
	Cache    Cache
	Serve    Serve

	Statements Statements

	Push           bool
	Image          string   // the image to push, a template with [Placeholders]; "" when nothing was said
	Tags           []string // more tags of Image, templates; with a "/" or ":" an image of its own
	Templates      []string // paths of the deployment templates to compare with what is built
	CACertificates bool     // the image has certificate authorities
	SnapStart      bool     // the image has the label for SnapStart
	CacheWrite     string   // the branch that may write the cache from CI; "" for every branch

	Engine            string // as package engine reads it; "" when nothing was said
	Builder           string // a buildx builder by name
	Progress          string // auto, plain, tty, quiet or rawjson
	FeaturesPerLambda bool   // each package has the features that it alone asks for
	Warm              bool   // the engine may keep compiled dependencies from one build to the next
	Strata            bool   // the dependencies may be compiled in several steps

	values map[string]value
	tables map[string]Origin
}

// Build is how one lambda is built.
type Build struct {
	Base string   // an image reference, or oci-layout://DIR[:TAG][@DIGEST]
	Arch []string // x86_64, arm64 or both, as Lambda calls them
	// Target is the Rust target, "" when Arch has two: see [Build.TargetFor].
	Target          string
	Profile         string
	Features        []string
	DefaultFeatures bool
	Rustflags       []string
	CPU             []string          // processors, at most one for each architecture: see [Build.TargetCPU]
	CPUAllow        []string          // patterns of functions that may have any instruction
	Env             map[string]string // of build and tests
	LateEnv         map[string]string // of the lambda's own code and its tests; values have [LatePlaceholders]
	TestEnv         map[string]string // of tests alone
	Packages        []string          // of apt, apk or dnf, "name" or "name=version"
	Test            bool
	TestTool        string            // cargo or nextest
	TestRunner      string            // native or qemu
	TestUser        string            // ordinary or root
	TestSetup       string            // of the shell, before the tests; "" for none
	Smoke           []string          // files of events, relative to the package
	SmokeExpect     map[string]string // by file, JSON that is part of the answer
	SmokeEnv        map[string]string
	SmokeTimeout    string // as time.ParseDuration reads it
	Network         string // none or default
	Debug           string // none or split
	Auditable       bool   // the program has the list of its crates
	Link            string // static or dynamic
	Runtime         string // the Lambda runtime the program is for
	Include         []string
	// IncludeFromImage are files of the build image; [SplitInclude] reads them as those of Include.
	IncludeFromImage []string
	Layers           []string // names of [Config.Layer] and of extensions
	Budget           Budget
}

// Budget is what a lambda may take at most; "" is no limit.
type Budget struct {
	Zip, Memory string // as of [ParseSize]
	Init        string // as time.ParseDuration reads it
}

// Lambda says which binary target a [lambda.NAME] table means where the name alone does not.
type Lambda struct {
	Package, Bin string
	Kind         string // "", "function" or [KindExtension]
}

// KindExtension is the kind of a program that runs beside functions.
const KindExtension = "extension"

// Layer is what a layer has below /opt.
type Layer struct {
	Include          []string // relative to the folder of lpipe.toml
	IncludeFromImage []string
}

// Registry is how to reach one registry.
type Registry struct {
	CA      string   // path of a PEM file
	Mirrors []string // hosts asked first, each with an optional path
	HTTP    bool     // plain HTTP
}

// SSH says which keys the fetch step may use, and for what.
type SSH struct {
	Hosts        []string          // pinned hosts, with a port where it is not 22
	Repositories []string          // allowed beside those that Cargo.lock names
	Keys         []string          // SHA256 fingerprints of the agent's identities; empty: all
	DeployKeys   map[string]string // repository to "env:NAME" or a path
	Key          string            // "env:NAME" or a path; "" for the agent
	Passphrase   string            // "env:NAME" or a path; opens keys that are encrypted
	Mode         string            // strict or userauth
	KnownHosts   []string          // paths of files beside the pinned keys
}

// Git has the credentials for git over https.
type Git struct {
	Tokens map[string]string // host or repository to "env:NAME" or a path
}

// Network is how steps that download reach the network. The environment wins over it.
type Network struct {
	HTTPProxy, HTTPSProxy string   // URLs
	NoProxy               []string // hosts, domains and addresses that are reached without
	Authorities           []string // paths of PEM files
}

// Serve is what lpipe serve answers over HTTP beside function URLs.
type Serve struct {
	Routes    route.Table
	Templates []string // paths of SAM and CloudFormation templates
}

// Statements are what is put beside each zip.
type Statements struct {
	Kinds []string // provenance, spdx, cyclonedx
	Key   string   // "env:NAME" or a path; "" for none
	// Sigstore has them signed by the identity that the CI system gives.
	Sigstore bool
	// SigningConfig and TrustedRoot are files about an instance of Sigstore; "" for the public one.
	SigningConfig, TrustedRoot string
}

// Cache is where cached layers are read from and written to, for [cache.ParseImport] and [cache.ParseExport].
type Cache struct{ From, To []string }

// Setting is one flag as the person gave it.
type Setting struct {
	Key    string   // as in lpipe.toml, "build.arch"; "build.env" for NAME=VALUE pairs; "config" for the file itself
	Values []string // none means true for a key that takes true or false
	Flag   string   // "--arch"
}

// Input is all that [Load] reads.
type Input struct {
	FS       fs.FS             // the whole disk: [os.DirFS] of "/"
	View     *disk.View        // what of it may hold lpipe.toml; nil means the repository of Dir, Dir itself without one
	Dir      string            // slash-separated folder to look for lpipe.toml from
	Cwd      string            // the current folder, also slash-separated; "" means Dir
	Env      map[string]string // the environment of lpipe
	Settings []Setting
}

// Load finds lpipe.toml in in.Dir or in its parents, as far as in.View goes, and lays the environment and the flags
// over it. The error joins every mistake found, each a [fault.Error] of kind [fault.Usage].
func Load(in Input) (*Config, error) {
	l := newLoader(in)
	l.defaults()
	l.file()
	l.environment()
	l.settings()
	c := l.config()
	l.agree(c)
	l.exist(c)
	if err := l.mistakes.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reads a text as an lpipe.toml of which nothing else is known: not what is there, nor the environment. The error is as that of [Load].
func Check(text []byte) error {
	l := newLoader(Input{})
	l.defaults()
	root, err := parse(fileName, text)
	if err != nil {
		return err
	}
	l.walk(root, nil)
	l.agree(l.config())
	return l.mistakes.Err()
}

// AllowOutside returns the files and folders beyond a project that the user allows it to use, as absolute paths. A
// project cannot allow itself anything: [Load] refuses the key in an lpipe.toml of its own.
func AllowOutside(in Input) []string {
	l := newLoader(in)
	if name, _ := l.asked(); name != "" {
		l.file()
	}
	l.environment()
	l.settings()
	return l.values[allowOutside].texts
}

func newLoader(in Input) *loader {
	if in.Cwd == "" {
		in.Cwd = in.Dir
	}
	in.Dir, in.Cwd = path.Join("/", in.Dir), path.Join("/", in.Cwd)
	return &loader{in: in, ci: DetectCI(in.Env), values: map[string]value{}, tables: map[string]Origin{}}
}

// For returns [build] with the lambda's own keys laid over it. A name without a [lambda.NAME] table gets [build].
func (c *Config) For(lambda string) Build {
	var b Build
	for _, keys := range [][]key{buildKeys, budgetKeys} {
		for i := range keys {
			keys[i].set(&b, c, lambda)
		}
	}
	if c.Lambda[lambda].Kind == KindExtension { // which answers no events, and is in a layer itself
		b.Smoke, b.SmokeExpect, b.SmokeEnv, b.Layers = nil, nil, nil, nil
	}
	if b.Target == "" && len(b.Arch) == 1 {
		b.Target = b.TargetFor(b.Arch[0])
	}
	return b
}

// Digests tells how a lambda is built from other ways, without the values: a digest for each key of [build].
func (c *Config) Digests(lambda string) map[string]string {
	all := map[string]string{}
	for _, k := range buildKeys {
		name, pairs := strings.CutSuffix(k.name, ".*")
		var value any = c.list(lambda, name)
		if pairs {
			value = c.pairs(lambda, name)
		}
		all[name] = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", value)))
	}
	return all
}

// TargetFor returns the Rust target for one entry of b.Arch: the configured one, or ARCH-unknown-linux-musl for
// link "static" and ARCH-unknown-linux-gnu for "dynamic", where arm64 is aarch64.
func (b Build) TargetFor(arch string) string {
	if b.Target != "" {
		return b.Target
	}
	libc := "musl"
	if b.Link == "dynamic" {
		libc = "gnu"
	}
	return rustArch[arch] + "-unknown-linux-" + libc
}

// Origin returns where the value of key came from, the zero Origin for a default. The key of a lambda,
// "lambda.NAME.arch", names the value that [Config.For] uses, so its origin may lie in [build]. The key of a
// table is where it was opened. [Key] quotes names that need it.
func (c *Config) Origin(key string) Origin {
	if at, ok := c.tables[key]; ok {
		return at
	}
	switch parts := split(key); {
	case len(parts) > 2 && parts[0] == "lambda":
		return c.choose(parts[1], Key(parts[2:]...)).origin
	case len(parts) > 1 && parts[0] == "build":
		return c.choose("", Key(parts[1:]...)).origin
	default:
		return c.values[key].origin
	}
}

// choose returns the value of a key for one lambda, of [build] for the lambda "".
func (c *Config) choose(lambda, key string) value {
	common := "build." + key
	if strings.HasPrefix(key, "budget.") {
		common = key
	}
	v := c.over(common, Key("lambda", lambda)+"."+key)
	if key == "arch" && v.layer == byDefault {
		if target := c.choose(lambda, "target"); target.texts != nil {
			return value{texts: []string{archOf(target.texts[0])}, origin: target.origin}
		}
	}
	return v
}

// over returns the value of a key with that of a lambda's own laid over it.
func (c *Config) over(key, own string) value {
	v := c.values[key]
	if of, ok := c.values[own]; ok && of.layer >= v.layer {
		v = of
	}
	return v
}

func (c *Config) text(lambda, key string) string { return first(c.choose(lambda, key)) }

func (c *Config) on(lambda, key string) bool { return first(c.choose(lambda, key)) == "true" }

func (c *Config) list(lambda, key string) []string {
	return slices.Clone(c.choose(lambda, key).texts)
}

func (c *Config) pairs(lambda, key string) map[string]string {
	m := map[string]string{}
	for _, dir := range []string{"build", Key("lambda", lambda)} {
		for _, name := range children(c.values, dir+"."+key+".") {
			m[name] = first(c.choose(lambda, key+"."+Key(name)))
		}
	}
	return m
}

func first(v value) string {
	if len(v.texts) == 0 {
		return ""
	}
	return v.texts[0]
}

// children returns the sorted names that directly follow prefix in the keys of m.
func children[V any](m map[string]V, prefix string) []string {
	names := map[string]bool{}
	for key := range m {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			names[split(rest)[0]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// config turns the resolved values into the struct.
func (l *loader) config() *Config {
	c := &Config{
		File:     l.path,
		CI:       l.ci,
		Lambda:   map[string]Lambda{},
		Layer:    map[string]Layer{},
		Registry: map[string]Registry{},
		values:   l.values,
		tables:   l.tables,
	}
	list := func(key string) []string { return slices.Clone(l.values[key].texts) }
	text := func(key string) string { return first(l.values[key]) }
	c.Lambdas = list("lambdas")
	c.Push, c.Image, c.Tags = text("push") == "true", text("image"), list("tags")
	c.CACertificates, c.SnapStart = text("ca-certificates") == "true", text("snapstart") == "true"
	c.CacheWrite = text("ci.cache-write")
	c.Templates = list("template")
	c.Engine, c.Builder, c.Progress = text("engine"), text("builder"), text("progress")
	c.Warm = text("build.warm") == "true"
	c.FeaturesPerLambda = text("build.features-per-lambda") == "true"
	c.Statements = Statements{
		Kinds: list("statements.kinds"), Key: text("statements.key"),
		Sigstore: text("statements.sigstore") == "true", SigningConfig: text("statements.signing-config"), TrustedRoot: text("statements.trusted-root"),
	}
	c.Cache = Cache{From: list("cache.from"), To: list("cache.to")}
	switch text("build.strata") {
	case "":
		c.Strata = len(c.Cache.From) > 0 || len(c.Cache.To) > 0
	case "true":
		c.Strata = true
	}
	for _, name := range union(children(l.values, "lambda."), children(l.tables, "lambda.")) {
		c.Lambda[name] = Lambda{Package: text(Key("lambda", name, "package")), Bin: text(Key("lambda", name, "bin")), Kind: text(Key("lambda", name, "kind"))}
	}
	for _, name := range union(children(l.values, "layer."), children(l.tables, "layer.")) {
		c.Layer[name] = Layer{Include: list(Key("layer", name, "include")), IncludeFromImage: list(Key("layer", name, "include-from-image"))}
	}
	for _, host := range union(children(l.values, "registry."), children(l.tables, "registry.")) {
		c.Registry[host] = Registry{
			CA:      text(Key("registry", host, "ca")),
			Mirrors: list(Key("registry", host, "mirrors")),
			HTTP:    text(Key("registry", host, "http")) == "true",
		}
	}
	c.SSH = SSH{
		Hosts:        list("ssh.hosts"),
		Repositories: list("ssh.repositories"),
		Keys:         list("ssh.keys"),
		DeployKeys:   map[string]string{},
		Key:          text("ssh.key"),
		Passphrase:   text("ssh.passphrase"),
		Mode:         text("ssh.mode"),
		KnownHosts:   list("ssh.known-hosts"),
	}
	for _, repository := range children(l.values, "ssh.deploy-keys.") {
		c.SSH.DeployKeys[repository] = text(Key("ssh", "deploy-keys", repository))
	}
	c.Git.Tokens = map[string]string{}
	for _, name := range children(l.values, "git.tokens.") {
		c.Git.Tokens[name] = text(Key("git", "tokens", name))
	}
	c.Serve = Serve{Routes: l.routes(), Templates: list("serve.template")}
	c.Network = Network{HTTPProxy: text("network.http-proxy"), HTTPSProxy: text("network.https-proxy"), NoProxy: list("network.no-proxy"), Authorities: list("network.ca")}
	return c
}

func union(a, b []string) []string {
	all := append(a, b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// loader gathers values and mistakes while the sources are read.
type loader struct {
	in       Input
	ci       string
	path     string // of lpipe.toml
	foreign  bool   // lpipe.toml lies outside of the project, so the user put it there
	values   map[string]value
	tables   map[string]Origin
	mistakes fault.List
}

// value is what one layer says about one key; "true" or "false" for a key of that kind.
type value struct {
	texts  []string
	layer  layer
	origin Origin
}

// put is the one place where precedence is decided.
func (l *loader) put(key string, v value) {
	if v.layer >= l.values[key].layer {
		l.values[key] = v
	}
}

func (l *loader) defaults() {
	for _, k := range table {
		if k.defaults != nil {
			l.put(k.name, value{texts: k.defaults})
		}
	}
	if l.ci != "" {
		l.put("progress", value{texts: []string{"plain"}})
	}
}
