package artifact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// note lies beside a zip and vouches for it, so that it is neither made nor read again.
type note struct {
	Order string `json:"order"` // the digest of what was ordered
	Delivery
	Seen []status `json:"seen,omitempty"` // program and zip, as they were before they were last read and found right
}

// signed is a note as it is written. Nobody can write one without the key.
type signed struct {
	MAC  []byte          `json:"mac"` // HMAC-SHA-256 of the note
	Note json.RawMessage `json:"note"`
}

func code(key string, text []byte) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(text)
	return mac.Sum(nil)
}

// readNote returns the note in a file, and an empty one if it was not written with the key.
func readNote(data []byte, key string) note {
	var s signed
	var n note
	if key == "" || json.Unmarshal(data, &s) != nil || !hmac.Equal(s.MAC, code(key, s.Note)) || json.Unmarshal(s.Note, &n) != nil {
		return note{}
	}
	return n
}

func (n note) write(key string) ([]byte, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("noting what was delivered: %w", err)
	}
	return json.Marshal(signed{code(key, text), text})
}
