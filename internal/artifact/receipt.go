package artifact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// Receipt is what cargo said about the program it built. It proves that the program is the project's own and
// not the empty stand-in that the dependency layer is built with.
type Receipt struct {
	Package         string `json:"package"`
	Version         string `json:"version"`
	Bin             string `json:"bin"`
	Executable      string `json:"executable"` // its path in the build
	OptLevel        string `json:"optLevel"`   // of the profile: "0" to "3", "s" or "z"
	DebugAssertions bool   `json:"debugAssertions"`
	Fresh           bool   `json:"fresh"`  // cargo found it built already
	SHA256          string `json:"sha256"` // of the program, in hex
	DebugSHA256     string `json:"-"`      // of the program with its symbols, in hex; "" where there is none
}

// skeletonVersion is the version of the stand-ins for a project's own packages in the dependency layer.
const skeletonVersion = "0.0.0-skel"

// message is a line of cargo's output, as far as it matters here:
// https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages
type message struct {
	Reason    string `json:"reason"`
	PackageID string `json:"package_id"`
	Target    struct {
		Kind []string `json:"kind"`
		Name string   `json:"name"`
	} `json:"target"`
	Profile struct {
		OptLevel        string `json:"opt_level"`
		DebugAssertions bool   `json:"debug_assertions"`
		Test            bool   `json:"test"`
	} `json:"profile"`
	Features   []string `json:"features"`
	Executable string   `json:"executable"` // null for libraries
	Fresh      bool     `json:"fresh"`
	Success    bool     `json:"success"` // of the message that ends a build
	SHA256     string   `json:"sha256"`  // of the line that the build adds: no message of cargo's
}

// ReadReceipt reads the lines that "cargo build --message-format=json" wrote, and the one with the program's digest,
// and returns what they say about a target of a package; kind is "bin" or "example". Lines of others, such as those of
// build scripts, are passed over.
func ReadReceipt(messages []byte, pkg, kind, bin string) (Receipt, error) {
	var found []Receipt
	var bins []string
	finished, digest, debug := false, "", ""
	for line := range bytes.Lines(messages) {
		var m message
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &m) != nil {
			continue
		}
		switch m.Reason {
		case "build-finished":
			finished = m.Success
		case "lpipe-program":
			digest = m.SHA256
		case "lpipe-debug":
			debug = m.SHA256
		case "compiler-artifact":
			if m.Executable == "" || m.Profile.Test || !slices.Contains(m.Target.Kind, kind) {
				continue
			}
			name, version := packageID(m.PackageID)
			if name != pkg || m.Target.Name != bin {
				bins = append(bins, m.Target.Name)
				continue
			}
			found = append(found, Receipt{
				Package: name, Version: version, Bin: m.Target.Name, Executable: m.Executable,
				OptLevel: m.Profile.OptLevel, DebugAssertions: m.Profile.DebugAssertions, Fresh: m.Fresh,
			})
		}
	}
	what := fmt.Sprintf("cargo's messages do not prove which program is %q of package %q", bin, pkg)
	switch {
	case !finished:
		return Receipt{}, refuse(what, "cargo did not say that it finished the build", "build it again; --progress=plain shows cargo's own output")
	case len(found) == 0:
		fix := "name a [[bin]] target of the package; cargo leaves out those whose required-features are off"
		if near := fault.Nearest(bin, bins); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		return Receipt{}, refuse(what, fmt.Sprintf("it built %s", list(bins)), fix)
	}
	r := found[0]
	r.SHA256, r.DebugSHA256 = digest, debug
	for _, other := range found {
		if other.Executable != r.Executable {
			return Receipt{}, refuse(what, fmt.Sprintf("it built both %s and %s", r.Executable, other.Executable), "give only one --target")
		}
	}
	if r.Version == skeletonVersion {
		return Receipt{}, refuse(fmt.Sprintf("the program %q is the empty stand-in of the dependency layer", bin),
			"cargo reported version "+skeletonVersion, "this is a mistake of lpipe: please report it; --no-cache may help until then")
	}
	return r, nil
}

// Unit is a package that cargo compiled for the program, as a library or as the program itself: what the linker was given.
type Unit struct {
	ID            string // as cargo has it
	Name, Version string
	Features      []string // sorted
}

// ReadUnits reads cargo's messages about what it compiled for the target of a program. The units are in the order of their
// names and versions, each once.
func ReadUnits(messages []byte) ([]Unit, error) {
	byID := map[string]Unit{}
	for line := range bytes.Lines(messages) {
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("reading cargo's messages about the crates of the program: %w", err)
		}
		if m.Reason != "compiler-artifact" || m.PackageID == "" {
			continue
		}
		u := Unit{ID: m.PackageID, Features: slices.Sorted(slices.Values(append(byID[m.PackageID].Features, m.Features...)))}
		u.Name, u.Version = packageID(m.PackageID)
		u.Features = slices.Compact(u.Features)
		byID[u.ID] = u
	}
	if len(byID) == 0 {
		return nil, errors.New("cargo's messages name no crate that was compiled for the program")
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Unit) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.ID, b.ID))
	}), nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "no program"
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", ")
}

// packageID takes cargo's name for a package apart, in both forms:
//
//	path+file:///src/echo#0.1.0, path+file:///src/lambdas/a#echo@0.1.0 (cargo 1.77 and later)
//	echo 0.1.0 (path+file:///src/echo)
func packageID(id string) (name, version string) {
	if parts := strings.Fields(id); len(parts) >= 3 && strings.HasSuffix(id, ")") {
		return parts[0], parts[1]
	}
	url, fragment, _ := cutLast(id, "#")
	if name, version, ok := cutLast(fragment, "@"); ok {
		return name, version
	}
	url, _, _ = strings.Cut(url, "?") // a git branch or revision
	_, name, _ = cutLast(url, "/")
	return name, fragment
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
