package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"time"
)

//go:embed lpipe.js
var launcher []byte

// node is how Node.js names a platform.
var node = map[string]string{"amd64": "x64", "arm64": "arm64", "linux": "linux", "darwin": "darwin"}

// manifest is package.json: https://docs.npmjs.com/cli/configuring-npm/package-json.
type manifest struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Description  string            `json:"description"`
	Homepage     string            `json:"homepage"`
	Bin          map[string]string `json:"bin,omitempty"`
	OS           []string          `json:"os,omitempty"`
	CPU          []string          `json:"cpu,omitempty"`
	Optional     map[string]string `json:"optionalDependencies,omitempty"`
	PreferUnplug bool              `json:"preferUnplugged,omitempty"` // Yarn: a program is run from a file
}

func (p program) npmName() string { return "lpipe-" + node[p.OS] + "-" + node[p.Arch] }

// npmPlatform writes the npm package that holds a program; npm installs the one for the machine that it is on.
func (r *release) npmPlatform(p program) error {
	return r.npmPackage(manifest{
		Name: p.npmName(), Version: r.Version, Description: "lpipe for " + p.OS + " on " + p.Arch, Homepage: r.URL,
		OS: []string{node[p.OS]}, CPU: []string{node[p.Arch]}, PreferUnplug: true,
	}, "lpipe", p.data)
}

// npm writes the npm package that people name. It runs nothing when it is installed.
func (r *release) npm(programs []program) error {
	optional := map[string]string{}
	for _, p := range programs {
		optional[p.npmName()] = r.Version
	}
	return r.npmPackage(manifest{
		Name: "lpipe", Version: r.Version, Description: "Builds AWS Lambda functions written in Rust, in containers", Homepage: r.URL,
		Bin: map[string]string{"lpipe": "lpipe.js"}, Optional: optional,
	}, "lpipe.js", launcher)
}

func (r *release) npmPackage(m manifest, name string, program []byte) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, f := range []struct {
		name string
		data []byte
		mode int64
	}{{"package/package.json", append(text, '\n'), 0o644}, {"package/" + name, program, 0o755}} {
		h := &tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: f.mode, ModTime: time.Unix(r.Time, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	return r.write("npm-"+m.Name+"-"+m.Version+".tgz", out.Bytes(), 0o644)
}
