package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/cargo"
	"lpipe/internal/pattern"
	"lpipe/internal/plan"
)

// registryLogin is whether cargo gets a token for a registry.
type registryLogin struct {
	plan.Registry
	token, variable string // "" for none
	why, fix        string // of a registry without
}

// registryIndex is how cargo is told where a registry is, and the user of this machine which one a token is for:
// https://doc.rust-lang.org/cargo/reference/config.html#registriesnameindex
var registryIndex = pattern.Of(`^(CARGO_REGISTRIES_[A-Z0-9_]+)_INDEX$`)

// registryLogins decides which of the project's registries gets which token of lpipe's environment. A project says what
// its registries are called and where they are. So a token goes to the URL that the environment has beside it, whatever
// the project calls that, and a token without a URL goes nowhere.
func (a *Access) registryLogins() []registryLogin {
	tokens := map[string]string{} // the variables, by index
	for _, name := range slices.Sorted(maps.Keys(a.o.Env)) {
		if m := registryIndex().FindStringSubmatch(name); m != nil && a.o.Env[m[1]+"_TOKEN"] != "" {
			if index := plan.IndexURL(a.o.Env[name]); tokens[index] == "" {
				tokens[index] = m[1] + "_TOKEN"
			}
		}
	}
	var all []registryLogin
	for _, r := range oneEach(a.o.Registries) {
		l := registryLogin{Registry: r, variable: tokens[r.Index]}
		l.token = a.o.Env[l.variable]
		own := variables(r.Name)
		set := func(name string) bool { return a.o.Env[name] != "" }
		switch {
		case l.token == "" && set(own+"_TOKEN") && set(own+"_INDEX"):
			l.why = fmt.Sprintf("a registry asks for a token, %s, and %s_TOKEN is for another, %s", r.Index, own, a.o.Env[own+"_INDEX"])
			l.fix = fmt.Sprintf("correct %s_INDEX, or the index of %s in .cargo/config.toml; do not, if you cannot tell why they differ", own, r.Name)
		case l.token == "" && set(own+"_TOKEN"):
			l.why = fmt.Sprintf("a registry asks for a token, %s, and only the project says that it is the one of %s_TOKEN", r.Index, own)
			l.fix = fmt.Sprintf("if the token is for it, set %s_INDEX=%s beside it in the environment of lpipe", own, written(r.Index))
		case l.token == "":
			l.why = fmt.Sprintf("a registry asks for a token, %s, and %s_TOKEN is not set", r.Index, own)
			l.fix = fmt.Sprintf("set %s_TOKEN in the environment of lpipe, in CI as a secret of the job, and %s_INDEX=%s", own, own, written(r.Index))
		case strings.ContainsAny(l.token, "\t\n\r\x00"):
			l.why, l.fix = l.variable+" holds a tab or a line break", "set it to the token alone"
		case r.Proxy != "":
			l.why = fmt.Sprintf("%s gets no token: [http] in .cargo/config.toml sends it through %s, which could read it", r.Index, r.Proxy)
			l.fix = "take proxy and cainfo out, and set HTTPS_PROXY and SSL_CERT_FILE for lpipe, or [network] in lpipe.toml"
		default:
			all = append(all, l)
			continue
		}
		l.token = ""
		all = append(all, l)
	}
	return all
}

// oneEach is a list without registries of one index, as several projects of a run have them. All of the run are given one
// list, so what one of the projects has a proxy for, each has.
func oneEach(registries []plan.Registry) []plan.Registry {
	var all []plan.Registry
	for _, r := range registries {
		if i := slices.IndexFunc(all, func(o plan.Registry) bool { return o.Index == r.Index }); i < 0 {
			all = append(all, r)
		} else {
			all[i].Name, all[i].Proxy = cmp.Or(all[i].Name, r.Name), cmp.Or(all[i].Proxy, r.Proxy)
		}
	}
	return all
}

// written is an index as cargo wants it in a variable: the URL of a sparse one ends with a slash.
func written(index string) string {
	if strings.HasPrefix(index, "sparse+") {
		return index + "/"
	}
	return index
}

// variables is what cargo's variables for a registry begin with; one whose name they cannot hold is called NAME.
func variables(name string) string {
	if m := registryIndex().FindStringSubmatch(cargo.IndexVariable(name)); m != nil {
		return m[1]
	}
	return "CARGO_REGISTRIES_NAME"
}

// registryList is the file that fetch.sh reads.
func (a *Access) registryList() []byte {
	text := "registries of this build\n"
	for _, l := range a.registryLogins() {
		line := []string{l.Index, l.token, "-", "-"}
		if l.token == "" {
			line[1], line[2], line[3] = "-", l.why, l.fix
		}
		a.hide(l.token)
		_, word, _ := strings.Cut(l.token, " ") // of "Bearer WORD"
		a.hide(word)
		text += strings.Join(line, "\t") + "\n"
	}
	return []byte(text)
}
