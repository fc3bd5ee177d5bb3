package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/containerd/containerd/v2/core/diff/apply"
	ctdmetadata "github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	ctdsnapshots "github.com/containerd/containerd/v2/core/snapshots"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	"github.com/moby/buildkit/executor/runcexecutor"
	"github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/util/archutil"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/label"
	"github.com/moby/sys/userns"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"
)

// newWorker wires the worker as BuildKit's worker/runc does, which keeps its databases to itself: they are returned, so
// that they need not be synced with the disk at each step of a build.
func newWorker(ctx context.Context, c Config, was end, hosts docker.RegistryHosts, begun *partials) (*base.Worker, []*bolt.DB, error) {
	layers := snapshotter(c.Root)
	root := filepath.Join(c.Root, "runc-"+layers.Name)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, nil, err
	}
	id, err := base.ID(root)
	if err != nil {
		return nil, nil, err
	}
	networks, proxies, network, err := netproviders.Providers(netproviders.Opt{Mode: "host"})
	if err != nil {
		return nil, nil, err
	}
	monitor, err := resources.NewMonitor()
	if err != nil {
		return nil, nil, err
	}
	var programs []string
	if c.Runc != "" {
		programs = append(programs, c.Runc)
	}
	executor, err := runcexecutor.New(runcexecutor.Opt{
		Root:                filepath.Join(root, "executor"),
		CommandCandidates:   programs,
		Rootless:            userns.RunningInUserNS(),
		ProcessMode:         oci.ProcessSandbox,
		ResourceMonitor:     monitor,
		ProxyProvider:       proxies,
		DefaultCgroupParent: groupOf(c.Root),
	}, networks)
	if err != nil {
		return nil, nil, err
	}
	snapshots, err := layers.New(filepath.Join(root, "snapshots"))
	if err != nil {
		return nil, nil, err
	}
	// This makes their database, which otherwise the first layer does: it is to have its space on the disk before.
	err = snapshots.Walk(ctx, func(context.Context, ctdsnapshots.Info) error { return nil })
	if err != nil && !cerrdefs.IsNotFound(err) {
		return nil, nil, err
	}
	blobs, err := contentlocal.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return nil, nil, err
	}
	db, err := bolt.Open(filepath.Join(root, "containerdmeta.db"), 0o644, &bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, nil, err
	}
	known := ctdmetadata.NewDB(db, blobs, map[string]ctdsnapshots.Snapshotter{layers.Name: snapshots})
	if err := known.Init(ctx); err != nil {
		return nil, nil, err
	}
	refs, err := metadata.NewStore(filepath.Join(root, recordsFile))
	if err != nil {
		return nil, nil, err
	}
	refsDB, ok := refs.DB().(*bolt.DB)
	if !ok {
		return nil, nil, fmt.Errorf("the cache's database is a %T", refs.DB())
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	const namespace = "buildkit"
	store := containerd.NewContentStore(resumable{known.ContentStore(), begun}, namespace)
	namedLayers := containerd.NewSnapshotter(layers.Name, known.Snapshotter(layers.Name), namespace, nil)
	leases := leaseutil.WithNamespace(ctdmetadata.NewLeaseManager(known), namespace)
	if was == endKilled {
		if err := forget(ctx, refs, namedLayers, leases); err != nil {
			return nil, nil, err
		}
		// What a killed daemon had begun to make or to remove has the name that the next layer gets.
		if c, ok := snapshots.(ctdsnapshots.Cleaner); ok {
			if err := c.Cleanup(ctx); err != nil && !cerrdefs.IsNotFound(err) { // the database has no layer yet
				return nil, nil, fmt.Errorf("removing what is left of layers: %w", err)
			}
		}
	}
	w, err := base.NewWorker(ctx, base.WorkerOpt{
		ID:   id,
		Root: root,
		Labels: map[string]string{
			label.Executor: "oci", label.Snapshotter: layers.Name, label.Hostname: hostname, label.Network: network,
			label.OCIProcessMode: oci.ProcessSandbox.String(), label.SELinuxEnabled: "false",
		},
		Platforms:        archutil.SupportedPlatforms(false),
		GCPolicy:         gcPolicy(c),
		BuildkitVersion:  client.BuildkitVersion{Package: version.Package, Version: buildkitVersion()},
		NetworkProviders: networks,
		ProxyProvider:    proxies,
		Executor:         executor,
		Snapshotter:      namedLayers,
		ContentStore:     store,
		Applier:          apply.NewFileSystemApplier(store),
		Differ:           walking.NewWalkingDiff(store),
		RegistryHosts:    hosts,
		LeaseManager:     leases,
		GarbageCollect:   known.GarbageCollect,
		ParallelismSem:   semaphore.NewWeighted(int64(runtime.NumCPU())),
		MetadataStore:    refs,
		MountPoolRoot:    filepath.Join(root, "cachemounts"),
		ResourceMonitor:  monitor,
	})
	return w, []*bolt.DB{db, refsDB}, err
}
