package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/artifact"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/plan"
)

// bundle is a statement on a zip, with parameters and materials as JSON.
func bundle(zip []byte, parameters, materials string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"bootstrap.zip","digest":{"sha256":%q}}],`+
		`"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"pkg:generic/lpipe#docs/statements.md",`+
		`"externalParameters":{"lambda":"echo","arch":"x86_64"%s},"resolvedDependencies":[{"name":"git","digest":{"gitCommit":%q}}%s]},"runDetails":{"builder":{"id":"x"}}}}`+"\n",
		artifact.SHA256(zip), parameters, strings.Repeat("01", 20), materials)
}

func read(t *testing.T, zip []byte, parameters, materials string) Zip {
	t.Helper()
	z, err := Read(zip, bundle(zip, parameters, materials), nil)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCompare(t *testing.T) {
	zip, other := []byte("PK one"), []byte("PK two")
	crate := func(version string) string {
		return fmt.Sprintf(`,{"name":"itoa","uri":"pkg:cargo/itoa@%s","digest":{"sha256":"00"}},{"name":"base image","digest":{"sha256":"11"}}`, version)
	}
	same := read(t, zip, "", crate("1.0.0"))
	changed := same
	changed.Data, changed.SHA256, changed.Other = other, artifact.SHA256(other), same.SHA256
	modified := same
	modified.Modified = true
	base := read(t, zip, "", strings.Replace(crate("1.0.0"), `"11"`, `"22"`, 1))
	for name, c := range map[string]struct {
		z    Zip
		want string // in the differences; "" for none
		note string
	}{
		"equal":    {z: same},
		"modified": {z: modified, note: "the commit gives the same zip"},
		"changed":  {z: changed, want: "the zip was changed"},
		"crate":    {z: read(t, zip, "", crate("1.0.1")), want: "crate itoa@1.0.1: stated, and not in what was rebuilt"},
		"base":     {z: base, want: "base image: stated sha256:22, rebuilt with sha256:11"},
		"setting":  {z: read(t, zip, `,"profile":"dev"`, crate("1.0.0")), want: `profile: stated "dev", rebuilt with none`},
	} {
		r := Compare(c.z, same)
		if got := strings.Join(r.Differences, "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := strings.Join(r.Notes, "\n"); !strings.Contains(got, c.note) {
			t.Errorf("%s: notes %q, want %q", name, got, c.note)
		}
	}
}

// TestWhatIsNoLambda: a statement that names a folder would have that one built, and not the commit.
func TestWhatIsNoLambda(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/work", "./x", "../x", "a/b", `a\\b`, "*", "a?", "[a]"} {
		statement := bytes.Replace(bundle([]byte("PK"), "", ""), []byte(`"lambda":"echo"`), []byte(`"lambda":"`+name+`"`), 1)
		if _, err := Read([]byte("PK"), statement, nil); err == nil || !strings.Contains(err.Error(), "name no lambda") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	l := &plan.Lambda{Name: "echo", Arch: "x86_64", Package: &cargo.Package{}, Build: config.Build{
		Arch: []string{"x86_64"}, Base: "docker.io/library/rust:1", Profile: "release", DefaultFeatures: true, Network: "none",
	}}
	o := read(t, []byte("PK"), `,"profile":"small","features":["a","b"],"defaultFeatures":true,"network":"none"`, `,{"name":"base image","digest":{"sha256":"11"}}`).Origin
	var got []string
	for _, s := range Settings(o, l) {
		got = append(got, s.Key+"="+strings.Join(s.Values, ","))
	}
	if want := []string{"build.profile=small", "build.features=a,b", "build.base=docker.io/library/rust:1@sha256:11"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzRead: statements that are taken name a commit and a lambda, and compare with themselves as equal.
func FuzzRead(f *testing.F) {
	f.Add([]byte("PK"), bundle([]byte("PK"), `,"features":[1]`, `,{"uri":"pkg:cargo/a@1"}`))
	f.Add([]byte("PK"), []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}`))
	f.Fuzz(func(t *testing.T, zip, statements []byte) {
		z, err := Read(zip, statements, nil)
		if err != nil {
			return
		}
		if z.Commit() == "" || z.Text("lambda") == "" {
			t.Errorf("%+v", z)
		}
		if r := Compare(z, z); z.Other == "" && !z.Modified && len(r.Differences) > 0 {
			t.Errorf("%q", r.Differences)
		}
		if !bytes.Equal(z.Data, zip) {
			t.Error("another zip")
		}
	})
}
