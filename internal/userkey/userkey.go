// Package userkey keeps a secret of the user who runs lpipe, from which everything is derived that no other user, project
// or pull request may guess or forge: the times of files in contexts, the names of what an engine keeps, the stamps of
// zips.
//
// The secret is a file in the user's cache folder. It never leaves this machine; only what [Key.Derive] makes of it does.
package userkey

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/ownership"
)

// size is that of the secret, in bytes.
const size = 32

// Key is a secret of the user. The zero value is no key; [Load] returns one.
type Key struct {
	secret  [size]byte
	lasting bool
}

// Load reads the secret, or makes it. env is the environment, of which HOME and XDG_CACHE_HOME are used; projects are the
// folders of the projects, or of their repositories: a secret that lies in one of them could come with it, and so is
// not taken. Neither is one that another user could have written.
//
// Where there is none, the key is random: it works, and the next run has another. The error then says why; it is no
// reason to stop.
func Load(env map[string]string, projects ...string) (Key, error) {
	var k Key
	err := k.load(env, projects)
	if err != nil {
		_, _ = rand.Read(k.secret[:]) // never fails: crypto/rand ends the process instead
	}
	k.lasting = err == nil
	return k, err
}

// Lasting reports whether later runs have the same key.
func (k Key) Lasting() bool { return k.lasting }

// Derive returns 32 bytes for a purpose and what it is for. Nobody without the secret can tell them, or learn the secret
// from them.
func (k Key) Derive(purpose string, of ...string) []byte {
	mac := hmac.New(sha256.New, k.secret[:])
	for _, text := range append([]string{purpose}, of...) {
		fmt.Fprintf(mac, "%d:%s", len(text), text)
	}
	return mac.Sum(nil)
}

// Folder is where lpipe keeps what is the user's own, by HOME or XDG_CACHE_HOME in the environment. It may not exist yet.
func Folder(env map[string]string) (string, error) {
	dir := env["XDG_CACHE_HOME"]
	if home := env["HOME"]; !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(dir) {
		return "", errors.New("neither HOME nor XDG_CACHE_HOME names a folder for it")
	}
	return filepath.Join(dir, "lpipe"), nil
}

func (k *Key) load(env map[string]string, projects []string) error {
	dir, err := Folder(env)
	if err != nil {
		return err
	}
	if err := outside(dir, projects); err != nil {
		return err // before anything is made there
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if err := outside(real, projects); err != nil {
		return err
	}
	if err := ownership.Path(dir); err != nil {
		return err
	}
	return k.file(filepath.Join(real, "user.key"))
}

// outside refuses a folder that lies in a project.
func outside(dir string, projects []string) error {
	for _, p := range projects {
		for _, p := range []string{p, resolved(p)} {
			if rel, err := filepath.Rel(p, dir); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				return fmt.Errorf("%s lies in the project, and so could come with it", dir)
			}
		}
	}
	return nil
}

func resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// file reads the secret, or makes it: of runs that make it at the same time, one wins.
func (k *Key) file(name string) error {
	if err := k.read(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, _ = rand.Read(k.secret[:])
	temp, err := os.CreateTemp(filepath.Dir(name), ".user.key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(k.secret[:])
	if syncErr := temp.Sync(); err == nil {
		err = syncErr
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Link(temp.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temp.Name(), name); err != nil { // a file system without hard links
			return err
		}
	}
	return k.read(name)
}

func (k *Key) read(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if why := ownership.Foreign(info); why != "" || !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %s", name, cmp.Or(why, "it is not a file"))
	}
	if info.Mode()&0o077 != 0 && filepath.Separator == '/' {
		return fmt.Errorf("%s: others may read it (mode %04o)", name, info.Mode().Perm())
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var one [1]byte
	if _, err := io.ReadFull(f, k.secret[:]); err != nil {
		return fmt.Errorf("%s is damaged: remove it", name)
	}
	if n, _ := f.Read(one[:]); n != 0 {
		return fmt.Errorf("%s is damaged: remove it", name)
	}
	return nil
}
