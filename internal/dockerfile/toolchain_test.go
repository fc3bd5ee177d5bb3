package dockerfile

import (
	"errors"
	"fmt"
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
var tools = []string{"cat", "cp", "grep", "ls", "mkdir", "mv", "sed", "tr", "date", "awk", "tar", "cmp", "env", "find", "sha256sum", "sort", "stat", "tee", "touch", "wc"}

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
		i.program(t, tool, "exec "+real+` "$@"`) // no link, which a stand-in would be written through
	}
	i.program(t, "uname", "echo "+machine)
	// rm would reach out of the image: it records as well.
	for _, name := range append(programs, "rm") {
		switch name {
		case "dnf", "microdnf": // the image is small, and has these programs once they are installed
			_ = os.Remove(filepath.Join(i.dir, "bin/cmp"))
			_ = os.Remove(filepath.Join(i.dir, "bin/find"))
			i.program(t, name, i.record(name)+"\nfor p in cmp find; do cp '"+i.dir+"/bin/uname' '"+i.dir+"/bin/'$p; done")
		case "rpm": // likewise
			i.program(t, name, i.record(name)+"\nexit 1")
		case "dpkg": // no package is installed
			i.program(t, name, i.record(name)+"\n[ $1 != -s ]")
		case "apt-cache":
			i.program(t, name, aptCache)
		case "rustc":
			i.rustc(t, "1.85.1", "2025-03-15")
		default:
			i.program(t, name, i.record(name))
		}
	}
	return i
}

