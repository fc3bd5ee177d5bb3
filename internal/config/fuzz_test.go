package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"lpipe/internal/fault"
)

// FuzzLoad checks that any file is either refused in words or gives values that fit into one line.
func FuzzLoad(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/mistakes.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		if strings.HasSuffix(file.Name, ".toml") {
			f.Add(file.Data, "x")
		}
	}
	f.Add([]byte(full), "arm64")
	f.Add([]byte("[[a.b]]\nc=1\n[[a.b]]\nd.e=[{},[]]\n"), "true")
	f.Fuzz(func(t *testing.T, file []byte, variable string) {
		in := input(string(file))
		in.Env = map[string]string{"CI": "true", "LPIPE_FEATURES": variable, "LPIPE_ARCH": variable, "LPIPE_BASE": variable}
		in.Settings = []Setting{{Key: "build.env", Values: []string{variable}, Flag: "--env"}}
		for range 2 {
			c, err := Load(in)
			if err != nil {
				checkWords(t, err)
			} else {
				checkValues(t, c)
			}
			in.Env, in.Settings = nil, nil
		}
	})
}

func checkWords(t *testing.T, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		f := (*fault.Error)(nil)
		if !errors.As(err, &f) || f.Kind != fault.Usage {
			t.Fatalf("%v is not a usage error", err)
		}
		for line := range strings.SplitSeq(said(err), "\n") {
			if strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("%q would move the cursor", line)
			}
		}
	}
}

func checkValues(t *testing.T, c *Config) {
	for key, v := range c.values {
		for _, text := range v.texts {
			if strings.ContainsAny(text, "\n\r\x00") || !utf8.ValidString(text) {
				t.Fatalf("%s = %q", key, text)
			}
		}
		if !slices.Equal(split(key), split(Key(split(key)...))) {
			t.Fatalf("key %s does not survive", key)
		}
	}
	for _, name := range everyBuild(c) {
		b := c.For(name)
		if len(b.Arch) == 0 {
			t.Fatalf("%q has no arch", name)
		}
		for _, arch := range b.Arch {
			target := b.TargetFor(arch)
			if !slices.Contains(arches, arch) || !targetPattern().MatchString(target) || archOf(target) != arch {
				t.Fatalf("%q has arch %q and target %q", name, arch, target)
			}
		}
		for name, v := range b.Env {
			if !envPattern().MatchString(name) || secretValue(v) {
				t.Fatalf("%s = %q", name, v)
			}
		}
		if l, ok := ParseLayout(b.Base); ok && l.String() != b.Base {
			t.Fatalf("base %q is %q", b.Base, l)
		}
	}
}
