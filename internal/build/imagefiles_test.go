package build

import (
	"bytes"
	"fmt"
	"testing"
)

func TestFilesOfTheImageAreTakenApart(t *testing.T) {
	for index, want := range map[string]string{
		"3 - lib/a b.so\n2 x bin/run\n": "[{lib/a b.so [97 98 99] false} {bin/run [100 101] true}]",
		"5 - lib/a.so\n0 - lib/b.so\n":  "[{lib/a.so [97 98 99 100 101] false} {lib/b.so [] false}]",
		"4 - lib/a.so\n":                "",
		"6 - lib/a.so\n":                "",
		"-1 - lib/a.so\n5 - b\n":        "",
		"5 y lib/a.so\n":                "",
		"5 -\n":                         "",
		"5 - \n":                        "",
		"":                              "",
	} {
		got, err := splitImageFiles([]byte(index), []byte("abcde"))
		if (err != nil) != (want == "") || err == nil && fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v, want %s", index, got, err, want)
		}
	}
}

func FuzzFilesOfTheImage(f *testing.F) {
	f.Add([]byte("3 - lib/a.so\n2 x bin/run\n"), []byte("abcde"))
	f.Add([]byte("99999999999 - a\n"), []byte(""))
	f.Fuzz(func(t *testing.T, index, data []byte) {
		all, err := splitImageFiles(index, data)
		var joined []byte
		for _, e := range all {
			joined = append(joined, e.Data...)
		}
		if err == nil && !bytes.Equal(joined, data) {
			t.Errorf("%q of %q", joined, data)
		}
	})
}
