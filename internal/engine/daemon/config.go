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
	"time"
)

// DefaultIdle is how long a daemon without clients stays when [Config.Idle] is zero.
const DefaultIdle = 15 * time.Minute

// DefaultSilence is how long a registry that was asked for something may say nothing when [Config.Silence] is zero. It
// is twice what a load balancer in front of one allows it: 60 seconds by default, both in nginx (proxy_read_timeout)
// and on AWS (idle timeout of an application load balancer).
const DefaultSilence = 2 * time.Minute

// NoticePrefix opens each line of the log that the user who started the daemon should see.
const NoticePrefix = "lpipe: notice: "

// Config is all a daemon needs to know. Paths are absolute.
type Config struct {
	Root       string              // state folder; the daemon makes it, with mode 0700
	Socket     string              // the unix socket to serve, in a folder only the user can enter
	Runc       string              // the runc program; empty looks for buildkit-runc, then runc, on PATH
	Idle       time.Duration       // without clients for so long, the daemon leaves; zero means DefaultIdle
	Silence    time.Duration       // a registry that says nothing for so long is given up; zero means DefaultSilence
	Registries map[string]Registry // by host, as in an image name
}

// Registry says how to reach one registry, like a [registry."host"] table of buildkitd.toml.
type Registry struct {
	CA      []string // files with certificates to trust beside the system's
	Mirrors []string // hosts asked first
	HTTP    bool     // no TLS
}

// Process is a daemon that answers on its socket.
type Process struct {
	PID     int
	Socket  string
	Version string // of BuildKit
	Started time.Time
}

// ErrUnsupported is returned on systems other than Linux.
var ErrUnsupported = errors.New("the embedded BuildKit runs on Linux only")

// Load reads a file written by [Config.Save].
func Load(path string) (Config, error) {
	var c Config
	text, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("reading the daemon's configuration: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("reading the daemon's configuration %s: %w", path, err)
	}
	return c, nil
}

// Save writes c to path for the process that becomes the daemon. The file appears complete or not at all.
func (c Config) Save(path string) error {
	if err := writeJSON(path, c); err != nil {
		return fmt.Errorf("writing the daemon's configuration: %w", err)
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
