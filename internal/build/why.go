package build

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/since"
	"lpipe/internal/skeleton"
	"lpipe/internal/solve"
	"lpipe/internal/userkey"
)

// record is what the zip of a lambda was made of, by kind and name, each with a digest or a version. It lies beside the zip, so that
// a later build can be told why it is another one. No value of a setting is in it.
type record map[string]map[string]string

// Kinds of what a lambda is made of, as lpipe plan calls them.
const (
	kindSettings     = "settings"
	kindSources      = "sources"
	kindDependencies = "dependencies"
	kindImage        = "image"
)

// newRecord is that of a lambda whose sources are in the trees.
func newRecord(t project.Target, v *plan.Variant, trees ...*skeleton.Tree) (record, error) {
	files, crates := compiled(t, trees...)
	included, err := Included(t)
	if err != nil {
		return nil, err
	}
	for name, sum := range included {
		files["in the zip: "+name] = sum
	}
	r := record{kindSettings: t.Config.Digests(t.Lambda.Name), kindSources: files, kindDependencies: map[string]string{}, kindImage: {}}
	for _, p := range crates {
		if p.Source != nil {
			r[kindDependencies][p.Name] = strings.TrimPrefix(r[kindDependencies][p.Name]+", "+p.Version+" "+p.Checksum+p.Source.Commit, ", ")
		}
	}
	delete(r[kindSettings], "base")
	image := v.Base
	layout, err := BaseLayout(v)
	if err != nil {
		return nil, err
	}
	if layout != nil {
		image = layout.Digest.String()
	}
	r[kindImage][v.Base] = image
	for name, value := range map[string]any{
		t.Plan.Workspace.ToolchainFile(): []any{v.Channel, v.Components, v.Targets, v.InstallProfile}, "features of lambdas of the workspace": v.Features,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		r[kindSettings][name] = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	return r, nil
}

// recordOf is the record of what a job was given, as bytes; nil where it could not be told.
func recordOf(t project.Target, v *plan.Variant, job *solve.Job) []byte {
	r, err := newRecord(t, v, treesOf(job)...)
	if err != nil {
		return nil
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil
	}
	return data
}

// SinceLast is what differs of each lambda from its last build here; lambdas of which nothing differs are left out.
func SinceLast(here *project.Here, projects []*project.Project) (map[*plan.Lambda][]since.Change, error) {
	all := map[*plan.Lambda][]since.Change{}
	key, _ := here.Key(projects)
	var now Present
	for _, t := range project.Targets(projects) {
		changes, err := why(t, &now, key)
		if err != nil {
			return nil, err
		}
		if len(changes) > 0 {
			all[t.Lambda] = changes
		}
	}
	return all, nil
}

// why returns what differs between the last build of a lambda in this folder and what a build would be given now; none where nothing
// does. A lambda of which no build is known is "new".
func why(t project.Target, present *Present, key userkey.Key) ([]since.Change, error) {
	folder, err := t.OpenOutput(key)
	if err != nil {
		return nil, err
	}
	var was record
	data, err := folder.Record()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if json.Unmarshal(data, &was) != nil || was == nil {
		return []since.Change{{Kind: "new"}}, nil //nolint:nilerr // without a record there was no build
	}
	trees, err := present.trees(t)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.Plan.Variants, func(v *plan.Variant) bool { return slices.Contains(v.Lambdas, t.Lambda) })
	now, err := newRecord(t, t.Plan.Variants[i], trees...)
	if err != nil {
		return nil, err
	}
	return was.differ(now), nil
}

func (was record) differ(now record) []since.Change {
	var all []since.Change
	for _, kind := range []string{kindSettings, kindSources, kindDependencies, kindImage} {
		names := map[string]string{}
		maps.Copy(names, was[kind])
		maps.Copy(names, now[kind])
		var differing []string
		for _, name := range slices.Sorted(maps.Keys(names)) {
			before, had := was[kind][name]
			after, has := now[kind][name]
			if before == after && had == has {
				continue
			}
			if kind == kindDependencies {
				name = strings.TrimSpace(name + " " + versions(before) + " to " + versions(after))
			}
			differing = append(differing, name)
		}
		if len(differing) > 0 {
			all = append(all, since.Change{Kind: kind, Names: differing})
		}
	}
	return all
}

// versions are the versions of a crate, without what tells them from others.
func versions(text string) string {
	var all []string
	for part := range strings.SplitSeq(text, ", ") {
		version, _, _ := strings.Cut(part, " ")
		if version == "" {
			version = "none"
		}
		all = append(all, version)
	}
	return strings.Join(all, " and ")
}
