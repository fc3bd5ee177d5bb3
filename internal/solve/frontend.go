package solve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/dockerfile"
)

// frontend turns rendered Dockerfiles into LLB in this process: every engine gets the same frontend, none is
// pulled, and a "# syntax=" line means nothing.
type frontend struct {
	gateway client.Client
	images  *images
	opts    map[string]string
	graphs  Graphs // nil where none are kept
	drafts  map[*Job]*draft
}

// graph returns what the engine is asked to do for a job.
func (f *frontend) graph(ctx context.Context, j *Job) (*graph, error) {
	if d := f.drafts[j]; d != nil {
		if g, ok := d.graphOf(ctx, f, j); ok {
			return g, nil
		}
	}
	return f.draw(ctx, j, j.Stage, f.names(j))
}

// draw converts a stage of the job's Dockerfile, with these names.
func (f *frontend) draw(ctx context.Context, j *Job, stage string, n names) (*graph, error) {
	c := &inputClient{Client: f.gateway, images: f.images, session: n.Session}
	request, err := f.convert(ctx, c, j, stage, n)
	if err != nil {
		return nil, err
	}
	g, err := newGraph(request, dockerfile.StagesOf(j.Dockerfile))
	if err == nil {
		g.asked = c.asked
	}
	return g, err
}

// convert returns the request that solves one stage of the job's Dockerfile, with these names.
func (f *frontend) convert(ctx context.Context, c *inputClient, j *Job, stage string, n names) (client.SolveRequest, error) {
	var none client.SolveRequest
	opts := maps.Clone(f.opts)
	opts["target"] = stage
	opts["build-arg:"+dockerfile.ArgKind] = j.Kind
	opts["build-arg:"+dockerfile.ArgBin] = n.Bin
	for name, value := range j.Late {
		opts["build-arg:"+dockerfile.ArgLate(name)] = value
	}
	// An empty main context: without one the frontend would ask the session for a .dockerignore.
	inputs := map[string]llb.State{"context": llb.Scratch()}
	for name, c := range n.Contexts {
		opts["context:"+name] = "input:" + name
		inputs[name] = llb.Local(c.Mount,
			llb.SessionID(n.Session),
			llb.SharedKeyHint(c.Hint),
			llb.WithCustomName("[context] "+c.Title))
	}
	if j.Base != nil {
		opts["context:"+dockerfile.BaseContext] = "oci-layout://" + j.baseStore + "@" + j.Base.Digest.String()
	}
	c.opts, c.inputs = opts, inputs
	ui, err := dockerui.NewClient(c)
	if err != nil {
		return none, fmt.Errorf("preparing the Dockerfile frontend: %w", err)
	}
	result, err := dockerfile2llb.Dockerfile2LLB(ctx, j.Dockerfile, dockerfile2llb.ConvertOpt{
		Config: ui.Config,
		Client: ui,
		// The lines that steps come from, without the text: nothing shows it, and each job would send it.
		SourceMap:    llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", nil),
		MetaResolver: c,
	})
	if err != nil {
		return none, err
	}
	def, err := result.State.Marshal(ctx)
	if err != nil {
		return none, fmt.Errorf("writing the build graph: %w", err)
	}
	return client.SolveRequest{Definition: def.ToPB(), Evaluate: true, CacheImports: ui.CacheImports}, nil
}

// inputClient is the gateway client with one job's options, contexts and name of the session in place of the session's.
type inputClient struct {
	client.Client
	images  *images
	session string
	opts    map[string]string
	inputs  map[string]llb.State

	mu    sync.Mutex
	asked []asked
}

func (c *inputClient) BuildOpts() client.BuildOpts {
	o := c.Client.BuildOpts()
	o.Opts, o.SessionID = c.opts, c.session
	return o
}

func (c *inputClient) Inputs(context.Context) (map[string]llb.State, error) { return c.inputs, nil }

func (c *inputClient) ResolveImageConfig(ctx context.Context, ref string, o sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	question := o
	if o.OCILayoutOpt != nil {
		// The session is that of this run, whatever stands for its name.
		layout, without := *o.OCILayoutOpt, *o.OCILayoutOpt
		layout.Store.SessionID, without.Store.SessionID = c.Client.BuildOpts().SessionID, ""
		o.OCILayoutOpt, question.OCILayoutOpt = &layout, &without
	}
	full, dgst, config, err := c.images.resolve(ctx, c.Client, ref, o)
	if err == nil {
		c.mu.Lock()
		c.asked = append(c.asked, asked{ref, question, full, dgst, digest.FromBytes(config)})
		c.mu.Unlock()
	}
	return full, dgst, config, err
}

// images resolves each base image once an attempt, whichever job asks first.
type images struct {
	mu       sync.Mutex
	known    map[string]func() (image, error)
	resolved map[string]digest.Digest
	layers   map[digest.Digest]int // how many an image has
}

func newImages() *images {
	return &images{known: map[string]func() (image, error){}, resolved: map[string]digest.Digest{}, layers: map[digest.Digest]int{}}
}

// count returns how many layers an image has, 0 where that is not known.
func (i *images) count(image digest.Digest) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.layers[image]
}

// digests are those of the images that were resolved, by the names that were asked for.
func (i *images) digests() map[string]digest.Digest {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.resolved)
}

type image struct {
	ref    string
	digest digest.Digest
	config []byte
}

func (i *images) resolve(ctx context.Context, c client.Client, ref string, o sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	key, err := json.Marshal(struct {
		Ref string
		Opt sourceresolver.Opt
	}{ref, o})
	if err != nil {
		return "", "", nil, err
	}
	i.mu.Lock()
	get, ok := i.known[string(key)]
	if !ok {
		get = sync.OnceValues(func() (image, error) {
			full, dgst, config, err := c.ResolveImageConfig(ctx, ref, o)
			if err != nil {
				err = fmt.Errorf("%s %s: %w", unresolved, ref, err)
			}
			return image{full, dgst, config}, err
		})
		i.known[string(key)] = get
	}
	i.mu.Unlock()
	img, err := get()
	if err == nil {
		i.mu.Lock()
		i.resolved[ref] = img.digest
		var config ocispec.Image
		if json.Unmarshal(img.config, &config) == nil {
			i.layers[img.digest] = len(config.RootFS.DiffIDs)
		}
		i.mu.Unlock()
	}
	return img.ref, img.digest, img.config, err
}
