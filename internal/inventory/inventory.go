// Package inventory tells which functions contain which crates, from the statements beside zips, or from what a program says
// itself.
//
// It reads files and asks nobody. What it reads may come from anywhere, so all of it is bounded.
package inventory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
	"github.com/package-url/packageurl-go"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/disk"
)

// Function is a lambda with the crates in its program.
type Function struct {
	Name   string  `json:"name"`
	From   string  `json:"from"`             // the file that says it
	SHA256 string  `json:"sha256,omitempty"` // of the zip that it is about, in hex; "" where the file does not say
	Crates []Crate `json:"crates"`           // in the order of their names and versions
}

// Crate is one version of a crate.
type Crate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Local   bool   `json:"local,omitempty"` // of the project, so that no database knows it
}

// maxFile bounds what is read of one file, in bytes.
const maxFile = 64 << 20

// kinds are the files that say what is in a program, by the end of their names; what is first is preferred.
var kinds = []struct {
	suffix string
	read   func(data []byte) (Function, error)
}{
	{".cdx.json", readCycloneDX},
	{".spdx.json", readSPDX},
	{".intoto.jsonl", readBundle},
}

// Read reads what the paths name: statements, zips with statements beside them or with a list in the program, and folders with
// such files anywhere below. The functions are in the order of their names; the error joins what is wrong with single files,
// without which the others are returned.
func Read(paths []string) ([]Function, error) {
	var files []string
	var problems []error
	for _, p := range paths {
		below, err := disk.Files(p)
		if files = append(files, below...); err != nil {
			problems = append(problems, err)
		}
	}
	found := map[string][]string{} // the files about a zip, by its path
	for _, name := range files {
		if zip, ok := about(name); ok {
			found[zip] = append(found[zip], name)
		}
	}
	// A zip that is named has its statements beside it.
	for zip, all := range found {
		for _, k := range kinds {
			if name := zip + k.suffix; !slices.Contains(all, name) && slices.Contains(paths, zip) {
				if _, err := os.Stat(name); err == nil {
					found[zip] = append(found[zip], name)
				}
			}
		}
	}
	var mu sync.Mutex
	var wait sync.WaitGroup
	var functions []Function
	tokens := make(chan struct{}, runtime.GOMAXPROCS(0))
	for zip, all := range found {
		wait.Add(1)
		tokens <- struct{}{}
		go func() {
			defer func() { <-tokens; wait.Done() }()
			f, err := read(zip, all)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, err)
				return
			}
			functions = append(functions, f)
		}()
	}
	wait.Wait()
	slices.SortFunc(functions, func(a, b Function) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.From, b.From)) })
	slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return functions, errors.Join(problems...)
}

// about returns the zip that a file is or is about. That of a layer holds no program.
func about(name string) (zip string, ok bool) {
	for _, k := range kinds {
		if zip, ok := strings.CutSuffix(name, k.suffix); ok {
			return zip, true
		}
	}
	return name, strings.HasSuffix(name, ".zip") && filepath.Base(name) != artifact.LayerZipName
}

// read reads the best of the files about a zip.
func read(zip string, files []string) (Function, error) {
	there := slices.Contains(files, zip)
	for _, k := range kinds {
		name := zip + k.suffix
		if !slices.Contains(files, name) {
			continue
		}
		text, err := disk.ReadFile(name, maxFile)
		if err != nil {
			return Function{}, err
		}
		f, err := k.read(text)
		if errors.Is(err, errSaysNothing) {
			continue
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", name, err)
		}
		if there && f.SHA256 != "" {
			switch sum, err := artifact.FileSHA256(zip); {
			case err != nil:
				return f, err
			case sum != f.SHA256:
				return f, fmt.Errorf("%s is about another zip than the one beside it, so it is not counted", name)
			}
		}
		return f.from(name), nil
	}
	if !there {
		return Function{}, fmt.Errorf("the statements on %s have no list of crates", zip)
	}
	data, err := artifact.ReadZip(zip)
	if err != nil {
		return Function{}, err
	}
	f, err := readZip(data)
	if err != nil {
		return f, fmt.Errorf("%s: %w", zip, err)
	}
	return f.from(zip), nil
}

// from completes a function with the file that it is from, whose folder names it where the file does not.
func (f Function) from(name string) Function {
	f.From = name
	if f.Name == "" {
		f.Name = filepath.Base(filepath.Dir(name))
	}
	slices.SortFunc(f.Crates, func(a, b Crate) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version)) })
	f.Crates = slices.Compact(f.Crates)
	return f
}

