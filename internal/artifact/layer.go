package artifact

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// Layer is what a function has below /opt beside its zip: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
type Layer struct {
	Name  string
	Files []Entry
}

// LayerZipName is the name of the zip of a layer in its folder.
const LayerZipName = "layer.zip"

// LayerSums are the size and the digests of the zip of a layer.
type LayerSums struct {
	Name       string `json:"name"`
	ZipSize    int64  `json:"zipSize"`
	SHA256     string `json:"sha256"`
	CodeSHA256 string `json:"codeSha256"`
}

// Warnings are what may go wrong with the zip later.
func (s LayerSums) Warnings() []string {
	if s.ZipSize <= limits.DirectUpload {
		return nil
	}
	return []string{fmt.Sprintf("the zip of the layer %s takes %s, and Lambda takes at most %s in a request: lpipe deploy --s3-bucket BUCKET sends it through S3",
		s.Name, mega(s.ZipSize), mega(limits.DirectUpload))}
}

// Zip returns the zip of the layer, as [Zip] does for that of a program, and its sums.
func (l Layer) Zip(epoch time.Time) (File, LayerSums, error) {
	data, err := pack(l.Files, "", epoch)
	if err != nil {
		return File{}, LayerSums{}, fmt.Errorf("the layer %s: %w", l.Name, err)
	}
	digest := sum(data)
	return File{Name: LayerZipName, Data: data, Mode: 0o644, digest: digest},
		LayerSums{l.Name, int64(len(data)), digest.String(), base64.StdEncoding.EncodeToString(digest[:])}, nil
}

// CheckLayers refuses layers of one function that have a file of the same name: on AWS the one of the later layer would hide the
// other, whichever order the function has them in. A file of one that is a folder of another cannot be there at all.
func CheckLayers(layers []Layer) error {
	var problems fault.List
	file, folder := map[string]string{}, map[string]string{} // the last layer that has it, by path
	for _, l := range layers {
		problems.Add(checkEntries(sorted(l.Files), ""))
		both := func(other, what, why string) {
			if other != "" && other != l.Name {
				problems.Add(refuse(fmt.Sprintf("the layers %s and %s both have %s", other, l.Name, what), why, "take it out of one of them"))
			}
		}
		const cannot = "it is a file in one, and a folder in the other"
		for _, e := range l.Files {
			both(file[e.Name], e.Name, "one would hide the other")
			both(folder[e.Name], e.Name, cannot)
			file[e.Name] = l.Name
		}
		for dir := range foldersOf(l.Files) {
			both(file[dir], dir, cannot)
			folder[dir] = l.Name
		}
	}
	return problems.Err()
}

// foldersOf are the folders that files lie in, at any depth.
func foldersOf(files []Entry) map[string]bool {
	all := map[string]bool{}
	for _, e := range files {
		for dir := path.Dir(e.Name); dir != "." && dir != "/" && !all[dir]; dir = path.Dir(dir) {
			all[dir] = true
		}
	}
	return all
}

// CheckExtensions refuses files of layers that Lambda starts as extensions, since they are in that folder, and could not start: the
// function then fails with Extension.LaunchError. The zip of an extension is a layer too. It returns those that are programs, for
// [CheckInstructions].
func CheckExtensions(in Inputs) (programs []Entry, err error) {
	in.Expect.Link = "dynamic"
	var problems fault.List
	layers := in.Layers
	if in.root() == limits.Opt {
		layers = append(slices.Clip(layers), Layer{path.Base(in.path()), in.Included})
	}
	for _, l := range layers {
		for _, entry := range sorted(l.Files) {
			if path.Dir(entry.Name) != limits.ExtensionsDir {
				continue
			}
			what := fmt.Sprintf("Lambda could not start %s of the layer %s", entry.Name, l.Name)
			const fix = "it is started as an extension, as all files in that folder: take it from where it was made for the architecture, or put it elsewhere in the layer"
			switch {
			case !entry.Executable:
				problems.Add(refuse(what, "it is not executable", "chmod +x; what is no extension goes elsewhere in the layer"))
			case bytes.HasPrefix(entry.Data, []byte("#!")):
				if why := newLinker(in).script(entry.Data); why != "" {
					problems.Add(refuse(what, why, "correct its first line: the runtime has /bin/sh, and bash"))
				}
			default:
				c := check{Expect: in.Expect}
				_, _, err := c.start(entry.Data)
				programs = append(programs, entry)
				linker := newLinker(in)
				linker.start(path.Join(limits.Opt, entry.Name), entry.Data)
				for _, one := range fault.Parts(errors.Join(err, c.Err(), linker.Err())) {
					problems.Add(refuse(what, one.Error(), fix))
				}
			}
		}
	}
	return programs, problems.Err()
}

// script says why the kernel could not start a script, "" where it may. Which interpreters a runtime has is not known here.
func (l *linker) script(data []byte) string {
	line, _, _ := bytes.Cut(data[len("#!"):min(len(data), maxShebang)], []byte("\n"))
	name, _, _ := strings.Cut(strings.TrimLeft(string(line), " \t"), " ")
	name, _, _ = strings.Cut(name, "\t")
	own := strings.HasPrefix(name, limits.Opt+"/") || strings.HasPrefix(name, limits.TaskRoot+"/")
	switch _, there := l.files[path.Clean(name)]; {
	case strings.TrimSpace(name) == "":
		return "its first line names no interpreter"
	case bytes.HasSuffix(line, []byte("\r")):
		return "its first line ends as on Windows, and that end counts for the interpreter's name"
	case own && !there:
		return fmt.Sprintf("its interpreter %s is in no layer", name)
	}
	return ""
}

// maxShebang is how much of a script the kernel looks at: BINPRM_BUF_SIZE of linux/binfmts.h.
const maxShebang = 256

// Put writes files into the folder: see [Write].
func (f *Folder) Put(files ...File) error { return write(f.project, f.dir, files) }

// Layers are those that the zip in the folder was delivered with, as far as its stamp tells.
func (f *Folder) Layers() []LayerSums { return f.stamp().Layers }

// LayerZip returns the zip of a layer in the folder, if it has that SHA-256, in hex.
func (f *Folder) LayerZip(sha256 string) ([]byte, error) {
	data, _, err := f.read(LayerZipName, maxZip)
	if err == nil && SHA256(data) != sha256 {
		err = fmt.Errorf("%s was changed since it was built", LayerZipName)
	}
	return data, err
}
