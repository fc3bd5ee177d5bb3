package artifact

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The names of a lambda's files in its folder.
const (
	ProgramName = "bootstrap"
	ZipName     = "bootstrap.zip"
	noteName    = ".bootstrap.zip.json"
)

// note lies beside a zip and says what it was made from, so that it is not made again. Whoever changes the zip or what
// goes into it makes the note wrong, and then it does not count.
type note struct {
	From string `json:"from"` // SHA-256 of all that the zip's bytes depend on
	Zip  string `json:"zip"`  // SHA-256 of the zip
}

// Pack returns the zip of the entries as [Zip] does, taken from the folder of the lambda where the same zip lies
// already, and the note to write after it. by identifies the program that calls: another one may compress otherwise,
// so the zips of others are not taken; "" takes none.
func Pack(dir, by string, entries []Entry, epoch time.Time) (zipped []byte, keep []File, err error) {
	if by == "" {
		zipped, err = Zip(entries, epoch)
		return zipped, nil, err
	}
	from := fingerprint(by, entries, epoch)
	if zipped = packed(dir, from); zipped == nil {
		if zipped, err = Zip(entries, epoch); err != nil {
			return nil, nil, err
		}
	}
	text, err := json.Marshal(note{From: from, Zip: sum(zipped)})
	if err != nil {
		return nil, nil, fmt.Errorf("noting what the zip was made from: %w", err)
	}
	return zipped, []File{{Name: noteName, Data: text, Mode: 0o644}}, nil
}

// packed returns the zip in dir if it is, to the last byte, one that was made from the same; nil for any other.
func packed(dir, from string) []byte {
	var n note
	text, err := readRegular(filepath.Join(dir, noteName))
	if err != nil || json.Unmarshal(text, &n) != nil || n.From != from {
		return nil
	}
	zipped, err := readRegular(filepath.Join(dir, ZipName))
	if err != nil || sum(zipped) != n.Zip {
		return nil
	}
	return zipped
}

// fingerprint is a digest of all that the bytes of a zip depend on.
func fingerprint(by string, entries []Entry, epoch time.Time) string {
	h := sha256.New()
	field := func(b []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	field([]byte(by))
	field(epoch.UTC().AppendFormat(nil, time.RFC3339Nano))
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		fmt.Fprintln(h, e.Executable)
		field([]byte(e.Name))
		field(e.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// readRegular reads a file, and never waits for one that is something else.
func readRegular(name string) ([]byte, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	return os.ReadFile(name)
}
