package plan

import (
	"reflect"
	"testing"

	"lpipe/internal/cargo"
)

// TestAVariantIsAllThatItSays: each field but the lambdas tells variants apart, and where a package lies in memory does not.
func TestAVariantIsAllThatItSays(t *testing.T) {
	known := map[string]string{new(Variant).key(): "none"}
	fields := reflect.TypeFor[Variant]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		v := new(Variant)
		switch f := reflect.ValueOf(v).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*f = "x"
		case *int:
			*f = 1
		case *bool:
			*f = true
		case *[]string:
			*f = []string{"x"}
		case *[]Env:
			*f = []Env{{"x", "y"}}
		case *[]ImageFile:
			*f = []ImageFile{{From: "x", To: "y"}}
		case *[]Libraries:
			*f = []Libraries{{{Dir: "x"}}}
		case *[]*Lambda:
			*f = []*Lambda{{}}
		default:
			t.Errorf("%s has a type that the test does not know", name)
		}
		other, there := known[v.key()]
		if there != (name == "Lambdas") {
			t.Errorf("a variant with %s is told apart: %v", name, !there)
			t.Log("from", other)
		}
		known[v.key()] = name
	}
	a := Variant{Libs: []Libraries{{&cargo.Package{Dir: "x"}}, {&cargo.Package{Dir: "y"}}}}
	b := Variant{Libs: []Libraries{{&cargo.Package{Dir: "x"}}, {&cargo.Package{Dir: "y"}}}}
	c := Variant{Libs: []Libraries{{&cargo.Package{Dir: "x"}, &cargo.Package{Dir: "y"}}}}
	if a.key() != b.key() || a.key() == c.key() {
		t.Error(a.key(), b.key(), c.key())
	}
}
