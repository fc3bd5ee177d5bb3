package dockerfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/plan"
)

// image is a base image as the script of the toolchain stage sees it: stand-ins that record how they are called, on
// a PATH that has nothing of this machine but the tools named here.
type image struct {
	dir   string // in place of /
	words string // what the script had for the person who builds
}

// tools are real: the script needs them and they reach no further than the files it names.
var tools = []string{"cat", "cp", "grep", "ls", "mkdir", "mv", "tr"}

// newImage makes an image for a machine, as uname -m calls it, with the programs given.
func newImage(t *testing.T, machine string, programs ...string) *image {
	t.Helper()
	i := &image{dir: t.TempDir()}
	i.write(t, "tmp/.keep", "")
	i.write(t, "run/secrets/lpipe-network", "") // nothing about the network
	for _, tool := range tools {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		i.write(t, "bin/.keep", "")
		if err := os.Symlink(real, filepath.Join(i.dir, "bin", tool)); err != nil {
			t.Fatal(err)
		}
	}
	i.program(t, "uname", "echo "+machine)
	// rm would reach out of the image: it records as well.
	for _, name := range append(programs, "rm") {
		switch name {
		case "dpkg": // no package is installed
			i.program(t, name, i.record(name)+"\nexit 1")
		case "rustc":
			i.program(t, name, `[ "$*" = "--print sysroot" ] && echo '`+i.dir+`/sysroot'`)
		default:
			i.program(t, name, i.record(name))
		}
	}
	return i
}

// record is shell that notes a call of a program, each argument with white space in it in brackets.
func (i *image) record(name string) string {
	return `{ printf %s ` + name + `; for a; do case $a in *" "*) printf ' [%s]' "$a" ;; *) printf ' %s' "$a" ;; esac; done; echo; } >>'` +
		i.dir + `/calls'`
}

func (i *image) program(t *testing.T, name, body string) {
	t.Helper()
	i.write(t, "bin/"+name, "#!/bin/sh\n"+body+"\n")
}

func (i *image) write(t *testing.T, name, data string) {
	t.Helper()
	file := filepath.Join(i.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (i *image) read(name string) string {
	data, _ := os.ReadFile(filepath.Join(i.dir, name))
	return string(data)
}

// prepare runs the script of the toolchain stage and returns the calls it made, the standard error, and whether it
// succeeded. The folders that it writes to are moved into the image.
func (i *image) prepare(t *testing.T, v *plan.Variant) (calls []string, stderr string, ok bool) {
	t.Helper()
	text := script(t, render(t, v), StageToolchain)
	var moves []string
	for _, folder := range []string{"/cargo", "/run/", "/tmp/", "/var/"} {
		moves = append(moves, " "+folder, " "+i.dir+folder, ">"+folder, ">"+i.dir+folder)
	}
	text = strings.NewReplacer(moves...).Replace(text)
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd := exec.Command(shell)
	cmd.Dir = i.dir
	cmd.Stdin = strings.NewReader(text)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = []string{"PATH=" + filepath.Join(i.dir, "bin"), "HOME=" + filepath.Join(i.dir, "root")}
	err = cmd.Run()
	i.words = out.String()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(strings.ReplaceAll(i.read("calls"), i.dir, ""), func(r rune) bool { return r == '\n' }), errs.String(), err == nil
}

const (
	install  = "apt-get install -y --no-install-recommends "
	tidy     = "rm -rf /var/lib/apt/lists/*"
	addMusl  = "rustup target add x86_64-unknown-linux-musl x86_64-unknown-linux-musl"
	aptFresh = "apt-get update"
)

var (
	debian = []string{"apt-get", "dpkg", "rustup"}
	alpine = []string{"apk", "rustup"}
)

func TestToolchainInstallsWhatTheTargetNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		machine  string
		programs []string
		change   func(*plan.Variant)
		want     []string
	}{
		"Alpine has musl": {"x86_64", alpine, nil, []string{addMusl}},
		"Alpine with packages": {
			"x86_64", alpine, func(v *plan.Variant) { v.Packages = []string{"openssl-dev", "protoc=24.4-r0"} },
			[]string{"apk add --no-cache openssl-dev protoc=24.4-r0", addMusl},
		},
		"Debian for musl": {
			"x86_64", debian, nil, []string{"dpkg -s musl-tools", aptFresh, install + "musl-tools", tidy, addMusl},
		},
		"Debian for glibc": {
			"x86_64", debian, func(v *plan.Variant) { v.Target = "x86_64-unknown-linux-gnu" },
			[]string{"dpkg -s gcc", aptFresh, install + "gcc", tidy, "rustup target add x86_64-unknown-linux-gnu x86_64-unknown-linux-gnu"},
		},
		"Debian with packages": {
			"x86_64", debian, func(v *plan.Variant) { v.Packages = []string{"libpq-dev"} },
			[]string{"dpkg -s musl-tools libpq-dev", aptFresh, install + "musl-tools libpq-dev", tidy, addMusl},
		},
		"from x86_64 to arm64": {
			"x86_64", debian, func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" },
			[]string{
				"dpkg -s gcc-aarch64-linux-gnu", aptFresh, install + "gcc-aarch64-linux-gnu", tidy,
				"rustup target add aarch64-unknown-linux-musl x86_64-unknown-linux-musl",
			},
		},
		"from arm64 to x86_64": {
			"aarch64", debian, nil,
			[]string{
				"dpkg -s gcc-x86-64-linux-gnu", aptFresh, install + "gcc-x86-64-linux-gnu", tidy,
				"rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl",
			},
		},
		"arm64 on arm64 is native": {
			"aarch64", debian, func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" },
			[]string{
				"dpkg -s musl-tools", aptFresh, install + "musl-tools", tidy,
				"rustup target add aarch64-unknown-linux-musl aarch64-unknown-linux-musl",
			},
		},
		"the toolchain of rust-toolchain.toml": {
			"x86_64", alpine, func(v *plan.Variant) { v.Channel, v.Components = "1.85", []string{"clippy", "rust-src"} },
			[]string{
				"rustup toolchain install 1.85 --profile minimal --no-self-update --component clippy --component rust-src",
				"rustup target add --toolchain 1.85 x86_64-unknown-linux-musl x86_64-unknown-linux-musl",
			},
		},
		"no package manager and no packages": {"x86_64", []string{"rustup"}, nil, []string{addMusl}},
	} {
		t.Run(name, func(t *testing.T) {
			calls, stderr, ok := newImage(t, c.machine, c.programs...).prepare(t, variant(c.change))
			if !ok || !slices.Equal(calls, c.want) {
				t.Errorf("calls (succeeded: %t)\n\t%s\nwant\n\t%s\n%s", ok, strings.Join(calls, "\n\t"), strings.Join(c.want, "\n\t"), stderr)
			}
		})
	}
}

