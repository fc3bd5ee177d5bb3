package config

import (
	"reflect"
	"testing"
	"testing/fstest"
)

// input is a project at /p with the given lpipe.toml.
func input(file string) Input {
	return Input{
		FS: fstest.MapFS{
			"p/lpipe.toml":         {Data: []byte(file)},
			"p/.git/HEAD":          {},
			"p/base/index.json":    {},
			"p/certs/registry.pem": {},
			"etc/ssh/more":         {},
		},
		Dir: "/p",
		Env: map[string]string{},
	}
}

func load(t *testing.T, in Input) *Config {
	t.Helper()
	c, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsWithoutAFile(t *testing.T) {
	c := load(t, Input{FS: fstest.MapFS{"p/Cargo.toml": {}}, Dir: "/p"})
	want := Build{
		Base:            "docker.io/library/rust:1-bookworm",
		Arch:            []string{"x86_64"},
		Target:          "x86_64-unknown-linux-musl",
		Profile:         "release",
		DefaultFeatures: true,
		CPU:             []string{"baseline"},
		Env:             map[string]string{},
		LateEnv:         map[string]string{},
		TestEnv:         map[string]string{},
		Test:            true,
		TestTool:        "cargo",
		TestRunner:      "native",
		TestUser:        "ordinary",
		Network:         "none",
		Debug:           "none",
		Link:            "static",
		Runtime:         "provided.al2023",
		SmokeExpect:     map[string]string{},
		SmokeEnv:        map[string]string{},
		SmokeTimeout:    "10s",
	}
	if got := c.For("any"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if c.File != "" || c.CI != "" || c.Progress != "auto" || c.SSH.Mode != "strict" || c.Push {
		t.Errorf("got %+v", c)
	}
	if got := c.Origin("build.arch").String(); got != "the default" {
		t.Errorf("origin %q", got)
	}
}

const full = `lambdas = ["report", "x-*"]
engine = "docker"
image = "registry.example.com/{{name}}:{{git-sha}}"

[build]
base     = "oci-layout://base:latest"
arch     = ["x86_64", "arm64"]
profile  = "release"
features = ["with-lambda", "dep/feature"]
default-features = false
rustflags = ["-C", "target-cpu=x86-64-v3"]
env      = { SQLX_OFFLINE = "true", A = "build" }
packages = ["libpq-dev", "libssl-dev=3.0.1-1~deb12u1", "g++"]
test     = false
test-tool = "nextest"
test-runner = "qemu"
test-user = "root"
test-setup = "sh db.sh"
network  = "default"
debug    = "split"
link     = "dynamic"
runtime  = "provided.al2"
warm     = false

[build.late-env]
GIT_SHA = "{{git-sha}}"

[build.test-env]
RUST_LOG = "debug"

[budget]
zip = "8MB"

[registry."registry.example.com"]
ca = "certs/registry.pem"
mirrors = ["mirror.example.com/hub"]

[registry."localhost:5000"]
http = true

[ssh]
hosts = ["github.com", "ssh.github.com:443"]
repositories = ["org/sub"]
keys  = ["SHA256:uNiVztksCsDhcc0u9e8BrrqCdVtf5ydZ0eNdvqRzQjE"]
deploy-keys = { "org/repo" = "env:REPO_KEY", "org/other" = "~/.ssh/other" }
known-hosts = ["/etc/ssh/more"]
passphrase = "env:KEY_PASSPHRASE"

[git]
tokens = { "git.example.com" = "env:GIT_TOKEN", "github.com/org/repo" = "token" }

[cache]
from = ["type=registry,ref=registry.example.com/lpipe/cache"]
to   = ["type=registry,ref=registry.example.com/lpipe/cache,mode=max"]

[ci]
push = true
ssh.key = "env:DEPLOY_KEY"
cache-write = "main"

[ci.build]
profile = "ci"

[lambda.report]
package = "reports"
smoke = "events/a.json"
smoke-expect = { "events/a.json" = '{"a": 1}' }
smoke-env.B = "c"
budget = { memory = "64MB", init = "50ms" }
include = ["assets/**"]
arch = "arm64"
env.A = "report"

[lambda.plain]
`

func TestEveryKeyOfTheFile(t *testing.T) {
	in := input(full)
	in.Env["HOME"] = "/home/me"
	c := load(t, in)
	want := Build{
		Base:       "oci-layout:///p/base:latest",
		Arch:       []string{"x86_64", "arm64"},
		Profile:    "release",
		Features:   []string{"with-lambda", "dep/feature"},
		Rustflags:  []string{"-C", "target-cpu=x86-64-v3"},
		CPU:        []string{"baseline"},
		Env:        map[string]string{"SQLX_OFFLINE": "true", "A": "build"},
		LateEnv:    map[string]string{"GIT_SHA": "{{git-sha}}"},
		TestEnv:    map[string]string{"RUST_LOG": "debug"},
		Packages:   []string{"libpq-dev", "libssl-dev=3.0.1-1~deb12u1", "g++"},
		TestTool:   "nextest",
		TestRunner: "qemu",
		TestUser:   "root",
		TestSetup:  "sh db.sh",
		Network:    "default",
		Debug:      "split",
		Link:       "dynamic",
		Runtime:    "provided.al2",

		SmokeExpect: map[string]string{}, SmokeEnv: map[string]string{}, SmokeTimeout: "10s", Budget: Budget{Zip: "8MB"},
	}
	if got := c.For("plain"); !reflect.DeepEqual(got, want) {
		t.Errorf("plain:\ngot  %+v\nwant %+v", got, want)
	}
	if got := want.TargetFor("arm64"); got != "aarch64-unknown-linux-gnu" {
		t.Errorf("target for arm64 is %s", got)
	}
	want.Arch, want.Target = []string{"arm64"}, "aarch64-unknown-linux-gnu"
	want.Include = []string{"assets/**"}
	want.Smoke, want.SmokeExpect, want.SmokeEnv = []string{"events/a.json"}, map[string]string{"events/a.json": `{"a": 1}`}, map[string]string{"B": "c"}
	want.Budget = Budget{Zip: "8MB", Memory: "64MB", Init: "50ms"}
	want.Env = map[string]string{"SQLX_OFFLINE": "true", "A": "report"}
	if got := c.For("report"); !reflect.DeepEqual(got, want) {
		t.Errorf("report:\ngot  %+v\nwant %+v", got, want)
	}
	c.values, c.tables = nil, nil
	if want := (&Config{
		File:    "/p/lpipe.toml",
		Lambdas: []string{"report", "x-*"},
		Lambda:  map[string]Lambda{"report": {Package: "reports"}, "plain": {}},
		Layer:   map[string]Layer{},
		Registry: map[string]Registry{
			"registry.example.com": {CA: "/p/certs/registry.pem", Mirrors: []string{"mirror.example.com/hub"}},
			"localhost:5000":       {HTTP: true},
		},
		SSH: SSH{
			Hosts:        []string{"github.com", "ssh.github.com:443"},
			Repositories: []string{"org/sub"},
			Keys:         []string{"SHA256:uNiVztksCsDhcc0u9e8BrrqCdVtf5ydZ0eNdvqRzQjE"},
			DeployKeys:   map[string]string{"org/repo": "env:REPO_KEY", "org/other": "/home/me/.ssh/other"},
			Mode:         "strict",
			KnownHosts:   []string{"/etc/ssh/more"},
			Passphrase:   "env:KEY_PASSPHRASE",
		},
		Git: Git{Tokens: map[string]string{"git.example.com": "env:GIT_TOKEN", "github.com/org/repo": "/p/token"}},
		Cache: Cache{
			From: []string{"type=registry,ref=registry.example.com/lpipe/cache"},
			To:   []string{"type=registry,ref=registry.example.com/lpipe/cache,mode=max"},
		},
		Image:    "registry.example.com/{{name}}:{{git-sha}}",
		Engine:   "docker",
		Progress: "auto",
		Strata:   true,
	}); !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestCILaysItsTableOver(t *testing.T) {
	in := input(full)
	in.Env["GITLAB_CI"] = "true"
	c := load(t, in)
	if !c.Push || c.CI != "GitLab CI" || c.SSH.Key != "env:DEPLOY_KEY" || c.CacheWrite != "main" || c.Progress != "plain" {
		t.Errorf("got %+v", c)
	}
	if got := c.For("plain").Profile; got != "ci" {
		t.Errorf("profile %q", got)
	}
	if got := c.Origin("build.profile").String(); got != "lpipe.toml:62" {
		t.Errorf("origin %q", got)
	}
}

func TestAHigherLayerHidesALower(t *testing.T) {
	const lower, lambda, ci = "[build]\nprofile = 'file'\n", "[lambda.x]\nprofile = 'lambda'\n", "[ci.build]\nprofile = 'ci'\n"
	inCI := map[string]string{"CI": "true"}
	env := map[string]string{"LPIPE_PROFILE": "env"}
	flag := []Setting{{Key: "build.profile", Values: []string{"flag"}, Flag: "--profile"}}
	for _, c := range []struct {
		name, file string
		env        map[string]string
		flags      []Setting
		want, from string
	}{
		{"default", "", nil, nil, "release", "the default"},
		{"file over default", lower, nil, nil, "file", "lpipe.toml:2"},
		{"lambda over build", lower + lambda, nil, nil, "lambda", "lpipe.toml:4"},
		{"lambda before build", lambda + lower, nil, nil, "lambda", "lpipe.toml:2"},
		{"ci over file", lower + ci, inCI, nil, "ci", "lpipe.toml:4"},
		{"ci before file", ci + lower, inCI, nil, "ci", "lpipe.toml:2"},
		{"ci over lambda", lambda + ci, inCI, nil, "ci", "lpipe.toml:4"},
		{"ci of lambda over ci", ci + "[ci.lambda.x]\nprofile = 'both'\n", inCI, nil, "both", "lpipe.toml:4"},
		{"ci outside of CI", lower + ci, nil, nil, "file", "lpipe.toml:2"},
		{"environment over file", lower, env, nil, "env", "LPIPE_PROFILE"},
		{"environment over lambda", lambda, env, nil, "env", "LPIPE_PROFILE"},
		{"environment over ci", ci, map[string]string{"CI": "1", "LPIPE_PROFILE": "env"}, nil, "env", "LPIPE_PROFILE"},
		{"flag over environment", "", env, flag, "flag", "--profile"},
		{"flag over file", lower, nil, flag, "flag", "--profile"},
		{"flag over lambda", lambda, nil, flag, "flag", "--profile"},
		{"flag over ci", ci, inCI, flag, "flag", "--profile"},
		{"empty variable", lower, map[string]string{"LPIPE_PROFILE": ""}, nil, "file", "lpipe.toml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(c.file)
			in.Env, in.Settings = c.env, c.flags
			got := load(t, in)
			if p, o := got.For("x").Profile, got.Origin("lambda.x.profile").String(); p != c.want || o != c.from {
				t.Errorf("got %s from %s, want %s from %s", p, o, c.want, c.from)
			}
		})
	}
}

func TestTheEnvironmentAndFlagsSetEveryBuildKey(t *testing.T) {
	env := map[string]string{
		"LPIPE_BASE": "oci-layout://base", "LPIPE_ARCH": "arm64, x86_64", "LPIPE_PROFILE": "dev",
		"LPIPE_FEATURES": "a,b/c", "LPIPE_DEFAULT_FEATURES": "0", "LPIPE_RUSTFLAGS": "-C target-feature=+aes,+avx2",
		"LPIPE_CPU": "v3,neoverse-n1", "LPIPE_CPU_ALLOW": "fast_*", "LPIPE_PACKAGES": "cmake", "LPIPE_TEST": "false", "LPIPE_TEST_TOOL": "nextest", "LPIPE_TEST_RUNNER": "qemu", "LPIPE_TEST_USER": "root", "LPIPE_TEST_SETUP": "sh db.sh", "LPIPE_NETWORK": "default", "LPIPE_DEBUG": "split", "LPIPE_LINK": "dynamic",
		"LPIPE_RUNTIME": "provided.al2", "LPIPE_INCLUDE": "a/*,b", "LPIPE_SMOKE": "a.json,../b.json", "LPIPE_SMOKE_TIMEOUT": "1m", "LPIPE_WARM": "false",
		"LPIPE_ENGINE": "docker", "LPIPE_PROGRESS": "plain", "LPIPE_TEST_PARTS": "require", "OTHER": "x",
	}
	var flags []Setting
	for name, v := range env {
		if row := rowOf(name); row != nil {
			flags = append(flags, Setting{Key: row.name, Values: []string{v}, Flag: "--x"})
		}
	}
	want := Build{
		Base:       "oci-layout:///p/base",
		Arch:       []string{"arm64", "x86_64"},
		Profile:    "dev",
		Features:   []string{"a", "b/c"},
		Rustflags:  []string{"-C", "target-feature=+aes,+avx2"},
		CPU:        []string{"v3", "neoverse-n1"},
		CPUAllow:   []string{"fast_*"},
		Env:        map[string]string{},
		LateEnv:    map[string]string{},
		TestEnv:    map[string]string{},
		Packages:   []string{"cmake"},
		TestTool:   "nextest",
		TestRunner: "qemu",
		TestUser:   "root",
		TestSetup:  "sh db.sh",
		Network:    "default",
		Debug:      "split",
		Link:       "dynamic",
		Runtime:    "provided.al2",
		Include:    []string{"a/*", "b"},
		Smoke:      []string{"a.json", "../b.json"}, SmokeTimeout: "1m", SmokeExpect: map[string]string{}, SmokeEnv: map[string]string{},
	}
	for name, in := range map[string]Input{"environment": {Env: env}, "flags": {Settings: flags}} {
		in.FS, in.Dir = input("").FS, "/p"
		c := load(t, in)
		if got := c.For("x"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
		if c.Engine != "docker" || c.Progress != "plain" || c.Warm {
			t.Errorf("%s: got engine %q, progress %q, warm %v", name, c.Engine, c.Progress, c.Warm)
		}
	}
}

func rowOf(env string) *key {
	for i := range table {
		if table[i].env() == env {
			return &table[i]
		}
	}
	return nil
}

func TestFlagsOfOtherShapes(t *testing.T) {
	in := input("[build.env]\nA = 'file'\nB = 'file'\n[lambda.x.env]\nC = 'lambda'\n")
	in.Settings = []Setting{
		{Key: "build.env", Values: []string{"B=1=2", "C="}, Flag: "--env"},
		{Key: "cache.from", Values: []string{"type=registry,ref=a/b", "c/d"}, Flag: "--cache-from"},
		{Key: "push", Flag: "--push"},
		{Key: "tags", Values: []string{"registry.example.com/{{name}}:{{version}}"}, Flag: "--tag"},
		{Key: "build.test", Values: []string{"false"}, Flag: "--no-test"},
	}
	c := load(t, in)
	if got, want := c.For("x").Env, (map[string]string{"A": "file", "B": "1=2", "C": ""}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := c.Cache.From, []string{"type=registry,ref=a/b", "c/d"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !c.Push || c.For("x").Test {
		t.Errorf("push %v, test %v", c.Push, c.For("x").Test)
	}
	for key, want := range map[string]string{
		"build.env.A": "lpipe.toml:2", "build.env.B": "--env", "lambda.x.env.C": "--env", "lambda.x.env.A": "lpipe.toml:2",
		"lambda.x": "lpipe.toml:4", "push": "--push", "build.test": "--no-test", "build.link": "the default",
	} {
		if got := c.Origin(key).String(); got != want {
			t.Errorf("origin of %s is %s, want %s", key, got, want)
		}
	}
}

func TestTargetAndArchFollowEachOther(t *testing.T) {
	for _, c := range []struct{ file, arch, target, from string }{
		{"arch = 'arm64'", "arm64", "aarch64-unknown-linux-musl", "lpipe.toml:2"},
		{"arch = ['arm64']\nlink = 'dynamic'", "arm64", "aarch64-unknown-linux-gnu", "lpipe.toml:2"},
		{"link = 'dynamic'", "x86_64", "x86_64-unknown-linux-gnu", "the default"},
		{"target = 'aarch64-unknown-linux-gnu'", "arm64", "aarch64-unknown-linux-gnu", "lpipe.toml:2"},
		{"target = 'x86_64-alpine-linux-musl'\narch = 'x86_64'", "x86_64", "x86_64-alpine-linux-musl", "lpipe.toml:3"},
	} {
		got := load(t, input("[build]\n"+c.file))
		b := got.For("x")
		if len(b.Arch) != 1 || b.Arch[0] != c.arch || b.Target != c.target || got.Origin("build.arch").String() != c.from {
			t.Errorf("%s: got %v (%s) and %s", c.file, b.Arch, got.Origin("build.arch"), b.Target)
		}
	}
}

func TestNamesThatNeedQuotes(t *testing.T) {
	c := load(t, input("[lambda.\"a.b\"]\nbin = 'ab'\n[lambda.\"a.b\".env]\nX = '1'\n[registry.'host.example.com:5000']\n"))
	if c.Lambda["a.b"].Bin != "ab" || c.For("a.b").Env["X"] != "1" {
		t.Errorf("got %+v, %+v", c.Lambda, c.For("a.b"))
	}
	if _, ok := c.Registry["host.example.com:5000"]; !ok || len(c.Registry) != 1 {
		t.Errorf("got %+v", c.Registry)
	}
	if got := c.Origin(Key("lambda", "a.b", "env", "X")).String(); got != "lpipe.toml:4" {
		t.Errorf("origin %s", got)
	}
}

func TestWhereTheFileIsFound(t *testing.T) {
	disk := fstest.MapFS{
		"lpipe.toml":               {Data: []byte("engine = 'root'")},
		"w/lpipe.toml":             {Data: []byte("engine = 'w'\n[ssh]\nkey = 'k'")},
		"w/.git/HEAD":              {},
		"w/a/b/x":                  {},
		"w/sub/.git":               {},
		"free/a/x":                 {},
		"w/other.toml":             {Data: []byte("engine = 'other'")},
		"elsewhere/conf/site.toml": {Data: []byte("engine = 'site'\n[ssh]\nkey = 'k'")},
	}
	for _, c := range []struct {
		name, dir            string
		env                  map[string]string
		flags                []Setting
		file, engine, origin string
	}{
		{"here", "/w", nil, nil, "/w/lpipe.toml", "w", "lpipe.toml:1"},
		{"above", "/w/a/b", nil, nil, "/w/lpipe.toml", "w", "../../lpipe.toml:1"},
		{"not beyond .git", "/w/sub", nil, nil, "", "", "the default"},
		{"without a repository", "/free/a", nil, nil, "", "", "the default"},
		{"named by the environment", "/w/a", map[string]string{"LPIPE_CONFIG": "../other.toml"}, nil, "/w/other.toml", "other", "../other.toml:1"},
		{
			"named by a flag", "/w",
			map[string]string{"LPIPE_CONFIG": "other.toml"},
			[]Setting{{Key: "config", Values: []string{"/elsewhere/conf/site.toml"}, Flag: "--config"}},
			"/elsewhere/conf/site.toml", "site", "/elsewhere/conf/site.toml:1",
		},
		{"without the first slash", "w/a", nil, nil, "/w/lpipe.toml", "w", "../lpipe.toml:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := load(t, Input{FS: disk, Dir: c.dir, Env: c.env, Settings: c.flags})
			if got.File != c.file || got.Engine != c.engine || got.Origin("engine").String() != c.origin {
				t.Errorf("got %q, %q, %q", got.File, got.Engine, got.Origin("engine"))
			}
		})
	}
}

func TestPathsStartAtTheirSource(t *testing.T) {
	in := input("[ssh]\nkey = 'keys/deploy'\n")
	in.Dir = "/p/sub"
	if got := load(t, in).SSH.Key; got != "/p/keys/deploy" {
		t.Errorf("from the file: %s", got)
	}
	in.Settings = []Setting{{Key: "ssh.key", Values: []string{"keys/deploy"}, Flag: "--ssh"}}
	if got := load(t, in).SSH.Key; got != "/p/sub/keys/deploy" {
		t.Errorf("from a flag: %s", got)
	}
	in.Cwd = "/elsewhere"
	c := load(t, in)
	if got := c.SSH.Key; got != "/elsewhere/keys/deploy" {
		t.Errorf("from a flag in another folder: %s", got)
	}
	in.Settings = nil
	if got := load(t, in).Origin("ssh.key").String(); got != "../p/lpipe.toml:2" {
		t.Errorf("the file seen from another folder: %s", got)
	}
	in = input("[cache]\nfrom = ['type=local,src=cache', 'type=registry,ref=a/b']\nto = ['type=local,mode=max,dest=/var/cache/x']\n")
	cached := load(t, in).Cache
	if want := (Cache{
		From: []string{"type=local,src=/p/cache", "type=registry,ref=a/b"},
		To:   []string{"type=local,dest=/var/cache/x,mode=max"},
	}); !reflect.DeepEqual(cached, want) {
		t.Errorf("caches: %+v", cached)
	}
}

func TestAFileOfAnotherSystem(t *testing.T) {
	c := load(t, Input{FS: fstest.MapFS{"p/Cargo.toml": {}, "p/lpipe.toml": {Data: []byte("\ufeff[build]\r\nprofile = \"dev\"\r\n")}}, Dir: "/p"})
	if got, at := c.For("x").Profile, c.Origin("build.profile").String(); got != "dev" || at != "lpipe.toml:2" {
		t.Errorf("the profile is %q, of %s", got, at)
	}
}

func TestResultsAreCopies(t *testing.T) {
	c := load(t, input("[build]\nfeatures = ['a']\n"))
	c.For("x").Features[0] = "changed"
	c.For("x").Arch[0] = "changed"
	if b := load(t, input("[build]\nfeatures = ['a']\n")).For("x"); c.For("x").Features[0] != "a" || b.Arch[0] != "x86_64" {
		t.Errorf("got %v, %v", c.For("x").Features, b.Arch)
	}
}