// Sorted are the crates that something is known of, in the order of their names and versions: numbers by their size.
func Sorted[V any](of map[Crate]V) []Crate {
	return slices.SortedFunc(maps.Keys(of), func(a, b Crate) int {
		if c := cmp.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		v, errV := semver.NewVersion(a.Version)
		w, errW := semver.NewVersion(b.Version)
		if errV == nil && errW == nil {
			return cmp.Or(v.Compare(w), cmp.Compare(a.Version, b.Version))
		}
		return cmp.Compare(a.Version, b.Version)
	})
}

// errSaysNothing is why another file is read in place of one without a list of crates.
var errSaysNothing = errors.New("it has no list of crates")

// crate is one that a package URL names.
func crate(purl string) (Crate, bool) {
	u, err := packageurl.FromString(purl)
	return Crate{Name: u.Name, Version: u.Version}, err == nil && u.Type == packageurl.TypeCargo
}

func readCycloneDX(data []byte) (Function, error) {
	var bom struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component struct {
				Name   string `json:"name"`
				Hashes []struct {
					Algorithm string `json:"alg"`
					Content   string `json:"content"`
				} `json:"hashes"`
			} `json:"component"`
		} `json:"metadata"`
		Components []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			PURL    string `json:"purl"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &bom); err != nil {
		return Function{}, err
	}
	if bom.Format != "CycloneDX" {
		return Function{}, errors.New("it is not CycloneDX")
	}
	f := Function{Name: bom.Metadata.Component.Name}
	for _, h := range bom.Metadata.Component.Hashes {
		if h.Algorithm == "SHA-256" {
			f.SHA256 = h.Content
		}
	}
	for _, c := range bom.Components {
		if one, ok := crate(c.PURL); ok {
			f.Crates = append(f.Crates, one)
		} else if c.PURL == "" {
			f.Crates = append(f.Crates, Crate{c.Name, c.Version, true})
		}
	}
	return f, nil
}

func readSPDX(data []byte) (Function, error) {
	var doc struct {
		Version  string `json:"spdxVersion"`
		Name     string `json:"name"`
		Packages []struct {
			Name      string `json:"name"`
			Version   string `json:"versionInfo"`
			File      string `json:"packageFileName"`
			Checksums []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"checksumValue"`
			} `json:"checksums"`
			References []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return Function{}, err
	}
	if !strings.HasPrefix(doc.Version, "SPDX-2") {
		return Function{}, errors.New("it is not SPDX 2")
	}
	f := Function{Name: doc.Name}
	for _, p := range doc.Packages {
		if p.File == artifact.ZipName {
			for _, sum := range p.Checksums {
				if sum.Algorithm == "SHA256" {
					f.SHA256 = sum.Value
				}
			}
			continue
		}
		for _, r := range p.References {
			if one, ok := crate(r.Locator); ok {
				f.Crates = append(f.Crates, one)
			}
		}
		if len(p.References) == 0 {
			f.Crates = append(f.Crates, Crate{p.Name, p.Version, true})
		}
	}
	return f, nil
}

// readBundle reads the list of crates in a bundle of statements; without one, the crates that its provenance names.
func readBundle(data []byte) (Function, error) {
	all, err := attest.ReadBundle(data)
	if err != nil {
		return Function{}, err
	}
	for _, s := range all {
		var f Function
		switch s.PredicateType {
		case attest.TypeCycloneDX:
			f, err = readCycloneDX(s.Predicate)
		case attest.TypeSPDX:
			f, err = readSPDX(s.Predicate)
		default:
			continue
		}
		f.SHA256 = s.Subject
		return f, err
	}
	o, err := attest.ReadOrigin(all)
	if err != nil {
		return Function{}, errSaysNothing
	}
	f := Function{Name: o.Text("lambda"), SHA256: all[0].Subject}
	for name := range o.Materials {
		if one, ok := crate(name); ok {
			f.Crates = append(f.Crates, one)
		}
	}
	return f, nil
}

// readZip reads the list that cargo auditable puts into a program:
// https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md.
func readZip(data []byte) (Function, error) {
	text, err := artifact.Auditable(data)
	if err != nil {
		return Function{}, err
	}
	var list struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Source  string `json:"source"`
			Kind    string `json:"kind"`
		} `json:"packages"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&list); err != nil {
		return Function{}, err
	}
	f := Function{SHA256: artifact.SHA256(data)}
	for _, p := range list.Packages {
		if p.Kind != "build" {
			f.Crates = append(f.Crates, Crate{p.Name, p.Version, p.Source == "local"})
		}
	}
	return f, nil
}
