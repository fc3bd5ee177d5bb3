package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// The registry of crates that has one crate, leaf, in any version that it is asked for: 0.1.N.
const (
	leafRegistry = "bench"
	leafFirst    = "0.1.0"
)

// newCrates serves the registry of crates, and returns how cargo is told of it.
func newCrates(ctx context.Context) (index string, err error) {
	var host string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"dl":"http://%s/crates"}`, host)
	})
	mux.HandleFunc("GET /crates/leaf/{version}/download", func(w http.ResponseWriter, r *http.Request) {
		data, _ := leaf(r.PathValue("version"))
		_, _ = w.Write(data)
	})
	// https://doc.rust-lang.org/cargo/reference/registry-index.html
	var lines strings.Builder
	for n := range leafVersions {
		version := fmt.Sprintf("0.1.%d", n)
		_, sum := leaf(version)
		fmt.Fprintf(&lines, `{"name":"leaf","vers":%q,"deps":[],"cksum":%q,"features":{},"yanked":false}`+"\n", version, sum)
	}
	mux.HandleFunc("GET /le/af/leaf", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, lines.String())
	})
	if host, err = serve(ctx, mux); err != nil {
		return "", err
	}
	return "sparse+http://" + host + "/", nil
}

// leafVersions is more than a scenario has rounds.
const leafVersions = 200

// leaf is the crate in one version, as cargo downloads it, with its checksum.
func leaf(version string) (data []byte, sum string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	// Writing into memory does not fail.
	for _, f := range [][2]string{
		{"Cargo.toml", "[package]\nname = \"leaf\"\nversion = \"" + version + "\"\nedition = \"2021\"\n"},
		{"src/lib.rs", "//! Leaf " + version + ".\n\n" + functions(leafFunctions)},
	} {
		_ = t.WriteHeader(&tar.Header{Name: "leaf-" + version + "/" + f[0], Mode: 0o644, Size: int64(len(f[1])), ModTime: time.Unix(1, 0)})
		_, _ = t.Write([]byte(f[1]))
	}
	_ = t.Close()
	_ = z.Close()
	return b.Bytes(), fmt.Sprintf("%x", sha256.Sum256(b.Bytes()))
}

// leafFunctions make the crate a small one.
const leafFunctions = 4

// withLeaf adds leaf to the dependencies of hyper-echo, from the registry at index.
func withLeaf(f files, index string) files {
	f = f.with(".cargo/config.toml", fmt.Sprintf("[registries.%s]\nindex = %q\n", leafRegistry, index))
	f = f.replace("Cargo.toml", "\nserde = ", "\nleaf = { version = \"="+leafFirst+"\", registry = \""+leafRegistry+"\" }\nserde = ")
	f = f.replace("Cargo.lock", " \"hyper-util\",\n \"serde\",", " \"hyper-util\",\n \"leaf\",\n \"serde\",")
	_, sum := leaf(leafFirst)
	entry := fmt.Sprintf("[[package]]\nname = \"leaf\"\nversion = %q\nsource = %q\nchecksum = %q\n\n", leafFirst, index, sum)
	// cargo wants the packages in the order of their names.
	for _, m := range lockedPackage.FindAllStringSubmatchIndex(f["Cargo.lock"], -1) {
		if lock := f["Cargo.lock"]; lock[m[2]:m[3]] > "leaf" {
			return f.with("Cargo.lock", lock[:m[0]]+entry+lock[m[0]:])
		}
	}
	panic("Cargo.lock ends before the letter m")
}

var lockedPackage = regexp.MustCompile(`\[\[package\]\]\nname = "([^"]+)"`)

// bumpLeaf sets another version of leaf.
func bumpLeaf(f files, n int) files {
	version := fmt.Sprintf("0.1.%d", n)
	_, before := leaf(leafFirst)
	_, after := leaf(version)
	f = f.replace("Cargo.toml", `"=`+leafFirst+`"`, `"=`+version+`"`)
	return f.with("Cargo.lock", strings.NewReplacer(before, after,
		"name = \"leaf\"\nversion = \""+leafFirst+"\"", "name = \"leaf\"\nversion = \""+version+"\"").Replace(f["Cargo.lock"]))
}
