package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The names of a lambda's files in its folder.
const (
	ProgramName = "bootstrap"
	ZipName     = "bootstrap.zip"
	noteName    = ".bootstrap.zip.json"
)

// Folder is what the folder of a lambda held when a build began. Of what the build would put there again, it is taken
// from there.
type Folder struct {
	program, zip, note func() File
}

// OpenFolder opens a folder, which need not be there. Each of its files is read once, when it is first needed.
func OpenFolder(dir string) *Folder {
	look := func(name string, mode fs.FileMode) func() File {
		return sync.OnceValue(func() File { return found(dir, name, mode) })
	}
	return &Folder{look(ProgramName, 0o755), look(ZipName, 0o644), look(noteName, 0o644)}
}

// Read reads the large files now.
func (f *Folder) Read() {
	f.program()
	f.zip()
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

// Entry is the program as an entry of the zip.
func (f File) Entry() Entry {
	return Entry{Name: f.Name, Data: f.Data, Executable: f.Mode&0o100 != 0, digest: f.digest}
}

// note lies beside a zip and says what it was made from, so that it is not made again. Whoever changes the zip, or what
// goes into it, makes the note wrong, and then it does not count.
type note struct {
	From string `json:"from"` // SHA-256 of all that the zip's bytes depend on
	Zip  string `json:"zip"`  // SHA-256 of the zip
}

// Pack returns the zip of the entries as [Zip] makes it, taken from the folder if it is there already, and the note
// that goes with it. by identifies the program that calls: another one may compress otherwise, so the zips of others
// are not taken; "" takes none.
func (f *Folder) Pack(by string, entries []Entry, epoch time.Time) (zipped File, others []File, err error) {
	from := fingerprint(by, entries, epoch)
	zipped = f.zip()
	var n note
	if by == "" || json.Unmarshal(f.note().Data, &n) != nil || n != (note{from, zipped.digest.String()}) {
		data, err := Zip(entries, epoch)
		if err != nil {
			return File{}, nil, err
		}
		zipped = File{Name: ZipName, Data: data, Mode: 0o644, digest: sum(data)}
	}
	if by == "" {
		return zipped, nil, nil
	}
	text, err := json.Marshal(note{from, zipped.digest.String()})
	if err != nil {
		return File{}, nil, fmt.Errorf("noting what the zip was made from: %w", err)
	}
	return zipped, []File{{Name: noteName, Data: text, Mode: 0o644}}, nil
}

// fingerprint is a digest of all that the bytes of a zip depend on.
func fingerprint(by string, entries []Entry, epoch time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %d\n", by, epoch.Unix())
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		if e.digest == (digest{}) {
			e.digest = sum(e.Data)
		}
		fmt.Fprintf(&b, "%s %t %q\n", e.digest, e.Executable, e.Name)
	}
	return sum([]byte(b.String())).String()
}

// digest is a SHA-256.
type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

func sum(data []byte) digest { return sha256.Sum256(data) }
