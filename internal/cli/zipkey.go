package cli

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"

	"lpipe/internal/artifact"
	"lpipe/internal/engine"
)

// newZipKey is what vouches for the zips of a run, "" where that cannot be had: a secret of this user and the lpipe that
// runs. See [artifact.Folder.Pack].
func (a *app) newZipKey() string {
	secret, program := a.secret(), thisProgram()
	if secret == "" || program == "" {
		return ""
	}
	return secret + program
}

// secret is a random text that this user keeps in a file, "" where it can be neither read nor made.
func (a *app) secret() string {
	dir := a.env["XDG_CACHE_HOME"]
	if home := a.env["HOME"]; !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	file := filepath.Join(dir, "lpipe", "zip.key")
	if data, err := os.ReadFile(file); err == nil && len(data) == len(rand.Text()) {
		return string(data)
	}
	made := rand.Text()
	if artifact.Write(filepath.Dir(file), artifact.File{Name: filepath.Base(file), Data: []byte(made), Mode: 0o600}) != nil {
		return ""
	}
	return made
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
