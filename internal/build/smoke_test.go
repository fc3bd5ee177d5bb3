package build

import (
	"strings"
	"testing"

	"lpipe/internal/config"
	"lpipe/internal/dockerfile"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

func TestAnswersAreCompared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ answer, want, why string }{
		{`{"a":1,"b":{"c":[1,2],"d":null}}`, `{"b":{"c":[1,2]}}`, ""},
		{`{"a":1}`, `{}`, ""},
		{`"x"`, `"x"`, ""},
		{`1.0`, `1`, "the answer is 1.0 and not 1"},
		{`{"b":{"c":[1,2]}}`, `{"b":{"c":[1]}}`, "b.c is [1,2] and not [1], in {"},
		{`{"b":null}`, `{"b":{"c":1}}`, "b is null and no object"},
		{`{"b":{}}`, `{"b":{"c":null}}`, "b.c is missing"},
		{`[1]`, `{"b":1}`, "the answer is [1] and no object"},
		{`"x"`, `"y"`, `the answer is "x" and not "y", in "x"`},
		{`{"a":`, `{}`, `it is no JSON: "{\"a\":"`},
		{``, `{}`, `it is no JSON: ""`},
		{"{\"statusCode\":200}\x00\x00\x00\x00\x00\x00\x00\x00<html>", `{"statusCode":200}`, ""},
		{`"` + strings.Repeat("x", 1<<20) + `"`, `"y"`, "…"},
	} {
		got := differs(&c.answer, c.want)
		if (got == "") != (c.why == "") || !strings.Contains(got, c.why) || len(got) > 2*maxShown {
			t.Errorf("%.100q, %q: %.100q, want %q", c.answer, c.want, got, c.why)
		}
	}
	if why := differs(nil, "{}"); why == "" {
		t.Error("an answer that is too large has what is wanted of it")
	}
}

// smokeTarget has one event.
func smokeTarget() Target {
	b := config.Build{Smoke: []string{"a.json"}, SmokeExpect: map[string]string{"a.json": `{"ok":true}`}, Budget: config.Budget{Init: "5ms"}}
	return Target{Target: project.Target{Lambda: &plan.Lambda{Name: "api", Arch: "arm64", Build: b}}}
}

func TestWhatTheSmokeTestMeasured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, refused, err, warning string }{
		"right":     {`{"init":1500,"memory":2048,"events":[{"took":10,"size":11,"answer":"{\"ok\":true}"}]}`, "", "", ""},
		"wrong":     {`{"events":[{"answer":"{\"ok\":false}"}]}`, "api gives a wrong answer to a.json", "", ""},
		"too large": {`{"events":[{"answer":null}]}`, "it is too large to be compared", "", ""},
		"skipped":   {`{"skipped":"x86_64"}`, "", "", "api: its smoke test is left out"},
		"emulated":  {`{"emulated":true,"events":[{"answer":"{\"ok\":true}"}]}`, "", "", "not checked, since the program ran under qemu"},
		"root":      {`{"root":true,"events":[{"answer":"{\"ok\":true}"}]}`, "", "", "it ran as root"},
		"no JSON":   {`{`, "", "cannot be read", ""},
		"no events": {`{}`, "", "cannot be read", ""},
	} {
		target := smokeTarget()
		s, refused, err := target.readSmoke(map[string][]byte{dockerfile.FileSmoke: []byte(c.file)})
		said := func(err error, want string) bool {
			return (err == nil) == (want == "") && (err == nil || strings.Contains(err.Error(), want))
		}
		if !said(refused, c.refused) || !said(err, c.err) {
			t.Errorf("%s: %v, %v", name, refused, err)
		}
		if err != nil || refused != nil {
			continue
		}
		told, warnings := target.told(s)
		if got := strings.Join(warnings, "\n"); (got == "") != (c.warning == "") || !strings.Contains(got, c.warning) {
			t.Errorf("%s: warned of %q", name, got)
		}
		if (told == nil) != (name == "skipped") || told != nil && len(told.Events) != 1 {
			t.Errorf("%s: %+v", name, told)
		}
		if name == "right" && (told.InitMillis != 1.5 || told.Memory != 2048) {
			t.Errorf("told %+v", told)
		}
	}
	if s, refused, err := smokeTarget().readSmoke(nil); s != nil || refused != nil || err != nil {
		t.Error("there is a smoke test without a file", s, refused, err)
	}
}

func FuzzReadSmoke(f *testing.F) {
	f.Add([]byte(`{"init":1500,"memory":2048,"events":[{"took":10,"size":11,"answer":"{\"ok\":true}"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		target := smokeTarget()
		if s, refused, err := target.readSmoke(map[string][]byte{dockerfile.FileSmoke: data}); err == nil && refused == nil {
			target.told(s)
		}
	})
}
