package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
	"lpipe/internal/redact"
)

// Remote is a repository on a server, and what of it is meant.
type Remote struct {
	URL  string // https or ssh, as of [ParseURL]
	Rev  string // a branch, a tag or the hash of a commit; "" for what a clone checks out
	Host string // with a port where the URL has one
	SSH  bool
}

// scp is the short form of an ssh URL.
var scp = pattern.Of(`^([A-Za-z0-9._-]+)@([A-Za-z0-9._-]+):([^/].*)$`)

// shortName is what follows gh: in the short form of a repository on GitHub.
var shortName = pattern.Of(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]*[A-Za-z0-9_-]/?$`)

// ParseURL reads the address of a repository: an https or ssh URL, USER@HOST:PATH, or gh:OWNER/NAME for one on GitHub. ok is
// false for what is none of these. The error, a usage fault, is for addresses that are not fetched from.
func ParseURL(text, rev string) (r Remote, ok bool, err error) {
	r.Rev = rev
	given := text
	rest, short := strings.CutPrefix(text, "gh:")
	if short {
		text = "https://github.com/" + rest
	} else if m := scp().FindStringSubmatch(text); m != nil {
		text = "ssh://" + m[1] + "@" + m[2] + "/" + m[3]
	}
	if !strings.Contains(text, "://") {
		return r, false, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || strings.HasPrefix(u.Host, "-") || strings.HasPrefix(u.User.Username(), "-") || u.RawQuery != "" || u.Fragment != "",
		strings.Trim(u.Path, "/") == "", short && !shortName().MatchString(rest):
		return r, true, &fault.Error{Kind: fault.Usage, What: fault.Quote(redact.Text(given)) + " is no address of a repository", Fix: "write it as https://HOST/PATH, ssh://USER@HOST/PATH or gh:OWNER/NAME"}
	case u.Scheme != "https" && u.Scheme != "ssh":
		return r, true, &fault.Error{
			Kind: fault.Usage, What: "nothing is fetched over " + fault.Quote(u.Scheme), Why: "nobody would know that it came as it was sent", Fix: "write it as https://HOST/PATH or ssh://USER@HOST/PATH",
		}
	case u.Scheme == "https" && u.User != nil:
		return r, true, &fault.Error{Kind: fault.Usage, What: "the address has a user or a password in it", Why: "others on this machine see it", Fix: "leave it out, and let a credential helper of git have it"}
	case rev != "" && !revision().MatchString(rev):
		return r, true, &fault.Error{Kind: fault.Usage, What: fault.Quote(rev) + " is no revision", Fix: "name a branch, a tag or the whole hash of a commit"}
	}
	r.URL, r.Host, r.SSH = u.String(), u.Host, u.Scheme == "ssh"
	return r, true, nil
}

// revision is the name of a branch or tag, or a hash, and nothing that git takes for more.
var revision = pattern.Of(`^[A-Za-z0-9_][A-Za-z0-9._/+-]*$`)

// passed are the variables that lead to servers through proxies and with credentials.
var passed = []string{
	"SSH_AUTH_SOCK", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
}

// Fetch fetches one commit into an empty folder, and returns its repository and the hash. Nothing is checked out, no hook or filter
// runs, submodules are left out, and git reaches no other protocol. sshCommand is what connects for an ssh URL.
func Fetch(ctx context.Context, r Remote, dir string, env map[string]string, sshCommand string) (*Repository, string, error) {
	failed := func(err error) error {
		f := &fault.Error{Kind: fault.Usage, What: "cannot fetch " + r.URL, Err: err, Fix: "\"git ls-remote " + r.URL + "\" says more; --rev names a branch, a tag or a commit that is there"}
		if errors.Is(err, exec.ErrNotFound) {
			f.Why, f.Fix = "there is no git on PATH", "install git, or name a folder with the template"
		}
		return f
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, "", err
	}
	repository := &Repository{Top: dir, env: environment(env)}
	if out, err := output(ctx, command(ctx, repository.env, dir, "init", "--quiet", "--template=", "--initial-branch=main", ".")); err != nil {
		return nil, "", failed(errors.Join(err, errors.New(out)))
	}
	fetching := []string{"GIT_ALLOW_PROTOCOL=https:ssh", "GIT_SSH_COMMAND=" + sshCommand, "GIT_ASKPASS=false"}
	for _, pair := range repository.env {
		if !strings.HasPrefix(pair, "GIT_ALLOW_PROTOCOL=") {
			fetching = append(fetching, pair)
		}
	}
	for _, name := range passed {
		if value := env[name]; value != "" {
			fetching = append(fetching, name+"="+value)
		}
	}
	rev := r.Rev
	if rev == "" {
		rev = "HEAD"
	}
	args := []string{
		"-c", "core.hooksPath=" + os.DevNull, "-c", "fetch.fsckObjects=true", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "credential.interactive=false",
		"fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", r.URL, rev,
	}
	if _, err := output(ctx, command(ctx, fetching, dir, args...)); err != nil {
		return nil, "", failed(err)
	}
	hash, err := repository.Commit(ctx, "FETCH_HEAD")
	if err != nil {
		return nil, "", failed(fmt.Errorf("it has no commit of that name: %w", err))
	}
	return repository, hash, nil
}
