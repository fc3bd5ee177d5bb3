// Package lpipe is the architecture of lpipe, which builds AWS Lambda functions written in Rust, and the one
// Dockerfile that all of them share.
//
// A build flows one way, from the user's words to the zip:
//
//	lpipe.toml, flags, env ─ config ┐
//	Cargo.toml, Cargo.lock ─ cargo ─┤
//	                                └ project ─ reach ─ plan ─┬─ skeleton ───┐
//	                                                          └─ dockerfile ─┴─ build.Prepare ─ build.Solve ─ build.Deliver ─┬─ report
//	                         access (sshfwd, hostkeys), login, network, cache ─────┘                │                        └─ publish, attest
//	                         embedded | docker | address ─ engine ─────────────────── solve ────────┘
//
// What was built is run here by emulator, and put into functions on AWS by deploy; what each is given of it, packages runnable
// and deployable say.
//
// Planning and rendering are pure: values and an [io/fs.FS] in, values out. deps_test.go holds the map: what each
// package may import, which ones know BuildKit, and a reason for each line.
//
// # Terms
//
//   - lambda: one binary target of a cargo package, deployed as one function
//   - bootstrap: the program in the zip, started by Lambda's provided.* runtimes
//   - skeleton: the manifests of a workspace with empty sources; what the dependencies depend on, and no more
//   - closure: the real folders of a lambda and of its local path dependencies, which are laid over the stubs of the others
//   - bound: what of this machine a project may read; a view is the disk within it
//   - engine: a BuildKit to build with
//   - stage: a stage of Dockerfile.tmpl: toolchain, fetch, compiler, deps, libs, build, test, bootstrap, lambda;
//     runner and smoke, where a lambda has to answer events, and image-files, where its zip takes files of the image
//   - warm: what a user's last build of a project compiled of the dependencies, kept by the engine beside the layers
//   - finding: a test that failed, an error or a warning of the compiler, or a build script that failed, with its place
//   - variant: all that a rendered Dockerfile depends on; lambdas of one variant share its text
package lpipe

import _ "embed"

// Dockerfile is the template of the Dockerfile that is solved for every lambda; package dockerfile renders it.
//
//go:embed Dockerfile.tmpl
var Dockerfile string
