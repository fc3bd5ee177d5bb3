package deploy

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatAnAnswerMustHold(t *testing.T) {
	for _, c := range []struct{ expect, answer, why string }{
		{``, `"anything"`, ""},
		{`{"a":1}`, `{"a":1,"b":2}`, ""},
		{`{"a":1}`, `{"b":2}`, `a is missing, in {"b":2}`},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, `a is [{"b":1,"c":2}] and not [{"b":1}]`},
		{`no JSON`, `{}`, "what is expected is not JSON"},
		{`{"a":1}`, `no JSON`, "its answer is not JSON"},
		{`null`, `{}`, "the answer is {} and not null"},
	} {
		s := Smoke{Expect: []byte(c.expect)}
		if c.expect == "" {
			s.Expect = nil
		}
		if why := s.refuse(Answer{Payload: []byte(c.answer)}); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s of %s: %q, want %q", c.expect, c.answer, why, c.why)
		}
	}
	if why := (Smoke{}).refuse(Answer{FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"x"}`)}); why != `it answered with the error Unhandled: {"errorMessage":"x"}` {
		t.Error(why)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `{"a":[1,{"b":2}],"c":3}`)
	f.Add(`[]`, `null`)
	f.Add(`1e400`, `{`)
	f.Fuzz(func(t *testing.T, expect, answer string) {
		why := Smoke{Expect: []byte(expect)}.refuse(Answer{Payload: []byte(answer)})
		if expect == answer && json.Valid([]byte(expect)) && why != "" {
			t.Errorf("%q does not hold itself: %s", expect, why)
		}
	})
}

func FuzzFollowed(f *testing.F) {
	f.Add("lpipe: follows version 12")
	f.Add("lpipe: follows version $LATEST")
	f.Fuzz(func(t *testing.T, description string) {
		if before := followed(description); before != "" && follows(before) != description {
			t.Errorf("%q follows %q", description, before)
		}
	})
}

// TestAPlanTellsNoValueOfAVariable: they may be secrets.
func TestAPlanTellsNoValueOfAVariable(t *testing.T) {
	wanted := Wanted{Lambda: "a", Function: "a", Arch: "x86_64", Runtime: "provided.al2023", SHA256: "new", Settings: Settings{Env: map[string]string{"NEW": "secret-1", "OTHER": "secret-2", "SAME": "secret-3"}}}
	found := Found{Latest: &Function{Arch: "x86_64", Runtime: "provided.al2023", CodeSHA256: "old", Settings: Settings{Env: map[string]string{"OTHER": "secret-4", "SAME": "secret-3", "KEPT": "secret-5"}}}}
	p, err := Make([]Wanted{wanted}, []Found{found}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p.Items[0].Changes)
	if err != nil {
		t.Fatal(err)
	}
	words := p.Items[0].Words("")
	if words != "code, env +NEW, env ~OTHER, version" || strings.Contains(string(text)+words, "secret-") {
		t.Errorf("%s: %s", words, text)
	}
}
