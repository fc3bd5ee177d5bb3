package git

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

// nobody is the environment of a person without configuration.
func nobody(t *testing.T) map[string]string {
	return map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}
}

// plain runs git as anybody would, and returns what it writes; a failure of it is left to the caller. Git does not go on to
// tidy the repository when it has ended: the test's folder may be gone by then.
func plain(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	_, err := exec.LookPath("git")
	require.Part(t, err == nil, "git", "apt-get install git")
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "maintenance.auto=false", "-c", "gc.auto=0"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must runs git, which has to succeed.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := plain(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// checkout makes a repository with a commit of the files on the branch main, and returns its folder.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	must(t, dir, "init", "--quiet", "--initial-branch=main")
	commitFiles(t, dir, files)
	return dir
}

func commitFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	must(t, dir, "add", "--force", ".")
	must(t, dir, "commit", "--quiet", "--allow-empty", "--message=files")
}

func open(t *testing.T, dir string) *Repository {
	t.Helper()
	r, err := Open(t.Context(), dir, nobody(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everything asks git all that the package can ask, and returns the contents of the files of a revision, by their paths.
func everything(t *testing.T, r *Repository, rev string) (map[string]string, error) {
	t.Helper()
	r.Head(t.Context())
	hash, err := r.Commit(t.Context(), rev)
	if err != nil {
		return nil, err
	}
	tree, err := r.Files(t.Context(), hash)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	tree.checkout = fstest.MapFS{} // where there is no file, git is asked
	all := map[string]string{}
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, err := d.Info(); err != nil {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		all[name] = string(data)
		return err
	})
	return all, err
}

// drivers makes git look for every driver that an attribute can name.
const drivers = "* filter=x diff=x merge=x ident\n"

// TestNoKeyRunsACommand has a hostile repository for each key of git's configuration that is a command, or that leads
// to one. naive is a git command that anybody might have used; it shows that the repository is hostile.
func TestNoKeyRunsACommand(t *testing.T) {
	const hostile = "CANARY" // stands for a command that leaves a file behind
	clean := checkout(t, map[string]string{"first": "1\n", ".gitattributes": drivers})
	commitFiles(t, clean, map[string]string{"first": "2\n"})
	for key, naive := range map[string][]string{
		"alias.rev-parse":                nil,
		"alias.x":                        {"x"},
		"browser.x.cmd":                  nil,
		"core.alternateRefsCommand":      nil,
		"core.askPass":                   nil,
		"core.editor":                    {"commit", "--allow-empty"},
		"core.fsmonitor":                 {"status"},
		"core.gitProxy":                  {"fetch", "git://127.0.0.1:1/x"},
		"core.pager":                     nil,
		"core.sshCommand":                {"fetch", "ssh://127.0.0.1:1/x"},
		"credential.helper":              nil,
		"credential.https://x.helper":    nil,
		"diff.external":                  {"diff", "HEAD~1"},
		"diff.x.command":                 {"diff", "HEAD~1"},
		"diff.x.textconv":                {"diff", "HEAD~1"},
		"difftool.x.cmd":                 {"difftool", "--no-prompt", "--tool=x", "HEAD~1"},
		"difftool.x.path":                nil,
		"filter.x.clean":                 {"add", "--renormalize", "."},
		"filter.x.process":               {"add", "--renormalize", "."},
		"filter.x.smudge":                {"archive", "--format=zip", "HEAD"},
		"gpg.openpgp.program":            {"commit", "-S", "--allow-empty", "--message=x"},
		"gpg.program":                    {"commit", "-S", "--allow-empty", "--message=x"},
		"gpg.ssh.defaultKeyCommand":      nil,
		"gpg.ssh.program":                nil,
		"gpg.x509.program":               nil,
		"guitool.x.cmd":                  nil,
		"hook.x.command":                 nil,
		"imap.tunnel":                    nil,
		"instaweb.httpd":                 nil,
		"interactive.diffFilter":         nil,
		"man.x.cmd":                      nil,
		"man.x.path":                     nil,
		"merge.x.driver":                 nil,
		"mergetool.x.cmd":                nil,
		"mergetool.x.path":               nil,
		"pager.cat-file":                 nil,
		"pager.log":                      nil,
		"pager.ls-tree":                  nil,
		"pager.rev-parse":                nil,
		"receive.procReceiveRefs":        nil,
		"remote.origin.receivepack":      nil,
		"remote.origin.uploadpack":       {"fetch", "origin"},
		"remote.origin.vcs":              nil,
		"sendemail.ccCmd":                nil,
		"sendemail.sendmailCmd":          nil,
		"sendemail.toCmd":                nil,
		"sequence.editor":                nil,
		"ssh.variant":                    nil,
		"submodule.x.update":             nil,
		"tar.tar.command":                nil,
		"tar.zip.command":                {"archive", "--format=zip", "HEAD"},
		"trace2.eventTarget":             nil,
		"trailer.x.cmd":                  nil,
		"trailer.x.command":              nil,
		"uploadpack.packObjectsHook":     nil,
		"url.ext::CANARY.insteadOf":      nil,
		"web.browser":                    nil,
		"core.hooksPath":                 {"commit", "--allow-empty", "--message=x"},
		"hooks":                          {"commit", "--allow-empty", "--message=x"},
		"include.path":                   {"x"},
		"includeIf.onbranch:main.path":   {"status"},
		"extensions.worktreeConfig":      {"status"},
		"partial clone: uploadpack":      {"cat-file", "-p", "HEAD:first"},
		"partial clone: ext":             {"cat-file", "-p", "HEAD:first"},
		"partial clone: core.sshCommand": {"cat-file", "-p", "HEAD:first"},
		"partial clone: vcs":             nil,
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "repository")
			if err := os.CopyFS(dir, os.DirFS(clean)); err != nil {
				t.Fatal(err)
			}
			canary := filepath.Join(t.TempDir(), "canary")
			script := filepath.Join(t.TempDir(), "script")
			write(t, script, "#!/bin/sh\necho \"$0 $*\" >>"+canary+"\nexit 1\n")
			config := func(name, value string) { must(t, dir, "config", name, strings.ReplaceAll(value, hostile, script)) }
			must(t, dir, "remote", "add", "origin", dir)
			// What leads from a key to its command.
			config("user.signingKey", "x")
			config("protocol.allow", "always")
			config("protocol.ext.allow", "always")
			partial := func(url string) {
				config("remote.origin.url", url)
				config("remote.origin.promisor", "true")
				config("remote.origin.partialclonefilter", "blob:none")
				config("extensions.partialClone", "origin")
				config("core.repositoryFormatVersion", "1")
				blob := must(t, dir, "rev-parse", "HEAD:first")
				if err := os.Remove(filepath.Join(dir, ".git/objects", blob[:2], blob[2:])); err != nil {
					t.Fatal(err)
				}
			}
			missing := strings.HasPrefix(key, "partial clone")
			switch key {
			case "core.hooksPath":
				for _, hook := range []string{"pre-commit", "post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"} {
					write(t, filepath.Join(dir, "hooks", hook), "#!/bin/sh\n"+script+"\n")
				}
				config(key, "hooks")
			case "hooks":
				for _, hook := range []string{"pre-commit", "post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"} {
					write(t, filepath.Join(dir, ".git/hooks", hook), "#!/bin/sh\n"+script+"\n")
				}
			case "include.path", "includeIf.onbranch:main.path":
				write(t, filepath.Join(dir, "included"), fmt.Sprintf("[alias]\nx = !%s\n[core]\nfsmonitor = %s\n", script, script))
				config(key, "../included")
			case "extensions.worktreeConfig":
				config(key, "true")
				write(t, filepath.Join(dir, ".git/config.worktree"), fmt.Sprintf("[alias]\nx = !%s\n[core]\nfsmonitor = %s\n", script, script))
			case "alias.x", "alias.rev-parse", "submodule.x.update":
				config(key, "!"+hostile)
			case "trace2.eventTarget":
				config(key, canary)
			case "url.ext::CANARY.insteadOf":
				must(t, dir, "config", "url.ext::"+script+" .insteadOf", "https://")
			case "partial clone: uploadpack":
				partial("file://" + dir)
				config("remote.origin.uploadpack", hostile)
			case "partial clone: ext":
				partial("ext::" + script)
			case "partial clone: core.sshCommand":
				partial("ssh://127.0.0.1:1/x")
				config("core.sshCommand", hostile)
			case "partial clone: vcs":
				partial("x")
				config("remote.origin.vcs", "ext")
			default:
				config(key, hostile)
			}

			_, err := everything(t, open(t, dir), "main")
			if !missing && err != nil || missing && err == nil {
				t.Errorf("reading the repository: %v", err)
			}
			if ran, err := os.ReadFile(canary); err == nil {
				t.Fatalf("a command of the repository ran: %s", ran)
			}
			if naive == nil {
				return
			}
			write(t, filepath.Join(dir, "first"), "3\n")
			out, _ := plain(t, dir, naive...)
			if _, err := os.Stat(canary); err != nil {
				t.Errorf("the repository is harmless: git %s runs nothing: %s", strings.Join(naive, " "), out)
			}
		})
	}
}

