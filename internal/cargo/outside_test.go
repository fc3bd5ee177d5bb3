package cargo

import (
	"maps"
	"reflect"
	"testing"

	"lpipe/internal/testparts"
)

func TestOutside(t *testing.T) {
	const project = `
-- repo/.git/HEAD --
-- repo/Cargo.lock --
version = 4
-- repo/Cargo.toml --
[package]
name = "a"
version = "0.1.0"
edition = "2021"
-- repo/src/main.rs --
fn main() {}
`
	const locked = "-- repo/Cargo.lock --\nversion = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n" +
		"source = \"git+https://github.com/x/serde?branch=main#0123456789012345678901234567890123456789\"\n"
	const flags = "[build]\nrustflags = [\"-Dwarnings\"]\n"
	home := map[string]string{"HOME": "/home/me"}
	for name, c := range map[string]struct {
		files string // in /up
		env   map[string]string
		want  Outside
	}{
		"nothing":               {"", home, Outside{}},
		"in the project":        {"-- repo/.cargo/config.toml --\n" + flags + "-- repo/rust-toolchain --\n1.80\n", home, Outside{}},
		"above the repository":  {"-- .cargo/config.toml --\n" + flags, nil, Outside{Configs: []OutsideConfig{{File: "/up/.cargo/config.toml", Keys: []string{"build.rustflags"}}}}},
		"the old name wins":     {"-- .cargo/config.toml --\n" + flags + "-- .cargo/config --\npaths = [\"x\"]\n", nil, Outside{Configs: []OutsideConfig{{File: "/up/.cargo/config", Keys: []string{"paths"}}}}},
		"a compiler above":      {"-- rust-toolchain.toml --\n", nil, Outside{Toolchain: "/up/rust-toolchain.toml"}},
		"one that has no say":   {"-- rust-toolchain.toml --\n-- repo/rust-toolchain.toml --\n[toolchain]\nchannel = \"1.80\"\n", nil, Outside{}},
		"of an override":        {"-- rust-toolchain --\n-- rustup/settings.toml --\n[overrides]\n\"/up\" = \"nightly\"\n\"/other\" = \"beta\"\n", map[string]string{"RUSTUP_HOME": "/up/rustup"}, Outside{Toolchain: "rustup's override of /up (nightly)"}},
		"of another's override": {"-- rustup/settings.toml --\n[overrides]\n\"/other\" = \"beta\"\n", map[string]string{"RUSTUP_HOME": "/up/rustup"}, Outside{}},
		"what is only how": {
			"-- .cargo/config.toml --\n[build]\njobs = 2\nincremental = true\n[term]\nquiet = true\n[net]\nretry = 1\n[alias]\nb = \"build\"\n", nil, Outside{},
		},
		"other targets": {
			"-- .cargo/config.toml --\n[target.aarch64-apple-darwin]\nlinker = \"x\"\n[target.'cfg(unix)']\nlinker = \"y\"\n", nil,
			Outside{Configs: []OutsideConfig{{File: "/up/.cargo/config.toml", Keys: []string{"target.cfg(unix)"}}}},
		},
		"in the home folder, which is above": {
			"-- .cargo/config.toml --\n[profile.release]\nlto = true\n[registries.mine]\nindex = \"x\"\n",
			map[string]string{"HOME": "/up"},
			Outside{Configs: []OutsideConfig{{File: "/up/.cargo/config.toml", Keys: []string{"profile.release"}}}},
		},
		"a registry that is in no home folder": {
			"-- .cargo/config.toml --\n[registries.mine]\nindex = \"x\"\n", home, Outside{Configs: []OutsideConfig{{File: "/up/.cargo/config.toml", Keys: []string{"registries.mine"}}}},
		},
		"another home of cargo": {"-- c/config.toml --\n" + flags, map[string]string{"CARGO_HOME": "/up/c"}, Outside{Configs: []OutsideConfig{{File: "/up/c/config.toml", Keys: []string{"build.rustflags"}}}}},
		"another address of a repository": {
			locked + "-- me/.gitconfig --\n[user]\ninsteadOf = https://github.com/\n[url \"https://x:TOKEN@github.com/\"]\n\tinsteadof = \"https://github.com/\"\n[URL \"git@other:\"]\ninsteadOf = https://other/\n",
			map[string]string{"HOME": "/up/me"},
			Outside{Rewrites: []Rewrite{{"/up/me/.gitconfig:4", "github.com/x/serde"}}},
		},
		"another address, in the other place": {
			locked + "-- me/.config/git/config --\n[url \"ssh://git@github.com/\"]\ninsteadOf = https://github.com/x\n",
			map[string]string{"HOME": "/up/me"},
			Outside{Rewrites: []Rewrite{{"/up/me/.config/git/config:2", "github.com/x/serde"}}},
		},
		"the configuration that a variable names": {
			locked + "-- me/.gitconfig --\n[url \"a\"]\ninsteadOf = https://\n-- g --\n[url \"a\"]\npushInsteadOf = https://github.com/\n",
			map[string]string{"HOME": "/up/me", "GIT_CONFIG_GLOBAL": "/up/g"},
			Outside{},
		},
		"no TOML": {"-- .cargo/config.toml --\n[", nil, Outside{}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := testparts.Files("up", project)
			maps.Copy(disk, testparts.Files("up", c.files))
			w, err := Load(disk, "up/repo")
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Outside(disk, c.env, []string{"x86_64-unknown-linux-musl"}); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
