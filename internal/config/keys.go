package config

import (
	"fmt"
	"slices"
	"strings"

	"lpipe/cache"
	"lpipe/internal/route"
)

// kind is the shape of a value in lpipe.toml.
type kind int

const (
	text kind = iota
	list
	oneOrMore // a list that may be written as a single string
	boolean
	number
)

func (k kind) String() string {
	return [...]string{"a string", "a list of strings", "a string or a list of strings", "true or false", "a number"}[k]
}

// key is one row of the table that lookups, errors and [Reference] share.
type key struct {
	name     string // as in lpipe.toml; * stands for a name that the person chooses
	kind     kind
	defaults []string
	derived  string   // in words, a default that depends on others
	choices  []string // all valid values, where they can be counted
	check    check
	paths    paths
	private  bool   // the value is not for messages
	sep      string // between the items of a list in the environment and in a flag; "" where an item may hold any character
	doc      string
	// set gives the field of [Build] the value that a lambda has; for the keys of [build] that each lambda may have.
	set func(b *Build, c *Config, lambda string)
}

// ofText, ofList, ofBool and ofPairs declare the key of a field of [Build].
func ofText(k key, field func(*Build) *string) key {
	k.set = func(b *Build, c *Config, lambda string) { *field(b) = c.text(lambda, k.name) }
	return k
}

func ofList(k key, field func(*Build) *[]string) key {
	if k.kind == text {
		k.kind = list
	}
	k.set = func(b *Build, c *Config, lambda string) { *field(b) = c.list(lambda, k.name) }
	return k
}

func ofBool(k key, field func(*Build) *bool) key {
	k.kind = boolean
	k.set = func(b *Build, c *Config, lambda string) { *field(b) = c.on(lambda, k.name) }
	return k
}

func ofPairs(k key, field func(*Build) *map[string]string) key {
	name := k.name
	k.name += ".*"
	k.set = func(b *Build, c *Config, lambda string) { *field(b) = c.pairs(lambda, name) }
	return k
}

