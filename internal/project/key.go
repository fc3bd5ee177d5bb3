package project

import (
	"cmp"
	"path/filepath"
	"slices"

	"lpipe/internal/program"
	"lpipe/internal/userkey"
)

// Key is the secret from which all is derived that nobody but the user may guess or forge. It is none that lies in one of
// the projects. The notice says why the next run will have another one, "" when it will have the same.
func (h *Here) Key(projects []*Project) (key userkey.Key, notice string) {
	var folders []string
	for _, p := range projects {
		for _, dir := range []string{inFS(p.Dir), p.From} {
			if folder := "/" + cmp.Or(h.Disk.Repository(dir), dir); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	key, err := userkey.Load(h.Env, folders...)
	if err != nil {
		notice = "no secret of yours is kept, so nothing of an earlier run is trusted: " + err.Error()
	}
	return key, notice
}

// zipKey is what vouches for program and zip in a folder of a project, "" where nothing does: it holds a secret of this
// user, the lpipe that runs, and where the folder is, so that what another project built is not taken for its own. out is
// the folder that it lies in where that is none of the project. See [artifact.OpenFolder].
func zipKey(key userkey.Key, project, out, folder string) string {
	if real, err := filepath.EvalSymlinks(project); err == nil {
		project = real
	}
	if !key.Lasting() || program.Own() == "" {
		return ""
	}
	return string(key.Derive("zip", program.Own(), project, out, folder))
}
