package access

import (
	"strings"
	"testing"

	"lpipe/internal/plan"
)

// A token goes to the URL that the environment has for it. What the project calls a registry, and where the project says
// that it is, decides nothing.
func TestATokenGoesToItsOwnRegistry(t *testing.T) {
	const acme, evil = "sparse+https://acme.example.com/index", "sparse+https://evil.example.com/index"
	for name, test := range map[string]struct {
		env  map[string]string
		of   plan.Registry
		want string // the token, or words of the reason for none
	}{
		"its own":                      {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme + "/"}, plan.Registry{Index: acme, Name: "acme"}, "secret-token"},
		"in another spelling":          {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": "sparse+https://ACME.example.com:443/index//"}, plan.Registry{Index: acme}, "secret-token"},
		"under another name":           {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme}, plan.Registry{Index: acme, Name: "ours"}, "secret-token"},
		"with a blank and a quote":     {map[string]string{"ACME_TOKEN": "Bearer it's", "ACME_INDEX": acme}, plan.Registry{Index: acme}, "Bearer it's"},
		"a name with dashes":           {map[string]string{"B_2_TOKEN": "secret-token"}, plan.Registry{Index: acme, Name: "b-2"}, "set CARGO_REGISTRIES_B_2_INDEX=" + acme + "/ beside it"},
		"only the project says where":  {map[string]string{"ACME_TOKEN": "secret-token"}, plan.Registry{Index: evil, Name: "acme"}, "only the project says that it is the one of CARGO_REGISTRIES_ACME_TOKEN"},
		"moved by the project":         {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme}, plan.Registry{Index: evil, Name: "acme"}, "CARGO_REGISTRIES_ACME_TOKEN is for another, " + acme},
		"another path of the host":     {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme}, plan.Registry{Index: acme + "/evil", Name: "x"}, "CARGO_REGISTRIES_X_TOKEN is not set"},
		"without encryption":           {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme}, plan.Registry{Index: "sparse+http://acme.example.com/index", Name: "x"}, "CARGO_REGISTRIES_X_TOKEN is not set"},
		"not set":                      {nil, plan.Registry{Index: acme, Name: "acme"}, "set CARGO_REGISTRIES_ACME_TOKEN in the environment of lpipe"},
		"set to nothing":               {map[string]string{"ACME_TOKEN": "", "ACME_INDEX": acme}, plan.Registry{Index: acme, Name: "acme"}, "CARGO_REGISTRIES_ACME_TOKEN is not set"},
		"without a name":               {nil, plan.Registry{Index: acme}, "CARGO_REGISTRIES_NAME_TOKEN is not set"},
		"a name that no variable has":  {nil, plan.Registry{Index: acme, Name: "a\tb'c"}, "CARGO_REGISTRIES_NAME_TOKEN is not set"},
		"a proxy reads along":          {map[string]string{"ACME_TOKEN": "secret-token", "ACME_INDEX": acme}, plan.Registry{Index: acme, Proxy: "evil:1"}, "sends it through evil:1"},
		"a line break":                 {map[string]string{"ACME_TOKEN": "secret\ttoken", "ACME_INDEX": acme}, plan.Registry{Index: acme}, "CARGO_REGISTRIES_ACME_TOKEN holds a tab"},
		"that of crates.io is not one": {map[string]string{"TOKEN": "x"}, plan.Registry{Index: acme, Name: "acme"}, "CARGO_REGISTRIES_ACME_TOKEN is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccess(t, func(o *Options) {
				o.Registries = []plan.Registry{test.of}
				o.Env = map[string]string{"CARGO_REGISTRY_TOKEN": "secret-token", "AWS_TOKEN": "secret-token"}
				for name, value := range test.env {
					o.Env["CARGO_REGISTRIES_"+name] = value
				}
			})
			line := strings.Split(string(a.registryList()), "\n")[1]
			fields := strings.Split(line, "\t")
			if len(fields) != 4 || fields[0] != test.of.Index || strings.Count(line, "\t") != 3 {
				t.Fatalf("the line is %q", line)
			}
			if sent := fields[1] == test.want && fields[2] == "-"; !sent && (fields[1] != "-" || !strings.Contains(line, test.want) || strings.Contains(line, "secret-token")) {
				t.Errorf("the line is %q", line)
			}
			if hidden := len(a.Hidden()) > 0; hidden != (fields[1] != "-") {
				t.Errorf("hidden are %q", a.Hidden())
			}
		})
	}
}

// What one project of a run sends through a proxy gets no token, whatever the other projects do.
func TestProjectsOfARunShareAList(t *testing.T) {
	a := newAccess(t, func(o *Options) {
		o.Registries = []plan.Registry{{Index: "sparse+https://a"}, {Index: "sparse+https://a", Name: "acme", Proxy: "p:1"}}
		o.Env = map[string]string{"CARGO_REGISTRIES_ACME_TOKEN": "secret-token", "CARGO_REGISTRIES_ACME_INDEX": "sparse+https://a/"}
	})
	if list := string(a.registryList()); strings.Contains(list, "secret-token") || strings.Count(list, "\n") != 2 {
		t.Errorf("the list is %q", list)
	}
}
