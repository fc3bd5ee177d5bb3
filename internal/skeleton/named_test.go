package skeleton

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/disk"
	"lpipe/internal/reach"
	"lpipe/internal/testparts"
)

// named is a repository whose workspace lies in its folder rust, with one member.
const named = `
-- rust/Cargo.toml --
[workspace]
members = ["fn"]
resolver = "2"
-- rust/Cargo.lock --
version = 4

[[package]]
name = "fn"
version = "0.1.0"
-- rust/fn/Cargo.toml --
[package]
name = "fn"
version = "0.1.0"
edition = "2021"
readme = "../../README.md"
-- rust/fn/src/main.rs --
fn main() {}
-- rust/docs/page.md --
page
-- README.md --
readme
-- VERSION --
1
-- proto/ping.proto --
message Ping {}
-- proto/deep/er.proto --
-- frontend/index.js --
`

// script is a build script of the package in named.
func script(body string) string {
	return "-- rust/fn/build.rs --\nuse std::{env, fs, path::{Path, PathBuf}};\nfn main() {\n    let here = PathBuf::from(env::var(\"CARGO_MANIFEST_DIR\").unwrap());\n    " + body + "\n}\n"
}

func program(body string) string { return "-- rust/fn/src/main.rs --\n" + body + "\n" }

