package trace

import (
	"strings"
	"testing"
	"time"
)

func TestTheCriticalPath(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1_000_000_000+int64(s), 0) }
	step := func(id string, from, to int, after ...string) Span {
		return Span{Group: Steps, Name: id, Start: at(from), End: at(to), ID: id, After: after}
	}
	cached := func(s Span) Span {
		s.Args = map[string]any{"cached": true}
		return s
	}
	for name, c := range map[string]struct {
		steps []Span
		want  string
		ready map[string]int
	}{
		"none": {},
		"through the slower of two": {
			[]Span{step("sources", 0, 1), step("base", 0, 5), step("deps", 6, 20, "base", "sources"), step("test", 20, 40, "deps"), step("build", 20, 30, "deps"), step("zip", 41, 42, "build", "test")},
			"base deps test zip",
			map[string]int{"deps": 5, "zip": 40},
		},
		"by other names": {
			[]Span{step("base", 0, 5), step("test", 5, 9, "base"), step("late", 3, 11, "base"), step("zip", 10, 12, "unknown")},
			"base test zip",
			map[string]int{"zip": 9},
		},
		"through what was cached": {
			[]Span{
				cached(step("base", 0, 1)), step("deps", 1, 9, "base"), cached(step("libs", 9, 10, "deps")), step("build", 10, 20, "libs"), step("test", 10, 30, "libs"),
				cached(step("copy", 30, 32, "build")), cached(step("second", 30, 31, "test")), cached(step("zip", 32, 32, "copy", "second")),
			},
			"deps test", nil,
		},
		"beside one for several": {[]Span{step("base", 0, 5), step("test", 5, 9, "base"), step("group", 9, 12)}, "base test", nil},
		"everything was cached":  {[]Span{cached(step("a", 0, 1)), cached(step("b", 1, 2, "a"))}, "", nil},
		"in a circle":            {[]Span{step("a", 0, 1, "b", "a"), step("b", 0, 2, "a")}, "a b", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range Critical(c.steps) {
				got = append(got, s.ID)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
			for _, s := range c.steps {
				want := time.Time{}
				if n, ok := c.ready[s.ID]; ok {
					want = at(n)
				}
				if got := Ready(s, c.steps); c.ready != nil && s.ID != "test" && s.ID != "build" && s.ID != "late" && !got.Equal(want) {
					t.Errorf("%s is ready at %s, not %s", s.ID, got, want)
				}
			}
		})
	}
}
