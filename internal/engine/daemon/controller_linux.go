package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/moby/buildkit/cache/remotecache"
	"github.com/moby/buildkit/cache/remotecache/azblob"
	"github.com/moby/buildkit/cache/remotecache/gha"
	"github.com/moby/buildkit/cache/remotecache/inline"
	"github.com/moby/buildkit/cache/remotecache/local"
	"github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/cache/remotecache/s3"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/bklog"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/resolver"
	resolverconfig "github.com/moby/buildkit/util/resolver/config"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/runc"
	bolt "go.etcd.io/bbolt"
)

// newController wires BuildKit as buildkitd does, without its options that lpipe has no use for: containerd,
// CNI, devices, tracing, entitlements. Of the databases it returns those that may go without syncing; was is how the last
// daemon left them.
func newController(ctx context.Context, c Config, was end) (*control.Controller, []*bolt.DB, error) {
	// Tells clients that optional features may be reported by name, as buildkitd does.
	apicaps.ExportedProduct = "buildkit"

	sessions, err := session.NewManager()
	if err != nil {
		return nil, nil, fmt.Errorf("starting the session manager: %w", err)
	}
	begun, err := newPartials(c.Root)
	if err != nil {
		return nil, nil, err
	}
	hosts := begun.note(withReadTimeout(registryHosts(c.Registries), c.ReadTimeout))
	w, dbs, err := newWorker(ctx, c, was, hosts, begun)
	if err != nil {
		return nil, nil, fmt.Errorf("starting the worker: %w", err)
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, nil, fmt.Errorf("starting the worker: %w", err)
	}
	images, err := gateway.NewGatewayFrontend(workers.Infos(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("starting the gateway: %w", err)
	}
	results, err := bboltcachestorage.NewStore(filepath.Join(c.Root, "cache.db"))
	if err != nil {
		return nil, nil, fmt.Errorf("opening the cache: %w", err)
	}
	history, err := boltutil.SafeOpen(filepath.Join(c.Root, historyFile), 0o600, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the history: %w", err)
	}
	controller, err := control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
			"gateway.v0":    images,
		},
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{
			"registry": registry.ResolveCacheExporterFunc(sessions, hosts),
			"local":    local.ResolveCacheExporterFunc(sessions),
			"inline":   inline.ResolveCacheExporterFunc(),
			"gha":      gha.ResolveCacheExporterFunc(nil, nil), // signing caches is for who runs an engine for others
			"s3":       s3.ResolveCacheExporterFunc(),
			"azblob":   azblob.ResolveCacheExporterFunc(),
		},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{
			"registry": registry.ResolveCacheImporterFunc(sessions, w.ContentStore(), hosts),
			"local":    local.ResolveCacheImporterFunc(sessions),
			"gha":      gha.ResolveCacheImporterFunc(nil, nil),
			"s3":       s3.ResolveCacheImporterFunc(),
			"azblob":   azblob.ResolveCacheImporterFunc(),
		},
		CacheManager:   solver.NewCacheManager(ctx, "local", results, worker.NewCacheResultStorage(workers)),
		CacheStore:     results,
		HistoryDB:      history,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   ctx.Done(),
	})
	return controller, dbs, err
}

// snapshotter prefers overlayfs; copying whole trees works everywhere.
func snapshotter(root string) runc.SnapshotterFactory {
	if err := overlayutils.Supported(root); err != nil {
		bklog.L.WithError(err).Warn("overlayfs does not work here, layers are copied")
		return runc.SnapshotterFactory{Name: "native", New: native.NewSnapshotter}
	}
	return runc.SnapshotterFactory{Name: "overlayfs", New: func(root string) (snapshots.Snapshotter, error) {
		return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
	}}
}

func registryHosts(registries map[string]Registry) docker.RegistryHosts {
	known := map[string]resolverconfig.RegistryConfig{}
	for host, r := range registries {
		rc := resolverconfig.RegistryConfig{Mirrors: r.Mirrors, RootCAs: r.CA}
		// Unset leaves BuildKit its default, HTTP for loopback hosts; a certificate says HTTPS.
		if r.HTTP || len(r.CA) > 0 {
			rc.PlainHTTP = &r.HTTP
		}
		known[host] = rc
	}
	return resolver.NewRegistryConfig(known)
}

// buildkitVersion is the version of the BuildKit module that this program was built with.
func buildkitVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == version.Package {
				return m.Version
			}
		}
	}
	return version.Version
}
