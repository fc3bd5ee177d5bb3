package skeleton

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/plan"
)

// config adds a file of cargo's configuration as it is, but without the tokens that may stand in it.
func (m *maker) config(name string) error {
	data, err := m.found.Files.Read(name)
	if err != nil {
		return fmt.Errorf("reading cargo's configuration: %w", err)
	}
	if !bytes.Contains(data, []byte("token")) && !bytes.Contains(data, []byte("secret-key")) {
		m.tree.write(name, data)
		return nil
	}
	var tree table
	if err := toml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	removed := withoutTokens(tree, "registry")
	all, _ := tree["registries"].(table)
	for registry := range all {
		removed = withoutTokens(all, registry) || removed
	}
	if removed {
		m.notes = append(m.notes, Note{name, "holds a registry's token, which is not sent to the build: give it as CARGO_REGISTRIES_<NAME>_TOKEN"})
		if data, err = encode(tree); err != nil {
			return err
		}
	}
	m.tree.write(name, data)
	return nil
}

// fetchConfig adds to the skeleton what cargo is told while it downloads, in the place of any file of the project: there,
// only what lpipe has chosen of the project's configuration counts. It is no part of the Dockerfile, since an address
// in it may hold a password, and what a Dockerfile says is seen in process lists and statements.
func (m *maker) fetchConfig() error {
	if m.closure {
		return nil
	}
	text, err := m.ws.FetchConfig(plan.Source)
	if err != nil {
		return fmt.Errorf("writing cargo's configuration for downloading: %w", err)
	}
	m.ownFile(plan.FetchConfig, []byte(text))
	return nil
}

// withoutTokens removes the secrets from the table at key and reports whether there were any.
func withoutTokens(in table, key string) bool {
	t, ok := in[key].(table)
	if !ok {
		return false
	}
	t = maps.Clone(t)
	in[key] = t
	n := len(t)
	delete(t, "token")
	delete(t, "secret-key")
	return len(t) < n
}
