package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"

	"lpipe/cache"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/testparts"
)

// cachedRun is what decides about the caches of a run of two lambdas, with one cache to read and one to write.
type cachedRun struct {
	env     map[string]string
	cfg     *config.Config
	project *project.Project
	stage   string
	partial bool
}

func newCachedRun(env map[string]string) *cachedRun {
	lambdas := []*plan.Lambda{{Name: "api", Package: &cargo.Package{}}, {Name: "jobs", Package: &cargo.Package{}}}
	cfg := &config.Config{CI: "CI", Cache: config.Cache{From: []string{"r.example.com/c"}, To: []string{"r.example.com/c"}}}
	return &cachedRun{env: env, cfg: cfg, stage: dockerfile.StageLambda, project: &project.Project{
		Config: cfg, Plan: &plan.Plan{Variants: []*plan.Variant{{Lambdas: lambdas}}}, Dir: "/no-such-folder",
	}}
}

func (r *cachedRun) caches(t *testing.T) (from, to []client.CacheOptionsEntry, notes []string) {
	t.Helper()
	here := &project.Here{Env: r.env, Disk: disk.Disk{FS: os.DirFS("/")}}
	from, to, notes, err := caches(r.cfg, r.env,
		func() project.Checkout { return here.Checkout(t.Context(), r.project.Dir) },
		func() string { return scope(project.Targets([]*project.Project{r.project}), r.stage, r.partial) })
	if err != nil {
		t.Fatal(err)
	}
	return from, to, notes
}

func TestCachesOfABuild(t *testing.T) {
	const c = "r.example.com/c"
	branch := func(name string) map[string]string {
		return map[string]string{"LPIPE_BRANCH": name, "CI_DEFAULT_BRANCH": "main"}
	}
	for name, test := range map[string]struct {
		env    map[string]string
		change func(*cachedRun)
		from   []string
		to     []string
	}{
		"main":      {env: branch("main"), from: []string{c + ":main"}, to: []string{c + ":main"}},
		"a branch":  {env: branch("dev"), from: []string{c + ":dev", c + ":main"}, to: []string{c + ":dev"}},
		"no branch": {from: []string{c}, to: []string{c}},
		"a tag":     {env: map[string]string{"CI_COMMIT_TAG": "v1"}, from: []string{c + ":main"}},
		"a request": {env: map[string]string{"CI_MERGE_REQUEST_IID": "7"}, from: []string{c + ":pr-7", c + ":main"}, to: []string{c + ":pr-7"}},
		"one lambda": {
			env: branch("dev"), change: func(r *cachedRun) {
				r.partial = true
				v := r.project.Plan.Variants[0]
				v.Lambdas = v.Lambdas[:1]
			},
			from: []string{c + ":api-dev", c + ":api-main", c + ":dev", c + ":main"}, to: []string{c + ":api-dev"},
		},
		"one of several projects": {
			env: branch("main"), change: func(r *cachedRun) {
				r.project.Dir = "/mono/users"
				r.project.Config.File = "/mono/lpipe.toml"
				r.project.Plan.Others = func() bool { return true }
				v := r.project.Plan.Variants[0]
				v.Lambdas = v.Lambdas[:1]
			},
			from: []string{c + ":" + cache.Tag("users/api") + "-main", c + ":main"}, to: []string{c + ":" + cache.Tag("users/api") + "-main"},
		},
		"the tests": {
			env: branch("main"), change: func(r *cachedRun) { r.stage = dockerfile.StageTest },
			from: []string{c + ":test-main", c + ":main"}, to: []string{c + ":test-main"},
		},
		"only main may write": {
			env: branch("dev"), change: func(r *cachedRun) { r.cfg.CacheWrite = "main" }, from: []string{c + ":dev", c + ":main"},
		},
		"only main may write, and a request calls itself so": {
			env:    map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "main"},
			change: func(r *cachedRun) { r.cfg.CacheWrite = "main" }, from: []string{c + ":pr-from-main", c + ":main"},
		},
		"main may write": {env: branch("main"), change: func(r *cachedRun) { r.cfg.CacheWrite = "main" }, from: []string{c + ":main"}, to: []string{c + ":main"}},
		"outside of CI":  {env: branch("dev"), change: func(r *cachedRun) { r.cfg.CI, r.cfg.CacheWrite = "", "main" }, from: []string{c + ":dev", c + ":main"}, to: []string{c + ":dev"}},
		"a tag of one's own": {
			env: branch("dev"), change: func(r *cachedRun) { r.cfg.Cache = config.Cache{From: []string{c + ":x"}, To: []string{c + ":y"}} },
			from: []string{c + ":x"}, to: []string{c + ":y"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newCachedRun(test.env)
			if test.change != nil {
				test.change(r)
			}
			imports, exports, _ := r.caches(t)
			var from, to []string
			for _, e := range imports {
				from = append(from, e.Attrs["ref"])
			}
			for _, e := range exports {
				to = append(to, e.Attrs["ref"])
				if e.Attrs["mode"] != "max" || e.Attrs["ignore-error"] != "true" || e.Attrs["compression"] != "zstd" || e.Attrs["force-compression"] != "" {
					t.Errorf("the export has %v", e.Attrs)
				}
			}
			if !slices.Equal(from, test.from) || !slices.Equal(to, test.to) {
				t.Errorf("from %q, to %q, want %q and %q", from, to, test.from, test.to)
			}
		})
	}
}

func TestLocalCacheMayAlwaysBeWritten(t *testing.T) {
	r := newCachedRun(map[string]string{"LPIPE_BRANCH": "dev"})
	r.cfg.CacheWrite, r.cfg.Cache.To = "main", []string{"type=local,dest=/tmp/x", "type=gha,url=http://h/,token=t"}
	if _, to, notes := r.caches(t); len(to) != 1 || to[0].Type != "local" || len(notes) != 1 {
		t.Errorf("%+v, %q", to, notes)
	}
}

// TestARepositoryAmongTheFilesWritesNoCache: any commit can hold a bare repository, which says that it is on main.
func TestARepositoryAmongTheFilesWritesNoCache(t *testing.T) {
	top := t.TempDir()
	testparts.Repository(t, top, "evil", map[string]string{"x": "x"})
	evil := filepath.Join(top, "evil")
	written := func() (int, []string) {
		t.Helper()
		r := newCachedRun(map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "CI": "true"})
		r.cfg.CacheWrite, r.project.Dir = "main", evil
		_, to, notes := r.caches(t)
		return len(to), notes
	}
	if n, notes := written(); n != 0 {
		t.Errorf("it may write the cache of main: %d, %q", n, notes)
	}
	// The checkout around it is what counts.
	if out, err := exec.Command("git", "-C", top, "init", "--quiet", "--initial-branch=topic").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if n, _ := written(); n != 0 {
		t.Error("it may write the cache of main")
	}
}

// TestAnUnreadCheckoutIsSaid: without the branch the build has another cache, and images no name.
func TestAnUnreadCheckoutIsSaid(t *testing.T) {
	top := t.TempDir()
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := newCachedRun(map[string]string{"PATH": os.Getenv("PATH")})
	r.project.Dir = top
	if _, _, notes := r.caches(t); len(notes) != 1 || !strings.Contains(notes[0], "cannot be read") {
		t.Errorf("%q", notes)
	}
}