// bare puts a bare repository, as any commit can hold one, into dir; it says that it is on the branch main.
func bare(t *testing.T, dir, worktree string) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "bare")
	must(t, filepath.Dir(at), "init", "--quiet", "--bare", "--initial-branch=main", at)
	empty := must(t, at, "hash-object", "-t", "tree", "-w", "/dev/null")
	must(t, at, "update-ref", "refs/heads/main", must(t, at, "commit-tree", "-m", "x", empty))
	must(t, at, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/spoofed")
	write(t, filepath.Join(at, "config"), "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = "+worktree+"\n")
	for _, name := range []string{"objects", "refs", "HEAD", "config"} {
		if err := os.Rename(filepath.Join(at, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARepositoryAmongTheFilesIsNotAsked(t *testing.T) {
	for _, worktree := range []string{".", ".."} {
		dir := checkout(t, map[string]string{"evil/Cargo.toml": "x"})
		must(t, dir, "checkout", "--quiet", "-b", "topic")
		bare(t, filepath.Join(dir, "evil"), worktree)
		head := must(t, dir, "rev-parse", "HEAD")
		for _, at := range []string{"", "evil", "evil/refs", "evil/objects"} {
			r := open(t, filepath.Join(dir, at))
			if want := (Head{Branch: "topic", Commit: head}); r.Top != dir || r.Head(t.Context()) != want {
				t.Errorf("in %q: %q is on %+v, want %q on %+v", at, r.Top, r.Head(t.Context()), dir, want)
			}
			if files, err := everything(t, r, "topic"); err != nil || files["evil/Cargo.toml"] != "x" {
				t.Errorf("in %q: %v, %v", at, files, err)
			}
		}
	}
	// Nor is it where it is all there is.
	alone := t.TempDir()
	bare(t, alone, ".")
	if r, err := Open(t.Context(), alone, nobody(t)); !errors.Is(err, ErrNone) {
		t.Errorf("a bare repository is a checkout: %+v, %v", r, err)
	}
	// Nor behind a .git that is none.
	if err := os.Mkdir(filepath.Join(alone, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(t.Context(), alone, nobody(t)); err == nil {
		t.Errorf("an empty .git is a repository: %+v", r)
	}
}

func TestTheWorkTreeIsTheFolderWithTheGit(t *testing.T) {
	elsewhere := t.TempDir()
	for name, set := range map[string][]string{
		"elsewhere": {"core.worktree", elsewhere},
		"above":     {"core.worktree", ".."},
		"nowhere":   {"core.worktree", "/nowhere"},
		"bare":      {"core.bare", "true"},
		"unknown":   {"extensions.unheardOf", "true"},
	} {
		dir := checkout(t, map[string]string{"a": "1"})
		must(t, dir, append([]string{"config"}, set...)...)
		if name == "above" {
			must(t, dir, "config", "core.worktree", "../..")
		}
		must(t, dir, "config", "core.repositoryFormatVersion", "1")
		r, err := Open(t.Context(), dir, nobody(t))
		var f *fault.Error
		if !errors.As(err, &f) || f.Fix == "" || f.Kind != fault.Usage || !strings.Contains(f.What, dir) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestWorktreesAndSubmodules(t *testing.T) {
	dir := checkout(t, map[string]string{"a": "1"})
	linked := filepath.Join(t.TempDir(), "linked")
	must(t, dir, "worktree", "add", "--quiet", "-b", "topic", linked)
	inside := filepath.Join(dir, "trees", "inside")
	must(t, dir, "worktree", "add", "--quiet", "-b", "inside", inside)

	super := checkout(t, map[string]string{"a": "super"})
	must(t, super, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", dir, "sub/one")
	must(t, super, "commit", "--quiet", "--message=two")

	// A bare repository of the person's own with the checkouts beside it.
	beside := t.TempDir()
	must(t, beside, "clone", "--quiet", "--bare", dir, ".bare")
	write(t, filepath.Join(beside, ".git"), "gitdir: ./.bare\n")
	must(t, beside, "worktree", "add", "--quiet", "main")

	for at, branch := range map[string]string{
		linked: "topic", inside: "inside", filepath.Join(super, "sub/one"): "main", filepath.Join(beside, "main"): "main",
	} {
		r := open(t, at)
		files, err := everything(t, r, "main")
		if err != nil || files["a"] != "1" || r.Top != at || r.Head(t.Context()).Branch != branch {
			t.Errorf("%s: %q on %+v has %q, %v", at, r.Top, r.Head(t.Context()), files, err)
		}
	}
	if files, err := everything(t, open(t, super), "main"); err != nil || files["a"] != "super" || len(files) != 2 {
		t.Errorf("a repository with a submodule: %q, %v", files, err)
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if r := open(t, link); r.Top != dir {
		t.Errorf("behind a link: %q", r.Top)
	}
}

// TestTheFolderSaysWhichRepository: a hook has GIT_DIR and more in its environment.
func TestTheFolderSaysWhichRepository(t *testing.T) {
	dir, other := checkout(t, map[string]string{"a": "1"}), checkout(t, map[string]string{"a": "other"})
	must(t, other, "checkout", "--quiet", "-b", "other")
	env := nobody(t)
	for name, value := range map[string]string{
		"GIT_DIR": other + "/.git", "GIT_WORK_TREE": other, "GIT_COMMON_DIR": other + "/.git", "GIT_OBJECT_DIRECTORY": other + "/.git/objects",
		"GIT_INDEX_FILE": "/nowhere", "GIT_NAMESPACE": "x", "GIT_CEILING_DIRECTORIES": "/", "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
		"GIT_EXEC_PATH": "/nowhere", "GIT_REPLACE_REF_BASE": "refs/heads/", "GIT_SHALLOW_FILE": "/nowhere", "GIT_GRAFT_FILE": "/nowhere",
		"GIT_TRACE2": dir + "/traced", "GIT_TRACE": dir + "/traced", "GIT_PAGER": "touch " + dir + "/traced",
	} {
		env[name] = value
		t.Setenv(name, value)
	}
	r, err := Open(t.Context(), dir, env)
	if err != nil {
		t.Fatal(err)
	}
	if files, err := everything(t, r, "HEAD"); err != nil || files["a"] != "1" || r.Head(t.Context()).Branch != "main" {
		t.Errorf("%q, %v", files, err)
	}
	if _, err := os.Stat(dir + "/traced"); err == nil {
		t.Error("the environment of the caller reached git")
	}
	if _, err := Open(t.Context(), t.TempDir(), env); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "GIT_DIR") {
		t.Errorf("a GIT_DIR that has no effect: %v", err)
	}
}

func TestARepositoryOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root alone can give files away")
	}
	dir := checkout(t, map[string]string{"a": "1"})
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	var f *fault.Error
	if _, err := Open(t.Context(), dir, nobody(t)); !errors.As(err, &f) || !strings.Contains(f.Fix, "safe.directory") || !strings.Contains(f.Error(), "another user") {
		t.Errorf("%v", err)
	}
	// What the person configured counts, wherever git looks for it; what the repository says of itself does not.
	must(t, dir, "-c", "safe.directory=*", "config", "safe.directory", "*")
	if _, err := Open(t.Context(), dir, nobody(t)); err == nil {
		t.Error("the repository vouches for itself")
	}
	home := nobody(t)
	write(t, filepath.Join(home["HOME"], ".gitconfig"), "[safe]\ndirectory = "+dir+"\n")
	variables := nobody(t)
	variables["GIT_CONFIG_COUNT"], variables["GIT_CONFIG_KEY_0"], variables["GIT_CONFIG_VALUE_0"] = "1", "safe.directory", dir
	sudo := nobody(t)
	sudo["SUDO_UID"] = "12345"
	for name, env := range map[string]map[string]string{"in the home folder": home, "in variables": variables, "with sudo": sudo} {
		if _, err := Open(t.Context(), dir, env); err != nil {
			t.Errorf("safe.directory %s: %v", name, err)
		}
	}
}

func TestFilesAreWhatIsStored(t *testing.T) {
	text := map[string]string{
		".gitattributes":     "*.txt text eol=crlf\n*.lfs filter=lfs diff=lfs merge=lfs -text\nhidden export-ignore\nsubst.rs export-subst ident\n",
		"crlf.txt":           "a\nb\n",
		"big.lfs":            "version https://git-lfs.github.com/spec/v1\n",
		"hidden":             "seen\n",
		"hidden2/deep/file":  "seen\n",
		"subst.rs":           "// $Format:%H$ $Id$\n",
		"empty":              "",
		"odd\nname \xc3\xa4": "odd",
		"no line end":        "x",
	}
	dir := checkout(t, text)
	if err := os.Symlink("hidden2/deep", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "empty"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".git/info/attributes"), "hidden2 export-ignore\n")
	commitFiles(t, dir, nil)
	r := open(t, dir)
	got, err := everything(t, r, "HEAD")
	text["link"] = "hidden2/deep"
	if err != nil || !maps.Equal(got, text) {
		t.Errorf("got %q, want %q, %v", got, text, err)
	}

	hash, err := r.Commit(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.Files(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for name, want := range map[string]fs.FileMode{"empty": 0o644, "hidden": 0o755, "link": fs.ModeSymlink | 0o777, "hidden2": fs.ModeDir | 0o755} {
		info, err := tree.Lstat(name)
		if err != nil || info.Mode() != want || want.IsRegular() && info.Size() != int64(len(text[name])) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if to, err := fs.ReadLink(tree, "link"); err != nil || to != "hidden2/deep" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	for _, name := range []string{"nowhere", "hidden/below", "../x", "/"} {
		if _, err := fs.Stat(tree, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// In a folder they are as they are stored, and nothing is written beyond it.
	to, beyond := t.TempDir(), t.TempDir()
	if err := tree.Write(to); err != nil {
		t.Fatal(err)
	}
	for name, want := range text {
		if written, err := os.ReadFile(filepath.Join(to, name)); name != "link" && (err != nil || string(written) != want) {
			t.Errorf("%s is written as %q, %v", name, written, err)
		}
	}
	if info, err := os.Stat(filepath.Join(to, "hidden")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("a program is written as %v, %v", info, err)
	}
	if leads, err := os.Readlink(filepath.Join(to, "link")); err != nil || leads != "hidden2/deep" {
		t.Errorf("the link leads to %q, %v", leads, err)
	}
	to = t.TempDir()
	if err := os.Symlink(beyond, filepath.Join(to, "hidden2")); err != nil { // as HIDDEN2 would be on other disks
		t.Fatal(err)
	}
	err = tree.Write(to)
	if left, _ := os.ReadDir(beyond); err == nil || len(left) > 0 {
		t.Errorf("through a link %v is written: %v", left, err)
	}

	// As any file system; without the link, which fstest would follow.
	must(t, dir, "rm", "--quiet", "link")
	commitFiles(t, dir, nil)
	if hash, err = r.Commit(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	unlinked, err := r.Files(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	defer unlinked.Close()
	if err := fstest.TestFS(unlinked, "hidden2/deep/file", "empty", "subst.rs"); err != nil {
		t.Error(err)
	}
}

// TestTheWorkTreeIsReadFirst where a file has the content that the commit names, and nowhere else.
func TestTheWorkTreeIsReadFirst(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		dir := t.TempDir()
		must(t, dir, "init", "--quiet", "--initial-branch=main", "--object-format="+format)
		commitFiles(t, dir, map[string]string{"same": "1\n", "edited": "2\n", "removed": "3\n", "folder": "4\n", "linked": "5\n", "large": strings.Repeat("6", maxCheckout+1)})
		write(t, filepath.Join(dir, "edited"), "x\n")
		for _, name := range []string{"removed", "folder", "linked"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(dir, "folder", "below"), "4\n")
		write(t, filepath.Join(dir, "other"), "5\n")
		if err := os.Symlink("other", filepath.Join(dir, "linked")); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir)
		hash, err := r.Commit(t.Context(), "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := r.Files(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int64{"same": 2, "edited": 2, "removed": 2, "folder": 2, "linked": 2, "large": maxCheckout + 1} {
			info, err := tree.Lstat(name)
			if err != nil || info.Size() != want || !info.Mode().IsRegular() {
				t.Errorf("%s: %s: %v, %v", format, name, info, err)
			}
			data, err := fs.ReadFile(tree, name)
			if err != nil || int64(len(data)) != want || data[0] == 'x' {
				t.Errorf("%s: %s: %.10q, %v", format, name, data, err)
			}
		}
		tree.Close() // git is gone
		if data, err := fs.ReadFile(tree, "same"); err != nil || string(data) != "1\n" {
			t.Errorf("%s: git was asked for what is checked out: %q, %v", format, data, err)
		}
		if _, err := fs.ReadFile(tree, "edited"); err == nil {
			t.Errorf("%s: git was not asked for what was edited", format)
		}
	}
}

// TestReplacedObjectsAreNot: refs/replace and grafts say what is in a commit in place of the commit.
func TestReplacedObjectsAreNot(t *testing.T) {
	dir := checkout(t, map[string]string{"a": "1"})
	commitFiles(t, dir, map[string]string{"a": "2"})
	must(t, dir, "replace", "HEAD~1", "HEAD")
	if files, err := everything(t, open(t, dir), "HEAD~1"); err != nil || files["a"] != "1" {
		t.Errorf("%q, %v", files, err)
	}
}

func TestNoTreeLeavesTheFolder(t *testing.T) {
	dir := checkout(t, map[string]string{"a": "1"})
	blob := must(t, dir, "rev-parse", "HEAD:a")
	raw, err := exec.Command("sh", "-c", "printf '%s' "+blob+" | xxd -r -p").Output()
	if err != nil {
		raw = make([]byte, 20)
	}
	for _, names := range [][]string{{".."}, {"/etc"}, {"a", "a"}, {""}, {"."}, {"x/../../y"}, {".git"}, {".GIT"}, {"x/.git/config"}} {
		var content []byte
		for _, name := range names {
			content = append(append(content, "100644 "+name+"\x00"...), raw...)
		}
		file := filepath.Join(t.TempDir(), "tree")
		write(t, file, string(content))
		tree, err := plain(t, dir, "hash-object", "-t", "tree", "-w", "--literally", file)
		if err != nil {
			t.Fatal(tree)
		}
		made := must(t, dir, "commit-tree", "-m", "x", tree)
		if files, err := everything(t, open(t, dir), made); err == nil {
			t.Errorf("a tree with %q is read: %q", names, files)
		}
	}
}

func TestRevisions(t *testing.T) {
	dir := checkout(t, map[string]string{"a": "1"})
	must(t, dir, "tag", "main") // a branch and a tag of one name
	must(t, dir, "tag", "-a", "-m", "x", "v1")
	r := open(t, dir)
	want := must(t, dir, "rev-parse", "HEAD")
	for _, rev := range []string{"HEAD", "main", "refs/heads/main", "v1", want, want[:10], "@"} {
		if got, err := r.Commit(t.Context(), rev); err != nil || got != want {
			t.Errorf("%q is %q, %v", rev, got, err)
		}
	}
	for _, rev := range []string{
		"nowhere", "--output=x", "-h", "--all", "--git-dir=/", "", "HEAD:a", "HEAD^{tree}", "main\x00", "main\n", "--", "--not", "^HEAD", "HEAD..main", "../x",
	} {
		if got, err := r.Commit(t.Context(), rev); err == nil {
			t.Errorf("%q is %q", rev, got)
		}
	}
	if h := r.Head(t.Context()); h.Branch != "main" || h.Commit != want {
		t.Errorf("on %+v", h)
	}
	must(t, dir, "update-ref", "refs/remotes/origin/trunk", "HEAD")
	must(t, dir, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
	must(t, dir, "checkout", "--quiet", "--detach")
	if h := r.Head(t.Context()); h != (Head{Main: "trunk", Commit: want}) {
		t.Errorf("detached, on %+v", h)
	}
	empty := t.TempDir()
	must(t, empty, "init", "--quiet", "--initial-branch=main")
	if h := open(t, empty).Head(t.Context()); h != (Head{Branch: "main"}) {
		t.Errorf("without a commit, on %+v", h)
	}
}

func TestWhatACloneLacks(t *testing.T) {
	dir := checkout(t, map[string]string{"a": "1", "b": "same"})
	commitFiles(t, dir, map[string]string{"a": "2"})
	must(t, dir, "config", "uploadpack.allowFilter", "true")

	shallow := filepath.Join(t.TempDir(), "shallow")
	must(t, dir, "clone", "--quiet", "--depth=1", "file://"+dir, shallow)
	if got, err := open(t, shallow).Commit(t.Context(), "HEAD~1"); err == nil {
		t.Errorf("a shallow clone has %q", got)
	}

	partial := filepath.Join(t.TempDir(), "partial")
	must(t, dir, "clone", "--quiet", "--filter=blob:none", "file://"+dir, partial)
	r := open(t, partial)
	if files, err := everything(t, r, "HEAD"); err != nil || files["a"] != "2" {
		t.Errorf("what is checked out: %q, %v", files, err)
	}
	hash, err := r.Commit(t.Context(), "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.Files(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if data, err := fs.ReadFile(tree, "b"); err != nil || string(data) != "same" || tree.Err() != nil {
		t.Errorf("a file that is there: %q, %v, %v", data, err, tree.Err())
	}
	if data, err := fs.ReadFile(tree, "a"); err == nil || tree.Err() == nil {
		t.Errorf("a file that was never fetched: %q, %v, %v", data, err, tree.Err())
	}
	must(t, partial, "fetch", "--quiet", "--refetch", "--no-filter")
	if files, err := everything(t, r, "HEAD~1"); err != nil || files["a"] != "1" {
		t.Errorf("after the fix: %q, %v", files, err)
	}
}

// TestEnvironmentIsMadeHere: nothing reaches git that is not listed.
func TestEnvironmentIsMadeHere(t *testing.T) {
	got := environment(map[string]string{"HOME": "/h", "GIT_SSH_COMMAND": "x", "LD_PRELOAD": "x", "GIT_CONFIG_GLOBAL": "/g", "GIT_CONFIG": "x"})
	var names []string
	for _, pair := range got {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"GIT_ALLOW_PROTOCOL", "GIT_CONFIG_GLOBAL", "GIT_NO_LAZY_FETCH", "GIT_NO_REPLACE_OBJECTS", "GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT", "HOME", "LC_ALL",
	}
	if !slices.Equal(names, want) {
		t.Errorf("git gets %q, want %q", names, want)
	}
}

// FuzzTree: whatever git lists, there is a tree whose paths stay in its folder, or an error.
func FuzzTree(f *testing.F) {
	const hash = "0123456789012345678901234567890123456789"
	f.Add("100644 blob " + hash + "\ta/b\x00120000 blob " + hash + "\ta/c\x00160000 commit " + hash + "\td\x00")
	f.Add("100755 blob " + hash + "\ta\x00100644 blob " + hash + "\ta/b\x00")
	f.Add("100644 blob " + hash + "\t../a\x00")
	f.Fuzz(func(t *testing.T, list string) {
		tree := &Tree{}
		err := tree.parse(list)
		if err != nil {
			return
		}
		for name, n := range tree.nodes {
			if !fs.ValidPath(name) || n.name() == ".." || name != "." && !tree.nodes[path.Dir(name)].mode.IsDir() {
				t.Errorf("%q holds %q", list, name)
			}
		}
	})
}
