package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/fault"
)

// Found is what AWS has for one of the wanted.
type Found struct {
	Latest *Function // nil when there is no such function
	Live   *Function // what the alias names, nil when there is no such alias, or none is asked for
	Alias  Alias     // with what it shares out; looked at where it is to move, or there are steps

	layerARNs map[layerKey]string // the versions of built layers that are there, of the whole deployment
}

// Plan is what a deployment changes.
type Plan struct {
	Options
	Layers []LayerItem
	Items  []Item

	layerARNs map[layerKey]string // as of [Found]
}

// LayerItem is one layer of a plan.
type LayerItem struct {
	Layer
	ARN     string // of the version that functions get, "" until [Apply] has published it
	Publish bool   // a version is published: the newest has other content
}

// Item is one function of a plan.
type Item struct {
	Wanted
	Found
	Create  bool
	Upload  bool // the code differs from that of Latest
	Changes []Change
	Settings
	Publish bool // a version is published, or found again, and the alias moves to it
}

// Change is a setting of a function that becomes another. Values of variables are not told, since they may be secrets.
type Change struct {
	Name string `json:"name"`           // memory, timeout, description, layers, env.NAME, tags.NAME, runtime or arch
	From string `json:"from,omitempty"` // absent for one that is new
	To   string `json:"to,omitempty"`   // likewise for one whose value is not told
}

// Nothing reports that the function is as wanted.
func (i Item) Nothing() bool { return !i.Create && !i.Upload && !i.Publish && len(i.Changes) == 0 }

// Read asks AWS for the functions of what is wanted.
func Read(ctx context.Context, aws AWS, wanted []Wanted, o Options) ([]Found, error) {
	found := make([]Found, len(wanted))
	arns, err := readLayers(ctx, aws, wanted)
	if err != nil {
		return nil, err
	}
	return found, each(ctx, len(wanted), func(ctx context.Context, i int) error {
		found[i].layerARNs = arns
		latest, err := aws.Function(ctx, wanted[i].Function, "")
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		found[i].Latest = &latest
		if o.Alias == "" {
			return nil
		}
		live, err := aws.Function(ctx, wanted[i].Function, o.Alias)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if found[i].Alias, live, err = readAlias(ctx, aws, live, o.Alias); err == nil {
			found[i].Live = &live
		}
		return err
	})
}

// readAlias reads an alias, and what it names: that may be another version than live, which it named a moment ago.
func readAlias(ctx context.Context, aws AWS, live Function, alias string) (Alias, Function, error) {
	a, err := aws.Alias(ctx, live.Name, alias)
	if err == nil && a.Version != live.Version {
		live, err = aws.Function(ctx, live.Name, a.Version)
	}
	return a, live, err
}

// Make compares what is wanted with what AWS has of each. All that cannot be deployed is reported at once.
func Make(wanted []Wanted, found []Found, o Options) (Plan, error) {
	p := Plan{Options: o}
	var l fault.List
	l.Add(clashes(wanted))
	built, err := layers(wanted)
	l.Add(err)
	if len(found) > 0 {
		p.layerARNs = found[0].layerARNs
	}
	for _, b := range built {
		arn := p.layerARNs[b.key()]
		p.Layers = append(p.Layers, LayerItem{b, arn, arn == ""})
		l.Add(checkSize("the layer "+b.Label, b.Size, o))
	}
	for i, w := range wanted {
		item := Item{Wanted: w, Found: found[i], Settings: w.Settings}
		l.Add(item.check(o))
		item.compare(o)
		p.Items = append(p.Items, item)
	}
	return p, l.Err()
}

// clashes refuses two lambdas for one function.
func clashes(wanted []Wanted) error {
	var l fault.List
	by := map[string]string{}
	for _, w := range wanted {
		if other, ok := by[w.Function]; ok {
			l.Addf(fmt.Sprintf("%s and %s are both for the function %s", other, w.Lambda, w.Function), "a function has one program",
				`name the one that is meant, or give each a function: [lambda.NAME.deploy] function = "..." in lpipe.toml, or function = "{{name}}-{{arch}}" in [deploy]`)
		}
		by[w.Function] = w.Lambda
	}
	return l.Err()
}