func TestToolchainAsksForNoNetworkWhenAllIsThere(t *testing.T) {
	i := newImage(t, "x86_64", "apt-get", "rustc")
	i.program(t, "dpkg", i.record("dpkg"))
	i.write(t, "sysroot/lib/rustlib/x86_64-unknown-linux-musl/lib/libstd-1a2b.rlib", "")
	calls, stderr, ok := i.prepare(t, variant(nil))
	if want := []string{"dpkg -s musl-tools"}; !ok || !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q\n%s", calls, want, stderr)
	}
}

func TestToolchainSaysWhatTheImageLacks(t *testing.T) {
	arm := func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" }
	for name, c := range map[string]struct {
		programs []string
		std      string // a target whose standard library is there
		change   func(*plan.Variant)
		want     string
	}{
		"packages and nothing to install them with": {
			[]string{"rustup"},
			"", func(v *plan.Variant) { v.Packages = []string{"libpq-dev", "cmake"} },
			"the base image has neither apt-get nor apk to install libpq-dev cmake\nfix: set [build] base",
		},
		"another architecture on Alpine": {
			alpine, "", arm, "compiling for aarch64 on x86_64 needs a Debian-based base image\nfix: set [build] base",
		},
		"no standard library and no rustup": {
			[]string{"rustc"}, "", nil, "the base image has no Rust standard library for x86_64-unknown-linux-musl, and no rustup to install it\nfix: set [build] base",
		},
		"no standard library for the tests": {
			[]string{"apt-get", "dpkg", "rustc"},
			"aarch64-unknown-linux-musl", arm,
			"now: installing the packages gcc-aarch64-linux-gnu\nthe base image has no Rust standard library for x86_64-unknown-linux-musl, and no rustup to install it\nfix: set [build] base",
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t, "x86_64", c.programs...)
			if c.std != "" {
				i.write(t, "sysroot/lib/rustlib/"+c.std+"/lib/libstd-1a2b.rlib", "")
			}
			_, stderr, ok := i.prepare(t, variant(c.change))
			if ok || stderr != "" || !strings.HasPrefix(i.words, c.want) {
				t.Errorf("succeeded: %t; got %q and %q, want %q", ok, i.words, stderr, c.want)
			}
		})
	}
}

// TestToolchainStopsAtAFailure: a layer in which an installation failed must not be kept.
func TestToolchainStopsAtAFailure(t *testing.T) {
	for _, failing := range []string{"apt-get", "rustup"} {
		i := newImage(t, "x86_64", debian...)
		i.program(t, failing, "exit 7")
		if _, _, ok := i.prepare(t, variant(nil)); ok {
			t.Errorf("%s failed and the stage did not", failing)
		}
	}
}

func TestToolchainTellsCargoOfTheLinker(t *testing.T) {
	arm := variant(func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-gnu" })
	const cross = "target.aarch64-unknown-linux-gnu.linker = \"aarch64-linux-gnu-gcc\"\nenv.CC_aarch64_unknown_linux_gnu = \"aarch64-linux-gnu-gcc\"\n"
	const mirror = "[source.crates-io]\nreplace-with = \"mirror\"\n"
	const own = "[target.aarch64-unknown-linux-gnu]\nlinker = \"lld\"\n"
	for name, c := range map[string]struct {
		image string // config.toml of the base image
		v     *plan.Variant
		want  string
	}{
		"of the other architecture":           {"", arm, cross},
		"before what the image configures":    {mirror, arm, cross + mirror},
		"unless the image says its own":       {own, arm, own},
		"or sets the environment":             {"[env]\nCC = \"clang\"\n", arm, "[env]\nCC = \"clang\"\n"},
		"but not of this machine's own":       {mirror, variant(nil), mirror},
		"and there is a file without any too": {"", variant(nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t, "x86_64", debian...)
			if c.image != "" {
				i.write(t, "root/.cargo/config.toml", c.image)
			}
			if _, stderr, ok := i.prepare(t, c.v); !ok {
				t.Fatal(stderr)
			}
			if _, err := os.Stat(filepath.Join(i.dir, "cargo/config.toml")); err != nil {
				t.Error(err)
			}
			if got := i.read("cargo/config.toml"); got != c.want {
				t.Errorf("cargo's configuration is\n%swant\n%s", got, c.want)
			}
		})
	}
}
