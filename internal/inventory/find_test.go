package inventory

import (
	"reflect"
	"slices"
	"testing"
)

func TestFunctionsAreToldByTheirCode(t *testing.T) {
	crates := []Crate{{Name: "openssl", Version: "1.0.0"}}
	stated := []Function{{Name: "orders", SHA256: "00ff", Crates: crates}, {Name: "old", SHA256: ""}, {Name: "odd", SHA256: "no hex"}}
	all, unknown := Deployed(stated, map[string]string{"shop-orders": "AP8=", "shop-copy": "AP8=", "other": "AAA=", "image": ""})
	want := []Function{{Name: "shop-copy", SHA256: "00ff", Crates: crates}, {Name: "shop-orders", SHA256: "00ff", Crates: crates}}
	if !reflect.DeepEqual(all, want) || !slices.Equal(unknown, []string{"image", "other"}) {
		t.Errorf("%+v, %q", all, unknown)
	}
	if stated[0].Name != "orders" {
		t.Error("what was stated has other names now")
	}
}

// TestCratesThatAreAskedFor: by name and version, by advisories, or by both.
func TestCratesThatAreAskedFor(t *testing.T) {
	ssl, old, other := Crate{Name: "openssl", Version: "3.0.1"}, Crate{Name: "openssl", Version: "1.0.0"}, Crate{Name: "serde", Version: "1.0.0"}
	functions := []Function{{Name: "a", From: "a.zip", Crates: []Crate{old, ssl}}, {Name: "b", From: "b.zip", Crates: []Crate{other}}}
	query, err := ParseQuery("openssl<2")
	if err != nil {
		t.Fatal(err)
	}
	advisory, err := ParseAdvisory([]byte("```toml\n[advisory]\nid = \"RUSTSEC-2020-0001\"\npackage = \"openssl\"\ndate = \"2020-01-01\"\n[versions]\npatched = [\">= 4.0.0\"]\n```\n# A title\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		queries    []Query
		advisories []Advisory
		want       []string
	}{
		"nothing":    {want: nil},
		"a query":    {queries: []Query{query}, want: []string{"a 1.0.0"}},
		"advisories": {advisories: []Advisory{advisory}, want: []string{"a 1.0.0 RUSTSEC-2020-0001", "a 3.0.1 RUSTSEC-2020-0001"}},
		"both":       {queries: []Query{query}, advisories: []Advisory{advisory}, want: []string{"a 1.0.0 RUSTSEC-2020-0001"}},
	} {
		matches := Find(functions, c.queries, c.advisories)
		var got []string
		for _, m := range matches {
			text := m.Function + " " + m.Crate.Version
			if m.Advisory != nil {
				text += " " + m.Advisory.ID
			}
			got = append(got, text)
		}
		if matches == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if in := ByCrate(append(functions, Function{Name: "c", Crates: []Crate{other}})); !slices.Equal(in[other], []string{"b", "c"}) || len(in) != 3 {
		t.Errorf("%v", in)
	}
}
