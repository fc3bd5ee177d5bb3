package config

import "strings"

// LatePlaceholders are the names that stand in {{…}} in the values of late-env. The commit decides what they stand for, so
// that whoever builds it again gets the same program.
var LatePlaceholders = []string{"name", "arch", "version", "git-sha"}

// LateArg begins the names of the build arguments that have the values of late-env.
const LateArg = "LPIPE_LATE_"

// early are variables that are about every crate, or about the tools that compile them.
func early(name string) bool {
	for _, prefix := range []string{"CARGO", "RUST", "LD_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "PATH" || name == "HOME"
}

func checkLateName(_, name string) (why, fix string) {
	if why, fix := checkEnvName("", name); why != "" {
		return why, fix
	}
	if early(name) {
		return "it is about every crate, and the dependencies are compiled without late-env", "set it in env"
	}
	return "", ""
}

func checkLate(name, v string) (why, fix string) {
	if why, fix := checkEnv(name, v); why != "" {
		return why, fix
	}
	if strings.Contains(v, "{{branch}}") {
		return "a branch is no part of a commit: nobody could build the same program again", "write {{git-sha}}"
	}
	filled, why, fix := unknownPlaceholder(v, LatePlaceholders)
	if why == "" && strings.Contains(filled, "{{") {
		return "a brace is missing", "write placeholders as {{git-sha}}"
	}
	return why, fix
}

// agreeLate reports variables that a lambda has in late-env and in another table.
func (l *loader) agreeLate(c *Config) {
	said := map[string]bool{}
	for _, lambda := range everyBuild(c) {
		b := c.For(lambda)
		for name := range b.LateEnv {
			for _, other := range []struct {
				table string
				has   map[string]string
			}{{"env", b.Env}, {"test-env", b.TestEnv}} {
				if _, both := other.has[name]; !both {
					continue
				}
				at := func(table string) string { return c.choose(lambda, Key(table, name)).origin.exact() }
				what := at("late-env") + ": late-env has " + name + ", and so has " + other.table + " (" + at(other.table) + ")"
				if !said[what] {
					l.mistakes.Addf(what, "one of the two would have no effect", "take one out")
				}
				said[what] = true
			}
		}
	}
}
