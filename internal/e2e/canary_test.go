package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"lpipe/internal/testparts"
)

// The cache keys of a build do not depend on where the keys for it come from, so what one way has built is cached for
// the others.
func TestWhereKeysComeFromIsNoPartOfTheBuild(t *testing.T) {
	key := newKey(t)
	p := private(t, key)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key.pem(t, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	toml := "[ssh]\nknown-hosts = [\"known_hosts\"]\n"
	ways := []struct {
		name, toml string
		env, args  []string
	}{
		{name: "agent", toml: toml, env: []string{agent(t, newKey(t), key)}},
		{name: "agent and a list of keys", toml: toml + "keys = [\"" + key.fingerprint() + "\"]\n", env: []string{agent(t, key)}},
		{name: "file", toml: toml, args: []string{"--ssh", "default=" + file}},
		{name: "environment", toml: toml + "key = \"env:KEY\"\n", env: []string{"KEY=" + key.pem(t, "")}},
		{name: "deploy key", toml: toml + "deploy-keys = { \"org/one\" = \"env:KEY\", \"org/two\" = \"env:KEY\" }\n", env: []string{"KEY=" + key.pem(t, ""), "CARGO_REGISTRIES_X_TOKEN=x"}},
		{name: "nothing", toml: toml},
	}
	var rendered string
	for i, way := range ways {
		p.files(map[string]string{"lpipe.toml": way.toml})
		status, out := p.lpipe(way.env, "render")
		if i == 0 {
			rendered = out
		}
		if status != 0 || out != rendered {
			t.Errorf("%s: the rendered Dockerfile differs", way.name)
		}
		out = p.succeeds(way.env, append([]string{"build"}, way.args...)...)
		for _, stage := range []string{"toolchain", "fetch", "deps"} {
			if cached := regexp.MustCompile(`#\d+ \[` + stage + `\] .*\n#\d+ CACHED`); i > 0 && !cached.MatchString(out) {
				t.Errorf("%s: the stage %s was not cached", way.name, stage)
			}
		}
	}
}

func TestSecretsLeaveNoTrace(t *testing.T) {
	key := newKey(t)
	p := private(t, key)
	p.files(map[string]string{
		"lpipe.toml":         strings.Replace(secretsToml, "[git]", "key = \"env:KEY\"\npassphrase = \"env:WORD\"\n[git]", 1),
		".cargo/config.toml": secretsConfig,
	})
	plain, sealed := key.pem(t, ""), key.pem(t, "canary-passphrase")
	seed := key.private.(interface{ Seed() []byte }).Seed()
	canaries := map[string][]byte{
		"passphrase": []byte("canary-passphrase"),
		"token":      []byte("canary-token"),
		"git token":  []byte("canary-git"),
		"seed":       seed,
		"key":        []byte(strings.Split(plain, "\n")[2]),
		"sealed key": []byte(strings.Split(sealed, "\n")[2]),
		"base64":     []byte(base64.StdEncoding.EncodeToString(seed)[:40]),
	}
	seen := false // what was fetched with the secrets, so the search can see
	find := func(where string, data []byte) {
		seen = seen || bytes.Contains(data, []byte(`pub fn name() -> &'static str { "one" }`))
		for name, canary := range canaries {
			if bytes.Contains(data, canary) {
				t.Errorf("the %s is in %s", name, where)
			}
		}
	}

	// While the build runs, the arguments of all processes are watched.
	watching, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, line := range lines {
				text, _ := os.ReadFile(line) // gone by now, perhaps
				find("the arguments of "+line, text)
			}
			select {
			case <-watching:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	cache := t.TempDir()
	out := p.succeeds(append(secretsEnv, "KEY="+sealed, "WORD=canary-passphrase"),
		"build", "--no-cache", "--cache-to", "type=local,dest="+cache+",mode=max")
	close(watching)
	<-done

	find("the output", []byte(out))
	if n := scan(t, find, cache); n < 5 {
		t.Errorf("the cache export has only %d files", n)
	}
	if !seen {
		t.Error("the cache export does not even have the sources")
	}
	scan(t, find, parts.engine)
	scan(t, find, filepath.Join(p.dir, "target"))
}

// scan hands the contents of all files below dir to find, in pieces, unpacked where they are packed, and returns how many
// there are. The layers of the base image, which are named by their contents, were there before any secret.
func scan(t *testing.T, find func(where string, data []byte), dir string) (files int) {
	t.Helper()
	size, piece := int64(0), make([]byte, 1<<20)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // the engine is at work there, and removes files
		}
		if _, err := os.Stat(filepath.Join(testparts.PlainBaseImage(t), "blobs", "sha256", d.Name())); err == nil {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil // as above
		}
		defer f.Close()
		files++
		size += pieces(f, piece, func(data []byte) { find(path, data) })
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		packed := bufio.NewReader(f)
		unpacked := func(data []byte) { find(path+", unpacked", data) }
		switch magic, _ := packed.Peek(4); {
		case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
			if plain, err := gzip.NewReader(packed); err == nil {
				pieces(plain, piece, unpacked)
			}
		case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
			if plain, err := zstd.NewReader(packed); err == nil {
				pieces(plain, piece, unpacked)
				plain.Close()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files with %d MiB in %s", files, size>>20, dir)
	return files
}

// pieces hands to fn what r has, as far as it can be read, in pieces that begin with the end of the one before, so that nothing
// shorter than that is cut. It returns how many bytes there are.
func pieces(r io.Reader, piece []byte, fn func(data []byte)) (size int64) {
	const overlap = 1 << 10
	for kept := 0; ; {
		n, err := io.ReadFull(r, piece[kept:])
		size += int64(n)
		fn(piece[:kept+n])
		if err != nil {
			return size
		}
		kept = copy(piece, piece[len(piece)-overlap:])
	}
}

// TestPiecesCutNothing: what lies at the border of two pieces is found.
func TestPiecesCutNothing(t *testing.T) {
	for _, at := range []int{0, 1<<20 - 10, 1<<20 - 1, 1 << 20, 2<<20 - 1024 - 5, 3 << 20} {
		data := append(make([]byte, at), "needle in the haystack"...)
		found := false
		size := pieces(bytes.NewReader(append(data, make([]byte, 100)...)), make([]byte, 1<<20), func(data []byte) {
			found = found || bytes.Contains(data, []byte("needle in the haystack"))
		})
		if !found || size != int64(at+122) {
			t.Errorf("at %d: found %t in %d bytes", at, found, size)
		}
	}
}
