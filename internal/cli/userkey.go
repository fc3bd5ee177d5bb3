package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"lpipe/internal/engine"
	"lpipe/internal/userkey"
)

// userKey is the secret from which all is derived that nobody but the user may guess or forge; the notice says why the
// next run will have another one, "" when it will have the same.
func (a *app) userKey(projects []*project) (key userkey.Key, notice string) {
	var folders []string
	for _, p := range projects {
		for _, dir := range []string{inFS(p.dir), p.from} {
			if folder := "/" + cmp.Or(a.disk().Repository(dir), dir); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	key, err := userkey.Load(a.env, folders...)
	if err != nil {
		notice = "no secret of yours is kept, so nothing of an earlier run is trusted: " + err.Error()
	}
	return key, notice
}

// zipKey is what vouches for program and zip in a folder of a project, "" where nothing does: it holds a secret of this
// user, the lpipe that runs, and where the folder is, so that what another project built is not taken for its own. See
// [artifact.OpenFolder].
func zipKey(key userkey.Key, project, folder string) string {
	program := thisProgram()
	if real, err := filepath.EvalSymlinks(project); err == nil {
		project = real
	}
	if !key.Lasting() || program == "" {
		return ""
	}
	return string(key.Derive("zip", program, project, folder))
}

// thisProgram identifies the lpipe that runs, "" where that cannot be told.
var thisProgram = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	id, _ := engine.ProgramID(self)
	return id
})
