package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lpipe/internal/fault"
)

// Layer is a layer that was built, for functions of one architecture. Several of them may have it.
type Layer struct {
	Label   string // as the user calls it
	Name    string // of the layer on AWS
	Arch    string
	Runtime string
	SHA256  string // of the zip, as [LayerVersion.CodeSHA256]
	Size    int64  // of the zip, in bytes
	// Zip reads the zip again, which is checked against SHA256.
	Zip func() ([]byte, error)
}

// LayerVersion is a version of a layer on AWS.
type LayerVersion struct {
	ARN        string
	CodeSHA256 string
}

// layerKey tells layers of a plan apart.
type layerKey struct{ name, arch string }

func (l Layer) key() layerKey { return layerKey{l.Name, l.Arch} }

// layers are those of what is wanted, each once. One name for two layers is refused.
func layers(wanted []Wanted) (all []Layer, err error) {
	var problems fault.List
	known := map[layerKey]Layer{}
	for _, w := range wanted {
		for _, l := range w.Own {
			other, ok := known[l.key()]
			switch {
			case !ok:
				known[l.key()] = l
				all = append(all, l)
			case other.SHA256 != l.SHA256:
				problems.Addf(fmt.Sprintf("two layers would be the layer %s on AWS", l.Name), "one of "+w.Lambda+" has other content than that of another lambda",
					`give each a name: layer-name = "..." in [deploy], or build both again`)
			}
		}
	}
	return all, problems.Err()
}

// readLayers finds the ARNs of those layers whose newest version has the content that was built.
func readLayers(ctx context.Context, aws AWS, wanted []Wanted) (map[layerKey]string, error) {
	all, err := layers(wanted)
	if err != nil {
		return nil, err
	}
	found := make([]string, len(all))
	err = each(ctx, len(all), func(ctx context.Context, i int) error {
		newest, err := aws.LatestLayer(ctx, all[i].Name, all[i].Arch)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil && newest.CodeSHA256 == all[i].SHA256 {
			found[i] = newest.ARN
		}
		return err
	})
	arns := map[layerKey]string{}
	for i, arn := range found {
		if arn != "" {
			arns[all[i].key()] = arn
		}
	}
	return arns, err
}

// withOwn are the layers of a function with those versions of its own in place of other versions of these. Layers of others stay. One
// that is not published yet is there as NAME:new.
func (i Item) withOwn(there []string, versions map[layerKey]string) []string {
	all := slices.Clone(there)
	for _, l := range i.Own {
		arn, ok := versions[l.key()]
		if !ok {
			arn = l.Name + ":new"
		}
		if k := i.indexOf(all, l.Name); k >= 0 {
			all[k] = arn
		} else {
			all = append(all, arn)
		}
	}
	return all
}

// indexOf returns the place of the version of a layer of this account among layers of the function, -1 for none.
func (i Item) indexOf(all []string, name string) int {
	if i.Latest == nil {
		return -1
	}
	return slices.IndexFunc(all, func(arn string) bool { return isLayer(i.Latest.ARN, arn, name) })
}

// isLayer reports that an ARN is that of a version of a layer with the name, in the account and region of a function.
func isLayer(function, arn, name string) bool {
	account, _, ok := strings.Cut(function, ":function:")
	return ok && strings.HasPrefix(arn, account+":layer:"+name+":")
}

// publishLayers publishes what is built of layers and is not there, before anything names it.
func (r *run) publishLayers(ctx context.Context) error {
	var missing []Layer
	for _, l := range r.plan.Layers {
		if l.Publish {
			missing = append(missing, l.Layer)
		}
	}
	arns := make([]string, len(missing))
	err := each(ctx, len(missing), func(ctx context.Context, i int) error {
		l := missing[i]
		code, err := r.zipped(ctx, "the layer "+l.Label, l.Name, l.SHA256, l.Zip)
		if err != nil {
			return err
		}
		version, err := r.aws.PublishLayer(ctx, l.Name, l.Arch, l.Runtime, code)
		if err != nil {
			return err
		}
		if version.CodeSHA256 != l.SHA256 {
			return &fault.Error{
				Kind: fault.Publish, What: "AWS has other content of the layer " + l.Name + " than it was sent", Why: "its CodeSha256 is " + version.CodeSHA256, Fix: "run lpipe deploy again",
			}
		}
		arns[i] = version.ARN
		r.log(l.Name, "layer published as "+version.ARN)
		return nil
	})
	if err != nil {
		return err
	}
	for i, l := range missing {
		r.layers[l.key()] = arns[i]
		for k := range r.plan.Layers {
			if r.plan.Layers[k].key() == l.key() {
				r.plan.Layers[k].ARN = arns[i]
			}
		}
	}
	for _, o := range r.all {
		if len(o.Own) == 0 {
			continue
		}
		var there []string
		if o.Latest != nil {
			there = o.Latest.Layers
		}
		o.Settings.Layers = o.withOwn(there, r.layers)
		for k := range o.Changes {
			if o.Changes[k].Name == "layers" {
				o.Changes[k].To = strings.Join(o.Settings.Layers, " ")
			}
		}
	}
	return nil
}
