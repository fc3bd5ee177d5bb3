package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// withReadTimeout returns hosts whose clients give up a registry that says nothing for so long, before its answer or in the
// middle of it.
//
// BuildKit has no such limit, and reads what an imported cache consists of in the one thread that moves all builds: a
// registry that hangs would end them all. What is sent to a registry has no limit, as storing a large layer takes time.
func withReadTimeout(hosts docker.RegistryHosts, limit time.Duration) docker.RegistryHosts {
	if limit <= 0 {
		limit = DefaultReadTimeout
	}
	return through(hosts, func(t http.RoundTripper) http.RoundTripper { return listener{t, limit} })
}

// through returns hosts whose clients send their requests through what wrap makes of their transport.
func through(hosts docker.RegistryHosts, wrap func(http.RoundTripper) http.RoundTripper) docker.RegistryHosts {
	return func(host string) ([]docker.RegistryHost, error) {
		all, err := hosts(host)
		for i, h := range all {
			client := *h.Client
			client.Transport = wrap(client.Transport)
			all[i].Client = &client
		}
		return all, err
	}
}

// silent is the error of a request that was given up. It is not temporary in the sense of [net/http], so that BuildKit
// does not ask again.
type silent struct {
	host  string
	limit time.Duration
}

func (e *silent) Error() string {
	return fmt.Sprintf("the registry %s said nothing for %s", e.host, e.limit)
}

// listener gives up what is silent.
type listener struct {
	http.RoundTripper
	limit time.Duration
}

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return l.RoundTripper.RoundTrip(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(l.limit, func() { cancel(&silent{r.URL.Host, l.limit}) })
	response, err := l.RoundTripper.RoundTrip(r.WithContext(ctx))
	timer.Stop()
	if err != nil {
		err = reason(ctx, err)
		cancel(nil)
		return nil, err
	}
	response.Body = &body{response.Body, ctx, cancel, timer, l.limit}
	return response, nil
}

// reason is why a request failed: err, unless it was given up.
func reason(ctx context.Context, err error) error {
	if s, ok := context.Cause(ctx).(*silent); ok { //nolint:errorlint // the cause itself, which nothing wraps
		return s
	}
	return err
}

// body is an answer. Only the time in which it is waited for counts, not what the reader does in between.
type body struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the request, whose answer this is
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it bare
		err = reason(b.ctx, err)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}
