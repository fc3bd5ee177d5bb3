// Package daemon is lpipe's own BuildKit: the packages of buildkitd linked in, with one runc worker, for one user.
//
// It serves a unix socket until nobody has been connected for a while, and leaves a state folder that the next
// daemon can use whatever ended this one. Who starts it, and when, is the business of package engine; which
// builds it runs is that of its clients. BuildKit needs Linux: elsewhere only [Config] is of use.
//
// A daemon owns its state folder through a lock. "Leftovers" are what a killed daemon could not clean up:
// running containers, mounts, unpacked container folders and half-written blobs.
package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// DefaultIdle is how long a daemon without clients stays when [Config.Idle] is zero.
const DefaultIdle = 15 * time.Minute

// DefaultReadTimeout is how long a registry that was asked for something may say nothing when [Config.ReadTimeout] is zero. It
// is twice what a load balancer in front of one allows it: 60 seconds by default, both in nginx (proxy_read_timeout)
// and on AWS (idle timeout of an application load balancer).
const DefaultReadTimeout = 2 * time.Minute

// NoticePrefix opens each line of the log that the user who started the daemon should see.
const NoticePrefix = "lpipe: notice: "

// The files of a state folder that decide who owns it, and the log. The lock's name is buildkitd's, so that the two never
// share a folder.
const (
	lockName  = "buildkitd.lock"
	ownerName = "daemon.json"
	LogName   = "daemon.log"
	// RegistriesName is a folder of state folders, of daemons that reach registries in ways of their own.
	RegistriesName = "registries"
)

// Config is all a daemon needs to know. Paths are absolute.
type Config struct {
	Root        string              // state folder; the daemon makes it, with mode 0700
	Socket      string              // the unix socket to serve, in a folder only the user can enter
	Runc        string              // the runc program; empty looks for buildkit-runc, then runc, on PATH
	Idle        time.Duration       // without clients for so long, the daemon leaves; zero means DefaultIdle
	ReadTimeout time.Duration       // a registry that says nothing for so long is given up; zero means DefaultReadTimeout
	Registries  map[string]Registry // by host, as in an image name
	Quick       []string            // filters of records, of which one fits what is made again in seconds to a minute; never empty
}

// Registry says how to reach one registry, like a [registry."host"] table of buildkitd.toml.
type Registry struct {
	CA      []string // files with certificates to trust beside the system's
	Mirrors []string // hosts asked first
	HTTP    bool     // no TLS
}

// Process is a daemon that answers on its socket.
type Process struct {
	PID       int
	Suspended bool // it was stopped, by SIGSTOP or a debugger, and answers nobody
	Socket    string
	Version   string // of BuildKit
	Started   time.Time
}

// ErrStranger is returned where a process of another user serves a daemon's socket.
var ErrStranger = errors.New("a process of another user serves the socket")

// ErrUnsupported is returned on systems other than Linux.
var ErrUnsupported = errors.New("the embedded BuildKit runs on Linux only")

// Load reads a file written by [Config.Save] and removes it: each is for one process.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the daemon's configuration: %w", err)
	}
	c, err := parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("reading the daemon's configuration %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return Config{}, fmt.Errorf("removing the daemon's configuration: %w", err)
	}
	return c, nil
}

// parse reads what is written as JSON, with all paths absolute: a daemon works in no folder of its own.
func parse(text []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, err
	}
	for name, path := range map[string]string{"Root": c.Root, "Socket": c.Socket} {
		if !filepath.IsAbs(path) {
			return Config{}, fmt.Errorf("%s is %q, which is no absolute path", name, path)
		}
	}
	return c, nil
}

// Save writes c beside its socket to a new file, for the process that becomes the daemon.
func (c Config) Save() (file string, err error) {
	name := filepath.Base(strings.TrimSuffix(c.Socket, ".sock"))
	f, err := os.CreateTemp(filepath.Dir(c.Socket), name+"-*.json")
	if err != nil {
		return "", fmt.Errorf("writing the daemon's configuration: %w", err)
	}
	err = json.NewEncoder(f).Encode(c)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("writing the daemon's configuration: %w", err)
	}
	return f.Name(), nil
}

func distrustFile(root string) string { return filepath.Join(root, "distrusted") }

// Distrust makes the next daemon of root start with an empty cache.
func Distrust(root string) error {
	if err := os.WriteFile(distrustFile(root), nil, 0o600); err != nil {
		return fmt.Errorf("noting that the cache is damaged: %w", err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// NoSpace reports whether an error says that a disk is full. Most of BuildKit passes errors on as text.
func NoSpace(err error) bool {
	return isFull(err) || strings.Contains(err.Error(), syscall.ENOSPC.Error()) || strings.Contains(err.Error(), syscall.EDQUOT.Error())
}

// isFull is true of a disk without space, and where the user's part of it is used up.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Files are the files of a state folder in which a stranger could do harm.
var Files = []string{lockName, ownerName, LogName}
