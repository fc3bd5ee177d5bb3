package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lpipe/internal/cargo"
	"lpipe/internal/plan"
)

func TestSBOMHasNoPasswords(t *testing.T) {
	lock, err := cargo.ParseLock("Cargo.lock", []byte(`version = 4

[[package]]
name = "one"
version = "1.0.0"
source = "git+https://me:s3cret@git.example.com/org/one.git?rev=abc#0123456789012345678901234567890123456789"

[[package]]
name = "two"
version = "1.0.0"
source = "git+ssh://git:s3cret@git.example.com/org/two.git#0123456789012345678901234567890123456789"
`))
	if err != nil {
		t.Fatal(err)
	}
	statement := SBOM(lock, &plan.Lambda{Name: "echo", Package: &cargo.Package{Version: "1.0.0"}}, time.Time{})
	data, err := json.Marshal(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		`"git+https://***@git.example.com/org/one.git@0123456789012345678901234567890123456789"`,
		`"git+ssh://git:***@git.example.com/org/two.git@0123456789012345678901234567890123456789"`,
	} {
		if !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}
