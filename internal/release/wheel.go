package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// wheelTags are the platforms of a wheel: https://packaging.python.org/specifications/platform-compatibility-tags/. The program is
// static, so that it runs with any libc; Go says which macOS it needs: https://go.dev/wiki/MinimumRequirements.
var wheelTags = map[string]string{
	"linux/amd64":  "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
	"linux/arm64":  "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
	"darwin/amd64": "macosx_12_0_x86_64",
	"darwin/arm64": "macosx_12_0_arm64",
}

// pep440 is the version as Python spells it: 1.2.3rc1 for 1.2.3-rc.1, https://packaging.python.org/specifications/version-specifiers/.
func (r *release) pep440() (string, error) {
	version, pre, ok := strings.Cut(r.Version, "-")
	if !ok {
		return version, nil
	}
	kind, number, _ := strings.Cut(pre, ".")
	short, ok := map[string]string{"alpha": "a", "beta": "b", "rc": "rc"}[kind]
	if !ok {
		return "", fmt.Errorf("version %s: pip takes alpha.N, beta.N and rc.N after the minus", r.Version)
	}
	return version + short + number, nil
}

// wheel writes the package for pip, which puts the program beside python: https://packaging.python.org/specifications/binary-distribution-format/.
func (r *release) wheel(p program) error {
	version, err := r.pep440()
	if err != nil {
		return err
	}
	tags := wheelTags[p.OS+"/"+p.Arch]
	info := "lpipe-" + version + ".dist-info/"
	var text strings.Builder
	text.WriteString("Wheel-Version: 1.0\nGenerator: lpipe\nRoot-Is-Purelib: false\n")
	for tag := range strings.SplitSeq(tags, ".") {
		fmt.Fprintf(&text, "Tag: py3-none-%s\n", tag)
	}
	files := []struct {
		name string
		data []byte
		mode uint32
	}{
		{"lpipe-" + version + ".data/scripts/lpipe", p.data, 0o755},
		{info + "METADATA", fmt.Appendf(nil, "Metadata-Version: 2.1\nName: lpipe\nVersion: %s\nSummary: Builds AWS Lambda functions written in Rust, in containers\nHome-page: %s\n", version, r.URL), 0o644},
		{info + "WHEEL", []byte(text.String()), 0o644},
	}
	var record strings.Builder
	for _, f := range files {
		digest := sha256.Sum256(f.data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(digest[:]), len(f.data))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	files = append(files, struct {
		name string
		data []byte
		mode uint32
	}{info + "RECORD", []byte(record.String()), 0o644})

	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, CreatorVersion: 3 << 8, ExternalAttrs: (0o100000 | f.mode) << 16}
		h.Modified = time.Unix(r.Time, 0).UTC()
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return r.write("lpipe-"+version+"-py3-none-"+tags+".whl", out.Bytes(), 0o644)
}