// compare says what differs.
func (i *Item) compare(o Options) {
	if i.Latest == nil {
		i.Create, i.Upload, i.Publish = true, true, true
		if len(i.Own) > 0 {
			i.Settings.Layers = i.withOwn(nil, i.layerARNs)
		}
		return
	}
	at := *i.Latest
	live := at
	if i.Live != nil {
		live = *i.Live
	}
	i.Upload = at.CodeSHA256 != i.SHA256
	if len(i.Own) > 0 {
		i.Settings.Layers = i.withOwn(at.Layers, i.layerARNs)
	}
	i.Changes = i.Settings.changes(at.Settings)
	if at.Runtime != i.Runtime && o.ChangeRuntime {
		i.Changes = append(i.Changes, Change{"runtime", at.Runtime, i.Runtime})
	}
	if at.Arch != i.Arch {
		i.Changes = append(i.Changes, Change{"arch", at.Arch, i.Arch})
		i.Upload = true
	}
	versioned := i.Settings
	versioned.Tags, versioned.Description = nil, "" // a version has a description of its own
	if len(i.Own) > 0 {
		versioned.Layers = i.withOwn(live.Layers, i.layerARNs)
	}
	same := live.CodeSHA256 == i.SHA256 && len(versioned.changes(live.Settings)) == 0 && live.Arch == i.Arch
	if o.Alias == "" {
		// Nothing on AWS says whether a version passed its smoke event, so that is sent again.
		i.Publish = i.Upload || len(i.Changes) > 0 || i.Smoke != nil
		return
	}
	i.Publish = i.Live == nil || !same || i.Alias.Other != "" || live.Version == Latest
	if !i.Publish {
		// What the alias names is what was built; that Latest is something else is nobody's wish.
		i.Upload = false
		i.Changes = slices.DeleteFunc(i.Changes, func(c Change) bool { return !strings.HasPrefix(c.Name, "tags.") && c.Name != "description" })
	}
}

// changes are what differs from the settings of a function.
func (s Settings) changes(from Settings) (all []Change) {
	if s.Memory != 0 && s.Memory != from.Memory {
		all = append(all, Change{"memory", strconv.Itoa(from.Memory), strconv.Itoa(s.Memory)})
	}
	if s.Timeout != 0 && s.Timeout != from.Timeout {
		all = append(all, Change{"timeout", from.Timeout.String(), s.Timeout.String()})
	}
	if s.Description != "" && s.Description != from.Description {
		all = append(all, Change{"description", from.Description, s.Description})
	}
	if s.Layers != nil && !slices.Equal(s.Layers, from.Layers) {
		all = append(all, Change{"layers", strings.Join(from.Layers, " "), strings.Join(s.Layers, " ")})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if value, there := from.Env[name]; !there {
			all = append(all, Change{Name: "env." + name})
		} else if value != s.Env[name] {
			all = append(all, Change{Name: "env." + name, From: hidden})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		if value := from.Tags[name]; value != s.Tags[name] {
			all = append(all, Change{"tags." + name, value, s.Tags[name]})
		}
	}
	return all
}

// hidden stands for a value that is not told.
const hidden = "(another value)"

// Words are the changes of an item as a line.
func (i Item) Words(alias string) string {
	var words []string
	switch {
	case i.Create:
		words = append(words, "create")
	case i.Upload:
		words = append(words, "code")
	}
	for _, c := range i.Changes {
		switch {
		case strings.HasPrefix(c.Name, "env.") && c.From == "":
			words = append(words, "env +"+strings.TrimPrefix(c.Name, "env."))
		case strings.HasPrefix(c.Name, "env."):
			words = append(words, "env ~"+strings.TrimPrefix(c.Name, "env."))
		case c.From == "":
			words = append(words, c.Name+" "+c.To)
		default:
			words = append(words, c.Name+" "+c.From+" -> "+cmp.Or(c.To, "(none)"))
		}
	}
	switch {
	case i.Publish && alias == "" && len(words) == 0:
		words = append(words, "smoke")
	case i.Publish && alias == "":
		words = append(words, "version")
	case i.Publish && i.Live == nil:
		words = append(words, "alias "+alias+" (new) -> version")
	case i.Publish:
		words = append(words, "alias "+alias+" "+i.Live.Version+" -> version")
	}
	if len(words) == 0 {
		return "as built"
	}
	return strings.Join(words, ", ")
}
