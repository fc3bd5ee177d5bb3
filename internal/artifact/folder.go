package artifact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// The names of a lambda's files in its folder.
const (
	ProgramName = "bootstrap"
	ZipName     = "bootstrap.zip"
	DebugName   = "bootstrap.debug" // the program with its symbols
	stampName   = ".bootstrap.zip.json"
	recordName  = ".bootstrap.zip.inputs.json" // as of [Inputs.Record]
)

// Bounds for what is read of a folder. Larger files are none of a build's: see [CheckUnpacked].
const (
	maxProgram = limits.Unzipped
	maxZip     = limits.Unzipped + limits.Unzipped/8
	maxStamp   = 1 << 20
)

// Inputs are what the program and the zip in the folder of a lambda are made of, and checked for.
type Inputs struct {
	SHA256   string // of the program, in hex
	Path     string // of the program in the zip, "" for [ProgramName]
	Included []Entry
	Layers   []Layer   // that the function has beside its zip
	Epoch    time.Time // of the zip's entries; zero for the earliest that a zip can say
	Expect   Expect
	Sources  string        // a digest of what the program was compiled from, for [Folder.Sources]; no part of what the zip depends on
	Record   func() []byte // what a later build may be compared with, for [Folder.Record]; likewise, and may be nil
}

// digest is that of all that the bytes of the zip depend on, and of all that the program is checked for.
func (in Inputs) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %q\n", in.SHA256, in.Epoch.Unix(), fmt.Sprintf("%+v", in.Expect))
	files := func(of string, all []Entry) {
		for _, e := range sorted(all) {
			fmt.Fprintf(h, "%s %s %t %q\n", of, sum(e.Data), e.Executable, e.Name)
		}
	}
	files("zip", in.Included)
	for _, l := range in.Layers {
		files(fmt.Sprintf("layer %q", l.Name), l.Files)
	}
	fmt.Fprintf(h, "%q\n", in.Path)
	return hex.EncodeToString(h.Sum(nil))
}

// Entries are those of the zip.
func (in Inputs) Entries(program File) []Entry {
	return append([]Entry{{Name: in.path(), Data: program.Data, Executable: program.Mode&0o100 != 0}}, in.Included...)
}

func (in Inputs) path() string { return cmp.Or(in.Path, ProgramName) }

// Unpacked is the size of all files of the zip and of the layers, with a program of that size.
func (in Inputs) Unpacked(program int64) int64 {
	add := func(all []Entry) {
		for _, e := range all {
			program += int64(len(e.Data))
		}
	}
	add(in.Included)
	for _, l := range in.Layers {
		add(l.Files)
	}
	return program
}

// Folder is what the folder of a lambda held when a build began. Of what the build would put there again, it is taken
// from there.
type Folder struct {
	project      *os.Root
	dir          string // in the project
	key          func() string
	open         func() (*os.Root, error)
	program, zip func() File
	stamp        func() stamp
	beside       []string // as of [Folder.SetBeside]
	now          func() time.Time
}

// OpenFolder opens the folder dir of a project. It need not be there, but no link may lead from the project to somewhere
// else on the way: links come with a pull request. Each of its files is read once, when it is first needed.
//
// key returns a secret of the user followed by what identifies the program that calls: another one may compress and
// check otherwise, and what came into the folder with a repository or a CI job's cache is not to be trusted. With the
// key "" no zip is taken from the folder, and none is vouched for.
func OpenFolder(project, dir string, key func() string) (*Folder, error) {
	root, err := os.OpenRoot(project)
	if err != nil {
		return nil, WriteFault(project, err)
	}
	if err := checkWay(root, dir); err != nil {
		root.Close()
		return nil, err
	}
	f := &Folder{project: root, dir: dir, key: key, now: time.Now}
	f.open = sync.OnceValues(func() (*os.Root, error) { return root.OpenRoot(dir) })
	look := func(name string, mode fs.FileMode, limit int64) func() File {
		return sync.OnceValue(func() File { return f.found(name, mode, limit) })
	}
	f.program, f.zip = look(ProgramName, 0o755, maxProgram), look(ZipName, 0o644, maxZip)
	f.stamp = sync.OnceValue(func() stamp { return readStamp(f.found(stampName, 0o644, maxStamp).Data, key()) })
	return f, nil
}

