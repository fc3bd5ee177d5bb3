package access

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzParseSSH(f *testing.F) {
	for _, value := range []string{"default", "default=", "default=,", "=x", "", "default=~/.ssh/id", "a=/k,b", "a=b=c,,d", "default\ndefault=k", "~/x", "default=~", "default=\x00"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, values string) {
		o := Options{SSH: strings.Split(values, "\n"), Cwd: "/work", Env: map[string]string{"HOME": "/home/u"}}
		paths, err := parseSSH(o)
		understood := 0
		for _, value := range o.SSH {
			id, list, ok := strings.Cut(value, "=")
			if id != "" && (!ok || strings.Trim(list, ",") != "") {
				understood++
			}
		}
		if (err != nil) != (understood < len(o.SSH)) || len(paths) < understood {
			t.Errorf("%q is %q, %v", o.SSH, paths, err)
		}
		for _, path := range paths {
			if path != "" && !filepath.IsAbs(path) {
				t.Errorf("%q has the relative path %q", o.SSH, path)
			}
		}
	})
}
