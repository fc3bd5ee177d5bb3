package site

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
)

// FromCargoLambda writes the lpipe.toml for what the project in a folder has for cargo-lambda.
func FromCargoLambda(here *project.Here, dir string) (w Written, err error) {
	projects, err := here.Open([]string{dir + "/"}, false, nil)
	if err != nil {
		return w, err
	}
	root := projects[0].Dir
	if file := projects[0].ConfigFile(); projects[0].Config.File != "" {
		return w, &fault.Error{Kind: fault.Usage, What: here.Show(file) + " is there already", Why: "nothing is overwritten", Fix: "move it away, run the command again, and put both together"}
	}
	var c scaffold.CargoLambda
	name := filepath.Join(root, "CargoLambda.toml")
	if c.File, err = disk.ReadFile(name, disk.MaxSmall); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, &fault.Error{Kind: fault.Usage, What: "reading " + here.Show(name), Err: err, Fix: "make it readable, or move it away"}
	}
	c.Workspace = lambdaMetadata(projects[0].Plan.Workspace.Manifest.Tree, "workspace")
	folders := []string{root}
	for _, t := range project.Targets(projects) {
		p := t.Lambda.Package
		if slices.ContainsFunc(c.Lambdas, func(l scaffold.CargoLambdaBin) bool { return l.Name == t.Lambda.Name }) {
			continue // for the other architecture
		}
		folders = append(folders, filepath.Dir(filepath.Join("/", p.Manifest.Path)))
		c.Lambdas = append(c.Lambdas, scaffold.CargoLambdaBin{
			Name: t.Lambda.Name, Bin: t.Lambda.Bin, Package: p.Name, Metadata: lambdaMetadata(p.Manifest.Tree, "package"),
		})
	}
	text, notes, err := c.Config(func(name string) bool {
		return slices.ContainsFunc(folders, func(dir string) bool {
			info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
			return err == nil && info.IsDir()
		})
	}, config.Check)
	if err != nil {
		return w, &fault.Error{Kind: fault.Usage, What: "nothing comes from cargo-lambda", Err: err, Fix: "correct it; without --from, lpipe init writes an lpipe.toml"}
	}
	w = Written{Notes: notes, here: here, root: root}
	err = w.files([]scaffold.File{{Name: "lpipe.toml", Data: text}})
	return w, err
}

// lambdaMetadata is what a manifest has for cargo-lambda.
func lambdaMetadata(manifest map[string]any, owner string) map[string]any {
	table := manifest
	for _, key := range []string{owner, "metadata", "lambda"} {
		table, _ = table[key].(map[string]any)
	}
	return table
}