// checkWay looks at every folder from the project to dir that is there already.
func checkWay(project *os.Root, dir string) error {
	parts := strings.Split(filepath.ToSlash(dir), "/")
	for i := range parts {
		at := filepath.Join(parts[:i+1]...)
		info, err := project.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		why := ""
		switch {
		case err != nil:
			return WriteFault(filepath.Join(project.Name(), at), err)
		case info.Mode()&fs.ModeSymlink != 0:
			why = checkLink(project, at)
		case !info.IsDir():
			why = "it is not a folder"
		}
		if why != "" {
			return &fault.Error{
				Kind: fault.Usage, What: fmt.Sprintf("cannot write into %s", filepath.Join(project.Name(), at)), Why: why,
				Fix: "make it a folder of the project, or set CARGO_TARGET_DIR or --out-dir to a folder elsewhere: cargo and lpipe then use that",
			}
		}
	}
	return nil
}

// CheckWritable is nil where the files of a build can be written, as far as that can be told without writing any.
func (f *Folder) CheckWritable() error {
	at, err := existing(f.dir, f.project.Stat)
	if err != nil {
		return WriteFault(filepath.Join(f.project.Name(), at), err)
	}
	for _, name := range []string{ProgramName, ZipName} {
		if info, err := f.project.Lstat(filepath.Join(f.dir, name)); err == nil && info.IsDir() {
			return WriteFault(filepath.Join(f.project.Name(), f.dir, name), errors.New("it is a folder"))
		}
	}
	return enterable(filepath.Join(f.project.Name(), at))
}

// checkLink returns what is wrong with a link as a folder to write to.
func checkLink(project *os.Root, at string) string {
	to, info, err := disk.Follow(project, at)
	why := fmt.Sprintf("it is a link to %q, which ", to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return why + "does not exist"
	case err != nil:
		return why + "is no relative path inside the project"
	case !info.IsDir():
		return why + "is not a folder"
	}
	top, topErr := filepath.EvalSymlinks(project.Name())
	real, err := filepath.EvalSymlinks(filepath.Join(project.Name(), at))
	if inside, relErr := filepath.Rel(top, real); errors.Join(topErr, err, relErr) != nil ||
		slices.Contains(strings.Split(filepath.ToSlash(inside), "/"), ".git") {
		return why + "is a folder of git's own"
	}
	return ""
}

// TakeNothing makes what is in the folder count for nothing: all is made anew.
func (f *Folder) TakeNothing() {
	none := func() File { return File{} }
	f.program, f.zip, f.stamp = none, none, func() stamp { return stamp{} }
}

// Read reads the large files now, unless they are those that the stamp was written for.
func (f *Folder) Read() {
	if !f.untouched() {
		f.program()
		f.zip()
	}
}

// found reads a file that is there, and any other, or one that is larger than any of lpipe's, as empty.
func (f *Folder) found(name string, mode fs.FileMode, limit int64) File {
	data, info, err := f.read(name, limit)
	if err != nil {
		data, info = nil, nil
	}
	return File{Name: name, Data: data, Mode: mode, digest: sum(data), seen: info}
}

func (f *Folder) read(name string, limit int64) ([]byte, fs.FileInfo, error) {
	folder, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	info, err := folder.Lstat(name)
	if err != nil || !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, nil, errors.Join(err, fs.ErrInvalid)
	}
	file, err := folder.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > limit {
		return nil, nil, errors.Join(err, fs.ErrInvalid)
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(file, data)
	return data, info, err
}

// Output is what a folder holds: the sums of program and zip, and what the checks said.
type Output struct {
	Sums
	Warnings []string    `json:"warnings,omitempty"` // of the checks
	Layers   []LayerSums `json:"layers,omitempty"`
}

// Delivered returns what an earlier run made of the inputs, if the files are as a run last read them.
func (f *Folder) Delivered(in Inputs) (Output, bool) {
	s := f.stamp()
	if !f.untouched() || s.Inputs != in.digest() || s.Sources != in.Sources {
		return Output{}, false
	}
	return s.Output, true
}

// Last is what was last delivered to the folder by lpipe for this user; it is zero where no stamp tells that.
func (f *Folder) Last() Output { return f.stamp().Output }

// untouched reports that the program and the zip are the files that the stamp describes.
func (f *Folder) untouched() bool {
	s := f.stamp()
	folder, err := f.open()
	if err != nil || len(s.Seen) != 2 {
		return false
	}
	for i, name := range []string{ProgramName, ZipName} {
		info, err := folder.Lstat(name)
		if err != nil || s.Seen[i] != statusOf(info) {
			return false
		}
	}
	return true
}

