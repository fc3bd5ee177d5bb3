package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The names of a lambda's files in its folder.
const (
	ProgramName = "bootstrap"
	ZipName     = "bootstrap.zip"
	noteName    = ".bootstrap.zip.json"
)

// Order is what the folder of a lambda is to hold: a program, alone and in a zip.
type Order struct {
	SHA256   string // of the program, in hex
	Included []Entry
	Epoch    time.Time // of the zip's entries; zero for the earliest that a zip can say
	Expect   Expect
}

// digest is that of all that the bytes of the zip depend on, and of all that the program is checked for.
func (o Order) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %q\n", o.SHA256, o.Epoch.Unix(), fmt.Sprintf("%+v", o.Expect))
	for _, e := range sorted(o.Included) {
		fmt.Fprintf(h, "%s %t %q\n", sum(e.Data), e.Executable, e.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Entries are those of the zip.
func (o Order) Entries(program File) []Entry {
	return append([]Entry{{Name: program.Name, Data: program.Data, Executable: program.Mode&0o100 != 0}}, o.Included...)
}

// Folder is what the folder of a lambda held when a build began. Of what the build would put there again, it is taken
// from there.
type Folder struct {
	dir          string
	key          func() string
	program, zip func() File
	note         func() note
}

// OpenFolder opens a folder, which need not be there. Each of its files is read once, when it is first needed. key returns
// a secret of the user followed by what identifies the program that calls: another one may compress and check otherwise,
// and what came into the folder with a repository or a CI job's cache is not to be trusted. With the key "" no zip is
// taken from the folder.
func OpenFolder(dir string, key func() string) *Folder {
	look := func(name string, mode fs.FileMode) func() File {
		return sync.OnceValue(func() File { return found(dir, name, mode) })
	}
	f := &Folder{dir: dir, key: key, program: look(ProgramName, 0o755), zip: look(ZipName, 0o644)}
	f.note = sync.OnceValue(func() note { return readNote(found(dir, noteName, 0o644).Data, key()) })
	return f
}

// Read reads the large files now, unless they are those that the note was written for.
func (f *Folder) Read() {
	if !f.untouched() {
		f.program()
		f.zip()
	}
}

// found reads a file that is there, and any other as empty: it never waits for what is no file.
func found(dir, name string, mode fs.FileMode) File {
	info, err := os.Lstat(filepath.Join(dir, name))
	var data []byte
	if err == nil && info.Mode().IsRegular() {
		data, err = os.ReadFile(filepath.Join(dir, name))
	}
	if err != nil {
		data, info = nil, nil
	}
	return File{Name: name, Data: data, Mode: mode, digest: sum(data), seen: info}
}

// Delivery is what a folder holds of an order.
type Delivery struct {
	Sums
	Warnings []string `json:"warnings,omitempty"` // of the checks
}

// Delivered returns what an earlier run delivered of the order, if nobody has touched the files since a run read them.
func (f *Folder) Delivered(o Order) (Delivery, bool) {
	n := f.note()
	if !f.untouched() || n.Order != o.digest() {
		return Delivery{}, false
	}
	return n.Delivery, true
}

// untouched reports that the program and the zip are the files that the note describes.
func (f *Folder) untouched() bool {
	n := f.note()
	if len(n.Seen) != 2 {
		return false
	}
	for i, name := range []string{ProgramName, ZipName} {
		info, err := os.Lstat(filepath.Join(f.dir, name))
		if err != nil || n.Seen[i] != statusOf(info) {
			return false
		}
	}
	return true
}

// Program returns the program with that digest: the one in the folder if it is that, else what read returns.
func (f *Folder) Program(sha256 string, read func() ([]byte, error)) (File, error) {
	if there := f.program(); there.digest.String() == sha256 {
		return there, nil
	}
	data, err := read()
	program := File{Name: ProgramName, Data: data, Mode: 0o755, digest: sum(data)}
	if err == nil && program.digest.String() != sha256 {
		err = refuse("the program is not the one that was built", "its SHA-256 is not that of the receipt, "+sha256,
			"build it again; if that does not help, with --no-cache")
	}
	return program, err
}

// Pack returns the zip of an order as [Zip] makes it, taken from the folder if it is there already.
func (f *Folder) Pack(o Order, program File) (File, error) {
	if n := f.note(); n.SHA256 == f.zip().digest.String() && n.Order == o.digest() {
		return f.zip(), nil
	}
	data, err := Zip(o.Entries(program), o.Epoch)
	if err != nil {
		return File{}, err
	}
	return File{Name: ZipName, Data: data, Mode: 0o644, digest: sum(data)}, nil
}

// Deliver returns the files of an order, with a note for the next run.
func (f *Folder) Deliver(o Order, program, zipped File, warnings []string) (Delivery, []File, error) {
	d := Delivery{sums(program, zipped), warnings}
	files := []File{program, zipped}
	key := f.key()
	if key == "" {
		return d, files, nil
	}
	n := note{Order: o.digest(), Delivery: d}
	if program.settled() && zipped.settled() {
		n.Seen = []status{statusOf(program.seen), statusOf(zipped.seen)}
	}
	data, err := n.write(key)
	return d, append(files, File{Name: noteName, Data: data, Mode: 0o644}), err
}

// settled reports that the file was read from the folder, and was changed so long before that any later change has
// another time.
func (f File) settled() bool {
	return f.seen != nil && statusOf(f.seen) != status{} && time.Since(time.Unix(0, statusOf(f.seen).Changed)) > clockTick
}

// clockTick is more than the resolution of the times of any file system: FAT has 2 s.
const clockTick = 3 * time.Second

// digest is a SHA-256.
type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

func sum(data []byte) digest { return sha256.Sum256(data) }
