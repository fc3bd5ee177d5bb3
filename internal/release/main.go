// Command release makes what is published of a release out of its programs: packages for pip, npm, Homebrew, Debian and RPM, an
// installer, a list of the Go modules in each program, and a statement on what all were made from. scripts/release calls it.
//
// The same programs give the same files, whenever and wherever it runs.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// release is what all files are made from.
type release struct {
	Version string // without the v
	URL     string // of the releases: files are at URL/download/vVERSION/NAME, as on GitHub
	Time    int64  // of the commit, in seconds of the epoch
	dir     string
}

// program is lpipe for one platform, in the file lpipe-OS-ARCH.
type program struct {
	OS, Arch string // as Go says
	SHA256   string
	data     []byte
}

func (p program) Name() string { return "lpipe-" + p.OS + "-" + p.Arch }

// platforms are those that releases have: linux with the engine, darwin as a client.
var platforms = []program{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"}, {OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"}}

func main() {
	var r release
	flag.StringVar(&r.Version, "version", "", "`VERSION`, such as 1.2.3")
	flag.StringVar(&r.URL, "url", "", "`URL` of the releases, such as https://github.com/OWNER/REPOSITORY/releases")
	flag.Int64Var(&r.Time, "time", 0, "`SECONDS` since the epoch, of the commit")
	commit := flag.String("provenance", "", "write the statement alone that the files were made from `COMMIT`")
	key := flag.String("key", "", "`FILE` with the private key that signs it")
	flag.Parse()
	r.dir = flag.Arg(0)
	err := r.check()
	switch {
	case err != nil:
	case *commit != "":
		err = r.provenance(*commit, *key)
	default:
		err = r.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

// semver is what npm takes; of a version with more than that pip takes another spelling, [release.pep440].
var semver = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$`)

func (r *release) check() error {
	if !semver.MatchString(r.Version) {
		return fmt.Errorf("%q is no version such as 1.2.3 or 1.2.3-rc.1", r.Version)
	}
	if u, err := url.Parse(r.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
		return fmt.Errorf("%q is no address of releases that begins with https://", r.URL)
	}
	return nil
}

// run writes all files but the sums and the statement on them.
func (r *release) run() error {
	programs := slices.Clone(platforms)
	for i := range programs {
		p := &programs[i]
		data, err := os.ReadFile(filepath.Join(r.dir, p.Name()))
		if err != nil {
			return err
		}
		p.data, p.SHA256 = data, sum(data)
		if err := r.bom(*p); err != nil {
			return err
		}
		if err := r.wheel(*p); err != nil {
			return err
		}
		if err := r.npmPlatform(*p); err != nil {
			return err
		}
	}
	if err := r.npm(programs); err != nil {
		return err
	}
	if err := r.texts(programs); err != nil {
		return err
	}
	return nil
}

// write makes a file of the release.
func (r *release) write(name string, data []byte, mode os.FileMode) error {
	return os.WriteFile(filepath.Join(r.dir, name), data, mode)
}
