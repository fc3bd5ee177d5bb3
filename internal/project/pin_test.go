package project

import "testing"

func TestPinBaseChangesTheBaseAlone(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		want string // "" when it is refused
	}{
		"no file":                  {"", 0, "[build]\nbase = \"new\"\n"},
		"no table":                 {"push = true", 0, "push = true\n\n[build]\nbase = \"new\"\n"},
		"a table without a base":   {"[build] # here\narch = \"arm64\"\n", 0, "[build] # here\nbase = \"new\"\narch = \"arm64\"\n"},
		"a table at the very end":  {"[build]", 0, "[build]\nbase = \"new\"\n"},
		"another table":            {"[build.env]\nA = \"1\"\n", 0, "[build.env]\nA = \"1\"\n\n[build]\nbase = \"new\"\n"},
		"a base with a comment":    {"[build]\nbase = \"old\" # \"older\"\n", 2, "[build]\nbase = \"new\" # \"older\"\n"},
		"single quotes":            {"build.base = 'old'\n", 1, "build.base = \"new\"\n"},
		"escapes":                  {"build.base = \"\\u006fld\"\n", 1, ""},
		"twice on its line":        {"a = { base = \"old\", b = \"old\" }\n", 1, ""},
		"a line that is not there": {"", 3, ""},
		"Windows' ends of lines":   {"[build]\r\nbase = \"old\"\r\n", 2, "[build]\r\nbase = \"new\"\r\n"},
	} {
		got, ok := pinBase([]byte(c.text), c.line, "old", "new")
		if ok != (c.want != "") || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, c.want)
		}
	}
}
