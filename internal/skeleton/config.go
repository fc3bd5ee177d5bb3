package skeleton

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/pelletier/go-toml/v2"
)

// config adds a file of cargo's configuration as it is, but without the tokens that may stand in it.
func (m *maker) config(name string) error {
	data, err := m.ws.Files.Read(name)
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
