package cli

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/userkey"
)

// project is one cargo workspace with the plan for it.
type project struct {
	cfg  *config.Config
	plan *plan.Plan
	dir  string // the workspace root on this machine, absolute
	from string // the folder that lpipe.toml was looked for from, as the disk has it
}

// sharedKey keeps the contexts of this user and workspace apart from all others on the engine, also from those of another
// machine with the same home folder: nobody else can guess it.
func (p *project) sharedKey(key userkey.Key) string {
	host, _ := os.Hostname()
	return "lpipe-" + hex.EncodeToString(key.Derive("contexts", host, p.dir))
}

// warmOwner keeps the compiled dependencies of this user and workspace apart from all others: nobody else can guess it.
func (p *project) warmOwner(key userkey.Key) string {
	return hex.EncodeToString(key.Derive("warm", p.dir))
}

// part is a lambda of one of several projects.
type part struct {
	*project
	lambda *plan.Lambda
}

// parts are the lambdas of all projects, in the order of their labels.
func parts(projects []*project) []part {
	var all []part
	for _, p := range projects {
		for _, l := range p.plan.Lambdas() {
			all = append(all, part{p, l})
		}
	}
	slices.SortStableFunc(all, func(a, b part) int { return cmp.Compare(a.lambda.Label(), b.lambda.Label()) })
	return all
}

// common returns the configuration for what the projects share in one run. The error is a usage fault where they
// disagree about it.
func common(projects []*project) (*config.Config, error) {
	first := projects[0]
	var l fault.List
	for _, p := range projects[1:] {
		if differ := config.Differ(first.cfg, p.cfg); len(differ) > 0 {
			l.Addf(fmt.Sprintf("the projects %s and %s cannot be built in one run", shown(first.dir), shown(p.dir)),
				fmt.Sprintf("their settings differ in %s, and a run has one of each", strings.Join(differ, ", ")),
				"put these settings into one lpipe.toml above both, or build each in a run of its own: lpipe build "+shown(p.dir))
		}
	}
	return first.cfg, l.Err()
}

// inFS is an absolute path as the file system rooted at "/" has it.
func inFS(abs string) string {
	if p := strings.TrimPrefix(path.Clean(filepath.ToSlash(abs)), "/"); p != "" {
		return p
	}
	return "."
}
