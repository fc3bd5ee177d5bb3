package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"lpipe/internal/fault"
)

// Push sends the image and gives it the names, which are of any registries. What a registry has already is not sent
// again. Errors are of kind [fault.Publish], and have the registry's own words.
func (p *Pusher) Push(ctx context.Context, image *Image, names []string) error {
	for _, name := range names {
		ref, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("%q is no name for an image", name), Err: err, Fix: "write it as REGISTRY/NAME:TAG, in lower case"}
		}
		if err := p.push(ctx, image, reference.TagNameOnly(ref).(reference.NamedTagged)); err != nil {
			return p.explain(ctx, name, reference.Domain(ref), err)
		}
	}
	return nil
}

func (p *Pusher) push(ctx context.Context, image *Image, ref reference.NamedTagged) error {
	r, err := p.repository(ref)
	if err != nil {
		return err
	}
	ctx = docker.WithScope(ctx, "repository:"+reference.Path(ref)+":pull,push")
	for _, b := range image.blobs {
		if err := r.retry(ctx, func() error { return r.upload(ctx, b) }); err != nil {
			return err
		}
	}
	for n, m := range image.manifests {
		name := m.Digest.String()
		if n == len(image.manifests)-1 {
			name = ref.Tag()
		}
		err := r.retry(ctx, func() error {
			_, err := r.send(ctx, http.MethodPut, r.url("manifests/"+name), m.MediaType, m.data, http.StatusCreated, http.StatusOK, http.StatusAccepted)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// repository is one repository of one registry.
type repository struct {
	*connection
	base url.URL
}

func (r *repository) url(rest string) string { return r.base.JoinPath(rest).String() }

// upload sends a blob in one piece: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put
func (r *repository) upload(ctx context.Context, b blob) error {
	switch _, err := r.send(ctx, http.MethodHead, r.url("blobs/"+b.Digest.String()), "", nil, http.StatusOK); {
	case err == nil:
		return nil
	case statusOf(err) != http.StatusNotFound:
		return err
	}
	begun, err := r.send(ctx, http.MethodPost, r.url("blobs/uploads/"), "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	to, err := begun.location()
	if err != nil {
		return err
	}
	query := to.Query()
	query.Set("digest", b.Digest.String())
	to.RawQuery = query.Encode()
	_, err = r.send(ctx, http.MethodPut, to.String(), "application/octet-stream", b.data, http.StatusCreated)
	return err
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) location() (*url.URL, error) {
	to, err := a.Location()
	if err != nil {
		return nil, fmt.Errorf("the registry named no place for the upload: %w", err)
	}
	return to, nil
}

// maxAnswer is how much of a registry's answer is read, and maxWords how much of it is kept for the user.
const (
	maxAnswer = 4 << 20
	maxWords  = 4 << 10
)

// send makes one request, logging in when the registry asks for it.
func (r *repository) send(ctx context.Context, method, to, mediaType string, body []byte, want ...int) (answer, error) {
	var challenged []*http.Response
	for {
		var reader io.Reader
		if body != nil {
			reader = bytes.NewReader(body)
		}
		request, err := http.NewRequestWithContext(ctx, method, to, reader)
		if err != nil {
			return answer{}, err
		}
		if mediaType != "" {
			request.Header.Set("Content-Type", mediaType)
		}
		if method == http.MethodGet {
			request.Header.Set("Accept", ocispec.MediaTypeImageManifest)
		}
		if err := r.authorizer.Authorize(ctx, request); err != nil {
			return answer{}, &refusal{err: err, status: http.StatusUnauthorized}
		}
		response, err := r.client.Do(request)
		if err != nil {
			return answer{}, err
		}
		read, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		response.Body.Close()
		if slices.Contains(want, response.StatusCode) {
			return answer{response, read}, nil
		}
		words := read[:min(len(read), maxWords)]
		if response.StatusCode == http.StatusUnauthorized && len(challenged) == 0 {
			challenged = append(challenged, response) //nolint:bodyclose // closed above
			if err := r.authorizer.AddResponses(ctx, challenged); err != nil {
				return answer{}, &refusal{err: err, status: response.StatusCode, words: clean(words)}
			}
			continue
		}
		return answer{}, &refusal{
			err:    fmt.Errorf("%s %s: %s", method, withoutQuery(to), response.Status),
			status: response.StatusCode, words: clean(words), after: retryAfter(response.Header.Get("Retry-After")),
		}
	}
}

// withoutQuery leaves out what upload addresses carry in their query, such as signatures.
func withoutQuery(to string) string {
	to, _, _ = strings.Cut(to, "?")
	return to
}

// clean makes one line of text from outside, for a terminal.
func clean(words []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(words), "")))
}

// explain says what the registry said.
func (p *Pusher) explain(ctx context.Context, name, host string, err error) error {
	if ctx.Err() != nil {
		return &fault.Error{Kind: fault.Cancelled, What: "cancelled while pushing " + name + "; the zip is complete", Err: context.Cause(ctx), Fix: "push again with lpipe build: nothing is compiled twice"}
	}
	f := &fault.Error{Kind: fault.Publish, What: "pushing " + name + " failed; the zip is complete", Err: err, Why: err.Error(), Fix: "push again with lpipe build: nothing is compiled twice"}
	var refused *refusal
	if errors.As(err, &refused) && refused.words != "" {
		f.Why += "\nthe registry says: " + refused.words
	}
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Fix = "log in with a user who may push: docker login " + host
		if _, _, err := p.Logins.For(host); err != nil {
			f.Why += "\n" + err.Error()
		}
	case status == http.StatusNotFound:
		f.Fix = "make the repository in the registry first: some, like Amazon ECR, want that"
	case status == http.StatusTooManyRequests:
		f.Fix = "push again later: the registry limits how often"
	}
	return f
}
