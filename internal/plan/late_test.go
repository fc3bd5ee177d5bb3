package plan

import (
	"slices"
	"strings"
	"testing"
)

const twoLambdas = `
-- Cargo.toml --
[workspace]
members = ["api", "job", "plain", "stamp", "user"]
-- lpipe.toml --
[build.late-env]
GIT_SHA = "{{git-sha}}"
[lambda.api.late-env]
WHO = "{{name}}"
-- api/Cargo.toml --
[package]
name = "api"
version = "0.1.0"
[dependencies]
plain = { path = "../plain" }
user = { path = "../user" }
-- api/src/main.rs --
fn main() { env!("WHO"); }
-- job/Cargo.toml --
[package]
name = "job"
version = "0.1.0"
[dependencies]
plain = { path = "../plain" }
user = { path = "../user" }
-- job/src/main.rs --
fn main() {}
-- plain/Cargo.toml --
[package]
name = "plain"
version = "0.1.0"
-- plain/src/lib.rs --
pub fn f() {}
-- user/Cargo.toml --
[package]
name = "user"
version = "0.1.0"
[dependencies]
stamp = { path = "../stamp" }
-- user/src/lib.rs --
pub use stamp::f;
-- stamp/Cargo.toml --
[package]
name = "stamp"
version = "0.1.0"
-- stamp/src/lib.rs --
pub fn f() {}
`

func TestWhatReadsALateVariableIsCompiledLate(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{"nothing does", "", "plain stamp user"},
		{"one, and what depends on it", "-- stamp/src/lib.rs --\npub fn f() { option_env!(\"GIT_SHA\"); }\n", "plain"},
		{"by the variable of another lambda", "-- user/src/lib.rs --\nstd::env::var(\"WHO\")\n", "plain stamp"},
		{"a build script", "-- plain/build.rs --\nfn main() { std::env::var(\"GIT_SHA\"); }\n", "stamp user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := planIn(t, "p", twoLambdas+c.files, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range p.Variants {
				var libs []string
				for _, set := range v.Libs {
					for _, l := range set {
						libs = append(libs, l.Name)
					}
				}
				slices.Sort(libs)
				if got := strings.Join(slices.Compact(libs), " "); got != c.want {
					t.Errorf("%s: %q are compiled before, not %q", v.Lambdas[0].Name, got, c.want)
				}
				want := []string{"GIT_SHA"}
				if v.Lambdas[0].Name == "api" {
					want = append(want, "WHO")
				}
				if !slices.Equal(v.LateEnv, want) {
					t.Errorf("%s has the variables %q", v.Lambdas[0].Name, v.LateEnv)
				}
			}
		})
	}
}

func TestLateVariablesThatHaveNoEffectAreRefused(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{
			"cargo sets it", "-- .cargo/config.toml --\n[env]\nGIT_SHA = { value = \"x\", force = true }\n",
			`late-env has GIT_SHA, and so has [env] of cargo's configuration (.cargo/config.toml:2:13)`,
		},
		{
			"what reads it is compiled with the dependencies", "-- Cargo.toml --\n[workspace]\nmembers = [\"api\", \"job\"]\n[patch.crates-io]\nstamp = { path = \"stamp\" }\n" +
				"-- stamp/src/lib.rs --\nenv!(\"GIT_SHA\");\n",
			"GIT_SHA of late-env does not reach stamp, which names it (stamp/src/lib.rs:1)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := planIn(t, "p", twoLambdas+c.files, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not say %s", err, c.want)
			}
		})
	}
}
