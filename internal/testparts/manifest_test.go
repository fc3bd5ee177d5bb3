package testparts

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestManifestBecomesAnIndexLine(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"a crate that needs nothing": {
			"[package]\nname = \"a\"\nversion = \"1.0.0\"",
			`{"name":"a","vers":"1.0.0","deps":[],"cksum":"","features":{},"yanked":false,"v":2}`,
		},
		"each kind of dependency": {
			`
			[package]
			name = "a"
			version = "1.0.0"
			links = "z"
			rust-version = "1.70"
			[dependencies]
			text = "1"
			renamed = { version = "2", package = "Real-Name", default-features = false }
			[dev-dependencies.tested]
			version = ">= 1, < 3"
			features = ["x", "y"]
			[build-dependencies]
			made = { path = "../made" }
			[target.'cfg(unix)'.dependencies]
			unixy = { version = "0.1", optional = true }
			`,
			`{"name":"a","vers":"1.0.0","deps":[` +
				`{"name":"renamed","package":"Real-Name","req":"2","features":[],"optional":false,"default_features":false,"kind":"normal"},` +
				`{"name":"text","req":"1","features":[],"optional":false,"default_features":true,"kind":"normal"},` +
				`{"name":"tested","req":">= 1, < 3","features":["x","y"],"optional":false,"default_features":true,"kind":"dev"},` +
				`{"name":"made","req":"*","features":[],"optional":false,"default_features":true,"kind":"build"},` +
				`{"name":"unixy","req":"0.1","features":[],"optional":true,"default_features":true,"target":"cfg(unix)","kind":"normal"}` +
				`],"cksum":"","features":{},"yanked":false,"links":"z","rust_version":"1.70","v":2}`,
		},
		"features in the old syntax and the new": {
			`
			[package]
			name = "a"
			version = "1.0.0"
			[features]
			default = ["std"]
			std = ["b/std"]
			weak = ["b?/std"]
			hidden = ["dep:b", "std"]
			`,
			`{"name":"a","vers":"1.0.0","deps":[],"cksum":"","features":{"default":["std"],"std":["b/std"]},` +
				`"features2":{"hidden":["dep:b","std"],"weak":["b?/std"]},"yanked":false,"v":2}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			release, err := readManifest([]byte(c.manifest))
			if err != nil {
				t.Fatal(err)
			}
			var line bytes.Buffer
			encoder := json.NewEncoder(&line)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(release); err != nil {
				t.Fatal(err)
			}
			if line.String() != c.want+"\n" {
				t.Errorf("got\n%swant\n%s", &line, c.want)
			}
		})
	}
}