// buildKeys are the keys of [build] that each lambda may have. A new one is a row here and a field of [Build].
var buildKeys = []key{
	ofText(key{name: "base", defaults: []string{"docker.io/library/rust:1-bookworm"}, check: checkBase, paths: basePath, doc: "the image that everything is compiled in: a reference, or oci-layout://DIR[:TAG][@DIGEST]"},
		func(b *Build) *string { return &b.Base }),
	ofList(key{name: "arch", kind: oneOrMore, defaults: []string{"x86_64"}, choices: arches, check: checkArch, sep: ",", doc: "the architecture as Lambda names it, or both"},
		func(b *Build) *[]string { return &b.Arch }),
	ofText(key{name: "target", derived: "`ARCH-unknown-linux-musl`, or `-gnu` when link is dynamic", check: checkTarget, doc: "the Rust target"},
		func(b *Build) *string { return &b.Target }),
	ofText(key{name: "profile", defaults: []string{"release"}, check: checkProfile, doc: "the cargo profile"},
		func(b *Build) *string { return &b.Profile }),
	ofList(key{name: "features", check: checkFeature, sep: ",", doc: "cargo features"},
		func(b *Build) *[]string { return &b.Features }),
	ofBool(key{name: "default-features", defaults: []string{"true"}, doc: "whether the default features are on"},
		func(b *Build) *bool { return &b.DefaultFeatures }),
	ofList(key{name: "rustflags", check: checkRustflag, sep: " ", doc: "flags for rustc"},
		func(b *Build) *[]string { return &b.Rustflags }),
	ofList(key{name: "cpu", kind: oneOrMore, defaults: []string{baseline}, choices: cpus, sep: ",", doc: "the processor that Rust code is compiled for: v2 and v3 are x86-64-v2 and x86-64-v3, neoverse-n1 that of arm64, each for its own architecture; baseline is the oldest of each. C code takes its own from `CFLAGS` in env. The program is checked in any case"},
		func(b *Build) *[]string { return &b.CPU }),
	ofList(key{name: "cpu-allow", check: checkPlain, sep: " ", doc: "functions that may have instructions which the hosts of Lambda lack, since they are chosen at run time, as names or patterns with `*`, where the check does not see that by itself"},
		func(b *Build) *[]string { return &b.CPUAllow }),
	ofPairs(key{name: "env", check: checkEnv, private: true, doc: "environment of the build and the tests; no secrets"},
		func(b *Build) *map[string]string { return &b.Env }),
	ofPairs(key{name: "late-env", check: checkLate, private: true, doc: "environment of the step that compiles the lambda's own code and of its tests, and not of its dependencies, which so need not be compiled again for another value; placeholders: " + placeholderList(LatePlaceholders) + "; no secrets: docs/projects.md"},
		func(b *Build) *map[string]string { return &b.LateEnv }),
	ofPairs(key{name: "test-env", check: checkEnv, private: true, doc: "environment of the tests alone; no secrets"},
		func(b *Build) *map[string]string { return &b.TestEnv }),
	ofList(key{name: "packages", check: checkSystemPackage, sep: ",", doc: "packages of the base's distribution to install, as `NAME` or `NAME=VERSION`; for a lambda of another architecture than the engine's machine, Debian's libraries are installed for both"},
		func(b *Build) *[]string { return &b.Packages }),
	ofBool(key{name: "test", defaults: []string{"true"}, doc: "whether the tests must pass before there is a zip"},
		func(b *Build) *bool { return &b.Test }),
	ofText(key{name: "test-tool", defaults: []string{"cargo"}, choices: []string{"cargo", "nextest"}, doc: "what runs the tests: cargo test, or cargo nextest, which the image has to have, and cargo test for those in documentation alone: docs/tests.md"},
		func(b *Build) *string { return &b.TestTool }),
	ofText(key{name: "test-runner", defaults: []string{"native"}, choices: []string{"native", "qemu"}, doc: "how tests run where the engine's machine has another architecture than the lambda: compiled for that machine, or for the lambda's and under qemu (on a base of Debian)"},
		func(b *Build) *string { return &b.TestRunner }),
	ofText(key{name: "test-user", defaults: []string{"ordinary"}, choices: []string{"ordinary", "root"}, doc: "who runs the tests in the image: an ordinary user, who owns the sources and whom permissions hold, or root"},
		func(b *Build) *string { return &b.TestUser }),
	ofText(key{name: "test-setup", check: checkPlain, doc: "a command of the shell that is run before the tests, by their user and in their step, such as one that starts a database; it must succeed"},
		func(b *Build) *string { return &b.TestSetup }),
	ofList(key{name: "smoke", kind: oneOrMore, check: checkEvent, sep: ",", doc: "events, JSON files relative to the lambda's package, that the program is started with and has to answer before there is a zip, as on Lambda and without a network: docs/artifact.md"},
		func(b *Build) *[]string { return &b.Smoke }),
	ofPairs(key{name: "smoke-expect", check: checkJSON, doc: "what the answer to an event of smoke has to contain, by the event's file, as JSON: of an object these members, at any depth, and everything else equal: a list as a whole, numbers as they are written"},
		func(b *Build) *map[string]string { return &b.SmokeExpect }),
	ofPairs(key{name: "smoke-env", check: checkEnv, private: true, doc: "environment of the program while it answers the events of smoke, beside what Lambda sets; no secrets"},
		func(b *Build) *map[string]string { return &b.SmokeEnv }),
	ofText(key{name: "smoke-timeout", defaults: []string{"10s"}, check: checkSpan, doc: "how long an answer to an event of smoke may take; a program has 10 s to start, as on Lambda"},
		func(b *Build) *string { return &b.SmokeTimeout }),
	ofText(key{name: "network", defaults: []string{"none"}, choices: []string{"none", "default"}, doc: "what build scripts and tests can reach; with the embedded engine, default includes what listens on this machine's loopback"},
		func(b *Build) *string { return &b.Network }),
	ofText(key{name: "link", defaults: []string{"static"}, choices: []string{"static", "dynamic"}, doc: "whether libc is linked in"},
		func(b *Build) *string { return &b.Link }),
	ofText(key{name: "debug", defaults: []string{"none"}, choices: []string{"none", "split"}, doc: "split puts the program without symbols into the zip and the one with them beside it, `bootstrap.debug`, with line tables unless the profile has another `debug`; `lpipe symbolize` reads backtraces with it"},
		func(b *Build) *string { return &b.Debug }),
	ofBool(key{name: "auditable", defaults: []string{"false"}, doc: "whether the program carries the list of the crates in it, as `cargo auditable` writes it, for tools that look for vulnerable crates"},
		func(b *Build) *bool { return &b.Auditable }),
	ofText(key{name: "runtime", defaults: []string{"provided.al2023"}, choices: []string{"provided.al2023", "provided.al2"}, check: checkRuntime, doc: "the Lambda runtime the program is for"},
		func(b *Build) *string { return &b.Runtime }),
	ofList(key{name: "include", check: checkGlob, sep: ",", doc: "files to add to the zip, as globs relative to the lambda's package; what `../` leads to is in the zip under the path after that, and `FROM:TO` says where: docs/artifact.md"},
		func(b *Build) *[]string { return &b.Include }),
	ofList(key{name: "include-from-image", check: checkImageFile, sep: ",", doc: "files of the build image to add to the zip, in `lib/` unless `FROM:TO` says where: absolute paths, or names of libraries; with each library come those that it needs and Lambda lacks: docs/artifact.md"},
		func(b *Build) *[]string { return &b.IncludeFromImage }),
	ofList(key{name: "layers", check: checkName, sep: ",", doc: "layers that the function has beside its zip: names of tables `[layer.NAME]`, and of lambdas with `kind = \"extension\"`; they are built with it: docs/artifact.md"},
		func(b *Build) *[]string { return &b.Layers }),
}

