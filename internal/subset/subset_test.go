package subset

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatAnAnswerLacks(t *testing.T) {
	for _, c := range []struct{ want, answer, lacks string }{
		{`{}`, `{"a":1}`, ""},
		{`{"a":1}`, `{"a":1,"b":2}`, ""},
		{`{"a":{"b":[1,{"c":true}]}}`, `{"a":{"b":[1,{"c":true}],"d":0},"e":null}`, ""},
		{`12345678901234567890`, `12345678901234567890`, ""},
		{`"x"`, ` "x" `, ""},
		{`{"a":null}`, `{"a":null}`, ""},
		{`{"a":1}`, `{"b":2}`, "a is missing"},
		{`{"a":null}`, `{}`, "a is missing"},
		{`{"b":1,"a":1}`, `{}`, "a is missing"},
		{`{"a":{"b":1}}`, `{"a":{"b":2}}`, "a.b is 2 and not 1"},
		{`{"a":{"b":1}}`, `{"a":null}`, "a is null and no object"},
		{`{"a":[1]}`, `{"a":[1,2]}`, "a is [1,2] and not [1]"},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, "a is [2,1] and not [1,2]"},
		{`[{"b":2}]`, `[{"b":2,"c":3}]`, `the answer is [{"b":2,"c":3}] and not [{"b":2}]`},
		{`{"a":2}`, `{"a":"2"}`, `a is "2" and not 2`},
		{`{"a":1}`, `[]`, "the answer is [] and no object"},
		{`null`, `{}`, "the answer is {} and not null"},
		{`1`, `1.0`, "the answer is 1.0 and not 1"},
		{`9007199254740993`, `9007199254740992`, "the answer is 9007199254740992 and not 9007199254740993"},
		{`"y"`, `"` + strings.Repeat("x", 1<<20) + `"`, `the answer is "` + strings.Repeat("x", maxShown-1) + `... and not "y"`},
	} {
		if got := parse(t, c.answer).Lacks(parse(t, c.want)); got != c.lacks {
			t.Errorf("%.100q of %.100q: %.400q, want %.400q", c.want, c.answer, got, c.lacks)
		}
	}
}

func TestWhatIsNoValue(t *testing.T) {
	for _, text := range []string{``, `{`, `no JSON`, `{} {}`, `1 x`, `{"a":1}]`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func parse(t *testing.T, text string) Value {
	t.Helper()
	v, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// FuzzLacks: what is read is what encoding/json reads, every value holds itself, and every object what it has without a member.
func FuzzLacks(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `{"a":[1,{"b":2}],"c":3}`)
	f.Add(`[]`, `null`)
	f.Add(`1e400`, `{`)
	f.Fuzz(func(t *testing.T, first, second string) {
		a, err := Parse([]byte(first))
		if (err == nil) != json.Valid([]byte(first)) {
			t.Fatalf("%q: %v", first, err)
		}
		b, other := Parse([]byte(second))
		if err != nil || other != nil {
			return
		}
		if why := a.Lacks(a); why != "" {
			t.Errorf("%q does not hold itself: %s", first, why)
		}
		if a.Lacks(b) == "" && b.Lacks(a) == "" {
			x, _ := json.Marshal(a.v)
			if y, _ := json.Marshal(b.v); string(x) != string(y) {
				t.Errorf("%s and %s hold each other", x, y)
			}
		}
		members, ok := a.v.(map[string]any)
		if !ok {
			return
		}
		for name := range members {
			fewer := map[string]any{}
			for other, value := range members {
				if other != name {
					fewer[other] = value
				}
			}
			if a.Lacks(Value{fewer}) != "" || (Value{fewer}).Lacks(a) == "" {
				t.Errorf("%q, and without %q", first, name)
			}
		}
	})
}