// Vouched returns the zip, if the stamp vouches for it and for the program beside it; it waits for a run that is about
// to write them. The error says why they are not taken; it is [fs.ErrNotExist] where there is neither of them.
func (f *Folder) Vouched() (File, error) {
	if folder, err := f.open(); err == nil {
		if self, err := folder.Open("."); err == nil {
			defer self.Close()              // gives the lock back
			_ = Lock(self, syscall.LOCK_EX) // without locks, a run that writes at this moment makes the files not fit
		}
	}
	program, zip, s := f.program(), f.zip(), f.stamp()
	fits := func(file File, digest string) bool { return file.seen != nil && file.digest.String() == digest }
	switch {
	case program.seen == nil && zip.seen == nil:
		return File{}, fs.ErrNotExist
	case s.Program == "":
		return File{}, errors.New("no stamp of yours vouches for it: it came from elsewhere, or another lpipe built it")
	case !fits(program, s.Program) && !fits(zip, s.SHA256):
		return File{}, errors.New("program and zip were changed since they were built")
	case !fits(program, s.Program):
		return File{}, fmt.Errorf("%s was changed since it was built, or a build was interrupted", ProgramName)
	case !fits(zip, s.SHA256):
		return File{}, fmt.Errorf("%s was changed since it was built, or a build was interrupted", ZipName)
	}
	return zip, nil
}

// Sources is the digest of what the program was compiled from that the stamp has, "" where it has none.
func (f *Folder) Sources() string { return f.stamp().Sources }

// Record is what the last build that delivered something was made of, as it was recorded.
func (f *Folder) Record() ([]byte, error) {
	data, _, err := f.read(recordName, maxZip)
	return data, err
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

// Pack returns the zip of the inputs as [Zip] makes it, taken from the folder if it is there already.
func (f *Folder) Pack(in Inputs, program File) (File, error) {
	if s := f.stamp(); s.Inputs == in.digest() && s.SHA256 == f.zip().digest.String() {
		return f.zip(), nil
	}
	data, err := pack(in.Entries(program), in.path(), in.Epoch)
	if err != nil {
		return File{}, err
	}
	return File{Name: ZipName, Data: data, Mode: 0o644, digest: sum(data)}, nil
}

// Deliver puts program and zip of the inputs into the folder, with a stamp for the next run: see [Write]. The zip comes
// first, since it is what is deployed, and the stamp last.
func (f *Folder) Deliver(in Inputs, program, zipped File, warnings []string, layers ...LayerSums) (Output, error) {
	d := Output{sums(program, zipped), warnings, layers}
	files := []File{zipped, program}
	if in.Record != nil {
		if data := in.Record(); data != nil {
			files = append(files, File{Name: recordName, Data: data, Mode: 0o644})
		}
	}
	if key := f.key(); key != "" {
		s := stamp{Inputs: in.digest(), Program: program.digest.String(), Sources: in.Sources, Output: d}
		if f.settled(program) && f.settled(zipped) {
			s.Seen = []status{statusOf(program.seen), statusOf(zipped.seen)}
		}
		data, err := s.write(key)
		if err != nil {
			return d, err
		}
		files = append(files, File{Name: stampName, Data: data, Mode: 0o644})
	}
	return d, write(f.project, f.dir, files, f.beside...)
}

// SetBeside names the files beside the zip that are about it alone: where another zip is delivered, they are removed first.
func (f *Folder) SetBeside(names ...string) { f.beside = names }

// Has reports that the folder holds a file with that SHA-256, in hex.
func (f *Folder) Has(name, sha256 string) bool {
	folder, err := f.open()
	if err != nil {
		return false
	}
	file, err := folder.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	sum, err := hashOf(file)
	return err == nil && sum == sha256
}

// PutBeside puts files about the zip with that SHA-256, in hex, beside it. The error is [ErrOtherZip] where another one lies
// there by now.
func (f *Folder) PutBeside(zip string, files []File) error {
	fits := func(folder *os.Root) error {
		there, err := folder.ReadFile(ZipName)
		if err != nil || sum(there).String() != zip {
			return ErrOtherZip
		}
		return nil
	}
	return writeIf(f.project, f.dir, files, fits)
}

// ErrOtherZip is why files about a zip are not put beside the one that is there.
var ErrOtherZip = errors.New("another run has delivered another zip")

// settled reports that a file was read from the folder, and was changed so long before that any later change has
// another time.
func (f *Folder) settled(file File) bool {
	return file.seen != nil && statusOf(file.seen) != status{} && f.now().Sub(time.Unix(0, statusOf(file.seen).Changed)) > clockTick
}

// clockTick is more than the resolution of the times of any file system: FAT has 2 s.
const clockTick = 3 * time.Second

// digest is a SHA-256.
type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

func sum(data []byte) digest { return sha256.Sum256(data) }
