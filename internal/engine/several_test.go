package engine

import (
	"slices"
	"testing"
)

func TestSeveralEngines(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		env     string
		want    []string
	}{
		"none":                 {want: []string{""}},
		"one":                  {options: Options{Engine: "unix:///a"}, env: "unix:///b,unix:///c", want: []string{"unix:///a"}},
		"several":              {options: Options{Engine: "unix:///a, embedded,unix:///a,tcp://b:1"}, want: []string{"unix:///a", "embedded", "tcp://b:1"}},
		"a comma at the end":   {options: Options{Engine: "unix:///a,"}, want: []string{"unix:///a"}},
		"commas alone":         {options: Options{Engine: ","}, want: []string{","}},
		"from the environment": {env: "unix:///b,unix:///c", want: []string{"unix:///b", "unix:///c"}},
		"a builder wins":       {options: Options{Builder: "box"}, env: "unix:///b,unix:///c", want: []string{""}},
	} {
		c.options.Getenv = func(string) string { return c.env }
		var got []string
		for _, o := range Each(c.options) {
			got = append(got, o.Engine)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
