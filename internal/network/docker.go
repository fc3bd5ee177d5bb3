package network

import (
	"encoding/json"
	"path/filepath"

	"github.com/docker/cli/cli/config/configfile"

	"lpipe/internal/disk"
)

// dockerProxies are the proxies that the docker client's configuration in a folder has for the builds of the engine at an
// address: https://docs.docker.com/engine/cli/proxy/. A file that cannot be read has none; package login says what is wrong
// with it.
func dockerProxies(dir, address string) map[string]string {
	var client configfile.ConfigFile
	text, err := disk.ReadFile(filepath.Join(dir, "config.json"), disk.MaxSmall)
	if err != nil || json.Unmarshal(text, &client) != nil {
		return nil
	}
	all := map[string]string{}
	for name, value := range client.ParseProxyConfig(address, nil) {
		all[name] = *value
	}
	return all
}
