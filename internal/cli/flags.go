package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/config"
)

// buildFlags are the flags that override lpipe.toml, by the key they set.
var buildFlags = []struct{ name, key, usage string }{
	{"arch", "build.arch", "`ARCH`itecture as Lambda names it: x86_64, arm64 or both with a comma"},
	{"base", "build.base", "base `IMAGE`: a reference, or oci-layout://DIR"},
	{"target", "build.target", "Rust target `TRIPLE`"},
	{"profile", "build.profile", "cargo `PROFILE`"},
	{"features", "build.features", "cargo `FEATURES`, separated by commas"},
	{"link", "build.link", "`static` or dynamic"},
	{"network", "build.network", "`none`, or default to let build scripts and tests use the network"},
	{"builder", "builder", "`NAME` of a buildx builder"},
	{"engine", "engine", "`ENGINE`: embedded, docker or an address such as tcp://host:1234; several with commas share the lambdas"},
	{"allow-outside", "build.allow-outside", "`PATH` of a file or folder beyond the project that builds may read; several with commas"},
	{"config", "config", "`FILE` to read in place of lpipe.toml"},
}

// settingFlags declares the flags that override lpipe.toml; the function returns those that were given.
func settingFlags(f *pflag.FlagSet) func() []config.Setting {
	values := map[string]*[]string{}
	for _, b := range buildFlags {
		values[b.name] = listFlag(f, b.name, b.usage)
	}
	progress := listFlag(f, "progress", "`MODE` of the display: auto, plain, tty, quiet or rawjson")
	quiet := f.BoolP("quiet", "q", false, "short for --progress quiet")
	verbose := f.BoolP("verbose", "v", false, "short for --progress plain")
	env := listFlag(f, "build-arg", "`NAME=VALUE` in the environment of the build and the tests; no secrets")
	noDefault := f.Bool("no-default-features", false, "turn the default features off")
	from := listFlag(f, "cache-from", "cache to read, as for docker buildx build: `type=registry,ref=...`")
	to := listFlag(f, "cache-to", "cache to write, as for docker buildx build: `type=registry,ref=...,mode=max`")
	platform := listFlag(f, "platform", "`OS/ARCH`, as for docker buildx build: linux/amd64, linux/arm64")
	return func() []config.Setting {
		var all []config.Setting
		for _, b := range buildFlags {
			if v := *values[b.name]; len(v) > 0 {
				all = append(all, config.Setting{Key: b.key, Values: v, Flag: "--" + b.name})
			}
		}
		add := func(key, flag string, v ...string) {
			if len(v) > 0 && v[0] != "" {
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
		arches := strings.Split(strings.Join(*platform, ","), ",")
		for i, p := range arches {
			switch p {
			case "linux/amd64":
				arches[i] = "x86_64"
			case "linux/arm64", "linux/arm64/v8":
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

func listFlag(f *pflag.FlagSet, name, usage string) *[]string {
	var l list
	f.Var(&l, name, usage)
	return (*[]string)(&l)
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// allFlag declares --all.
func allFlag(f *pflag.FlagSet) *bool {
	return f.Bool("all", false, "every lambda of the workspace, also from the folder of one of its members, and of members outside of the default ones")
}

// sshUsage is the help of --ssh.
const sshUsage = "keys for private repositories, as for docker buildx build: `default`, default=SOCKET or default=KEY,KEY"
