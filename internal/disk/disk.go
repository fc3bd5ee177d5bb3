// Package disk decides which files of this machine a project may use.
//
// What a project's files name (a path in Cargo.toml, a link, a string of .cargo/config.toml) may have been written by
// whoever opened a pull request, so it counts only inside the project's bound: the git repository that the project lies
// in; without one, the workspace and the packages that it depends on by path; and what the user of the machine allows
// beyond. A [View] is the disk within that bound. It is an [fs.FS], so that who has it cannot read past it by oversight.
//
// A name is resolved link by link, in every part of it, before it is compared with the bound. A link that is swapped
// after that, by somebody who can write the project while lpipe reads it, is not noticed.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Disk is the disk of this machine, with what is known of its user. Paths are slash-separated and relative to FS.
type Disk struct {
	FS    fs.FS    // rooted at "/"
	Home  string   // the user's home folder, "" when unknown: a repository of that whole folder is no project's
	Allow []string // files and folders that the user allows beyond the bound of a project

	// Foreign returns why a user who cannot write the project's folder can write the file, "" when none can.
	// nil says that there are no other users.
	Foreign func(project, file fs.FileInfo) string
}

// Repository returns the root of the git repository that dir lies in, with all links resolved: the closest folder at
// or above dir that has a .git. It is "" when there is none. Neither the user's home folder as a whole nor the whole
// disk is a project's repository.
func (d Disk) Repository(dir string) string { return d.repository(resolve(d.FS, dir)) }

// repository is Repository for a folder that was resolved.
func (d Disk) repository(at string, info fs.FileInfo, err error) string {
	if err == nil && !info.IsDir() {
		at = path.Dir(at)
	}
	for ; at != "."; at = path.Dir(at) {
		if _, err := fs.Lstat(d.FS, path.Join(at, ".git")); err != nil {
			continue
		}
		if d.Home != "" {
			if home, _, _ := resolve(d.FS, d.Home); at == home {
				return ""
			}
		}
		return at
	}
	return ""
}

// MaxSmall bounds files that a person or a tool writes for programs to read, such as certificates, tokens and the
// settings of docker, in bytes. They are a few kB; some hundred certificates are less than this.
const MaxSmall = 1 << 20

// maxLinks is how many links are followed in one name, as on Linux.
const maxLinks = 40

// resolve returns where name is, with every link in it followed, and what is there. Where there is nothing, the error
// says so and the parts that do not exist are joined as they are written.
func resolve(fsys fs.FS, name string) (real string, info fs.FileInfo, err error) {
	return resolveFrom(fsys, ".", name)
}

// resolveFrom is resolve for a name that starts at a resolved folder.
func resolveFrom(fsys fs.FS, at, name string) (real string, info fs.FileInfo, err error) {
	for links := 0; name != ""; {
		var part string
		part, name, _ = strings.Cut(name, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			at, info = path.Dir(at), nil
			continue
		}
		next := path.Join(at, part)
		if info, err = fs.Lstat(fsys, next); err != nil {
			return rooted(path.Join(next, name)), nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return rooted(path.Join(next, name)), nil, &fs.PathError{Op: "resolve", Path: next, Err: errors.New("too many links lead to one another")}
		}
		to, err := fs.ReadLink(fsys, next)
		if err != nil {
			return rooted(path.Join(next, name)), nil, err
		}
		if path.IsAbs(to) {
			at = "."
		}
		name, info = to+"/"+name, nil
	}
	if info == nil {
		info, err = fs.Lstat(fsys, at)
	}
	return at, info, err
}

// rooted is a joined path relative to the root of the disk, above which there is nothing.
func rooted(name string) string {
	if name = strings.TrimPrefix(path.Join("/", name), "/"); name == "" {
		return "."
	}
	return name
}

// within reports whether name is dir or lies below it.
func within(dir, name string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// Read returns the content of a regular file of at most limit bytes. Whatever else has the name (a folder, a named pipe,
// a device) is refused before it is opened, as opening some of them blocks or does something; a file that has no end,
// or grows while it is read, is cut off and refused.
func Read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	refuse := func(why error) ([]byte, error) { return nil, &fs.PathError{Op: "read", Path: name, Err: why} }
	if _, ok := fsys.(*View); !ok { // a view looks before it opens
		info, err := fs.Stat(fsys, name)
		if err != nil {
			return nil, err
		}
		if err := regular(info); err != nil {
			return refuse(err)
		}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular(info); err != nil {
		return refuse(err)
	}
	tooLarge := fmt.Errorf("it is larger than %d bytes", limit)
	if info.Size() > limit {
		return refuse(tooLarge)
	}
	var data bytes.Buffer
	data.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) > limit {
		return refuse(tooLarge)
	}
	return data.Bytes(), nil
}

// regular refuses what is no regular file.
func regular(info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return errors.New("it is " + Kind(info.Mode()) + " and not a regular file")
}

// Kind names what is no regular file.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}