// rustc makes the image's compiler one of that release, whose last commit is of that date.
func (i *image) rustc(t *testing.T, release, date string) {
	t.Helper()
	i.program(t, "rustc", fmt.Sprintf(`case $* in "--print sysroot") echo '%s/sysroot' ;; -vV) printf 'commit-date: %s\nrelease: %s\n' ;; esac`, i.dir, date, release))
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
	for _, folder := range []string{"/cargo", "/.cargo", "/run/", "/tmp/", "/var/"} {
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

// aptCache tells of packages as Debian's does.
const aptCache = `case "$1 $*" in
depends*) printf '  Depends: libpq5:arm64\n |Depends: libssl-dev:arm64\n  Depends: libssl1-dev:arm64\n' ;;
*libssl-dev:arm64) printf 'Package: libssl-dev\nArchitecture: arm64\nMulti-Arch: same\nSection: libdevel\n' ;;
*libpq-dev:arm64) printf 'Package: libpq-dev\nArchitecture: arm64\nSection: libdevel\n' ;;
*libclang-dev:arm64) printf 'Package: libclang-dev\nArchitecture: arm64\nSection: libdevel\n' ;;
*protobuf-compiler:arm64) printf 'Package: protobuf-compiler\nArchitecture: arm64\nMulti-Arch: foreign\nSection: devel\n' ;;
*nasm:arm64) printf 'Package: nasm\nArchitecture: arm64\nSection: devel\n' ;;
*tzdata:arm64) printf 'Package: tzdata\nArchitecture: all\nMulti-Arch: foreign\nSection: localization\n' ;;
*) exit 100 ;;
esac`

const (
	install  = "apt-get install -y --no-install-recommends "
	tidy     = "rm -rf /var/lib/apt/lists/*"
	addMusl  = "rustup target add x86_64-unknown-linux-musl x86_64-unknown-linux-musl"
	aptFresh = "apt-get update"

	addArm    = "dpkg --add-architecture arm64"
	toArm     = "gcc libc6-dev musl-tools g++-aarch64-linux-gnu libc6-dev-arm64-cross"
	toArmQemu = "gcc libc6-dev g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libc6:arm64 libgcc-s1:arm64 libstdc++6:arm64"
)

var (
	debian = []string{"apt-get", "apt-cache", "dpkg", "rustup", "aarch64-linux-gnu-gcc", "x86_64-linux-gnu-gcc"}
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
			"x86_64", debian, nil, []string{"dpkg -s gcc libc6-dev musl-tools", aptFresh, install + "gcc libc6-dev musl-tools", tidy, addMusl},
		},
		"Debian for glibc": {
			"x86_64", debian, func(v *plan.Variant) { v.Target = "x86_64-unknown-linux-gnu" },
			[]string{"dpkg -s gcc libc6-dev", aptFresh, install + "gcc libc6-dev", tidy, "rustup target add x86_64-unknown-linux-gnu x86_64-unknown-linux-gnu"},
		},
		"Debian with packages": {
			"x86_64", debian, func(v *plan.Variant) { v.Packages = []string{"libpq-dev"} },
			[]string{"dpkg -s gcc libc6-dev musl-tools libpq-dev", aptFresh, install + "gcc libc6-dev musl-tools libpq-dev", tidy, addMusl},
		},
		"from x86_64 to arm64": {
			"x86_64", debian, func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" },
			[]string{
				"dpkg -s " + toArm + " musl-dev:arm64", addArm, aptFresh, install + toArm + " musl-dev:arm64", tidy,
				"rustup target add aarch64-unknown-linux-musl x86_64-unknown-linux-musl",
			},
		},
		"from arm64 to x86_64": {
			"aarch64", debian, nil,
			[]string{
				"dpkg -s gcc libc6-dev musl-tools g++-x86-64-linux-gnu libc6-dev-amd64-cross musl-dev:amd64", "dpkg --add-architecture amd64", aptFresh,
				install + "gcc libc6-dev musl-tools g++-x86-64-linux-gnu libc6-dev-amd64-cross musl-dev:amd64", tidy,
				"rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl",
			},
		},
		"from x86_64 to arm64 with packages": {
			"x86_64", debian, func(v *plan.Variant) {
				v.Target = "aarch64-unknown-linux-gnu"
				v.Packages = []string{"libssl-dev=3.0.1-1", "protobuf-compiler", "nasm", "tzdata", "libclang-dev", "libpq-dev", "libz-dev:arm64", "virtual"}
			},
			[]string{
				addArm, aptFresh, install + "gcc libc6-dev g++-aarch64-linux-gnu libc6-dev-arm64-cross libssl-dev:arm64=3.0.1-1 libpq5:arm64 libssl-dev:arm64 " +
					"libssl-dev=3.0.1-1 protobuf-compiler nasm tzdata libclang-dev libpq-dev libz-dev:arm64 virtual",
				"apt-get -o APT::Sandbox::User=root download libpq-dev:arm64", tidy,
				"rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu",
			},
		},
		"from x86_64 to arm64 with tests under qemu": {
			"x86_64", append(slices.Clone(debian), "qemu-aarch64"), func(v *plan.Variant) { v.Target, v.Emulate = "aarch64-unknown-linux-gnu", true },
			[]string{
				"dpkg -s " + toArmQemu, addArm, aptFresh, install + toArmQemu, tidy,
				"rustup target add aarch64-unknown-linux-gnu aarch64-unknown-linux-gnu",
			},
		},
		"arm64 on arm64 is native": {
			"aarch64", debian, func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" },
			[]string{
				"dpkg -s gcc libc6-dev musl-tools", aptFresh, install + "gcc libc6-dev musl-tools", tidy,
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
		"the profile and targets of rust-toolchain.toml": {
			"x86_64", alpine, func(v *plan.Variant) {
				v.Channel, v.InstallProfile, v.Targets = "1.85", "default", []string{"wasm32-unknown-unknown"}
			},
			[]string{
				"rustup toolchain install 1.85 --profile default --no-self-update",
				"rustup target add --toolchain 1.85 x86_64-unknown-linux-musl x86_64-unknown-linux-musl wasm32-unknown-unknown",
			},
		},
		"components for the toolchain of the image": {
			"x86_64", alpine, func(v *plan.Variant) { v.Components = []string{"rustfmt", "clippy"} },
			[]string{"rustup component add rustfmt clippy", addMusl},
		},
		"Amazon Linux for glibc": {
			"x86_64",
			[]string{"dnf", "rpm", "rustup"},
			func(v *plan.Variant) { v.Target = "x86_64-unknown-linux-gnu" },
			[]string{
				"rpm -q gcc findutils diffutils", "dnf install -y --setopt=install_weak_deps=0 gcc findutils diffutils", "dnf clean all",
				"rustup target add x86_64-unknown-linux-gnu x86_64-unknown-linux-gnu",
			},
		},
		"Amazon Linux with packages": {
			"x86_64",
			[]string{"microdnf", "rpm", "rustup", "cc", "find", "cmp"},
			func(v *plan.Variant) {
				v.Target, v.Packages = "x86_64-unknown-linux-gnu", []string{"cargo", "openssl-devel=3.2.2-1.amzn2023"}
			},
			[]string{
				"rpm -q cargo openssl-devel-3.2.2-1.amzn2023",
				"microdnf install -y --setopt=install_weak_deps=0 cargo openssl-devel-3.2.2-1.amzn2023", "microdnf clean all",
				"rustup target add x86_64-unknown-linux-gnu x86_64-unknown-linux-gnu",
			},
		},
		"Amazon Linux that has all": {
			"x86_64", []string{"dnf", "rustup", "cc", "find", "cmp"}, nil, []string{addMusl},
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
	if want := []string{"dpkg -s gcc libc6-dev musl-tools"}; !ok || !slices.Equal(calls, want) {
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
			"the base image has neither apt-get nor apk nor dnf to install libpq-dev cmake\nfix: set [build] base",
		},
		"another architecture on Alpine": {
			alpine, "", arm, "compiling for aarch64 on x86_64 needs a base image of Debian, or one that has aarch64-linux-gnu-gcc\nfix: set [build] base",
		},
		"another architecture on Amazon Linux": {
			[]string{"dnf", "rustup", "cc", "find", "cmp"}, "", arm, "compiling for aarch64 on x86_64 needs a base image of Debian, or one that has aarch64-linux-gnu-gcc\nfix: set [build] base",
		},
		"no musl on Amazon Linux": {
			[]string{"dnf", "cc", "find", "cmp", "rustc"}, "", nil, "the base image has no rustup, and no Rust standard library for x86_64-unknown-linux-musl\n",
		},
		"qemu on Alpine": {
			append(slices.Clone(alpine), "aarch64-linux-gnu-gcc"), "", func(v *plan.Variant) { v.Target, v.Emulate = "aarch64-unknown-linux-musl", true },
			"the base image has no qemu-aarch64, which the tests are to run under\nfix: set [build] base",
		},
		"no standard library and no rustup": {
			[]string{"rustc"}, "", nil, "the base image has no rustup, and no Rust standard library for x86_64-unknown-linux-musl\n",
		},
		"no standard library for the tests": {
			[]string{"apt-get", "dpkg", "rustc", "aarch64-linux-gnu-gcc"},
			"aarch64-unknown-linux-musl", arm,
			"the base image has no rustup, and no Rust standard library for x86_64-unknown-linux-musl\n", // and nothing was downloaded
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newImage(t, "x86_64", c.programs...)
			if c.std != "" {
				i.write(t, "sysroot/lib/rustlib/"+c.std+"/lib/libstd-1a2b.rlib", "")
			}
			_, stderr, ok := i.prepare(t, variant(c.change))
			if ok || stderr != "" || !strings.HasPrefix(i.words, c.want) || !strings.Contains(i.words, "\nfix: set [build] base") {
				t.Errorf("succeeded: %t; got %q and %q, want %q", ok, i.words, stderr, c.want)
			}
		})
	}
}

// TestToolchainWithoutRustup: the compiler of the image is taken only where it is the one that the project asks for.
func TestToolchainWithoutRustup(t *testing.T) {
	for _, c := range []struct {
		release, date string
		fits, not     []string
	}{
		{
			"1.85.1", "2025-03-15",
			[]string{"", "1.85", "1.85.1", "stable", "1.85-x86_64-unknown-linux-gnu", "stable-2025-03-18"},
			[]string{"1.8", "1.85.0", "1.86", "1.90", "beta", "nightly", "stable-2025-02-20", "stable-2025-04-03", "mine", "nightly-2025-03-16"},
		},
		{
			"1.87.0-nightly", "2025-03-15",
			[]string{"nightly", "nightly-2025-03-16", "nightly-2025-03-15", "nightly-2025-03-16-aarch64-unknown-linux-gnu"},
			[]string{"stable", "beta", "1.87", "1.87.0", "nightly-2025-03-17", "nightly-2025-03-14", "nightly-2025-15-15"},
		},
		{
			"1.86.0-beta.3", "2025-03-10",
			[]string{"beta", "1.86.0-beta", "1.86.0-beta.3", "beta-2025-03-12"},
			[]string{"1.86", "1.86.0", "stable", "nightly", "1.86.0-beta.2", "beta-2025-04-12"},
		},
		{"1.85.0", "unknown", []string{"1.85", "stable"}, []string{"stable-2025-02-20"}},
	} {
		i := newImage(t, "x86_64")
		i.rustc(t, c.release, c.date)
		i.write(t, "sysroot/lib/rustlib/x86_64-unknown-linux-musl/lib/libstd-1a2b.rlib", "")
		for n, channel := range append(slices.Clone(c.fits), c.not...) {
			os.Remove(filepath.Join(i.dir, "tmp/lacks"))
			_, stderr, ok := i.prepare(t, variant(func(v *plan.Variant) { v.Channel = channel }))
			want := fmt.Sprintf("the base image has no rustup, and rustc %s, while rust-toolchain.toml asks for %s\nfix: set [build] base", c.release, channel)
			if fits := n < len(c.fits); ok != fits || !fits && !strings.HasPrefix(i.words, want) {
				t.Errorf("%s for %q: accepted: %t, %q\n%s", c.release, channel, ok, i.words, stderr)
			}
		}
	}
}

func TestToolchainWithoutRustupHasWhatTheProjectAsksFor(t *testing.T) {
	ask := variant(func(v *plan.Variant) {
		v.Channel = "1.90"
		v.Components = []string{"cargo", "rustfmt", "clippy", "rust-src", "llvm-tools-preview", "rust-analyzer"}
		v.Targets = []string{"wasm32-unknown-unknown"}
	})
	i := newImage(t, "x86_64", "rustc")
	if _, _, ok := i.prepare(t, ask); ok {
		t.Error("nothing is there, and it succeeded")
	}
	const no = "the base image has no rustup, and no "
	for _, line := range []string{
		no + "Rust standard library for x86_64-unknown-linux-musl", no + "Rust standard library for wasm32-unknown-unknown",
		no + "rustfmt, which", no + "clippy, which", no + "rust-src, which", no + "llvm-tools-preview, which", no + "rust-analyzer, which",
		"the base image has no rustup, and rustc 1.85.1, while rust-toolchain.toml asks for 1.90",
	} {
		if !strings.Contains(i.words, line) {
			t.Errorf("it does not say %q", line)
		}
	}
	if strings.Contains(i.words, "cargo") {
		t.Error("it misses what every toolchain has")
	}

	i = newImage(t, "x86_64", "rustfmt", "cargo-clippy", "rust-analyzer")
	i.rustc(t, "1.90.0", "2025-09-14")
	for _, file := range []string{
		"x86_64-unknown-linux-musl/lib/libstd-1a2b.rlib", "wasm32-unknown-unknown/lib/libcore-1a2b.rlib",
		"src/rust/library/core/Cargo.toml", "x86_64-unknown-linux-gnu/bin/llvm-objcopy",
	} {
		i.write(t, "sysroot/lib/rustlib/"+file, "")
	}
	if _, stderr, ok := i.prepare(t, ask); !ok {
		t.Errorf("all is there, and it failed: %s%s", i.words, stderr)
	}
}

// TestToolchainStopsAtAFailure: a layer in which an installation failed must not be kept.
func TestToolchainSaysWhichToolsTheImageLacks(t *testing.T) {
	i := newImage(t, "x86_64", alpine...)
	for _, tool := range []string{"awk", "find", "sha256sum", "sort"} {
		if err := os.Remove(filepath.Join(i.dir, "bin", tool)); err != nil {
			t.Fatal(err)
		}
	}
	_, stderr, ok := i.prepare(t, variant(nil))
	const want = "the base image lacks programs that the build runs: awk, find, sha256sum, sort\n" +
		"fix: add what has them to packages in [build] of lpipe.toml, most often gawk findutils coreutils; or set base to an image that has them\n"
	if ok || i.words != want {
		t.Errorf("succeeded: %t, said\n%s\n%s", ok, i.words, stderr)
	}
}

func TestToolchainStopsAtAFailure(t *testing.T) {
	for _, failing := range []string{"apt-get", "rustup"} {
		i := newImage(t, "x86_64", debian...)
		i.program(t, failing, "exit 7")
		if _, _, ok := i.prepare(t, variant(nil)); ok {
			t.Errorf("%s failed and the stage did not", failing)
		}
	}
}

// TestToolchainTellsCargoOfTheCompilers: cargo finds those for another architecture in CARGO_HOME, and before them what the
// image configures.
func TestToolchainTellsCargoOfTheCompilers(t *testing.T) {
	const image = "[source.crates-io]\nreplace-with = \"mirror\"\n[env]\nCC = \"clang\"\n[target.aarch64-unknown-linux-gnu]\nlinker = \"lld\"\n"
	gnu := variant(func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-gnu" })
	musl := variant(func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" })
	for name, c := range map[string]struct {
		v        *plan.Variant
		programs []string
		want     string
	}{
		"for glibc": {gnu, debian, `target.aarch64-unknown-linux-gnu.linker = "aarch64-linux-gnu-gcc"
env.CC_aarch64_unknown_linux_gnu = "aarch64-linux-gnu-gcc"
env.CXX_aarch64_unknown_linux_gnu = "aarch64-linux-gnu-g++"
env.AR_aarch64_unknown_linux_gnu = "aarch64-linux-gnu-ar"
env.PKG_CONFIG_ALLOW_CROSS_aarch64_unknown_linux_gnu = "1"
env.PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu = "/usr/local/lib/aarch64-linux-gnu/pkgconfig:/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig"
`},
		"for musl": {musl, append(slices.Clone(debian), "aarch64-linux-musl-gcc"), `target.aarch64-unknown-linux-musl.linker = "aarch64-linux-gnu-gcc"
env.CC_aarch64_unknown_linux_musl = "aarch64-linux-musl-gcc"
env.CXX_aarch64_unknown_linux_musl = "aarch64-linux-gnu-g++"
env.AR_aarch64_unknown_linux_musl = "aarch64-linux-gnu-ar"
`},
		"for musl without its headers, with tests under qemu": {
			variant(func(v *plan.Variant) { v.Target, v.Emulate = "aarch64-unknown-linux-musl", true }),
			append(slices.Clone(debian), "qemu-aarch64"), `target.aarch64-unknown-linux-musl.linker = "aarch64-linux-gnu-gcc"
target.aarch64-unknown-linux-musl.runner = "qemu-aarch64"
env.CC_aarch64_unknown_linux_musl = "aarch64-linux-gnu-gcc"
env.CXX_aarch64_unknown_linux_musl = "aarch64-linux-gnu-g++"
env.AR_aarch64_unknown_linux_musl = "aarch64-linux-gnu-ar"
`,
		},
		"of this machine": {variant(func(v *plan.Variant) { v.Emulate = true }), debian, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, config := range []string{"", image} {
				i := newImage(t, "x86_64", c.programs...)
				if config != "" {
					i.write(t, "root/.cargo/config.toml", config)
				}
				if _, stderr, ok := i.prepare(t, c.v); !ok {
					t.Fatal(i.words, stderr)
				}
				if got := i.read(".cargo/config.toml"); got != config {
					t.Errorf("the image's configuration is %q, want %q", got, config)
				}
				if _, err := os.Stat(filepath.Join(i.dir, "cargo/config.toml")); err != nil {
					t.Error(err)
				}
				if got := i.read("cargo/config.toml"); got != c.want {
					t.Errorf("cargo's configuration is\n%swant\n%s", got, c.want)
				}
			}
		})
	}
}
