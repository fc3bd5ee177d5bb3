package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/distribution/reference"

	"lpipe/internal/fault"
)

// Ask asks the registry of an image or cache whether this user may read it, and with write whether an upload to its
// repository may begin; one that does is cancelled. That there is no such image yet is no mistake. Errors are of kind
// [fault.Publish], and have the registry's own words.
func (p *Pusher) Ask(ctx context.Context, name string, write bool) error {
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("%q is no name for an image", name), Err: err, Fix: "write it as REGISTRY/NAME:TAG, in lower case"}
	}
	ref := reference.TagNameOnly(parsed)
	if err = p.ask(ctx, ref, write); err == nil {
		return nil
	}
	action, host := "read", reference.Domain(ref)
	if write {
		action = "write"
	}
	f := &fault.Error{
		Kind: fault.Publish, What: fmt.Sprintf("the registry %s does not let you %s %s", host, action, name), Err: err, Why: err.Error(),
		Fix: fmt.Sprintf("see that the registry runs and is called %s; [registry.%q] in lpipe.toml says how to reach it", host, host),
	}
	if r := (*refusal)(nil); errors.As(err, &r) && r.words != "" {
		f.Why += "\nthe registry says: " + r.words
	}
	switch statusOf(err) {
	case 0:
		f.What = "the registry " + host + " does not answer"
	case http.StatusUnauthorized, http.StatusForbidden:
		f.Fix = fmt.Sprintf("log in with a user who may %s it: docker login %s", action, host)
	case http.StatusNotFound:
		f.Fix = "make the repository in the registry first: some, like Amazon ECR, want that"
	}
	return f
}

func (p *Pusher) ask(ctx context.Context, ref reference.Named, write bool) error {
	r, err := p.repository(ref)
	if err != nil {
		return err
	}
	if !write {
		ctx = docker.WithScope(ctx, "repository:"+reference.Path(ref)+":pull")
		name := "latest"
		switch ref := ref.(type) {
		case reference.Digested:
			name = ref.Digest().String()
		case reference.Tagged:
			name = ref.Tag()
		}
		_, err := r.send(ctx, http.MethodHead, r.url("manifests/"+name), "", nil, http.StatusOK, http.StatusNotFound)
		return err
	}
	ctx = docker.WithScope(ctx, "repository:"+reference.Path(ref)+":pull,push")
	begun, err := r.send(ctx, http.MethodPost, r.url("blobs/uploads/"), "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	if to, err := begun.location(); err == nil {
		_, _ = r.send(ctx, http.MethodDelete, to.String(), "", nil, http.StatusNoContent) // registries end what is left by themselves
	}
	return nil
}
