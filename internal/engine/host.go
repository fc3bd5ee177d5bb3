package engine

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
)

// thisHost answers for the machine lpipe runs on.
type thisHost struct{}

var _ host = thisHost{}

func (thisHost) readFile(path string) ([]byte, error) { return disk.ReadFile(path, disk.MaxSmall) }

func (thisHost) listFiles(folder string) (names []string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (thisHost) accepts(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial("unix", u.Path)
	if err != nil {
		return err
	}
	return conn.Close()
}

// sbin holds system programs that are missing from the PATH of ordinary users on Debian, runc among them.
const sbin = "/usr/local/sbin:/usr/sbin:/sbin"

// findRunc returns the runc to use, from PATH or the folders in more, or an error that says how to get one.
func findRunc(getenv func(string) string, more string) (string, error) {
	path := getenv("PATH") + ":" + more
	for _, name := range []string{"buildkit-runc", "runc"} {
		if found := lookPath(path, name); found != "" {
			return found, nil
		}
	}
	e := &fault.Error{
		Kind: fault.Engine,
		What: "the embedded engine needs runc to run build steps",
		Why:  "neither buildkit-runc nor runc is on PATH",
		Fix:  "install runc, or use another engine with --engine",
	}
	if lookPath(path, "crun") != "" {
		e.Why += "; crun is, but lacks options that BuildKit needs"
	}
	for _, m := range packageManagers {
		if lookPath(path, m.program) != "" {
			e.Fix = fmt.Sprintf("run %q, or use another engine with --engine", m.runc)
			break
		}
	}
	return "", e
}

// packageManagers in the order in which they are looked for, with what installs runc and newuidmap.
var packageManagers = []struct{ program, runc, uidmap string }{
	{"apt-get", "apt-get install runc", "apt-get install uidmap"},
	{"dnf", "dnf install runc", "dnf install shadow-utils"},
	{"apk", "apk add runc", "apk add shadow-subids"},
	{"pacman", "pacman -S runc", "pacman -S shadow"},
	{"zypper", "zypper install runc", "zypper install shadow"},
}

func lookPath(path, name string) string {
	for _, folder := range strings.Split(path, ":") {
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); filepath.IsAbs(file) && err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}
