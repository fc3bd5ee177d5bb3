// Package git asks git on this machine about a repository that is not trusted.
//
// Whoever wrote the repository may have written its configuration, its attributes and its hooks, and may have put
// further repositories into its folders. None of that runs a command, and none of it decides which repository is
// asked: it is the one whose .git is the closest above a folder, and git must agree. So a bare repository among the
// files, which any commit can hold, is never taken for the project's own. All that git is asked to do is to name
// commits and branches and to hand out trees and blobs as they are stored; this package is the only one that runs it.
//
// The configuration of the person and of the machine counts as git has it, safe.directory above all: git refuses a
// repository of another user.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/shell"
)

// Repository is the repository that a folder is checked out from.
type Repository struct {
	// Top is the folder that has the .git, without symbolic links in it.
	Top string
	env []string
}

// ErrNone is why a folder without a repository cannot be asked about one.
var ErrNone = errors.New("neither it nor a folder above has a .git")

// Open returns the repository that holds dir, an absolute path. env is the environment of lpipe; of it git gets what
// finds the person's own configuration. A GIT_DIR, as a hook has it, is not used: the folder says which repository
// is meant. The error is a usage fault.
func Open(ctx context.Context, dir string, env map[string]string) (*Repository, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	top := (disk.Disk{FS: os.DirFS("/")}).Repository(strings.TrimPrefix(filepath.ToSlash(dir), "/"))
	if top != "" {
		r := &Repository{Top: filepath.FromSlash("/" + top), env: environment(env)}
		return r, r.check(ctx)
	}
	f := refusal(dir, ErrNone, "run lpipe in a checkout of a git repository")
	if at := env["GIT_DIR"]; at != "" {
		f.Why = fmt.Sprintf("%s, and the GIT_DIR %q of the environment is not used", f.Err, at)
	}
	return nil, f
}

func refusal(dir string, why error, fix string) *fault.Error {
	return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the git repository of %q cannot be read", dir), Err: why, Fix: fix}
}

// kept are the variables that git gets, beside those that begin with GIT_CONFIG_: with them git finds itself and what
// the person configured. SUDO_UID is whose repositories root may use.
var kept = []string{"PATH", "HOME", "XDG_CONFIG_HOME", "SUDO_UID", "DEVELOPER_DIR"}

// environment is that of git: everything that could lead it elsewhere is left out.
func environment(env map[string]string) []string {
	all := []string{
		"LC_ALL=C",                 // check reads what git says
		"GIT_ALLOW_PROTOCOL=none",  // nothing is fetched, not even what a partial clone lacks
		"GIT_NO_LAZY_FETCH=1",      // the same
		"GIT_NO_REPLACE_OBJECTS=1", // a commit is what its hash says
		"GIT_TERMINAL_PROMPT=0",    // nobody is asked
		"GIT_OPTIONAL_LOCKS=0",     // nothing is written
	}
	for name, value := range env {
		// With GIT_CONFIG_PARAMETERS one git hands on what another was called with.
		if slices.Contains(kept, name) || strings.HasPrefix(name, "GIT_CONFIG_") && name != "GIT_CONFIG_PARAMETERS" {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// check is nil when git takes Top for the work tree of its repository.
func (r *Repository) check(ctx context.Context) error {
	out, err := r.run(ctx, "rev-parse", "--show-toplevel")
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, exec.ErrNotFound):
		return refusal(r.Top, errors.New("there is no git on PATH"), "install git")
	case err != nil && strings.Contains(err.Error(), "dubious ownership"), err != nil && strings.Contains(err.Error(), "owned by someone else"):
		return refusal(r.Top, errors.New("it belongs to another user, and git does not trust it"),
			"if you trust whoever owns it: git config --global --add safe.directory "+shell.Word(r.Top))
	case err != nil:
		return refusal(r.Top, err, "\"git status\" there says more; a folder called .git that is no repository is to be removed")
	}
	top, err := os.Stat(r.Top)
	if err != nil {
		return err
	}
	if found, err := os.Stat(out); err != nil || !os.SameFile(top, found) {
		return refusal(r.Top, fmt.Errorf("git takes it for a repository of the folder %q", out),
			"remove core.worktree from its configuration (git config --unset core.worktree), or the .git that is no repository")
	}
	return nil
}

// settings are laid over the repository's own. The commands that are used here run none of these; should a version of
// git do so, there is nothing to run.
var settings = []string{
	"safe.bareRepository=explicit", "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null",
	"core.sshCommand=false", "core.askPass=false", "credential.helper=", "core.pager=cat", "protocol.allow=never",
}

func (r *Repository) command(ctx context.Context, args ...string) *exec.Cmd {
	all := []string{"--no-pager"}
	for _, s := range settings {
		all = append(all, "-c", s)
	}
	return command(ctx, r.env, r.Top, append(all, args...)...)
}

// command is git in a folder, with an environment.
func command(ctx context.Context, env []string, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = env
	return cmd
}

// run returns what git writes, without the line end. The error is what git says.
func (r *Repository) run(ctx context.Context, args ...string) (string, error) {
	return output(ctx, r.command(ctx, args...))
}

// output is what git prints, without the last break. The error is what it says.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", said(err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// said is the error of a git that ended with err.
func said(err error, stderr string) error {
	if text := strings.TrimSpace(stderr); text != "" {
		return errors.New(text)
	}
	return err
}

// commit is a hash in full, as git prints one.
var commit = pattern.Of(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Commit returns the hash of the commit that a person calls rev.
func (r *Repository) Commit(ctx context.Context, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") || strings.ContainsRune(rev, 0) {
		return "", errors.New("no revision is called so")
	}
	out, err := r.run(ctx, "rev-parse", "--verify", "--end-of-options", rev+"^{commit}")
	if err == nil && !commit().MatchString(out) {
		return "", fmt.Errorf("git says %q", out)
	}
	return out, err
}

// Tree returns the hash of the files of a commit, by its hash.
func (r *Repository) Tree(ctx context.Context, hash string) (string, error) {
	out, err := r.run(ctx, "rev-parse", "--verify", "--end-of-options", hash+"^{tree}")
	if err == nil && !commit().MatchString(out) {
		return "", fmt.Errorf("git says %q", out)
	}
	return out, err
}

// Head is what is checked out; "" for what the repository does not say.
type Head struct {
	Branch string // "" too where no branch is checked out
	Main   string // the branch that a clone of the remote "origin" starts from
	Commit string
}

// Head returns what is checked out.
func (r *Repository) Head(ctx context.Context) Head {
	// Full names: the short one of a branch depends on which tags there are.
	ref := func(name, prefix string) string {
		full, err := r.run(ctx, "symbolic-ref", "--quiet", name)
		short, ok := strings.CutPrefix(full, prefix)
		if err != nil || !ok {
			return ""
		}
		return short
	}
	h := Head{Branch: ref("HEAD", "refs/heads/"), Main: ref("refs/remotes/origin/HEAD", "refs/remotes/origin/")}
	h.Commit, _ = r.Commit(ctx, "HEAD") // a repository may have no commit yet
	return h
}