// TestWhatASourceNamesIsSentOrSaid lays files over named. What the sources name is in the context, or a note or an error
// says which list left it out.
func TestWhatASourceNamesIsSentOrSaid(t *testing.T) {
	const ignored = "-- rust/.dockerignore --\n**/*.psd\n.git\n**/Dockerfile\n-- rust/fn/a.psd --\n-- rust/fn/Dockerfile --\n-- rust/fn/p/q/b.psd --\n"
	const readsProto = `.join("proto").join("ping.proto"); fs::read_to_string(p).unwrap();`
	for name, c := range map[string]struct {
		files string
		paths string // in the context in which the package is tested; with "!" not
		said  string // "" for nothing
		bare  bool   // without a repository
	}{
		// Above the root of the workspace.
		"a computed readme":                     {files: program(`#![doc = include_str!(concat!("../", env!("CARGO_PKG_README")))] fn main() {}`), paths: "README.md !proto/ping.proto !frontend/index.js"},
		"the manifest's folder and a readme":    {files: program(`const R: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", env!("CARGO_PKG_README"))); fn main() {}`), paths: "README.md !proto/ping.proto"},
		"the manifest's folder and a path":      {files: program(`const R: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../", "VERSION")); fn main() {}`), paths: "VERSION !README.md !proto/ping.proto"},
		"a number and the package's version":    {files: "-- v1-0.txt --\n" + program(`const V: &str = include_str!(concat!("../../../v", 1, "-", env!("CARGO_PKG_VERSION_MAJOR"), ".txt")); fn main() {}`), paths: "v1-0.txt !README.md"},
		"a path of another macro":               {files: program(`macro_rules! top { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/../..") } } const V: &str = include_str!(concat!(top!(), "/VERSION")); fn main() {}`), paths: "VERSION !frontend/index.js", said: "names what top! gives, which cannot be followed"},
		"parent of parent":                      {files: script(`let p = here.parent().unwrap().parent().unwrap()` + readsProto), paths: "proto/ping.proto !frontend/index.js", said: "rust/fn/build.rs:4 looks in the folders above"},
		"ancestors":                             {files: script(`let p = here.ancestors().nth(2).unwrap()` + readsProto), paths: "proto/ping.proto !frontend/index.js", said: "looks in the folders above"},
		"pop":                                   {files: script(`let mut p = here.clone(); p.pop(); p.pop(); let p = p` + readsProto), paths: "proto/ping.proto", said: "looks in the folders above"},
		"two joins of ..":                       {files: script(`let p = here.join("..").join("..")` + readsProto), paths: "proto/ping.proto !frontend/index.js", said: "cannot be followed"},
		"a written path":                        {files: script(`let p = here.join("../../proto/ping.proto"); fs::read(p).unwrap();`), paths: "proto/ping.proto !proto/deep/er.proto"},
		"a format":                              {files: script(`let n = "ping"; let p = format!("{}/../../proto/{n}.proto", here.display()); fs::read(p).unwrap();`), paths: "proto/ping.proto !frontend/index.js"},
		"a search for a mark":                   {files: script(`let mut p = here.as_path(); while !p.join(".git").exists() { p = p.parent().unwrap(); } fs::read(p.join("VERSION")).unwrap();`), paths: "VERSION !frontend/index.js", said: "looks in the folders above"},
		"a listing of the folder above":         {files: script(`for e in fs::read_dir(here.parent().unwrap().parent().unwrap()).unwrap() { println!("{:?}", e); }`), paths: "proto/ping.proto VERSION frontend/index.js", said: "looks in the folders above"},
		"a folder for what is generated":        {files: script(`let mut out = PathBuf::from(env::var("OUT_DIR").unwrap()); out.pop(); out.pop(); out.pop(); fs::copy(here.join("src").join("main.rs"), out.join("copy")).unwrap();`), paths: "!frontend/index.js !README.md", said: "looks in the folders above"},
		"the workspace's folder alone":          {files: script(`let p = here.parent().unwrap().join("docs").join("page.md"); fs::read(p).unwrap();`), paths: "rust/docs/page.md !proto/ping.proto !frontend/index.js", said: "looks in the folders above"},
		"a variable for a folder":               {files: "-- rust/.cargo/config.toml --\n[env]\nPROTO_ROOT = { value = \"../proto\", relative = true }\n" + script(`fs::read(format!("{}/ping.proto", env::var("PROTO_ROOT").unwrap())).unwrap();`), paths: "proto/ping.proto proto/deep/er.proto !frontend/index.js"},
		"a variable for a file":                 {files: "-- rust/.cargo/config.toml --\n[env]\nV = { value = \"../VERSION\", relative = true }\n" + script(`fs::read(env::var("V").unwrap()).unwrap();`), paths: "VERSION !README.md"},
		"a variable for a crate":                {files: "-- rust/.cargo/config.toml --\n[env]\nPROTOC_INCLUDE = { value = \"../proto\", relative = true }\n", paths: "proto/ping.proto !frontend/index.js"},
		"a variable for the workspace":          {files: "-- rust/.cargo/config.toml --\n[env]\nTOP = { value = \"\", relative = true }\n" + script(`fs::read(format!("{}/docs/page.md", env::var("TOP").unwrap())).unwrap();`), paths: "rust/docs/page.md !proto/ping.proto", said: "uses TOP"},
		"a test":                                {files: "-- rust/fn/tests/t.rs --\n#[test] fn t() { let p = std::path::Path::new(env!(\"CARGO_MANIFEST_DIR\")).parent().unwrap().parent().unwrap().join(\"proto\"); std::fs::read_dir(p).unwrap(); }\n", paths: "proto/ping.proto !frontend/index.js", said: "looks in the folders above"},
		"configuration of a macro":              {files: "-- rust/fn/askama.toml --\n[general]\ndirs = [\"templates\", \"../../proto\"]\n", paths: "proto/ping.proto !frontend/index.js"},
		"configuration in JSON":                 {files: "-- rust/fn/api.json --\n{\"schema\": \"../../proto/ping.proto\"}\n", paths: "proto/ping.proto !proto/deep/er.proto"},
		"configuration in YAML":                 {files: "-- rust/fn/gen.yaml --\nin:\n  - ../../proto\n", paths: "proto/ping.proto"},
		"configuration of the workspace":        {files: "-- rust/gen.yml --\nin: ../proto\n", paths: "proto/ping.proto"},
		"a template":                            {files: "-- rust/fn/templates/mail.txt --\n{% include \"../../../VERSION\" %}\n", paths: "VERSION"},
		"settings in the manifest":              {files: "-- rust/fn/Cargo.toml --\n[package]\nname = \"fn\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[package.metadata.codegen]\nprotos = [\"../../proto\"]\n", paths: "proto/ping.proto !frontend/index.js"},
		"configuration beyond the package":      {files: "-- askama.toml --\ndirs = [\"../v\", \"templates\", \"rust/../proto\"]\n" + program(`#[template(config = "../../askama.toml", path = "x")] struct T; fn main() {}`), paths: "askama.toml proto/ping.proto"},
		"a word of a tool that is no build's":   {files: "-- rust/fn/package.json --\n{\"main\": \"../../frontend/index.js\"}\n", paths: "!frontend/index.js"},
		"without a repository":                  {files: script(`let p = here.parent().unwrap().parent().unwrap()` + readsProto), bare: true, paths: "!proto/ping.proto", said: "proto is not sent: it is /"},
		"a computed readme, without repository": {files: program(`#![doc = include_str!(concat!("../", env!("CARGO_PKG_README")))] fn main() {}`), bare: true, paths: "!README.md", said: "README.md\", which is not sent: it is /"},
		"a path, without a repository":          {files: script(`fs::read("../../VERSION").unwrap();`), bare: true, paths: "!VERSION", said: "which is not sent: it is /"},
		"a variable, without a repository":      {files: "-- rust/.cargo/config.toml --\n[env]\nP = { value = \"../proto\", relative = true }\n" + script(`fs::read(env::var("P").unwrap()).unwrap();`), bare: true, paths: "!proto/ping.proto", said: "which is not sent: it is /"},

		// What lpipe itself leaves out.
		"a .env of a build script":       {files: "-- rust/fn/.env --\nA=1\n" + script(`let text = fs::read_to_string(".env").unwrap_or_default();`), paths: "rust/fn/.env", said: "rust/fn/.env is sent, because rust/fn/build.rs:4 names it"},
		"a .env that is included":        {files: "-- rust/fn/.env.defaults --\nA=1\n" + program(`const D: &str = include_str!("../.env.defaults"); fn main() {}`), paths: "rust/fn/.env.defaults", said: "rust/fn/.env.defaults is sent, because rust/fn/src/main.rs:1 names it"},
		"a .env of a test":               {files: "-- rust/fn/.env.test --\nA=1\n-- rust/fn/.env --\nS=1\n" + program("fn main() {}\n#[test] fn t() { std::fs::read_to_string(\".env.test\").unwrap(); }"), paths: "rust/fn/.env.test !rust/fn/.env", said: "rust/fn/.env.test is sent, because rust/fn/src/main.rs:2 names it"},
		"a .env of dotenvy":              {files: "-- rust/.env --\nA=1\n" + script(`dotenvy::dotenv().ok();`), paths: "rust/.env", said: "rust/.env is sent, because rust/fn/build.rs:4 names it"},
		"a .env of a macro":              {files: "-- rust/.env --\nA=1\n" + program(`fn main() { let a = dotenvy_macro::dotenv!("A"); }`), paths: "rust/.env", said: "rust/.env is sent, because rust/fn/src/main.rs:1 names it"},
		"a .env of another crate":        {files: "-- rust/fn/.env --\nA=1\n" + script(`dotenv_build::output(dotenv_build::Config::default()).unwrap();`), paths: "rust/fn/.env", said: "rust/fn/.env is sent"},
		"a build script that runs git":   {files: script(`std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().ok();`), paths: "!.git/HEAD", said: ".git is left out: lpipe never sends git's folder; rust/fn/build.rs:4 names it; {{git-sha}} in [build.late-env] of lpipe.toml is the commit"},
		"a .env by the profile":          {files: "-- rust/fn/.env.release --\nA=1\n-- rust/fn/.env --\nA=1\n" + script(`fs::read_to_string(here.join(format!(".env.{}", env::var("PROFILE").unwrap()))).unwrap_or_default();`), paths: "rust/fn/.env.release !rust/fn/.env", said: "rust/fn/.env.release is sent, because rust/fn/build.rs:4 names it"},
		"a .env above by the profile":    {files: "-- rust/.env.release --\nA=1\n" + script(`fs::read_to_string(format!("{}/../.env.{p}", here.display())).unwrap_or_default();`), paths: "rust/.env.release", said: "rust/.env.release is sent, because rust/fn/build.rs:4 names it"},
		"a .env of the parent":           {files: "-- rust/.env --\nA=1\n" + script(`fs::read_to_string(here.parent().unwrap().join(".env")).unwrap_or_default();`), paths: "rust/.env", said: "rust/.env is sent, because rust/fn/build.rs:4 names it"},
		"another .env of dotenvy above":  {files: "-- .env.build --\nA=1\n" + script(`dotenvy::from_filename(".env.build").ok();`), paths: ".env.build", said: ".env.build is sent, because rust/fn/build.rs:4 names it"},
		"a crate that reads git":         {files: script(`vergen_git2::Emitter::default().emit().ok();`), paths: "!.git/HEAD", said: ".git is left out: lpipe never sends git's folder; rust/fn/build.rs:4 names it"},
		"a macro that runs git":          {files: program(`const V: &str = git_version::git_version!(fallback = "none"); fn main() {}`), paths: "!.git/HEAD", said: ".git is left out: lpipe never sends git's folder; rust/fn/src/main.rs:1 names it"},
		"a shell that runs git":          {files: script(`Command::new("sh").args(["-c", "git rev-parse HEAD"]).output().ok();`), paths: "!.git/HEAD", said: ".git is left out"},
		"vergen":                         {files: script(`vergen::EmitBuilder::builder().git_sha(true).emit().ok();`), paths: "!.git/HEAD", said: ".git is left out"},
		"a .env that a star could mean":  {files: "-- rust/fn/.env.local --\nS=1\n" + script(`fs::read(format!("{host}.local")).ok();`), paths: "!rust/fn/.env.local"},
		"a variable with a commit":       {files: script(`let git_sha = env::var("GIT_SHA").unwrap_or_default(); println!("cargo:rustc-env=V={git_sha}");`), paths: "!.git/HEAD"},
		"a message about git":            {files: script(`panic!("git is not there"); struct S { git_version: u8 }`), paths: "!.git/HEAD"},
		"a .env of a program that runs":  {files: "-- rust/fn/.env --\nA=1\n" + program(`fn main() { dotenvy::from_filename(".env").ok(); }`), paths: "!rust/fn/.env", said: "rust/fn/.env is left out"},
		"a .env that nobody names":       {files: "-- rust/fn/.env --\nA=1\n-- rust/fn/.env.local --\nA=1\n", paths: "!rust/fn/.env !rust/fn/.env.local"},
		"credentials that nobody names":  {files: "-- rust/.cargo/credentials.toml --\nA=1\n", paths: "!rust/.cargo/credentials.toml"},
		"git's own folder":               {files: script(`println!("cargo:rerun-if-changed=../../.git/HEAD");`), paths: "!.git/HEAD", said: ".git/HEAD is left out: lpipe never sends"},
		"a .env in a folder":             {files: "-- rust/fn/assets/.env --\nA=1\n-- rust/fn/assets/a --\n" + program(`static D: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets"); fn main() {}`), paths: "!rust/fn/assets/.env rust/fn/assets/a", said: "rust/fn/assets/.env is left out"},
		"an inert folder of the project": {files: program(`static D: Dir = include_dir!("docs"); fn main() {}`), paths: "rust/docs/page.md"},
		"lpipe.toml that nobody names":   {files: "-- rust/fn/lpipe.toml --\n-- rust/fn/.lpipeignore --\n", paths: "!rust/fn/lpipe.toml !rust/fn/.lpipeignore"},
		"lpipe.toml that is included":    {files: "-- rust/fn/lpipe.toml --\n" + program(`const D: &str = include_str!("../lpipe.toml"); fn main() {}`), paths: "rust/fn/lpipe.toml"},
		"lpipe.toml of a build script":   {files: "-- rust/fn/lpipe.toml --\n" + script(`let text = fs::read_to_string("lpipe.toml").unwrap_or_default();`), paths: "rust/fn/lpipe.toml"},
		"lpipe.toml of a test":           {files: "-- rust/fn/lpipe.toml --\n-- rust/fn/tests/t.rs --\n#[test] fn t() { std::fs::read(\"lpipe.toml\").unwrap(); }\n", paths: "rust/fn/lpipe.toml"},
		"lpipe.toml that is data":        {files: "-- rust/fn/fixtures/lpipe.toml --\n", paths: "rust/fn/fixtures/lpipe.toml"},
		"lpipe.toml of a wide package":   {files: "-- rust/fn/lpipe.toml --\n" + script(`for e in fs::read_dir(here.parent().unwrap().parent().unwrap()).unwrap() { println!("{:?}", e); }`), paths: "rust/fn/lpipe.toml", said: "looks in the folders above"},

		// What an ignore file leaves out.
		"an ignored readme":                         {files: "-- rust/.dockerignore --\n# all\n*.txt\n**/NOTES.md\n-- rust/fn/NOTES.md --\n" + program(`#![doc = include_str!("../NOTES.md")] fn main() {}`), paths: "rust/fn/NOTES.md", said: "rust/fn/NOTES.md is sent, although rust/.dockerignore:3 excludes it, because rust/fn/src/main.rs:1 names it"},
		"an ignored linker script":                  {files: "-- rust/.dockerignore --\n*.ld\n-- rust/layout.ld --\n-- rust/.cargo/config.toml --\n[build]\nrustflags = [\"-Clink-arg=-Tlayout.ld\"]\n", paths: "rust/layout.ld", said: "rust/layout.ld is sent, although rust/.dockerignore:1 excludes it, because cargo's configuration names it"},
		"an ignored readme above":                   {files: "-- .dockerignore --\nREADME.md\n" + program(`#![doc = include_str!(concat!("../", env!("CARGO_PKG_README")))] fn main() {}`), paths: "README.md", said: "README.md is sent, although .dockerignore:1 excludes it"},
		"an ignored file of a script":               {files: "-- rust/.lpipeignore --\n**/data\n-- rust/fn/data/a.csv --\n" + script(`fs::read("data/a.csv").unwrap_or_default();`), paths: "rust/fn/data/a.csv", said: "although rust/.lpipeignore:1 excludes it"},
		"an ignored folder":                         {files: "-- rust/.dockerignore --\n**/assets\n-- rust/fn/assets/a --\n" + program(`static D: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets"); fn main() {}`), paths: "rust/fn/assets/a", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file of a folder":               {files: "-- rust/.dockerignore --\n**/*.psd\n-- rust/fn/assets/a --\n-- rust/fn/assets/b.psd --\n" + program(`static D: Dir = include_dir!("$CARGO_MANIFEST_DIR/assets"); fn main() {}`), paths: "rust/fn/assets/a !rust/fn/assets/b.psd", said: "rust/fn/assets/b.psd is left out: rust/.dockerignore:1 excludes it; rust/fn/src/main.rs:1 names rust/fn/assets"},
		"an ignored template":                       {files: "-- rust/.dockerignore --\n**/*.html\n-- rust/fn/templates/a.html --\n" + program(`#[template(path = "a.html")] struct T; fn main() {}`), paths: "rust/fn/templates/a.html", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file of a test":                 {files: "-- rust/.dockerignore --\n**/testdata\n-- rust/fn/testdata/a --\n-- rust/fn/tests/t.rs --\n#[test] fn t() { std::fs::read(\"testdata/a\").unwrap(); }\n", paths: "rust/fn/testdata/a", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file by a pattern":              {files: "-- rust/.dockerignore --\n**/*.proto\n-- rust/fn/p/a.proto --\n-- rust/fn/p/b.txt --\n" + script(`for p in glob("p/*.proto") {}`), paths: "rust/fn/p/a.proto", said: "rust/fn/p/a.proto is sent, although rust/.dockerignore:1 excludes it, because rust/fn/build.rs:4 names it"},
		"an ignored file by a format":               {files: "-- rust/.dockerignore --\n**/*.proto\n-- rust/fn/p/a.proto --\n" + script(`fs::read(format!("{}/p/{n}.proto", here.display())).unwrap_or_default();`), paths: "rust/fn/p/a.proto", said: "rust/fn/p/a.proto is sent, although"},
		"an ignored file deeper":                    {files: "-- rust/.dockerignore --\n**/*.proto\n-- rust/fn/p/q/a.proto --\n" + script(`for p in glob("p/**/*.proto") {}`), paths: "!rust/fn/p/q/a.proto", said: "rust/fn/p/q/a.proto is left out: rust/.dockerignore:1 excludes it; rust/fn/build.rs:4 names rust/fn/p"},
		"ignored files that a pattern of all means": {files: "-- rust/.dockerignore --\n**/*.psd\n-- rust/fn/b.psd --\n" + script(`glob("*"); fs::read(format!("{a}/{b}")); p == "{}.*";`), paths: "!rust/fn/b.psd", said: "rust/fn/b.psd is left out: rust/.dockerignore:1 excludes it; rust/fn/build.rs:4 lists the package's folder"},
		"ignored files of another pattern":          {files: ignored + script(`fs::read(format!("{a}/{b}")); p == "{}.*";`), paths: "!rust/fn/a.psd"},
		"a listing of the package":                  {files: ignored + script(`for e in fs::read_dir(".").unwrap() {}`), paths: "!rust/fn/a.psd", said: "rust/fn/a.psd and 1 more are left out: rust/.dockerignore:1 excludes it; rust/fn/build.rs:4 lists the package's folder"},
		"a listing by the manifest's folder":        {files: ignored + script(`for e in fs::read_dir(&here).expect("no folder") {}`), said: "lists the package's folder"},
		"a listing by the variable":                 {files: ignored + script(`for e in WalkDir::new(env!("CARGO_MANIFEST_DIR")) {}`), said: "lists the package's folder"},
		"a listing by a method":                     {files: ignored + script(`for e in Path::new(".").read_dir().unwrap() {}`), said: "lists the package's folder"},
		"a listing by a function":                   {files: ignored + script(`visit(&here, 0); } fn visit(dir: &Path, n: u8) { for e in fs::read_dir(dir).unwrap() { visit(&e.unwrap().path(), n + 1); }`), said: "rust/fn/build.rs:4 lists the package's folder"},
		"a pattern of the package":                  {files: ignored + script(`for p in glob::glob("**/*.psd").unwrap() {}`), said: "rust/fn/a.psd and 1 more are left out: rust/.dockerignore:1 excludes it; rust/fn/build.rs:4 looks for *.psd in the package's folder"},
		"a pattern in the manifest's folder":        {files: ignored + script(`for p in glob(&format!("{}/**/*.psd", here.display())) {}`), said: "looks for *.psd in the package's folder"},
		"a pattern of a builder":                    {files: ignored + script(`GlobWalkerBuilder::from_patterns(".", &["*.psd"]).build();`), said: "looks for *.psd in the package's folder"},
		"a listing by a folder in it":               {files: ignored + script(`for e in fs::read_dir(here.join(".")).unwrap() {}`), said: "lists the package's folder"},
		"a pattern that means none of them":         {files: ignored + script(`for p in glob("**/*.proto") {}`)},
		"a listing of a test":                       {files: ignored + "-- rust/fn/tests/t.rs --\n#[test] fn t() { for e in std::fs::read_dir(\".\").unwrap() {} }\n", said: "rust/fn/tests/t.rs:1 lists the package's folder"},
		"a listing of a macro":                      {files: ignored + program(`static D: Dir = include_dir!("$CARGO_MANIFEST_DIR"); fn main() {}`), said: "rust/fn/src/main.rs:1 lists the package's folder"},
		"a listing of an attribute":                 {files: ignored + program(`#[derive(Embed)] #[folder = "."] struct D; fn main() {}`), said: "rust/fn/src/main.rs:1 lists the package's folder"},
		"a listing of what is generated":            {files: ignored + script(`let out = env::var("OUT_DIR").unwrap(); for e in fs::read_dir(&out).unwrap() {} compile(&["a.proto"], &["."]); Command::new("x").current_dir(&here);`)},
		"a listing of a folder in it":               {files: ignored + "-- rust/fn/p/x --\n" + script(`for e in fs::read_dir(here.join("p")).unwrap() {} println!("cargo:rerun-if-changed=."); "a.b".split(".");`), said: "names rust/fn/p"},
		"a listing of a program":                    {files: ignored + program(`fn main() { for e in std::fs::read_dir(".").unwrap() {} }`)},
		"a listing with a .env":                     {files: "-- rust/fn/.env --\nA=1\n" + script(`for e in fs::read_dir(here) {}`), paths: "!rust/fn/.env", said: "rust/fn/.env is left out: lpipe sends a file of such a name only where a source names it; rust/fn/build.rs:4 lists the package's folder"},
		"an ignored folder of a macro":              {files: "-- rust/.dockerignore --\n**/migrations\n-- rust/fn/migrations/1.sql --\n" + program(`static M: Migrator = sqlx::migrate!(); fn main() {}`), paths: "rust/fn/migrations/1.sql", said: "rust/fn/migrations is sent, although rust/.dockerignore:1 excludes it, because rust/fn/src/main.rs:1 names it"},
		"ignored translations":                      {files: "-- rust/.dockerignore --\n**/locales\n-- rust/fn/locales/en.yml --\n" + program(`i18n!(); fn main() {}`), paths: "rust/fn/locales/en.yml", said: "although rust/.dockerignore:1 excludes it"},
		"ignored queries of sqlx":                   {files: "-- rust/.dockerignore --\n**/.*\n-- rust/.sqlx/q.json --\n" + program(`fn main() { sqlx::query!("select 1"); }`), paths: "rust/.sqlx/q.json", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file of a helper of tests":      {files: "-- rust/.dockerignore --\n**/*.yaml\n-- rust/fn/a.yaml --\n-- rust/fn/tests/t.rs --\n#[test] fn t() { load(\"a.yaml\"); }\n", paths: "rust/fn/a.yaml", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file nobody names":              {files: "-- rust/.dockerignore --\n**/*.psd\n-- rust/fn/b.psd --\n", paths: "!rust/fn/b.psd"},
		"an ignored file of a case":                 {files: "-- rust/.dockerignore --\n**/testdata\n-- rust/fn/testdata/a.json --\n-- rust/fn/tests/t.rs --\n#[rstest] #[case::one(\"testdata/a.json\")] fn t(#[case] p: &str) { fs::read(p); }\n", paths: "rust/fn/testdata/a.json", said: "although rust/.dockerignore:1 excludes it"},
		"an ignored file by its parts":              {files: "-- rust/.dockerignore --\n**/*.csv\n-- rust/fn/data.csv --\n" + script(`fs::read(here.join("data").with_extension("csv")).unwrap_or_default();`), paths: "rust/fn/data.csv", said: "rust/fn/data.csv is sent, although rust/.dockerignore:1 excludes it, because rust/fn/build.rs:4 names it"},
		"ignored files by a sum":                    {files: "-- rust/.dockerignore --\n**/*.csv\n-- rust/fn/t/a.csv --\n-- rust/fn/t/b.csv --\n" + script(`for n in ["t/a"] { fs::read(n.to_string() + ".csv").ok(); }`), paths: "rust/fn/t/a.csv !rust/fn/t/b.csv", said: "rust/fn/t/a.csv is sent"},
		"an ignored file of a command":              {files: "-- rust/.dockerignore --\n**/*.csv\n-- rust/fn/t/a.csv --\n" + script(`Command::new("sh").args(["-c", "cat t/a.csv || true"]).status();`), paths: "rust/fn/t/a.csv", said: "rust/fn/t/a.csv is sent"},
		"an ignored file of a sentence":             {files: "-- rust/.dockerignore --\n**/*.md\n-- rust/fn/NOTES.md --\n" + script(`f().expect("see NOTES.md for more"); panic!("as NOTES.md says");`), paths: "!rust/fn/NOTES.md"},
		"an ignored file of a list":                 {files: "-- rust/.dockerignore --\n**/tables\n-- rust/fn/tables/a.csv --\n-- rust/fn/tables.toml --\n[t]\nfiles = [\"tables/a.csv\"]\n" + script(`for f in list() { fs::read_to_string(f).unwrap_or_default(); }`), paths: "rust/fn/tables/a.csv", said: "rust/fn/tables/a.csv is sent, although rust/.dockerignore:1 excludes it, because rust/fn/tables.toml:2 names it"},
		"an ignored file of YAML":                   {files: "-- rust/.dockerignore --\n**/*.csv\n-- rust/fn/my data.csv --\n-- rust/fn/b.csv --\n-- rust/fn/c.csv --\n-- rust/fn/gen/s.yaml --\n- from: \"my data.csv\"\n- ../b.csv\n" + script(`gen();`), paths: "rust/fn/b.csv !rust/fn/c.csv", said: "rust/fn/my data.csv is sent, although rust/.dockerignore:1 excludes it, because rust/fn/gen/s.yaml:1 names it"},
		"an ignored file of a text":                 {files: "-- rust/.dockerignore --\n**/*.csv\n-- rust/fn/b.csv --\n-- rust/fn/files --\nb.csv\n" + script(`for f in fs::read_to_string("files").unwrap().lines() { fs::read(f).ok(); }`), paths: "rust/fn/b.csv", said: "although rust/.dockerignore:1 excludes it, because rust/fn/files:1 names it"},
		"an ignored header of C":                    {files: "-- rust/.dockerignore --\n**/opt.h\n-- rust/fn/c/opt.h --\n-- rust/fn/c/a.c --\n#if __has_include(\"opt.h\")\n#include \"opt.h\"\n#endif\n" + script(`cc::Build::new().file("c/a.c");`), paths: "rust/fn/c/opt.h", said: "although rust/.dockerignore:1 excludes it, because rust/fn/c/a.c:1 names it"},
		"an ignored proto of one":                   {files: "-- rust/.dockerignore --\n**/v2\n-- rust/fn/proto/v2/b.proto --\n-- rust/fn/proto/a.proto --\nimport \"v2/b.proto\";\n" + script(`compile("proto/a.proto");`), paths: "rust/fn/proto/v2/b.proto", said: "because rust/fn/proto/a.proto:1 names it"},
		"a .env of a list":                          {files: "-- rust/fn/.env.defaults --\nA=1\n-- rust/fn/build.json --\n{\"env\": \".env.defaults\"}\n" + script(`env();`), paths: "rust/fn/.env.defaults", said: "rust/fn/.env.defaults is sent, because rust/fn/build.json:1 names it"},
		"a list of the workspace":                   {files: "-- rust/.dockerignore --\ndata\n-- rust/data/a.csv --\n-- rust/gen.toml --\nfrom = 'data/a.csv'\n" + script(`fs::read("../gen.toml").unwrap();`), paths: "rust/data/a.csv", said: "rust/data/a.csv is sent, although rust/.dockerignore:1 excludes it, because rust/gen.toml:1 names it"},
		"a list that nobody reads":                  {files: "-- rust/.dockerignore --\n**/tables\n-- rust/fn/tables/a.csv --\n-- rust/fn/tables.toml --\nfiles = [\"tables/a.csv\"]\n", paths: "!rust/fn/tables/a.csv"},
		"words of a list":                           {files: "-- rust/.dockerignore --\n**/notes\n-- rust/fn/notes/a --\n-- rust/fn/t.toml --\nnotes = \"some notes. More\"\n" + script(`gen();`), paths: "!rust/fn/notes/a"},
		"a word that names nothing":                 {files: "-- rust/.dockerignore --\n**/Dockerfile\n-- rust/fn/Dockerfile --\n" + program(`fn main() { println!("write a Dockerfile", "Dockerfile"); }`), paths: "!rust/fn/Dockerfile"},
	} {
		t.Run(name, func(t *testing.T) {
			home := testparts.Project(t, named)
			testparts.Unpack(t, home, c.files)
			if !c.bare {
				testparts.Unpack(t, home, "-- .git/HEAD --\n")
			}
			ws, err := cargo.LoadFrom(disk.Disk{FS: os.DirFS("/")}, strings.TrimPrefix(home, "/")+"/rust", strings.TrimPrefix(home, "/"))
			if err != nil {
				t.Fatal(err)
			}
			ws, found := reach.Find(ws)
			tree, notes, err := Tests(ws, found, []*cargo.Package{ws.Find("fn")}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, p := range tree.Paths() {
				paths = append(paths, strings.TrimPrefix(cargo.Rel(strings.TrimPrefix(home, "/"), filepath.Join(ws.Base, p)), "./"))
			}
			has(t, paths, strings.Fields(c.paths)...)
			said := ""
			for _, n := range notes {
				said += n.Package + ": " + n.Text + "\n"
			}
			if !strings.Contains(said, c.said) || c.said == "" && said != "" {
				t.Errorf("said:\n%s\nwant %q", said, c.said)
			}
		})
	}
}

// TestWhatALinkLeadsTo is sent with the link that a source names, whatever list leaves it out.
func TestWhatALinkLeadsTo(t *testing.T) {
	home := testparts.Project(t, named)
	testparts.Unpack(t, home, "-- .git/HEAD --\n-- .dockerignore --\n*.md\nproto\n-- rust/fn/src/main.rs --\n#![doc = include_str!(\"../README.md\")]\nfn main() {}\n"+
		script(`fs::read_to_string("proto/ping.proto").unwrap_or_default();`))
	for name, to := range map[string]string{"README.md": "again.md", "again.md": "../../README.md", "proto": "../../proto", "round": "round", "up": ".."} {
		if err := os.Symlink(to, filepath.Join(home, "rust/fn", name)); err != nil {
			t.Fatal(err)
		}
	}
	ws, err := cargo.LoadFrom(disk.Disk{FS: os.DirFS("/")}, strings.TrimPrefix(home, "/")+"/rust", strings.TrimPrefix(home, "/"))
	if err != nil {
		t.Fatal(err)
	}
	ws, found := reach.Find(ws)
	tree, notes, err := Closure(ws, found, ws.Packages, Options{})
	if err != nil {
		t.Fatal(err)
	}
	has(t, tree.Paths(), "rust/fn/README.md", "rust/fn/again.md", "README.md", "rust/fn/proto", "proto/ping.proto")
	said := ""
	for _, n := range notes {
		said += n.Text + "\n"
	}
	for _, want := range []string{
		"README.md is sent, although .dockerignore:1 excludes it, because rust/fn/src/main.rs:1 names it",
		"proto/ping.proto is sent, although .dockerignore:2 excludes it, because rust/fn/build.rs:4 names it",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("said:\n%s\nwant %q", said, want)
		}
	}
}
