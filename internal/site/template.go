package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"lpipe/hostkeys"
	"lpipe/internal/fault"
	"lpipe/internal/git"
	"lpipe/internal/ownership"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
	"lpipe/internal/shell"
)

// Template is what a template of the user's own is, and what it is given.
type Template struct {
	From, Rev string
	Set       map[string]string
}

// render renders the template. notice says which commit it was, where nothing else does.
func (o Template) render(ctx context.Context, here *project.Here, of scaffold.Answers) (files []scaffold.File, notice string, err error) {
	values := scaffold.Values{Answers: of, Set: o.Set}
	remote, isRemote, err := git.ParseURL(o.From, o.Rev)
	switch {
	case err != nil:
		return nil, "", err
	case !isRemote && o.Rev != "":
		return nil, "", &fault.Error{Kind: fault.Usage, What: "--rev is for a git repository", Why: fault.Quote(o.From) + " is a folder", Fix: "leave it out"}
	case !isRemote:
		dir := o.From
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(here.Dir, dir)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, "", &fault.Error{Kind: fault.Usage, What: "there is no folder " + fault.Quote(o.From) + " with a template", Fix: "name one, a git repository by its URL, or gh:OWNER/NAME"}
		}
		files, err = scaffold.Render(os.DirFS(dir), values)
		return files, "", err
	}
	temp, err := ownership.MakeTemp("lpipe-template-")
	if err != nil {
		return nil, "", &fault.Error{Kind: fault.Usage, What: "there is no folder for the template", Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	defer os.RemoveAll(temp)
	connect := "false" // an https URL needs none
	if remote.SSH {
		if connect, err = sshCommand(here, remote.Host, filepath.Join(temp, "known_hosts")); err != nil {
			return nil, "", err
		}
	}
	dir := filepath.Join(temp, "repository")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("making a folder for the template: %w", err)
	}
	repository, hash, err := git.Fetch(ctx, remote, dir, here.Env, connect)
	if err != nil {
		return nil, "", err
	}
	tree, err := repository.Files(ctx, hash)
	if err != nil {
		return nil, "", err
	}
	defer tree.Close()
	files, err = scaffold.Render(tree, values)
	return files, "the template is commit " + hash + " of " + remote.URL + "; --rev " + hash + " takes the same again", errors.Join(err, tree.Err())
}

// sshCommand is an ssh that knows the pinned keys of a host and no others, and asks nothing.
func sshCommand(here *project.Here, host, file string) (string, error) {
	cfg, err := here.Config(nil)
	if err != nil {
		return "", err
	}
	pins, err := hostkeys.Load(cfg.SSH.KnownHosts...)
	if err == nil {
		var lines []byte
		if lines, err = pins.Render(host); err == nil {
			err = os.WriteFile(file, lines, 0o600)
		}
	}
	if err != nil {
		return "", &fault.Error{Kind: fault.Usage, What: "nothing is fetched from " + host, Err: err, Fix: "name a file with its key: known-hosts = [...] in [ssh] of lpipe.toml"}
	}
	return "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile=" + shell.Quote(file), nil
}
