package build

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"lpipe/internal/disk"
	"lpipe/internal/engine"
	"lpipe/internal/userkey"
)

// What an engine keeps for one project alone has a word in its name, which says nothing to others. This user's folder has the
// folders of the projects that were built, so that "lpipe cache usage" can tell whose each word is.

// warmOwner keeps the compiled dependencies of this user and workspace apart from all others: nobody else can guess it.
func warmOwner(dir string, key userkey.Key) string {
	return hex.EncodeToString(key.Derive("warm", dir))
}

// contextOwner is the word for the contexts of a project. Other users of the engine can see it.
func contextOwner(dir string, key userkey.Key) string {
	return hex.EncodeToString(key.Derive("context owner", dir)[:8])
}

// maxFolder is the longest name of a folder that is read, in bytes: PATH_MAX of Linux.
const maxFolder = 4096

func projectsFolder(env map[string]string) (string, error) {
	dir, err := userkey.Folder(env)
	return filepath.Join(dir, "projects"), err
}

// remember notes the folder of a project that is built. Nothing but the list of what an engine keeps depends on it.
func remember(env map[string]string, dir string) {
	folder, err := projectsFolder(env)
	if err != nil {
		return
	}
	sum := sha256.Sum256([]byte(dir))
	name := filepath.Join(folder, hex.EncodeToString(sum[:16]))
	if _, err := os.Lstat(name); err == nil || os.MkdirAll(folder, 0o700) != nil {
		return
	}
	_ = os.WriteFile(name, []byte(dir), 0o600)
}

// owners are the folders of the projects that this user has built here, by the words for what engines keep of them alone.
func owners(env map[string]string, key userkey.Key) map[string]string {
	folder, err := projectsFolder(env)
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(folder) // none where nothing was built
	folders := map[string]string{}
	for _, e := range entries {
		data, err := disk.ReadFile(filepath.Join(folder, e.Name()), maxFolder)
		if dir := string(data); err == nil && filepath.IsAbs(dir) {
			folders[warmOwner(dir, key)], folders[contextOwner(dir, key)] = dir, dir
		}
	}
	return folders
}

// KeptProject is what an engine keeps for one project alone.
type KeptProject struct {
	Folder string         `json:"folder"` // "" for those that this user has not built from this machine
	Kinds  []engine.Usage `json:"kinds"`
}

// KeptProjects are those of this user by their folders, and at the end all others together.
func KeptProjects(env map[string]string, kept engine.Kept) []KeptProject {
	all := []KeptProject{} // also where there is none: as JSON it is a list
	if len(kept.Projects) == 0 {
		return all
	}
	key, _ := userkey.Load(env) // a random one finds nobody
	folders := owners(env, key)
	byFolder := map[string][]engine.Usage{}
	for owner, kinds := range kept.Projects {
		byFolder[folders[owner]] = engine.AddUsage(byFolder[folders[owner]], kinds)
	}
	for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
		if folder != "" {
			all = append(all, KeptProject{folder, byFolder[folder]})
		}
	}
	if others := byFolder[""]; others != nil {
		all = append(all, KeptProject{"", others})
	}
	return all
}
