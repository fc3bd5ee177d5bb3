package artifact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// stamp lies beside a zip and vouches for it and for the program, so that neither is made or read again, and that nothing
// is taken for the user's own that somebody else put there. It is written after both: where a run ended in between, it
// is that of other files.
type stamp struct {
	Inputs  string `json:"order"`   // their digest
	Program string `json:"program"` // the SHA-256 of the program, in hex
	Sources string `json:"sources,omitempty"`
	Output
	Seen []status `json:"seen,omitempty"` // program and zip, as they were before they were last read and found right
}

// signed is a stamp as it is written. Nobody can write one without the key.
type signed struct {
	MAC   []byte          `json:"mac"` // HMAC-SHA-256 of the stamp
	Stamp json.RawMessage `json:"stamp"`
}

func code(key string, text []byte) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(text)
	return mac.Sum(nil)
}

// readStamp returns the stamp in a file, and an empty one if it was not written with the key.
func readStamp(data []byte, key string) stamp {
	var file signed
	var s stamp
	if key == "" || json.Unmarshal(data, &file) != nil || !hmac.Equal(file.MAC, code(key, file.Stamp)) || json.Unmarshal(file.Stamp, &s) != nil {
		return stamp{}
	}
	return s
}

func (s stamp) write(key string) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("stamping what was delivered: %w", err)
	}
	return json.Marshal(signed{code(key, text), text})
}