// budgetKeys are those of [budget], that each lambda may have too.
var budgetKeys = []key{
	ofText(key{name: "budget.zip", check: checkSize, doc: "how large the zip may be at most, such as `8MB` or `8MiB`"},
		func(b *Build) *string { return &b.Budget.Zip }),
	ofText(key{name: "budget.init", check: checkSpan, doc: "how long the program may take, from its start in the smoke test until it asks for the first event, such as `50ms`: the best of three starts on the engine's machine counts; wants smoke"},
		func(b *Build) *string { return &b.Budget.Init }),
	ofText(key{name: "budget.memory", check: checkSize, doc: "how much memory the program may have in the smoke test at most, such as `64MB`; wants smoke"},
		func(b *Build) *string { return &b.Budget.Memory }),
}

// allowOutside is the key that only the user of the machine can set.
const allowOutside = "build.allow-outside"

// table is every key there is.
var table = slices.Concat(
	[]key{
		{name: "lambdas", kind: list, derived: "the binary targets of the workspace's default members", check: checkPattern, doc: "the binary targets to build, as names or patterns"},
		{name: "engine", derived: "what the machine has", check: checkPlain, doc: "embedded, docker or an address; several with commas between them share the lambdas of a build"},
		{name: "builder", check: checkName, doc: "a buildx builder to use"},
		{name: "progress", derived: "`auto`; `plain` in CI", choices: []string{"auto", "plain", "tty", "quiet", "rawjson"}, defaults: []string{"auto"}, doc: "the display"},
		{name: "push", kind: boolean, defaults: []string{"false"}, doc: "whether to push each lambda as an image"},
		{name: "image", check: checkImage, doc: "the image to push; placeholders: " + placeholderList(Placeholders)},
		{name: "tags", kind: list, check: checkTag, doc: "more tags for it, with the same placeholders"},
		{name: "ca-certificates", kind: boolean, defaults: []string{"false"}, doc: "whether the image has the certificate authorities of the build image, as `/etc/ssl/certs/ca-certificates.crt`, where programs with OpenSSL or rustls-native-certs look"},
		{name: "snapstart", kind: boolean, defaults: []string{"false"}, doc: "whether the image has the label that lets Lambda start it from a snapshot (SnapStart)"},
		{name: "template", kind: oneOrMore, check: checkPlain, paths: filePath, doc: "SAM and CloudFormation templates that `lpipe build` compares with what it builds, as `lpipe template check` does"},
	},
	under("build.", buildKeys),
	[]key{
		{name: "build.features-per-lambda", kind: boolean, defaults: []string{"false"}, doc: "whether each package is compiled with the features that it alone asks for, and not with those of all lambdas of the workspace; its dependencies are then compiled for it alone, but for equal strata"},
		{name: allowOutside, kind: list, check: checkPlain, paths: filePath, sep: ",", doc: "files and folders that builds may read beyond the project's git repository or, without one, its workspace and path dependencies; only in a file outside of the project, named with --config"},
		{name: "build.strata", kind: boolean, derived: "`true` with a cache to read or write", doc: "whether 60 or more crates of registries are compiled in several steps, the deepest first, so that a new version of one compiles its step and those after it, on any machine that reads the cache; a first build takes longer; docs/how-it-works.md"},
		{name: "build.warm", kind: boolean, defaults: []string{"true"}, doc: "whether the engine keeps compiled dependencies, so that a new version of one compiles that one again and not all; for this user and project alone; never in CI, with a cache to write, or on any engine but the embedded one, which others may use"},
	},
	under("lambda.*.", []key{
		{name: "package", check: checkName, doc: "the cargo package, where several have a binary of one name"},
		{name: "bin", derived: "NAME", check: checkName, doc: "the binary target, where the lambda is to have another name"},
		{name: "kind", derived: "`function`", choices: []string{"function", KindExtension}, doc: "what the program is: a function, or an extension, whose zip is that of a layer with the program as `extensions/NAME`"},
	}),
	under("lambda.*.", overrides(buildKeys)),
	budgetKeys,
	under("lambda.*.", overrides(budgetKeys)),
	under("layer.*.", []key{
		{name: "include", kind: list, check: checkGlob, doc: "files of the layer, which Lambda has below `/opt`, as `include` of a lambda but relative to the folder of lpipe.toml: libraries belong in `lib/`, programs in `bin/`"},
		{name: "include-from-image", kind: list, check: checkImageFile, doc: "files of the build image, as for a lambda"},
	}),
	[]key{
		{name: "registry.*.ca", check: checkPlain, paths: filePath, doc: "certificate of the registry's authority, a PEM file"},
		{name: "registry.*.mirrors", kind: list, check: checkMirror, doc: "hosts to ask first"},
		{name: "registry.*.http", kind: boolean, derived: "`false`", doc: "whether the registry speaks plain HTTP"},
		{name: "ssh.hosts", kind: list, derived: "the pinned hosts that Cargo.lock names", check: checkHost, doc: "pinned hosts the build may log in to"},
		{name: "ssh.repositories", kind: list, check: checkRepository, doc: "repositories allowed beside those that Cargo.lock names"},
		{name: "ssh.keys", kind: list, derived: "all that the agent has", check: checkFingerprint, doc: "fingerprints of the identities to use"},
		{name: "ssh.deploy-keys.*", check: checkKeySource, paths: keyPath, doc: "the key of one repository: `env:NAME` or a file"},
		{name: "ssh.key", derived: "the agent", check: checkKeySource, paths: keyPath, doc: "the key: `env:NAME` or a file"},
		{name: "ssh.passphrase", check: checkKeySource, paths: keyPath, doc: "what opens encrypted keys: `env:NAME` or a file"},
		{name: "ssh.mode", defaults: []string{"strict"}, choices: []string{"strict", "userauth"}, doc: "userauth signs logins that are not bound to a host key"},
		{name: "ssh.known-hosts", kind: list, check: checkPlain, paths: filePath, doc: "files of host keys beside the built-in ones"},
		{name: "git.tokens.*", check: checkKeySource, paths: keyPath, doc: "the token, or USER:TOKEN, for git over https to HOST, or to one repository, HOST/ORG/REPO: `env:NAME` or a file"},
		{name: "network.http-proxy", derived: "`HTTP_PROXY`, which wins over this; else that of docker's `config.json`", check: checkProxy, doc: "the proxy through which http URLs are downloaded"},
		{name: "network.https-proxy", derived: "`HTTPS_PROXY`, likewise", check: checkProxy, doc: "the proxy through which https URLs are downloaded"},
		{name: "network.no-proxy", kind: list, derived: "`NO_PROXY`, likewise", check: checkNoProxy, doc: "hosts, `.domains` and networks that are reached without a proxy"},
		{name: "network.ca", kind: list, check: checkPlain, paths: filePath, doc: "PEM files of certificate authorities that downloads and pushes trust, beside those of the system and those of `SSL_CERT_FILE` and `CARGO_HTTP_CAINFO`"},
		{name: "cache.from", kind: list, check: checkCache(cache.ParseImport), private: true, paths: cachePath(cache.ParseImport, "src"), doc: "caches to read, as for `docker buildx build --cache-from`"},
		{name: "cache.to", kind: list, check: checkCache(cache.ParseExport), private: true, paths: cachePath(cache.ParseExport, "dest"), doc: "caches to write, as for `docker buildx build --cache-to`"},
		{name: "serve.routes", kind: list, check: checkRoute, doc: "what `lpipe serve` answers over HTTP, each `METHOD PATH LAMBDA`: `ANY` is every method; a segment `{NAME}` of the path is a parameter, `{NAME+}` at its end takes the rest, and `$default LAMBDA` takes what no other route does; for alb `*` and `?` in the path, and the first that fits answers"},
		{name: "serve.api", defaults: []string{string(route.HTTP)}, choices: route.Services, doc: "the service whose events these routes send: API Gateway's HTTP API (payload format 2.0 or 1.0) or REST API, or a load balancer, with single or with multi-value headers"},
		{name: "serve.stage", derived: "`$default` for http, `Prod` for rest", check: checkStage, doc: "the stage of that API, which a path may begin with"},
		{name: "serve.cors", kind: list, check: checkPlain, doc: "origins whose pages may call these routes, as the CORS configuration of an HTTP API answers them; `*` for all"},
		{name: "serve.template", kind: oneOrMore, check: checkPlain, paths: filePath, doc: "SAM and CloudFormation templates whose routes are served too"},
		{name: "statements.kinds", kind: list, choices: []string{"provenance", "spdx", "cyclonedx"}, sep: ",", doc: "what is put beside each zip: SLSA provenance, and the crates in the program as SPDX or CycloneDX; docs/statements.md"},
		{name: "statements.key", check: checkKeySource, paths: keyPath, doc: "the private key that signs them, Ed25519 or ECDSA in PEM form: `env:NAME` or a file"},
		{name: "statements.sigstore", kind: boolean, defaults: []string{"false"}, doc: "whether they are signed by the identity that the CI system gives, with Sigstore; it needs the network, and its logs are public"},
		{name: "statements.signing-config", derived: "that of the public instance", check: checkPlain, paths: filePath, doc: "the services of an instance of Sigstore, a file in the form that cosign takes"},
		{name: "statements.trusted-root", derived: "that of the public instance, where `signing-config` names no other", check: checkPlain, paths: filePath, doc: "whom what was signed has to be witnessed by, a file in the form that cosign takes"},
	},
	under("deploy.", deployKeys),
	under("lambda.*.deploy.", deployOverrides()),
	[]key{
		{name: "ci.cache-write", derived: "every branch", check: checkPlain, doc: "the branch whose builds may write the cache"},
	},
)

