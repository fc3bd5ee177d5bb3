package config

import "testing"

func TestNamesOfPackagesAndFeatures(t *testing.T) {
	for v, want := range map[string]struct{ name, feature bool }{
		"json":         {true, true},
		"größe_2":      {true, true},
		"a-b.c":        {true, true},
		"c++":          {false, true},
		"serde/derive": {false, true},
		"serde?/std":   {false, true},
		"serde?":       {false, false},
		"a/b/c":        {false, false},
		"/b":           {false, false},
		"a/":           {false, false},
		"-a":           {false, false},
		"a/.b":         {false, false},
		"a b":          {false, false},
		"a\xff":        {false, false},
		"":             {false, false},
	} {
		name, _ := checkName("", v)
		feature, _ := checkFeature("", v)
		if (name == "") != want.name || (feature == "") != want.feature {
			t.Errorf("%q: as a name %q, as a feature %q", v, name, feature)
		}
	}
}
