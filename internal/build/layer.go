package build

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// programPath is the name of the program of a lambda in its zip.
func programPath(l *plan.Lambda) string {
	if l.Extension {
		return path.Join(limits.ExtensionsDir, l.Name)
	}
	return artifact.ProgramName
}

// layersOf reads the files of the project that are in the layers of a lambda. Extensions among these are targets of their own.
func layersOf(t project.Target) (all []artifact.Layer, err error) {
	var l fault.List
	for _, name := range t.Lambda.Build.Layers {
		layer, ok := t.Config.Layer[name]
		if !ok {
			continue
		}
		ws := t.Plan.Workspace
		dir := strings.TrimPrefix(path.Dir(t.Config.File), "/")
		in := &inclusion{
			fsys: ws.FS, at: t.Config.Origin(config.Key("layer", name, "include")).String(), files: map[string]string{},
			pkg: dir, relative: "the folder of lpipe.toml, /" + dir, target: path.Join(ws.Base, ws.Root, "target"),
		}
		entries, err := in.read(layer.Include)
		l.Add(err)
		all = append(all, artifact.Layer{Name: name, Files: entries})
	}
	l.Add(artifact.CheckLayers(all))
	return all, l.Err()
}

// addImageFiles shares out the files of the build image among the zip of a target and its layers. It returns those for the root of
// the image that is pushed.
func (t *Target) addImageFiles(all []artifact.Entry) (root []artifact.Entry, err error) {
	t.included, t.layers = slices.Clone(t.included), slices.Clone(t.layers)
	for i := range t.layers {
		t.layers[i].Files = slices.Clone(t.layers[i].Files)
	}
	for _, e := range all {
		name, task := strings.CutPrefix(e.Name, plan.InTask+"/")
		if task {
			e.Name = name
			t.included = append(t.included, e)
			continue
		}
		if name, image := strings.CutPrefix(e.Name, plan.InImage+"/"); image {
			e.Name = name
			root = append(root, e)
			continue
		}
		i := slices.IndexFunc(t.layers, func(l artifact.Layer) bool { return strings.HasPrefix(e.Name, plan.InLayer(l.Name)+"/") })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q is of no zip", errImageFiles, e.Name)
		}
		e.Name = strings.TrimPrefix(e.Name, plan.InLayer(t.layers[i].Name)+"/")
		t.layers[i].Files = append(t.layers[i].Files, e)
	}
	return root, nil
}

// putLayers writes the zips of the layers, each into a folder of its own, where they are not there already.
func (t Target) putLayers(layers []artifact.Layer) (all []artifact.LayerSums, err error) {
	created, err := t.epoch()
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		zipped, sums, err := l.Zip(created)
		if err != nil {
			return nil, err
		}
		folder, err := t.OpenLayer(l.Name)
		if err != nil {
			return nil, err
		}
		if err := folder.Put(zipped); err != nil {
			return nil, err
		}
		all = append(all, sums)
	}
	return all, nil
}

// hasLayers reports that the folders of the layers hold what was delivered with the zip.
func (t Target) hasLayers(layers []artifact.LayerSums) bool {
	for _, l := range layers {
		folder, err := t.OpenLayer(l.Name)
		if err != nil || !folder.Has(artifact.LayerZipName, l.SHA256) {
			return false
		}
	}
	return true
}

// checkWithExtensions refuses a function that is too large for Lambda with the programs of the workspace that are its extensions, and
// what these have beside them, or whose layers do not go together with them. What failed by itself is not counted.
func checkWithExtensions(function Built, extensions []Built) error {
	var total int64
	var layers []artifact.Layer
	for i, b := range append([]Built{function}, extensions...) {
		if built, ok := b.Taken.(taken); ok && b.Err == nil && built.refused == nil {
			total += built.inputs.Unpacked(built.size())
			if layers = append(layers, built.inputs.Layers...); i > 0 {
				layers = append(layers, asLayer(built.inputs))
			}
		}
	}
	return errors.Join(artifact.CheckUnpacked(total), artifact.CheckLayers(layers))
}

// asLayer is the zip of an extension as a layer of its functions.
func asLayer(extension artifact.Inputs) artifact.Layer {
	return artifact.Layer{Name: path.Base(extension.Path), Files: extension.Entries(artifact.File{Mode: 0o755})}
}

// checkTogether refuses functions whose layers do not go together with the extensions that are among the targets, before anything is built.
func checkTogether(targets []Target) error {
	var l fault.List
	for _, t := range targets {
		layers := slices.Clone(t.layers)
		for _, e := range t.Extensions() {
			if i := slices.IndexFunc(targets, func(other Target) bool { return other.Lambda == e.Lambda }); i >= 0 {
				layers = append(layers, asLayer(targets[i].beside()))
			}
		}
		if len(layers) > len(t.layers) && artifact.CheckLayers(t.layers) == nil {
			l.Add(artifact.CheckLayers(layers))
		}
	}
	return l.Err()
}

// distinctLayers refuses lambdas that would each make another layer of one name and architecture: what differs is the image
// that its files come from.
func distinctLayers(targets []Target) error {
	var l fault.List
	type key struct{ dir, name, arch string }
	first := map[key]Target{}
	for _, t := range targets {
		for _, name := range t.Lambda.Build.Layers {
			if len(t.Config.Layer[name].IncludeFromImage) == 0 {
				continue
			}
			at := key{t.LayerDir(name), name, t.Lambda.Arch}
			other, known := first[at]
			if !known {
				first[at] = t
				continue
			}
			a, b := other.Lambda.Build, t.Lambda.Build
			if a.Base != b.Base || !slices.Equal(a.Packages, b.Packages) {
				l.Addf(fmt.Sprintf("the layer %s would be one thing for %s and another for %s", name, other.Lambda.Label(), t.Lambda.Label()),
					"its files come from the build image, and these lambdas have another base or other packages", "give them the same, or each a layer of its own")
			}
		}
	}
	return l.Err()
}
