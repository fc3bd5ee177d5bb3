package artifact

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"lpipe/internal/fault"
)

// Entry is a file of the zip.
type Entry struct {
	Name       string // a relative path with slashes
	Data       []byte
	Executable bool // mode 0755 instead of 0644
}

// level is the compression of the zip. On programs of 1.5 and 1.9 MB it took a third of the time of compress/flate
// at its level 6 for 1.5 and 1.8 % more bytes; 7 saves these and takes 1.4 times as long.
const level = 6

// The years that a zip can tell; LastTime is the last moment of them.
var (
	firstTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	LastTime  = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
)

// Zip returns a zip of the entries, byte for byte the same for the same entries in any order. epoch is the time
// of all files, in practice SOURCE_DATE_EPOCH; the zero time and those that a zip cannot tell become the nearest
// it can. The error names every entry that cannot be unpacked everywhere, and a missing or not executable bootstrap.
//
// The bytes also depend on the version of the compressor, which go.mod pins.
func Zip(entries []Entry, epoch time.Time) ([]byte, error) { return pack(entries, ProgramName, epoch) }

// pack is [Zip] for a program of another name, or with program "" for files alone.
func pack(entries []Entry, program string, epoch time.Time) ([]byte, error) {
	entries = sorted(entries)
	if err := checkEntries(entries, program); err != nil {
		return nil, err
	}
	if epoch = epoch.UTC(); epoch.Before(firstTime) {
		epoch = firstTime
	} else if epoch.After(LastTime) {
		epoch = LastTime
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		if err := add(w, e, epoch); err != nil {
			return nil, fmt.Errorf("zipping %s: %w", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("closing the zip: %w", err)
	}
	return out.Bytes(), nil
}

// sorted returns the entries in the order of their names.
func sorted(entries []Entry) []Entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

// add writes one file. Its sizes and checksum go before its bytes, where every reader finds them; the ordinary
// way of package zip would put them behind, and the time into an extra field.
func add(w *zip.Writer, e Entry, epoch time.Time) error {
	h := &zip.FileHeader{
		Name: e.Name, Method: zip.Deflate, ReaderVersion: 20,
		CRC32: crc32.ChecksumIEEE(e.Data), UncompressedSize64: uint64(len(e.Data)),
	}
	if strings.ContainsFunc(e.Name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		h.Flags = 0x800 // the name is UTF-8: APPNOTE.TXT 4.4.4, bit 11
	}
	h.SetMode(0o644) // also marks the entry as made on Unix and as a regular file
	if e.Executable {
		h.SetMode(0o755)
	}
	h.CreatorVersion |= 20                                                                // as the readers of zip 2.0 and later expect; SetMode says Unix
	h.ModifiedDate = uint16(epoch.Day() + int(epoch.Month())<<5 + (epoch.Year()-1980)<<9) //nolint:staticcheck // the field that adds no extra one
	h.ModifiedTime = uint16(epoch.Second()/2 + epoch.Minute()<<5 + epoch.Hour()<<11)      //nolint:staticcheck // the same
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, level)
	if err != nil {
		return err
	}
	if _, err := f.Write(e.Data); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	data := packed.Bytes()
	if len(data) >= len(e.Data) {
		data, h.Method = e.Data, zip.Store
	}
	h.CompressedSize64 = uint64(len(data))
	body, err := w.CreateRaw(h)
	if err != nil {
		return err
	}
	_, err = body.Write(data)
	return err
}

// CheckIncluded reports every file that a zip cannot hold beside the program, which has that name in it.
func CheckIncluded(included []Entry, program string) error {
	return checkEntries(sorted(append([]Entry{{Name: program, Executable: true}}, included...)), program)
}

// checkEntries reports every entry of a sorted list that some unpacker refuses, renames or puts elsewhere. One of them has to be
// the program, unless that is "".
func checkEntries(entries []Entry, program string) error {
	var problems fault.List
	there := program == ""
	kind := map[string]string{} // of each path: file, or folder for what contains one
	for _, e := range entries {
		why := checkName(e.Name)
		for dir := path.Dir(e.Name); why == "" && dir != "."; dir = path.Dir(dir) {
			if kind[dir] == "file" {
				why = fmt.Sprintf("%q is a file of the zip, not a folder", dir)
			}
			kind[dir] = "folder"
		}
		switch kind[e.Name] {
		case "file":
			why = "there are two files of that name"
		case "folder":
			why = "it is also a folder of the zip"
		}
		kind[e.Name] = "file"
		if program != "" && e.Name == program {
			there = true
			if !e.Executable && why == "" {
				why = "Lambda cannot start it without the executable bit"
			}
		}
		if why != "" {
			problems.Add(refuse(fmt.Sprintf("the zip cannot hold %q", e.Name), why, "rename or leave out the file"))
		}
	}
	if !there {
		problems.Add(refuse("the zip has no "+program, "Lambda starts the file of that name at the root of the zip", "add the built program"))
	}
	return problems.Err()
}

// checkName returns what is wrong with a file name, "" for a good one.
func checkName(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "the name is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "the name has control characters"
	case strings.Contains(name, `\`):
		return "some unpackers read a backslash as a slash"
	case strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':':
		return "the path is absolute"
	case len(name) > 4095: // PATH_MAX of Linux, without the NUL
		return "the path is longer than 4095 bytes"
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Sprintf("the path has a part %q", part)
		case len(part) > 255: // NAME_MAX of Linux
			return "a part of the path is longer than 255 bytes"
		}
	}
	return ""
}

// SHA256 is the digest of a zip, in hex.
func SHA256(data []byte) string { return sum(data).String() }

// FileSHA256 is the SHA-256 of a file, in hex.
func FileSHA256(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hashOf(f)
}

func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ReadZip reads a zip from a file, of at most what Lambda's limits allow.
func ReadZip(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // which may have no end
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxZip+1))
	if err == nil && len(data) > maxZip {
		err = fmt.Errorf("it is larger than any zip for Lambda: %s", mega(int64(len(data))))
	}
	return data, err
}

// Sums are the sizes and digests that tell one deployment from another.
type Sums struct {
	Size       int64  `json:"size"`       // of the program, in bytes
	ZipSize    int64  `json:"zipSize"`    // in bytes
	SHA256     string `json:"sha256"`     // of the zip, in hex, as sha256sum prints it
	CodeSHA256 string `json:"codeSha256"` // the same in base64, as Lambda's CodeSha256 and Terraform's source_code_hash have it
}

func sums(program, zipped File) Sums {
	return Sums{
		Size: int64(len(program.Data)), ZipSize: int64(len(zipped.Data)),
		SHA256: zipped.digest.String(), CodeSHA256: base64.StdEncoding.EncodeToString(zipped.digest[:]),
	}
}
