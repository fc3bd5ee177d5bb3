package cli

import (
	"slices"
	"testing"

	"lpipe/cache"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/solve"
)

// cached is a run of two lambdas with one cache to read and one to write.
func cached(env map[string]string, change func(*run)) *run {
	lambdas := []*plan.Lambda{{Name: "api", Package: &cargo.Package{}}, {Name: "jobs", Package: &cargo.Package{}}}
	cfg := &config.Config{CI: "CI", Cache: config.Cache{From: []string{"r.example.com/c"}, To: []string{"r.example.com/c"}}}
	r := &run{
		app: &app{env: env}, stage: dockerfile.StageLambda, cfg: cfg,
		projects: []*project{{cfg: cfg, plan: &plan.Plan{Variants: []*plan.Variant{{Lambdas: lambdas}}}, dir: "/no-such-folder"}},
	}
	if change != nil {
		change(r)
	}
	return r
}

func TestCachesOfABuild(t *testing.T) {
	const c = "r.example.com/c"
	branch := func(name string) map[string]string {
		return map[string]string{"LPIPE_BRANCH": name, "CI_DEFAULT_BRANCH": "main"}
	}
	for name, test := range map[string]struct {
		env    map[string]string
		change func(*run)
		from   []string
		to     []string
	}{
		"main":      {env: branch("main"), from: []string{c + ":main"}, to: []string{c + ":main"}},
		"a branch":  {env: branch("dev"), from: []string{c + ":dev", c + ":main"}, to: []string{c + ":dev"}},
		"no branch": {from: []string{c}, to: []string{c}},
		"a tag":     {env: map[string]string{"CI_COMMIT_TAG": "v1"}, from: []string{c + ":main"}},
		"a request": {env: map[string]string{"CI_MERGE_REQUEST_IID": "7"}, from: []string{c + ":pr-7", c + ":main"}, to: []string{c + ":pr-7"}},
		"one lambda": {
			env: branch("dev"), change: func(r *run) {
				r.partial = true
				v := r.projects[0].plan.Variants[0]
				v.Lambdas = v.Lambdas[:1]
			},
			from: []string{c + ":api-dev", c + ":api-main", c + ":dev", c + ":main"}, to: []string{c + ":api-dev"},
		},
		"one of several projects": {
			env: branch("main"), change: func(r *run) {
				r.projects[0].dir = "/mono/users"
				r.projects[0].cfg.File = "/mono/lpipe.toml"
				r.projects[0].plan.Others = func() bool { return true }
				v := r.projects[0].plan.Variants[0]
				v.Lambdas = v.Lambdas[:1]
			},
			from: []string{c + ":" + cache.Tag("users/api") + "-main", c + ":main"}, to: []string{c + ":" + cache.Tag("users/api") + "-main"},
		},
		"the tests": {
			env: branch("main"), change: func(r *run) { r.stage = dockerfile.StageTest },
			from: []string{c + ":test-main", c + ":main"}, to: []string{c + ":test-main"},
		},
		"only main may write": {
			env: branch("dev"), change: func(r *run) { r.cfg.CacheWrite = "main" }, from: []string{c + ":dev", c + ":main"},
		},
		"only main may write, and a request calls itself so": {
			env:    map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "main"},
			change: func(r *run) { r.cfg.CacheWrite = "main" }, from: []string{c + ":pr-from-main", c + ":main"},
		},
		"main may write": {env: branch("main"), change: func(r *run) { r.cfg.CacheWrite = "main" }, from: []string{c + ":main"}, to: []string{c + ":main"}},
		"outside of CI":  {env: branch("dev"), change: func(r *run) { r.cfg.CI, r.cfg.CacheWrite = "", "main" }, from: []string{c + ":dev", c + ":main"}, to: []string{c + ":dev"}},
		"a tag of one's own": {
			env: branch("dev"), change: func(r *run) { r.cfg.Cache = config.Cache{From: []string{c + ":x"}, To: []string{c + ":y"}} },
			from: []string{c + ":x"}, to: []string{c + ":y"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, request := cached(test.env, test.change), &solve.Request{}
			if err := r.caches(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			var from, to []string
			for _, e := range request.CacheFrom {
				from = append(from, e.Attrs["ref"])
			}
			for _, e := range request.CacheTo {
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
	r := cached(map[string]string{"LPIPE_BRANCH": "dev"}, func(r *run) {
		r.cfg.CacheWrite, r.cfg.Cache.To = "main", []string{"type=local,dest=/tmp/x", "type=gha,url=http://h/,token=t"}
	})
	request := &solve.Request{}
	if err := r.caches(t.Context(), request); err != nil || len(request.CacheTo) != 1 || request.CacheTo[0].Type != "local" || len(r.notes) != 1 {
		t.Errorf("%v, %+v, %q", err, request.CacheTo, r.notes)
	}
}
