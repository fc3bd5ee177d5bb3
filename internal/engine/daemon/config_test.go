package daemon

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func TestAConfigurationIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	c := Config{Root: "/r", Socket: filepath.Join(dir, "0011.sock"), Idle: time.Minute, Registries: map[string]Registry{"r.example.com": {CA: []string{"/ca"}, HTTP: true}}}
	first, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Save()
	if err != nil || first == second {
		t.Fatalf("two daemons are given %s, %v", first, err)
	}
	for _, file := range []string{first, second} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(file) != dir {
			t.Errorf("%s: %v, %v", file, info, err)
		}
		if got, err := Load(file); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("read %+v, %v", got, err)
		}
		if _, err := Load(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a second time: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"Root": "/r", "Socket": "/s", "Idle": 1, "Registries": {"h": {"CA": ["/c"], "Mirrors": ["m"], "HTTP": true}}}`))
	f.Add([]byte(`{"Root": "r", "Socket": "/s"}`))
	f.Add([]byte(`{"Root": "/r", "Idle": 1e99}`))
	f.Add([]byte(`{"Root": "/r", "Socket": "/s", "Registries": null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse(text)
		if err != nil {
			if !reflect.DeepEqual(c, Config{}) {
				t.Errorf("%q is %+v with the error %v", text, c, err)
			}
			return
		}
		if !filepath.IsAbs(c.Root) || !filepath.IsAbs(c.Socket) {
			t.Errorf("%q has relative paths: %+v", text, c)
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parse(again); err != nil || !reflect.DeepEqual(same, c) {
			t.Errorf("%+v is read again as %+v, %v", c, same, err)
		}
	})
}
