package symptom

import (
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// What several rows have in common.
const (
	inPackages  = "add what has it to packages in [build] of lpipe.toml"
	orBase      = ", or set base to an image that has it"
	withNetwork = "compile steps have no network: have the build use a file of the project or a feature that compiles the code itself, " +
		"or set network = \"default\" in [build] of lpipe.toml"
	authority  = "name the file with the certificate of the company's authority: ca in [network] of lpipe.toml, or SSL_CERT_FILE in lpipe's environment"
	reachable  = "check that the engine's machine reaches it"
	updateLock = "run \"cargo update --workspace\" and commit Cargo.lock"
	// withoutMusl is for a target with musl on a base that has its libraries, or its C compiler, for glibc alone.
	withoutMusl = "turn on the crate's feature that compiles the C library itself (often \"vendored\" or \"bundled\"), or set link = \"dynamic\" " +
		"to use the base's own libraries, or use a base of Alpine, whose libraries are made for musl"
	correctToolchain = "correct channel, components or targets in rust-toolchain.toml: rustup says above which of them it does not know"
	anotherCompiler  = "set channel in rust-toolchain.toml, or base in [build] of lpipe.toml, to a newer Rust; " +
		"or take the versions that fit: cargo update --precise, or resolver = \"3\" with rust-version in Cargo.toml"
	moreMemory = "give the engine more memory, or compile less at once: CARGO_BUILD_JOBS = \"1\" in [build.env] of lpipe.toml, or lto and " +
		"codegen-units of the profile"
	sshKey = "[ssh] keys, key and deploy-keys in lpipe.toml say which key is used; lpipe doctor looks at them one by one"
)

// FullFix is what to do about a disk that is full.
const FullFix = "make room with lpipe cache prune, which removes what no build is using, or on the engine's disk"

// table has the most specific words first: the first row that matches is what a person is told.
var table = []row{
	// A machine that has too little.
	{
		words: pattern.Of(`(?i)no space left on device|disk quota exceeded|You don't have enough free space in `),
		what:  "the disk is full", why: "the step found it so", fix: FullFix, kind: fault.NoSpace,
	},
	{
		stages: compiling,
		words:  pattern.Of(`ld terminated with signal 7 \[Bus error\]|\(signal: 7, SIGBUS`),
		what:   "the linker's memory could not be written to the disk", why: "most often the engine's disk is full", fix: FullFix,
	},
	{
		stages: compiling,
		words: pattern.Of(`\(signal: 9, SIGKILL: kill\)|terminated with signal 9 \[Killed\]|fatal error: Killed signal terminated program \w+|` +
			`internal compiler error: Killed \(program \w+\)|^Killed$`),
		what: "the compiler, or what it ran, was killed", why: "most often the engine's machine ran out of memory", fix: moreMemory,
	},
	{
		stages: compiling,
		words: pattern.Of(`memory allocation of \d+ bytes failed|LLVM ERROR: out of memory|virtual memory exhausted|out of memory allocating \d+ bytes|` +
			`Cannot allocate memory|ld: final link failed: memory exhausted|ThreadPoolBuildError|failed to spawn thread: .{0,40}Resource temporarily unavailable`),
		what: "there is too little memory", why: "the engine's machine gave no more", fix: moreMemory,
	},
	{
		words: pattern.Of(`(?i)too many open files`),
		what:  "too many files are open", why: "the engine's machine allows a process fewer than the step needs",
		fix: "raise the limit of open files for the engine (ulimit -n), or compile less at once: CARGO_BUILD_JOBS in [build.env] of lpipe.toml",
	},

	// What code is compiled with.
	{
		stages: compiling,
		words: pattern.Of("error communicating with database|set `DATABASE_URL` to use query macros online|`DATABASE_URL` must be set|" +
			"`SQLX_OFFLINE=true` but there is no cached data for this query"),
		what: "sqlx has no description of the queries", why: "its macros ask a database, which a build does not have, or read the folder .sqlx",
		fix: "run cargo sqlx prepare (with --workspace in a workspace), commit .sqlx, and set SQLX_OFFLINE = \"true\" in [build.env] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of("environment variable `([A-Za-z_][A-Za-z0-9_]{0,60})` not defined at compile time"),
		what:   "a variable is not set: $1", why: "the code wants its value when it is compiled, and the environment of your shell is not that of the build",
		fix: "set $1 in [build.env] of lpipe.toml, or in [env] of .cargo/config.toml; a secret does not belong in a program",
	},
	{
		stages: compiling,
		words:  pattern.Of("called `Result::unwrap\\(\\)` on an `Err` value: NotPresent|: NotPresent$|environment variable not found$"),
		what:   "a build script or a macro misses a variable", why: "it reads one from the environment, and that of your shell is not that of the build",
		fix: "set it in [build.env] of lpipe.toml, or in [env] of .cargo/config.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of("couldn't read `?([A-Za-z0-9_./@+ -]{1,160})`?: No such file or directory"),
		what:   "a file is not there that the code names: $1", why: "the compiler was to include it, and it was not sent, or a build script was to write it",
		fix: "check that it exists and that no .lpipeignore or .dockerignore excludes it; where its path is put together, write it out in one string",
	},

	// Wrappers and compilers that cargo starts.
	{
		words: pattern.Of("could not execute process `(?:[A-Za-z0-9_.+/-]*/)?([A-Za-z0-9_.+-]{1,64}) (?:[A-Za-z0-9_.+/-]*/)?rustc [^`]{0,200}` \\(never executed\\)"),
		what:  "the compiler wrapper $1 cannot be started", instead: true, program: true,
		why: "cargo is told to start the compiler with it (rustc-wrapper or rustc-workspace-wrapper of cargo's configuration, or RUSTC_WRAPPER), " +
			"and the image has no such program, or it is not executable",
		fix: "take rustc-wrapper out of the configuration, or set RUSTC_WRAPPER = \"\" in [build.env] of lpipe.toml; or " + inPackages + orBase,
	},
	{
		words: pattern.Of("process didn't exit successfully: `(?:[A-Za-z0-9_.+/-]*/)?([A-Za-z0-9_.+-]{1,64}) (?:[A-Za-z0-9_.+/-]*/)?rustc (?:-vV|- )"),
		what:  "the compiler wrapper $1 failed", instead: true, program: true,
		why: "cargo is told to start the compiler with it, and it ended before the compiler could say its version",
		fix: "correct what the wrapper says above, which may need its settings in [build.env] of lpipe.toml or the network; or go without: RUSTC_WRAPPER = \"\" in [build.env]",
	},
	{
		stages: compiling,
		words:  pattern.Of(`^(sccache): error: .{0,100}`),
		what:   "the compiler wrapper $1 failed", program: true,
		why: "it could not compile, or did not reach its server or its storage",
		fix: "go without, since lpipe keeps what was compiled: RUSTC_WRAPPER = \"\" in [build.env] of lpipe.toml; or give it its settings there, and network = \"default\"",
	},
	{
		words: pattern.Of("could not execute process `(git) [^`]{0,200}` \\(never executed\\)"),
		what:  "the image has no $1", why: "cargo fetches repositories with it",
		fix: "add git and openssh-client to packages in [build] of lpipe.toml" + orBase,
	},
	{
		words: pattern.Of("could not execute process `(?:[A-Za-z0-9_.+/-]*/)?([A-Za-z0-9_.+-]{1,64}) -vV` \\(never executed\\)"),
		what:  "the compiler $1 cannot be started", instead: true, program: true,
		why: "cargo is told to use it (rustc of cargo's configuration, or RUSTC), and the image has no such program, or it is not executable",
		fix: "take it out of the configuration, or set base in [build] of lpipe.toml to an image that has it",
	},
	{
		stages: compiling,
		words:  pattern.Of("could not execute process `(?:[A-Za-z0-9_.+/-]*/)?([A-Za-z0-9_.+-]{1,64})[^`]{0,200}` \\(never executed\\)"),
		what:   "$1 cannot be started", program: true,
		why: "cargo was to run it, and the image has no such program, it is not executable, or it is for another machine",
		fix: inPackages + orBase,
	},
	{
		stages: compiling,
		words:  pattern.Of("error: linker `(?:[A-Za-z0-9_.+/-]*/)?([A-Za-z0-9_.+-]{1,64})` not found"),
		what:   "the linker $1 is missing", program: true,
		why: "rustc links programs with it, and the image does not have it",
		fix: "add the package that has it to packages in [build] of lpipe.toml (Debian: gcc for cc, clang, lld, mold, gcc-aarch64-linux-gnu; Alpine: build-base; " +
			"Fedora: gcc); or take linker out of cargo's configuration, since lpipe sets that for other machines",
	},
	{
		stages: compiling,
		words:  pattern.Of(`collect2: fatal error: cannot find .{1,3}ld.|unable to execute command: Executable "[a-z0-9.-]{0,30}(?:ld|mold)[a-z0-9.-]{0,10}" doesn't exist|clang(?:[+-][0-9+]+)?: error: invalid linker name in (?:argument )?'-fuse-ld=[a-z0-9.]{1,20}'|unrecognized command[- ]line option .{1,3}-fuse-ld=[a-z0-9.]{1,20}`),
		what:   "the linker that a flag names is missing",
		why:    "rustflags have -fuse-ld, as for lld or mold, and the image does not have that linker",
		fix:    "add lld or mold to packages in [build] of lpipe.toml, or take -fuse-ld out of rustflags",
	},
	{
		stages: compiling,
		words:  pattern.Of(`cannot find ((?:S|r|g)?crt[1in](?:S|T)?\.o|crtbegin[ST]?\.o)|cannot open (?:S|r|g)?crt[1in]\.o`),
		what:   "the C library's files for linking are missing",
		why:    "the image has a linker and not what every program begins with",
		fix:    "add them to packages in [build] of lpipe.toml: libc6-dev of Debian, musl-dev of Alpine, glibc-devel of Fedora (glibc-static for static programs)",
	},
	{
		stages: compiling,
		words:  pattern.Of(`error adding symbols: [Ff]ile in wrong format|is incompatible with elf(?:32|64)[a-z0-9-]*|is incompatible with (?:elf64-x86-64|aarch64linux)|skipping incompatible [^ ]{1,100} when searching for -l[A-Za-z0-9_.+-]{1,40}`),
		what:   "a library is for another machine",
		why:    "the linker was given a file of another architecture than the lambda's",
		fix: "name the library in packages in [build] of lpipe.toml, which installs it for the lambda's architecture on a base of Debian; take folders of libraries out of " +
			"rustflags; or compile it with the crate's feature \"vendored\" or \"bundled\"",
	},
	{
		stages: compiling,
		words:  pattern.Of(`cannot find -lstdc\+\+|unable to find library -lstdc\+\+`),
		what:   "the library of C++ is missing", why: "a crate has C++ code, and the base has no such library for the target",
		fix: "use a base of Alpine with g++ in packages for the default link = \"static\", or set link = \"dynamic\" in [build] of lpipe.toml and add g++ to packages",
	},
	{
		stages: compiling,
		words: pattern.Of("cannot find -l:?([A-Za-z0-9_.+-]{1,64})|unable to find library -l:?([A-Za-z0-9_.+-]{1,64})|library not found: ([A-Za-z0-9_.+-]{1,64})|" +
			"could not find native static library `([A-Za-z0-9_.+-]{1,64})`"),
		what: "a C library is missing: $1",
		why:  "the linker is told to use it and does not find it",
		fix: "for the default link = \"static\", turn on the crate's feature that compiles the library itself (often \"vendored\" or \"bundled\"); else " +
			"add its package to packages in [build] of lpipe.toml (Debian: libNAME-dev) and set link = \"dynamic\"",
	},
	{
		stages: compiling,
		words:  pattern.Of(`relocation R_[A-Z0-9_]{1,40} .{0,120}(?:recompile with -fPI[CE]|-fPI[CE])`),
		what:   "a library cannot be part of the program",
		why:    "it was not compiled to be loaded at any address, as Rust's programs are",
		fix:    "compile it with -fPIC, for which [build.env] of lpipe.toml can set CFLAGS; or set rustflags = [\"-Crelocation-model=static\"]",
	},
	{
		stages: compiling,
		words:  pattern.Of("(?:undefined reference to|undefined symbol:|undefined hidden symbol:) [`']?([A-Za-z0-9_.@$:<>~]{1,80})"),
		what:   "the linker misses functions: $1",
		why:    "no library that it was given has them: one is missing, or is of another version or another C library than the code was made for",
		fix: "check that the library behind them is the one that the crate was made for; with link = \"static\" turn on the crate's feature " +
			"\"vendored\" or \"bundled\", or set link = \"dynamic\" in [build] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of("note: the `([a-z0-9_.-]{1,60})` target may not be installed"),
		what:   "Rust's standard library is missing for $1",
		why:    "a crate is compiled for that target, and the toolchain does not have it",
		fix:    "add \"$1\" to targets in rust-toolchain.toml, or correct target in [build] of lpipe.toml",
	},

	// Versions of Rust and of cargo.
	{
		words: pattern.Of(`rustc [0-9][A-Za-z0-9.-]{0,30} is not supported by the following packages?|cannot be built because it requires rustc [0-9.]{1,12}|requires rustc [0-9.]{1,12} or newer`),
		what:  "the Rust of the build is too old",
		why:   "a package needs a newer one", fix: anotherCompiler,
	},
	{
		words: pattern.Of("`#!\\[feature\\]` may not be used on the (?:stable|beta) release channel|the option `Z` is only accepted on the nightly compiler|" +
			"the `?-Z`? flag is only accepted on the nightly channel of Cargo|only available (?:on|in) the nightly (?:channel|compiler)|" +
			"requires a nightly version of Cargo|feature `(?:codegen-backend|profile-rustflags|trim-paths|panic-immediate-abort|per-package-target|metabuild|public-dependency|" +
			"different-binary-name|open-namespaces|path-bases|unstable-editions|multiple-build-scripts)` is required"),
		what: "the build needs a nightly Rust",
		why:  "code, a flag or a manifest asks for what is not stable",
		fix:  "set channel = \"nightly-YYYY-MM-DD\" in rust-toolchain.toml, or take it out",
	},
	{
		words: pattern.Of("feature `[a-z0-9-]{1,40}` is required|lock file version .?[0-9]{1,3}.? (?:requires|was found, but)|this version of Cargo is older than the `[0-9]{4}` edition|" +
			"only supports `?(?:2015|2018|2021|2024)`?.{0,60}editions?"),
		what: "the Rust of the build is too old",
		why:  "a manifest or Cargo.lock is written for a newer cargo",
		fix:  anotherCompiler,
	},
	{
		stages: compiling,
		words:  pattern.Of(`(?:'[A-Za-z0-9_.+-]{1,40}' is not a recognized (?:processor|feature) for this target|unknown target CPU .{0,40}|error: target feature .{1,60} is not)`),
		what:   "rustc does not know a processor or a feature of one",
		why:    "target-cpu or target-feature of rustflags is not for the lambda's architecture",
		fix:    "correct rustflags in [build] of lpipe.toml or in .cargo/config.toml, for one architecture in [target.TRIPLE]; Lambda has neoverse-n1 and x86-64-v3",
	},
	{
		stages: compiling,
		words:  pattern.Of("error: (?:unknown (?:codegen|unstable) option: |incorrect value `[^`]{0,60}` for (?:codegen|unstable) option |Unrecognized option: ).{0,80}"),
		what:   "rustc does not know a flag",
		why:    "rustflags have one that it does not take, or a value that it cannot have",
		fix:    "correct rustflags in [build] of lpipe.toml or in .cargo/config.toml, or RUSTFLAGS",
	},
	{
		stages: compiling,
		words:  pattern.Of(`\(signal: 4, SIGILL: illegal instruction\)|[Ii]llegal instruction \(core dumped\)`),
		what:   "a program has instructions that the engine's machine does not have",
		why:    "build scripts and macros run on the engine's machine, and were compiled for another processor",
		fix:    "take target-cpu out of rustflags, or set it for the lambda's target alone: [target.TRIPLE] in .cargo/config.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of("thread 'rustc' has overflowed its stack|rustc interrupted by SIGSEGV|[/`]rustc[ `].*\\(signal: 11, SIGSEGV: invalid memory reference\\)"),
		what:   "the compiler crashed", why: "its stack was too small, or it has a fault",
		fix: "set RUST_MIN_STACK = \"33554432\" in [build.env] of lpipe.toml, or another channel in rust-toolchain.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of(`error: the compiler unexpectedly panicked|internal compiler error: `),
		what:   "the compiler has a fault", why: "it ended by a panic of its own",
		fix: "set another channel in rust-toolchain.toml or another base in [build] of lpipe.toml, and report it as the output says",
	},

	{
		stages: compiling,
		words:  pattern.Of(`error\[E0658\]: .{0,120}`),
		what:   "code uses what this Rust does not have yet", why: "it is unstable there", fix: anotherCompiler,
	},
	{
		words: pattern.Of("version [`'](?:GLIBC|GLIBCXX)_[0-9.]{1,8}' not found"),
		what:  "a program is made for a newer C library", why: "the base's is older than the one that it was linked for",
		fix: "set base in [build] of lpipe.toml to an image of a newer distribution, or take a program that is made for this one",
	},
	{
		words: pattern.Of(`error while loading shared libraries: ([A-Za-z0-9_.+-]{1,64}): cannot open shared object file`),
		what:  "a program does not start without a shared library", why: "the image does not have $1",
		fix: "add the package of the library to packages in [build] of lpipe.toml" + orBase,
	},

	{
		words: pattern.Of(`library/Cargo\.lock" does not exist, unable to build with the standard library`),
		what:  "the sources of the standard library are missing", why: "build-std of cargo's configuration compiles it, and the toolchain of the build comes without them",
		fix: "add components = [\"rust-src\"] to rust-toolchain.toml, or take build-std out of [unstable]",
	},

	// cargo's configuration.
	{
		words: pattern.Of("could not load config key `([A-Za-z0-9_.-]{1,64})`"),
		what:  "cargo does not take its configuration", why: "$1 has a value that it cannot have", fix: "correct it in .cargo/config.toml, or in the variable CARGO_… that sets it",
	},

	// cargo's resolver and registries.
	{
		stages: compiling,
		words:  pattern.Of(`(?:none of the selected packages contains|the package '[A-Za-z0-9_-]{1,64}' does not contain) (?:this feature|these features): .{1,80}`),
		what:   "a feature does not exist", why: "no package that is built has it", fix: "correct features in [build] or [lambda.NAME] of lpipe.toml, or --features",
	},
	{
		stages: compiling,
		words:  pattern.Of("error: profile `([A-Za-z0-9_-]{1,64})` is not defined"),
		what:   "the profile $1 does not exist", why: "the workspace's Cargo.toml has no such table", fix: "add [profile.$1] with inherits = \"release\" to Cargo.toml, or correct profile in [build] of lpipe.toml",
	},
	{
		stages: fetching,
		words:  pattern.Of("registry index was not found in any configuration: `([A-Za-z0-9_-]{1,64})`"),
		what:   "nothing says where a registry is", why: "a manifest names the registry \"$1\", and neither .cargo/config.toml of the project nor yours has an index for it",
		fix: "add [registries.$1] index = \"sparse+https://HOST/PATH/\" to .cargo/config.toml, or set CARGO_REGISTRIES_$2_INDEX for lpipe",
	},
	{
		stages: fetching,
		words:  pattern.Of("no token found for `([A-Za-z0-9_-]{1,64})`"),
		what:   "a registry asks for a token", why: "cargo has none for $1",
		fix: "set CARGO_REGISTRIES_$2_TOKEN in the environment of lpipe; in CI, as a secret of the job",
	},
	{
		words: pattern.Of("credential provider `?[^` ]{1,60}`? failed action `get`|no token found, please run `cargo login`|authenticated registries require a credential-provider to be configured"),
		what:  "a registry asks for a token", why: "cargo has none for it",
		fix: "set CARGO_REGISTRIES_NAME_TOKEN in the environment of lpipe; in CI, as a secret of the job",
	},
	{
		words: pattern.Of(`the lock file [^ ]{1,120} needs to be updated but --(?:locked|frozen) was passed|cannot update the lock file [^ ]{1,120} because --(?:locked|frozen) was passed|cannot create the lock file [^ ]{1,120} because --(?:locked|frozen) was passed`),
		what:  "Cargo.lock does not fit the manifests", why: "cargo would have to change it", fix: updateLock,
	},
	{
		words: pattern.Of("(?:failed to parse lock file at|checksum for `[^`]{1,80}` (?:changed|could not be calculated|was not previously calculated)|unable to verify that `[^`]{1,80}` is the same as when the lockfile was generated)"),
		what:  "Cargo.lock does not hold", why: "cargo cannot read it, or its sum of a crate is another than that of the registry",
		fix: "restore Cargo.lock, or write it again with cargo update and look at what changed; a crate that changes under one version was tampered with, or comes from another registry",
	},
	{
		words: pattern.Of("failed to verify the checksum of `[^`]{1,80}`|the listed checksum of `[^`]{1,120}` has changed"),
		what:  "a crate is not the one of Cargo.lock", why: "what was downloaded, or lies in the vendored folder, has another sum",
		fix: "run cargo vendor again if a vendored file was edited; else check the registry or mirror that [source] in .cargo/config.toml puts in place",
	},
	{
		words: pattern.Of("(?:package `[A-Za-z0-9_-]{1,64}` depends on|the package `[A-Za-z0-9_-]{1,64}` depends on) `([A-Za-z0-9_-]{1,64})`,? with features?:? .{1,80}(?:does not have|don't have)"),
		what:  "a crate does not have a feature that is asked for", why: "the version of $1 has no such feature",
		fix: "correct the name of the feature in Cargo.toml, or take a version of the crate that has it, and run cargo update",
	},
	{
		words: pattern.Of("no matching package named `([A-Za-z0-9_-]{1,64})` found|no matching package found"),
		what:  "a crate does not exist", why: "no source that cargo looks in has it",
		fix: "correct the name in Cargo.toml, or name its registry, and run cargo update; a [source] of .cargo/config.toml may put a mirror or a vendored folder without it in place",
	},
	{
		words: pattern.Of("failed to select a version for(?: the requirement)? `([A-Za-z0-9_-]{1,64})\\b[^`]{0,60}`"),
		what:  "no version of a crate fits", why: "the requirements on $1 exclude one another, or no source has such a version",
		fix: "run cargo update, or cargo tree -i for who requires it, and loosen one of the requirements; a version that was yanked needs another",
	},
	{
		words: pattern.Of("failed to load source for dependency `[A-Za-z0-9_-]{1,64}`.{0,10}$|failed to read `[^` ]{1,160}Cargo\\.toml`|could not find `Cargo\\.toml` in `[^`]{1,160}`"),
		what:  "a dependency has no manifest", why: "cargo looks for one in its folder or repository",
		fix:    "correct path or git of the dependency in Cargo.toml, and package if the repository has several; check that the folder is not excluded in .lpipeignore or .dockerignore",
		stages: compiling,
	},
	{
		words: pattern.Of(`attempting to make an HTTP request, but --(?:frozen|offline) was specified|you are in the offline mode|you may not be allowed to use the network|can't (?:checkout|update) from .{1,120}offline`),
		what:  "something was to be downloaded while compiling", why: "the crates of Cargo.lock were downloaded before, and this one is none of them",
		fix:    "add it to a manifest of the workspace and run cargo update; a build script that runs cargo needs a Cargo.lock of its own crates vendored into the project",
		stages: compiling,
	},

	// git, before what of the network is behind it.
	{
		words:  pattern.Of(`failed to find (?:branch|tag) .[A-Za-z0-9_./-]{1,80}|cannot locate remote-tracking branch|couldn't find remote ref [A-Za-z0-9_./-]{1,80}|revspec '[A-Za-z0-9_./-]{1,80}' not found|revision [A-Za-z0-9_./-]{1,80} not found|not our ref [0-9a-f]{7,64}|Server does not allow request for unadvertised object`),
		stages: fetching,
		what:   "a repository does not have the branch, tag or commit",
		why:    "it may have been deleted or rewritten since Cargo.lock was made",
		fix:    "correct branch, tag or rev of the dependency in Cargo.toml, then run cargo update -p NAME and commit Cargo.lock",
	},
	{
		stages: fetching,
		words:  pattern.Of("could not find `Cargo\\.toml` in `[^`]{1,160}`"),
		what:   "a repository has no package where one is looked for",
		why:    "cargo looks for a manifest at its root, or for a package of the name below it",
		fix:    "correct git, branch and package of the dependency in Cargo.toml, then run cargo update",
	},
	{
		words: pattern.Of(`detected dubious ownership in repository at '[^']{1,120}'`),
		what:  "git does not trust a repository", why: "it belongs to another user than the one the step runs as",
		fix: "set GIT_CONFIG_COUNT = \"1\", GIT_CONFIG_KEY_0 = \"safe.directory\" and GIT_CONFIG_VALUE_0 = \"*\" in [build.env] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of(`fatal: not a git repository(?: \(or any of the parent directories\): \.git)?|could not find repository (?:from|at|in) '[^']{1,120}'`),
		what:   "a build script looks for the git repository",
		why:    "the history is not sent to the build, since every commit would compile everything again",
		fix:    "give the build script what it looks for: a variable in [build.late-env] of lpipe.toml (for vergen, VERGEN_GIT_SHA = \"{{git-sha}}\"), or a value for when there is none",
	},
	{
		words: pattern.Of(`error: cannot run ssh: No such file or directory|cannot spawn ssh: No such file or directory|ssh: not found$`),
		what:  "the image has no ssh", why: "git logs in to servers with it",
		fix: "add openssh-client to packages in [build] of lpipe.toml (openssh-clients of Fedora)" + orBase,
	},
	{
		words: pattern.Of(`sh: (?:\d+: )?git: not found|git: command not found`),
		what:  "the image has no git", why: "a step runs it",
		fix: "add git to packages in [build] of lpipe.toml" + orBase,
	},

	// ssh. What lpipe knows of keys and hosts is said by who has them; these are the words alone.
	{
		words: pattern.Of(`ssh: Could not resolve hostname`),
		what:  "a host that git is to log in to has no address",
		why:   "the name may be a Host of your ~/.ssh/config, which a build does not read, or one that only your network knows",
		fix: "write the real host in Cargo.toml and run cargo update: ssh://git@HOST/ORG/REPO; which key logs in to a repository is said by [ssh] deploy-keys in lpipe.toml. " +
			"Else check that the engine's machine resolves the name",
	},
	{
		words: pattern.Of(`no matching host key type found|no matching (?:key exchange method|cipher|MAC) found`),
		what:  "ssh and the server have no method in common", why: "the server has only old ones, as ssh-rsa, which OpenSSH refuses",
		fix: "have the server updated, or fetch the repository over https, with a token in [git] tokens of lpipe.toml",
	},
	{
		words: pattern.Of(`Too many authentication failures`),
		what:  "the server ended the login", why: "more keys were offered than it allows",
		fix: "name the key: [ssh] keys or deploy-keys in lpipe.toml",
	},
	{
		words: pattern.Of(`signing failed for|agent refused operation`),
		what:  "the SSH agent did not sign", why: "it, or lpipe in front of it, refused the login",
		fix: "unlock the agent or confirm the use of the key; " + sshKey,
	},
	{
		words: pattern.Of(`Host key verification failed|SSH host key has changed for|REMOTE HOST IDENTIFICATION HAS CHANGED`),
		what:  "a host key was not accepted", why: "the host's key is not the pinned one",
		fix: "lpipe hostkeys verify looks at the hosts from here; [ssh] known-hosts in lpipe.toml names files with more",
	},
	{
		words: pattern.Of(`has enabled or enforced SAML SSO`),
		what:  "an organization of GitHub asks for single sign-on", why: "the key or token is not authorized for it",
		fix: "authorize the key or token for the organization in your settings on GitHub (Configure SSO), or use a deploy key: [ssh] deploy-keys in lpipe.toml",
	},
	{
		words: pattern.Of(`Permission denied \(publickey[a-z,-]{0,60}\)|no authentication methods succeeded|failed to authenticate when downloading repository`),
		what:  "the server lets nobody in", why: "it knows none of the keys that were offered", fix: sshKey,
	},
	{
		words: pattern.Of(`ssh: connect to host|kex_exchange_identification: |Connection closed by remote host`),
		what:  "a git server was not reached over SSH", why: "the connection was refused, cut off or not answered", fix: "check that the engine's machine reaches the server's SSH port; " +
			"where a firewall closes it, name the dependency by its https:// URL, or by the host's SSH over port 443 (ssh.github.com)",
	},
	{
		words: pattern.Of(`could not read (?:Username|Password) for|Authentication failed for|HTTP Basic: Access denied|Password authentication is not supported for Git operations|` +
			`Support for password authentication was removed|Invalid username or (?:password|token)`),
		what: "a git server asks for a login", why: "the repository is private, and the step has no token for it or a wrong one",
		fix: "name a token in lpipe.toml: [git] tokens, \"HOST/ORG/REPO\" = \"env:NAME\"; or use its ssh:// URL",
	},
	{
		words: pattern.Of(`(?i)repository not found|does not appear to be a git repository|The project you were looking for could not be found|TF401019`),
		what:  "a server does not show a repository", why: "servers say so too when the key or token may not read it",
		fix: "check that it exists and that the key or token may read it; " + sshKey,
	},

	// The network: TLS, proxies, names, connections.
	{
		words: pattern.Of(`SSL peer certificate or SSH remote key was not OK|SSL certificate problem(?:: [a-z -]{1,60})?|[Cc]ertificate verif(?:y|ication) failed|` +
			`self[- ]signed certificate(?: in certificate chain)?|unable to get local issuer certificate|invalid peer certificate(?:: \w{1,40})?|UnknownIssuer|TLS: server certificate not trusted|x509: certificate`),
		what: "a server's certificate is not trusted",
		why:  "nobody vouches for it whom the step trusts, as where the proxy of a company opens connections", fix: authority,
	},
	{
		words: pattern.Of(`Problem with the SSL CA cert|error setting certificate (?:verify locations|file)|SSL_CTX_load_verify_locations|no native root CA certificates found`),
		what:  "the image has no certificates to check servers with", why: "a program found none",
		fix: "add ca-certificates to packages in [build] of lpipe.toml" + orBase,
	},
	{
		words: pattern.Of(`(?i)response 407|HTTP code 407|HTTP/1\.[01] 407|proxy authenti?cation required|proxy authorization required`),
		what:  "the proxy asks for a login", why: "it wants one, or another one",
		fix: "set HTTPS_PROXY and HTTP_PROXY in lpipe's environment to http://USER:PASSWORD@HOST:PORT",
	},
	{
		words: pattern.Of(`(?i)Could not resolve proxy|Failed to connect to proxy|proxy connect aborted|CONNECT tunnel failed|tunnel error`),
		what:  "the proxy cannot be used", why: "it was not reached, or refused",
		fix: "correct HTTPS_PROXY, HTTP_PROXY or [network] in lpipe.toml",
	},
	{
		stages: compiling, words: unresolved, what: "the build wants to download something",
		why: "a build script or a test looked for a server, and these steps have no network", fix: withNetwork,
	},
	{
		stages: downloading, words: unresolved, what: "a server's name has no address",
		why: "the engine's machine, or the container, has no answer from DNS", fix: reachable,
	},
	{
		words: pattern.Of(`got 40[13]\b|returned error: 40[13]\b|\b40[13] +Forbidden|401 +Unauthorized`),
		what:  "a server refuses", why: "it wants a login, or this one may not have what was asked for",
		fix:    "set the registry's token for lpipe (CARGO_REGISTRIES_NAME_TOKEN), or that of a git server in [git] tokens of lpipe.toml; a mirror or proxy may refuse as well",
		stages: downloading,
	},
	{
		words:  pattern.Of(`got 404\b|returned error: 404\b`),
		stages: fetching,
		what:   "a server does not have what was asked for", why: "the address is wrong, or what it names was removed",
		fix: "check the registry's index in [registries] or [source] of cargo's configuration, and the git URLs in Cargo.toml",
	},
	{
		words: pattern.Of(`got 429\b|returned error: 429\b|429 +Too Many Requests|toomanyrequests|got 5\d\d\b|returned error: 5\d\d\b|50[0234] +(?:Internal|Bad Gateway|Service|Gateway)`),
		what:  "a server cannot answer now", why: "it has a fault, or had too many requests",
		fix:    "run the command again later, which goes on with what arrived",
		stages: downloading,
	},
	{
		stages: compiling, words: unreached, what: "the build wants to download something",
		why: "a build script or a test connected to a server, and these steps have no network", fix: withNetwork,
	},
	// rustup says of a version that there is not how its file could not be downloaded.
	{
		stages: installing,
		words: pattern.Of(`could not download nonexistent rust version|error: no release found for|invalid toolchain name|is unavailable for download for channel|does not contain component|` +
			`does not support target|component '[a-z0-9_.-]{1,60}' .{0,60}is unavailable`),
		what: "rust-toolchain.toml asks for what there is not", why: "rustup does not know it", fix: correctToolchain,
	},
	{
		stages: downloading, words: unreached, what: "a server was not reached",
		why: "the connection was refused, cut off or not answered", fix: "run the command again, which goes on with what arrived; " + reachable,
	},

	// rustup.
	{
		words: pattern.Of(`toolchain '[A-Za-z0-9_.-]{1,80}' (?:is not installed|is not installable)|could not choose a version of (?:cargo|rustc|[a-z-]{1,20}) to run`),
		what:  "the toolchain is not there", why: "rustup was asked for one that it did not install",
		fix: "set channel in rust-toolchain.toml, which lpipe installs, in place of a toolchain that [build.env], a build script or +TOOLCHAIN names",
	},
	{
		words: pattern.Of(`the '([A-Za-z0-9_-]{1,40})' binary, normally provided by the '[A-Za-z0-9_-]{1,40}' component, is not applicable|'([A-Za-z0-9_.-]{1,40})' is not installed for the toolchain`),
		what:  "a component of Rust is missing", why: "a step runs a tool of it",
		fix: "add it to components in rust-toolchain.toml",
	},

	// Packages of distributions.
	{
		stages: installing,
		words:  pattern.Of(`Release file for [^ ]{1,120} (?:is not valid yet|is expired)`),
		what:   "the lists of packages do not hold now", why: "the clock of the engine's machine is wrong, or the distribution's release is old and its mirror is no longer kept",
		fix: "set the clock, or base in [build] of lpipe.toml to a newer image",
	},
	{
		stages: installing,
		words:  pattern.Of(`(?:The repository '[^']{1,120}'|[^ ]{1,80}) (?:does not have a Release file|no longer has a Release file)|404 +Not Found`),
		what:   "a package or a list of them is no longer there", why: "the distribution's release may have moved to its archive",
		fix: "set base in [build] of lpipe.toml to a newer image; a version of packages that is pinned may be gone, too",
	},
	{
		stages: installing,
		words:  pattern.Of(`Hash Sum mismatch|File has unexpected size|Mirror sync in progress|Downloading successful, but checksum doesn't match|BAD signature|BAD archive`),
		what:   "a package is not what the lists say", why: "a mirror changes at this moment, or a proxy gave an old file",
		fix: "run the command again later; if that does not help, have the proxy forget what it keeps",
	},
	{
		stages: installing,
		words:  pattern.Of(`exec (?:/bin/sh|/bin/bash|sh): exec format error|exec user process caused: exec format error`),
		what:   "the base is for another machine", why: "the engine's machine cannot run its programs",
		fix: "set base in [build] of lpipe.toml to an image that there is for the engine's architecture",
	},
	{
		stages: installing,
		words:  pattern.Of(`NO_PUBKEY [0-9A-F]{8,40}|is not signed\.|UNTRUSTED signature|GPG (?:check FAILED|error)`),
		what:   "packages are not signed by a key that the image trusts", why: "the image is old, or a mirror gives other packages",
		fix: "set base in [build] of lpipe.toml to a newer image, or check the mirror",
	},
	{
		stages: installing,
		words: pattern.Of(`Unable to locate package ([A-Za-z0-9+.:_-]{1,80})|Package '?([A-Za-z0-9+.:_-]{1,80})'? has no installation candidate|No match for argument: ([A-Za-z0-9+.:_-]{1,80})|` +
			`Unable to find a match: ([A-Za-z0-9+.:_-]{1,80})|No package matches '([A-Za-z0-9+.:_-]{1,80})'|^([A-Za-z0-9+.:_-]{1,80}) \(no such package\)`),
		what: "the base's distribution does not have a package: $1", why: "its lists do not have the name",
		fix: "correct packages in [build] of lpipe.toml: names differ between Debian (libpq-dev), Alpine (libpq-dev, postgresql-dev) and Fedora (libpq-devel)",
	},
	{
		stages: installing,
		words:  pattern.Of(`Version '[^' ]{1,80}' for '([^' ]{1,80})' was not found`),
		what:   "a version of a package does not exist: $1", why: "the distribution has another one now",
		fix: "correct or leave out the version of $1 in packages in [build] of lpipe.toml",
	},
	{
		stages: installing,
		words:  pattern.Of(`you have held broken packages|unmet dependencies|unable to select packages:|conflicting requests`),
		what:   "packages cannot be installed together", why: "they exclude one another, or what they need is of another version",
		fix: "correct packages in [build] of lpipe.toml, or set base to another image",
	},

	// pkg-config and what looks for libraries.
	{
		stages: compiling,
		words:  pattern.Of(`pkg-config has not been configured to support cross-compilation`),
		what:   "a C library is needed for musl", why: "pkg-config knows the libraries of the base alone, which are made for glibc", fix: withoutMusl,
	},
	{
		stages: compiling,
		words:  pattern.Of(`(?i)failed to find tool.{0,12}(musl-gcc|[a-z0-9_]{1,12}-linux-musl-g?[c+]{2})\b|Is .([a-z0-9_-]{0,20}musl-g?cc). installed`),
		what:   "there is no C compiler for musl", why: "a crate compiles C code for it", fix: withoutMusl,
	},
	{
		stages: compiling,
		words:  pattern.Of(`The pkg-config command could not be found|pkg-config: (?:command )?not found|Could not run .{0,20}pkg-config`),
		what:   "pkg-config is missing", why: "a crate looks for a C library with it",
		fix: "add pkg-config (pkgconf of Alpine and Fedora) and the library's package to packages in [build] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Could not find (?:directory of )?OpenSSL(?: installation)?|[Oo]penssl/[a-z0-9_]{1,30}\.h: No such file|'openssl/[a-z0-9_]{1,30}\.h' file not found|No package 'openssl' found|Package '?openssl'? was not found|The system library .openssl. required by`),
		what:   "OpenSSL is missing", why: "openssl-sys links the library of the base, which has none to compile with",
		fix: "go without it: most crates have a feature \"rustls\"; or compile it with the feature \"vendored\" of the crate openssl (which needs perl and make); " +
			"or add libssl-dev and pkg-config to packages in [build] of lpipe.toml, with link = \"dynamic\"",
	},
	{
		stages: compiling,
		words: pattern.Of("The system library `([A-Za-z0-9_.+-]{1,64})` required by crate `[A-Za-z0-9_-]{1,64}` was not found|Package '?([A-Za-z0-9_.+-]{1,64})'?,? (?:was not found in the pkg-config search path|required by '[^']{1,60}', not found)|" +
			`No package '([A-Za-z0-9_.+-]{1,64})' found`),
		what: "a C library is missing",
		why:  "pkg-config has no file of it",
		fix: "add the package that has it to packages in [build] of lpipe.toml (Debian: libNAME-dev, Alpine: NAME-dev, Fedora: NAME-devel); for the default link = \"static\" on Debian " +
			"turn on the crate's feature that compiles it (often \"vendored\" or \"bundled\")",
	},

	{
		stages: compiling,
		words: pattern.Of(`Requested '([A-Za-z0-9_.+-]{1,64}) [<>=]+ [^']{1,30}' but version of|Package dependency requirement '([A-Za-z0-9_.+-]{1,64}) [<>=]+ [^']{1,30}' could not be satisfied|` +
			`Package '([A-Za-z0-9_.+-]{1,64})' has version '[^']{1,30}', required version is`),
		what: "a C library has another version than a crate needs: $1",
		why:  "pkg-config found that of the base's distribution",
		fix: "turn on the crate's feature that compiles the library itself (often \"vendored\" or \"bundled\"), take a version of the crate that fits, or set base in [build] of lpipe.toml " +
			"to an image of a newer distribution",
	},
	{
		stages: compiling,
		words:  pattern.Of(`^Could NOT find ([A-Za-z0-9_+-]{1,60})|Could not find a package configuration file provided by "([A-Za-z0-9_.+-]{1,60})"`),
		what:   "cmake does not find what it needs: $1",
		why:    "C code that a crate compiles is built with a library of the base, which has none to compile with",
		fix: "turn on the crate's feature that compiles the library itself (often \"vendored\" or \"bundled\"), or add the package that has it to packages in [build] of lpipe.toml " +
			"(Debian: libNAME-dev, Alpine: NAME-dev, Fedora: NAME-devel)",
	},

	// Tools that build scripts run.
	{
		stages: compiling,
		words:  pattern.Of("Could not find `protoc`|protoc failed to run|failed to (?:invoke|execute|spawn) .?protoc"),
		what:   "protoc is missing", why: "a build script compiles .proto files with it",
		fix: "add protobuf-compiler to packages in [build] of lpipe.toml (protoc of Alpine)",
	},
	{
		stages: compiling,
		words:  pattern.Of(`(google/protobuf/[a-z_]{1,40}\.proto): File not found|Import "(google/protobuf/[a-z_]{1,40}\.proto)" was not found`),
		what:   "protoc has no files of its own types", why: "a .proto file imports them",
		fix: "add libprotobuf-dev to packages in [build] of lpipe.toml (protobuf-dev of Alpine, protobuf-devel of Fedora)",
	},
	{
		stages: compiling,
		words:  pattern.Of(`([A-Za-z0-9_./-]{1,100}\.proto): (?:File not found|No such file or directory)|Could not make proto path relative: ([A-Za-z0-9_./-]{1,100})`),
		what:   "a .proto file is not there", why: "protoc did not find it below the folders that it was given",
		fix: "name it in the build script as a path from the package's folder, so that it is sent (\"../proto/x.proto\"); and check that no .lpipeignore or .dockerignore excludes it",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Unable to find libclang|couldn't find any valid shared libraries matching: \['libclang|libclang function .{1,60} was not loaded|could not run executable .clang`),
		what:   "libclang is missing", why: "bindgen reads C headers with it",
		fix: "add libclang-dev to packages in [build] of lpipe.toml (clang-dev of Alpine, clang-devel of Fedora); where it is elsewhere, LIBCLANG_PATH in [build.env]",
	},
	{
		stages: compiling,
		words:  pattern.Of(`(?:fatal error: )?'((?:stddef|stdarg|stdbool|stdint|limits|float)\.h)' file not found`),
		what:   "clang's own headers are missing", why: "bindgen found libclang without them",
		fix: "add clang to packages in [build] of lpipe.toml; or BINDGEN_EXTRA_CLANG_ARGS in [build.env] names their folder",
	},
	{
		stages: compiling,
		words:  pattern.Of(`cannot execute '?(cc1plus|cc1)'?|(?:g|c)\+\+: (?:command )?not found|[Ff]ailed to find tool.{0,12}(?:c|g)\+\+|No CMAKE_CXX_COMPILER could be found|CMAKE_CXX_COMPILER not set`),
		what:   "the C++ compiler is missing", why: "a crate compiles C++ code",
		fix: "add g++ to packages in [build] of lpipe.toml (gcc-c++ of Fedora, build-base of Alpine)",
	},
	{
		stages: compiling,
		words:  pattern.Of("(?i)failed to find tool.{0,12}[\"'`](?:cc|gcc|clang)[\"'`]|No CMAKE_C_COMPILER could be found|CMAKE_C_COMPILER not set|no acceptable C compiler found in|C compiler cannot create executables"),
		what:   "the C compiler is missing", why: "a crate compiles C code, and the image has no compiler, or one without the C library's files",
		fix: "add gcc and libc6-dev to packages in [build] of lpipe.toml (build-base of Alpine, gcc and glibc-devel of Fedora)",
	},
	{
		stages: compiling,
		words:  pattern.Of(`(?i)is .?cmake.? not installed|Missing dependency: cmake|cmake: (?:command )?not found|failed to (?:execute|run|spawn) .?cmake`),
		what:   "cmake is missing", why: "a crate compiles C code with it",
		fix: "add cmake (and make) to packages in [build] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Compatibility with CMake < [0-9.]{1,6} has been removed`),
		what:   "cmake is too new for a crate", why: "its files are written for an old one",
		fix: "set CMAKE_POLICY_VERSION_MINIMUM = \"3.5\" in [build.env] of lpipe.toml, or take a newer version of the crate",
	},
	{
		stages: compiling,
		words:  pattern.Of(`CMake [0-9.]{1,8} or higher is required`),
		what:   "cmake is too old for a crate", why: "its files are written for a newer one",
		fix: "set base in [build] of lpipe.toml to an image of a newer distribution",
	},
	{
		stages: compiling,
		words:  pattern.Of(`CMake was unable to find a build program corresponding to|CMAKE_MAKE_PROGRAM is not set|(?i)is .?g?make.? not installed|make: (?:command )?not found`),
		what:   "make is missing", why: "a crate compiles C code with it",
		fix: "add make to packages in [build] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Can't locate [A-Za-z0-9_/]{1,60}\.pm in @INC|(?i)command .?perl.? not found|is .?perl.? installed\?|perl: (?:command )?not found|Command: .{0,40}"perl"`),
		what:   "perl, or a part of it, is missing", why: "OpenSSL's sources are configured by it",
		fix: "add perl to packages in [build] of lpipe.toml (Fedora: perl-core); or use the crate's feature \"rustls\"",
	},
	{
		stages: compiling,
		words:  pattern.Of(`(?i)nasm command not found|NASM command not found or failed to execute|failed to find tool.{0,12}nasm|nasm: (?:command )?not found`),
		what:   "nasm is missing", why: "a crate has code in its language",
		fix: "add nasm to packages in [build] of lpipe.toml",
	},
	{
		stages: compiling,
		words:  pattern.Of("(?i)is [`'\"]([A-Za-z0-9_.+-]{1,40})[`'\"] (?:not )?installed\\?|(?:sh|bash): (?:line )?(?:\\d+: )?([A-Za-z0-9_.+-]{1,40}): (?:command )?not found|env: .{0,20}?['‘]([A-Za-z0-9_.+-]{1,40})['’]: No such file or directory|[Ff]ailed to find tool.{0,12}\"([A-Za-z0-9_.+-]{1,64})\"|Missing dependency: ([A-Za-z0-9_.+-]{1,40})|cannot find binary path.{0,40}"),
		what:   "a program is missing that the step runs", why: "the image does not have it", program: true,
		fix: inPackages + orBase,
	},
	{
		stages: compiling,
		words:  pattern.Of(`fatal error: ([A-Za-z0-9_./+-]{1,100}\.(?:h|hh|hpp|inc)): No such file or directory|'([A-Za-z0-9_./+-]{1,100}\.(?:h|hh|hpp|inc))' file not found`),
		what:   "a C header is missing", why: "a crate compiles C code that includes it",
		fix: "add the package that has it to packages in [build] of lpipe.toml (Debian: libNAME-dev; linux-libc-dev for linux/*.h); if it is the project's own, check that no .lpipeignore or .dockerignore excludes it",
	},
	{
		stages: compiling,
		words:  pattern.Of(`unrecognized command[- ]line option .{1,3}-[A-Za-z0-9_=.+-]{1,60}|(?:clang|gcc|cc): error: unknown argument:? .?-[A-Za-z0-9_=.+-]{1,60}`),
		what:   "the C compiler does not know a flag", why: "it is for another compiler, version or architecture",
		fix: "correct CFLAGS or rustflags, or set CC in [build.env] of lpipe.toml to the compiler that it is for",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Exec format error`),
		what:   "a program is for another machine", why: "a step was to run a file that this machine cannot, or a script without its first line",
		fix: "let the build compile the tool, or name one for the engine's machine; a script begins with #!/bin/sh",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Os \{ code: 13, kind: PermissionDenied, message: "Permission denied" \}|(?:sh|bash): (?:line )?(?:\d+: )?[A-Za-z0-9_./+-]{1,80}: Permission denied`),
		what:   "a build script may not open or run a file", why: "it is not executable, or belongs to another user",
		fix: "make a script that is run executable, also in the repository: git update-index --chmod=+x FILE",
	},
	{
		stages: compiling,
		words:  pattern.Of(`Os \{ code: 2, kind: NotFound, message: "No such file or directory" \}`),
		what:   "a build script did not find a file or a program", why: "it does not say which",
		fix: "the line of the build script is above: if it runs a program, " + inPackages + "; if it reads a file, name its path from the package's folder, so that it is sent, and check that " +
			"no .lpipeignore or .dockerignore excludes it",
	},
}

// What programs say of names that have no address, and of servers that do not answer.
var (
	unresolved = pattern.Of(`(?i)(?:Could not|unable to) resolve host(?:name)?|Couldn't resolve host|Temporary failure resolving|Temporary failure in name resolution|failed to lookup address|dns error|` +
		`DNS: transient error|Name or service not known|Name does not resolve|getaddrinfo E?[A-Z_]*NOTFOUND|EAI_AGAIN`)
	unreached = pattern.Of(`(?i)Could not connect to (?:server|[a-z0-9.-]{1,60})|Couldn't connect to server|Failed to connect to|Unable to connect to|Connection timed out|Operation too slow|Timeout was reached|` +
		`Network is unreachable|No route to host|Connection refused|Connection reset by peer|SSL connect error|HTTP2 framing layer|HTTP/2 stream \d+ was not closed cleanly|Transferred a partial file|fatal: early EOF|unexpected disconnect while reading sideband packet|` +
		`network error \(check Internet connection and firewall\)|Failed to download metadata for repo|Cannot download repomd\.xml|Could not download file from|temporary error \(try again later\)|transfer closed with|unexpected end of file from server|error sending request for url`)
)
