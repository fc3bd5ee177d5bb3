package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"lpipe/internal/config"
)

// concern is what a flag that overrides lpipe.toml is about.
type concern int

// What flags are about: each verb has those that mean something to it.
const (
	aboutProject concern = 1 << iota // what is read, and for which architecture
	aboutBase                        // the base image
	aboutProgram                     // what is compiled, and how
	aboutEngine
	aboutCache
	aboutDisplay
)

// aboutBuild is all that a build has.
const aboutBuild = aboutProject | aboutBase | aboutProgram | aboutEngine | aboutCache | aboutDisplay

// buildFlags are the flags that override lpipe.toml, by the key they set.
var buildFlags = []struct {
	name, key string
	about     concern
	usage     string
}{
	{"arch", "build.arch", aboutProject, "`ARCH` as Lambda names it: x86_64, arm64 or both with a comma"},
	{"base", "build.base", aboutBase, "base `IMAGE`: a reference, or oci-layout://DIR"},
	{"target", "build.target", aboutProgram, "Rust target `TRIPLE`"},
	{"profile", "build.profile", aboutProgram, "cargo `PROFILE`: release, dev or one of the workspace"},
	{"features", "build.features", aboutProgram, "cargo `FEATURES`, separated by commas"},
	{"link", "build.link", aboutProgram, "`KIND` of linking: static or dynamic"},
	{"network", "build.network", aboutProgram, "`NETWORK` of build scripts and tests: none or default"},
	{"builder", "builder", aboutEngine, "`NAME` of a buildx builder"},
	{"engine", "engine", aboutEngine, "`ENGINE`: embedded, docker or an address such as tcp://host:1234; several with commas share the lambdas"},
	{"allow-outside", "build.allow-outside", aboutProject, "`PATH` of a file or folder beyond the project that builds may read; several with commas"},
	{"config", "config", aboutProject, "`FILE` to read in place of lpipe.toml"},
}

// settingFlags declares the flags that override lpipe.toml and are about the concerns; the function returns those that were
// given. Flags of a build that are about others are taken too if they are hidden: they are not listed, and change nothing.
func settingFlags(f *pflag.FlagSet, listed, hidden concern) func() []config.Setting {
	values := map[string]*[]string{}
	declare := func(name string, about concern, add func()) {
		if about&(listed|hidden) == 0 {
			return
		}
		add()
		f.Lookup(name).Hidden = about&listed == 0
	}
	text := func(name string, about concern, usage string) *[]string {
		var l list
		declare(name, about, func() { f.Var(&l, name, usage) })
		return (*[]string)(&l)
	}
	boolean := func(name, short string, about concern, usage string) *bool {
		var b bool
		declare(name, about, func() { f.BoolVarP(&b, name, short, false, usage) })
		return &b
	}
	for _, b := range buildFlags {
		values[b.name] = text(b.name, b.about, b.usage)
	}
	progress := text("progress", aboutDisplay, "`MODE` of the display: auto, plain, tty, quiet or rawjson")
	quiet := boolean("quiet", "q", aboutDisplay, "short for --progress quiet")
	verbose := boolean("verbose", "v", aboutDisplay, "short for --progress plain")
	env := text("build-arg", aboutProgram, "`NAME=VALUE` in the environment of the build and the tests; no secrets")
	noDefault := boolean("no-default-features", "", aboutProgram, "turn the default features off")
	from := text("cache-from", aboutCache, "`CACHE` to read, as for docker buildx build: type=registry,ref=...")
	to := text("cache-to", aboutCache, "`CACHE` to write, as for docker buildx build: type=registry,ref=...,mode=max")
	platform := text("platform", aboutProject, "`OS/ARCH`, as for docker buildx build: linux/amd64, linux/arm64")
	return func() []config.Setting {
		var all []config.Setting
		for _, b := range buildFlags {
			if v := *values[b.name]; len(v) > 0 {
				all = append(all, config.Setting{Key: b.key, Values: v, Flag: "--" + b.name})
			}
		}
		add := func(key, flag string, v ...string) {
			if len(v) > 0 {
				all = append(all, config.Setting{Key: key, Values: v, Flag: flag})
			}
		}
		modes, flag := *progress, "--progress"
		if *quiet {
			modes, flag = append(modes, "quiet"), "--quiet"
		}
		if *verbose {
			modes, flag = append(modes, "plain"), "--verbose"
		}
		if len(modes) > 1 {
			flag = "the display of --progress, --quiet and --verbose"
		}
		add("progress", flag, modes...)
		add("build.env", "--build-arg", *env...)
		add("cache.from", "--cache-from", *from...)
		add("cache.to", "--cache-to", *to...)
		var arches []string
		for _, p := range *platform {
			arches = append(arches, strings.Split(p, ",")...)
		}
		for i, p := range arches {
			switch p {
			case "linux/amd64", "linux/x86_64":
				arches[i] = "x86_64"
			case "linux/arm64", "linux/arm64/v8", "linux/aarch64":
				arches[i] = "arm64"
			}
		}
		add("build.arch", "--platform", arches...)
		if *noDefault {
			add("build.default-features", "--no-default-features", "false")
		}
		return all
	}
}

// noTestFlag declares --no-test; the function returns the setting if it was given.
func noTestFlag(f *pflag.FlagSet) func() []config.Setting {
	noTest := f.Bool("no-test", false, "make the zip without running the tests; the report says so")
	return func() []config.Setting {
		if !*noTest {
			return nil
		}
		return []config.Setting{{Key: "build.test", Values: []string{"false"}, Flag: "--no-test"}}
	}
}

// list is the value of a flag that may be given several times. The one of pflag writes its default as CSV, through a buffer
// of its own for each flag of each verb, whenever lpipe starts.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }
func (l *list) Type() string       { return "stringArray" }
func (l *list) GetSlice() []string { return *l }

func listFlag(f *pflag.FlagSet, name, usage string) *[]string {
	var l list
	f.Var(&l, name, usage)
	return (*[]string)(&l)
}

// allFlag declares --all.
func allFlag(f *pflag.FlagSet) *bool {
	return f.Bool("all", false, "every lambda of the workspace, also from the folder of one of its members, and of members outside of the default ones")
}

// sshUsage is the help of --ssh.
const sshUsage = "`KEYS` for private repositories, as for docker buildx build: default, default=SOCKET or default=KEY,KEY"