func under(prefix string, keys []key) []key {
	all := slices.Clone(keys)
	for i := range all {
		all[i].name = prefix + all[i].name
	}
	return all
}

// overrides returns keys that default to those of [build] or [budget].
func overrides(keys []key) []key {
	all := slices.Clone(keys)
	for i := range all {
		table := "build"
		if in, _, ok := strings.Cut(all[i].name, "."); ok && in == "budget" {
			table = in
		}
		all[i].defaults, all[i].derived = nil, "as in `["+table+"]`"
	}
	return all
}

// match finds path in the table: its pattern, "" when there is no such thing, and the row when path is a value
// and not a table.
func match(path []string) (pattern string, row *key) {
	for i := range table {
		parts := strings.Split(table[i].name, ".")
		if len(path) > len(parts) || !slices.EqualFunc(parts[:len(path)], path, matches) {
			continue
		}
		pattern = strings.Join(parts[:len(path)], ".")
		if len(path) == len(parts) {
			return pattern, &table[i]
		}
	}
	return pattern, nil
}

func matches(part, name string) bool { return part == "*" || part == name }

// siblings returns the names that the table at path may hold.
func siblings(path []string) []string {
	var names []string
	for _, k := range table {
		parts := strings.Split(k.name, ".")
		if len(parts) > len(path) && slices.EqualFunc(parts[:len(path)], path, matches) && parts[len(path)] != "*" {
			names = append(names, parts[len(path)])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// env returns the variable that sets k, "" when there is none.
func (k *key) env() string {
	name, build := strings.CutPrefix(k.name, "build.")
	if !build && name != "engine" && name != "progress" || strings.Contains(name, "*") {
		return ""
	}
	return "LPIPE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// BuildVariables are the variables that set how lambdas are built, but for the base image, of which a variable may say where it is here.
func BuildVariables() []string {
	var all []string
	for _, k := range table {
		if name := k.env(); strings.HasPrefix(k.name, "build.") && name != "" && k.name != "build.base" && k.name != allowOutside {
			all = append(all, name)
		}
	}
	return all
}

// Reference returns every key with its type, default, variable and meaning as Markdown.
func Reference() string {
	var b strings.Builder
	section := "-"
	for _, k := range table {
		in, name := "", k.name
		if i := strings.LastIndex(strings.TrimSuffix(name, ".*"), "."); i >= 0 {
			in, name = name[:i], name[i+1:]
		}
		if in == "ci" && section != "ci" {
			b.WriteString("\nIn CI the table `[ci]` is laid over the rest of the file: it may hold any key above, as in `push = true` or\n" +
				"`build.profile = \"ci\"`, and one of its own.\n")
		}
		if in != section {
			section = in
			title := "Top level"
			if in != "" {
				title = "`[" + strings.NewReplacer("registry.*", `registry."HOST"`, "*", "NAME").Replace(in) + "]`"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | type | default | variable | meaning |\n|---|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n",
			strings.ReplaceAll(name, "*", "NAME"), k.kindWords(), k.defaultWords(), code(k.env()), k.doc)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func (k *key) kindWords() string {
	if k.choices == nil {
		return k.kind.String()
	}
	return k.kind.String() + ": " + strings.Join(k.choices, ", ")
}

func (k *key) defaultWords() string {
	switch {
	case k.derived != "":
		return k.derived
	case k.defaults != nil:
		return code(k.defaults[0])
	default:
		return ""
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
