package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"lpipe/internal/engine/daemon"
	"lpipe/internal/fault"
	"lpipe/internal/ownership"
)

// The embedded engine has two folders: the state folder with the cache, and that of the sockets. Who can write the first
// decides what is in programs, who can enter the second can run anything as the daemon's user. So both must be the user's
// own, and so must be all that leads to them.

// stateFolder returns the folder of the cache; the daemon, which works elsewhere, needs the whole path. What a registry
// gives depends on how it is reached, so engines that reach registries in other ways share no cache, and run beside each
// other.
func stateFolder(o Options) string {
	root := commonFolder(o)
	if len(o.Registries) == 0 {
		return root
	}
	text, _ := json.Marshal(o.Registries) // strings and booleans; maps are in order
	sum := sha256.Sum256(text)
	return filepath.Join(root, daemon.RegistriesName, hex.EncodeToString(sum[:8]))
}

// stateFolders returns all folders of the user's caches: the common one, and those of [registry] tables.
func stateFolders(o Options) []string {
	root := commonFolder(o)
	all := []string{root}
	entries, _ := os.ReadDir(filepath.Join(root, daemon.RegistriesName)) // none where there is no such folder
	for _, e := range entries {
		all = append(all, filepath.Join(root, daemon.RegistriesName, e.Name()))
	}
	return all
}

// commonFolder is the folder of the cache without any [registry], in which the others are.
func commonFolder(o Options) string { return commonFolderFor(os.Geteuid(), o) }

func commonFolderFor(uid int, o Options) string {
	switch {
	case o.Root != "":
		if root, err := filepath.Abs(o.Root); err == nil {
			return root
		}
		return o.Root
	case uid == 0:
		return "/var/lib/lpipe"
	case filepath.IsAbs(o.Getenv("XDG_DATA_HOME")): // which says that others are ignored
		return filepath.Join(o.Getenv("XDG_DATA_HOME"), "lpipe")
	default:
		return filepath.Join(o.Getenv("HOME"), ".local/share/lpipe")
	}
}

// runtimeFolder returns the folder of the sockets.
func runtimeFolder(o Options) string { return runtimeFolderFor(os.Geteuid(), o) }

func runtimeFolderFor(uid int, o Options) string {
	switch {
	case o.Runtime != "":
		return o.Runtime
	case uid == 0:
		return "/run/lpipe"
	case o.Getenv("XDG_RUNTIME_DIR") != "":
		return filepath.Join(o.Getenv("XDG_RUNTIME_DIR"), "lpipe")
	default:
		return filepath.Join(os.TempDir(), "lpipe-"+strconv.Itoa(uid))
	}
}

// makeFolders makes both folders, or refuses them.
func makeFolders(o Options) (root, runtime string, err error) {
	root, runtime = stateFolder(o), runtimeFolder(o)
	check := func() error {
		var unsafe fault.List
		unsafe.Add(checkStateFolder(root))
		unsafe.Add(checkRuntimeFolder(runtime))
		return unsafe.Err()
	}
	if err := check(); err != nil { // before anything is made
		return "", "", err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", "", stateFault(root, err)
	}
	if err := os.MkdirAll(runtime, 0o700); err != nil {
		return "", "", runtimeFault(runtime, err)
	}
	return root, runtime, check() // another user may have been faster
}

// checkStateFolder returns nil for a folder that does not exist yet where nobody else can make it.
func checkStateFolder(root string) error {
	f := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine's state folder " + root + " is not safe",
		Fix:  "set LPIPE_ENGINE_ROOT to a folder that only you can write, in folders that only you and root can write",
	}
	if !filepath.IsAbs(root) {
		f.Why = "it has no absolute path: neither HOME nor XDG_DATA_HOME names a folder"
		return f
	}
	err := ownership.Path(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(root)
	}
	switch {
	case err != nil:
		f.Err = err
		return f
	case !info.IsDir():
		f.Why = "it is not a folder"
		return f
	case info.Mode()&0o020 != 0:
		f.Why = fmt.Sprintf("every member of its group may write it (mode %04o)", info.Mode().Perm())
		f.Fix = fmt.Sprintf("run %q, if nobody else has", "chmod g-w "+root)
		return f
	}
	for _, name := range daemon.Files {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			continue
		}
		if f.Why = ownership.Foreign(info); f.Why != "" {
			f.Why = filepath.Join(root, name) + ": " + f.Why
			return f
		}
	}
	return nil
}

// checkRuntimeFolder does the same for the folder of the sockets, which others must not even enter.
func checkRuntimeFolder(folder string) error {
	f := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine's socket needs a folder that only you can enter",
		Fix:  "remove it, or set XDG_RUNTIME_DIR to a folder that only you can enter",
	}
	if os.Geteuid() == 0 {
		f.Fix = "remove it, or make it yours" // root has no other
	}
	if !filepath.IsAbs(folder) {
		f.Why = folder + " is not an absolute path"
		return f
	}
	err := ownership.Path(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(folder)
	}
	switch {
	case err != nil:
		f.Err = err
		return f
	case !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !mine(info):
		f.Why = fmt.Sprintf("%s is %s", folder, info.Mode())
		if !mine(info) {
			f.Why += ", and not yours"
		}
		return f
	}
	return nil
}
