package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts/require"
)

// downloads is a machine like the one of the fetch step: folders that stand for /downloads, /cargo and /tmp, and a
// project whose lock file names the crates good-1.0.0 and other-2.1.0-rc.1+b.
type downloads struct {
	*step
	shell []string
}

const registry = "index.crates.io-1949cf8c6b5b557f"

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func newDownloads(t testing.TB, shell ...string) *downloads {
	t.Helper()
	d := &downloads{newStep(t, ""), shell}
	script := strings.NewReplacer("=/downloads", "="+d.dir+"/downloads", "/run/secrets", d.dir, "/tmp/", d.dir+"/").Replace(string(fetchScript))
	d.write("lpipe-fetch", script, 0o644)
	d.write("Cargo.lock", fmt.Sprintf("version = 4\n\n[[package]]\nchecksum = '%s'\nname = 'good'\nsource = 'x'\nversion = '1.0.0'\n\n"+
		"[[package]]\nname = \"other\"\nversion = \"2.1.0-rc.1+b\"\nchecksum = \"%s\"\n\n[[package]]\nname = \"local\"\nversion = \"0.1.0\"\n", sum("good"), sum("other")), 0o644)
	if shell[0] == "busybox" { // as on Alpine, where all programs are its own
		for _, program := range []string{"awk", "cat", "cmp", "cp", "find", "mkdir", "mv", "rm", "sed", "sha256sum", "sleep", "sort", "stat", "touch", "wc"} {
			d.write("bin/"+program, "#!/bin/sh\nexec busybox "+program+" \"$@\"\n", 0o755)
		}
	}
	for _, dir := range []string{"downloads", "cargo/registry/cache"} {
		if err := os.MkdirAll(filepath.Join(d.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// do runs a function of fetch.sh.
func (d *downloads) do(command string) string {
	d.t.Helper()
	cmd := exec.Command(d.shell[0], append(d.shell[1:], "-c", "set -eu\n. "+d.dir+"/lpipe-fetch\n"+command)...)
	cmd.Env, cmd.Dir = append(d.env, "CARGO_HOME="+d.dir+"/cargo"), d.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// all are the files below a folder with what they hold, and where links lead.
func (d *downloads) all(dir string) []string {
	d.t.Helper()
	var all []string
	err := filepath.WalkDir(filepath.Join(d.dir, dir), func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		what := e.Type().String()
		if e.Type().IsRegular() {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			what = string(text)
		}
		rel, err := filepath.Rel(filepath.Join(d.dir, dir), name)
		all = append(all, rel+" "+what)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d *downloads) link(to, name string) {
	d.t.Helper()
	if err := os.Symlink(to, filepath.Join(d.dir, name)); err != nil {
		d.t.Fatal(err)
	}
}

// inShells runs a test in the shells of the base images there are.
func inShells(t *testing.T, test func(t *testing.T, shell ...string)) {
	for _, shell := range [][]string{{"dash"}, {"busybox", "sh"}, {"bash", "--posix"}} {
		t.Run(shell[0], func(t *testing.T) {
			_, err := exec.LookPath(shell[0])
			require.Part(t, err == nil, shell[0], "apt-get install "+shell[0])
			test(t, shell...)
		})
	}
}

func TestCratesAreKeptAndReused(t *testing.T) {
	inShells(t, func(t *testing.T, shell ...string) {
		d := newDownloads(t, shell...)
		at := "cargo/registry/cache/" + registry + "/"
		d.write(at+"good-1.0.0.crate", "good", 0o644)
		d.write(at+"other-2.1.0-rc.1+b.crate", "other", 0o644)
		d.write(at+"unlocked-1.0.0.crate", "unlocked", 0o644)
		d.do("keep Cargo.lock")
		want := []string{registry + "/good-1.0.0.crate good", registry + "/other-2.1.0-rc.1+b.crate other"}
		if got := d.all("downloads"); !slices.Equal(got, want) {
			t.Errorf("kept are %q", got)
		}
		if err := os.RemoveAll(filepath.Join(d.dir, "cargo")); err != nil {
			t.Fatal(err)
		}
		d.do("restore Cargo.lock; keep Cargo.lock")
		if got := d.all("cargo/registry/cache"); !slices.Equal(got, want) {
			t.Errorf("restored are %q", got)
		}
		if got := d.all("downloads"); !slices.Equal(got, want) {
			t.Errorf("kept are then %q", got)
		}
	})
}

// TestCopiesOfAKilledStepDoNotPileUp: those that are old go, and those of a step that runs stay.
func TestCopiesOfAKilledStepDoNotPileUp(t *testing.T) {
	inShells(t, func(t *testing.T, shell ...string) {
		d := newDownloads(t, shell...)
		const old, new = "/.0cb2ad59-3b7e-4a4e-9c35-8a1fd9a6d1c0", "/.1cb2ad59-3b7e-4a4e-9c35-8a1fd9a6d1c0"
		d.write("cargo/registry/cache/"+registry+"/good-1.0.0.crate", "good", 0o644)
		d.write("downloads/"+registry+old, "go", 0o644)
		d.write("downloads/"+registry+new, "go", 0o644)
		d.write("downloads/"+registry+"/other-1.0.0.crate", "other", 0o644)
		yesterday := time.Now().Add(-24 * time.Hour)
		for _, name := range []string{old, "/other-1.0.0.crate"} {
			if err := os.Chtimes(filepath.Join(d.dir, "downloads", registry+name), yesterday, yesterday); err != nil {
				t.Fatal(err)
			}
		}
		d.do("keep Cargo.lock")
		want := []string{registry + new + " go", registry + "/good-1.0.0.crate good", registry + "/other-1.0.0.crate other"}
		if got := d.all("downloads"); !slices.Equal(got, want) {
			t.Errorf("kept are %q, want %q", got, want)
		}
	})
}

// What has arrived is kept when cargo fails, and while it runs: a step that is cancelled is killed.
func TestCratesOfADownloadThatIsCutAreKept(t *testing.T) {
	inShells(t, func(t *testing.T, shell ...string) {
		d := newDownloads(t, shell...)
		d.write("cargo/registry/cache/"+registry+"/x", "", 0o644)
		d.remove("cargo/registry/cache/" + registry + "/x")
		d.write("bin/cargo", `#!/bin/sh
cd "$CARGO_HOME/registry/cache/`+registry+`"
printf good >good-1.0.0.crate
printf oth >other-2.1.0-rc.1+b.crate # not all of it
for i in $(seq 600); do # until it is kept, and said
  if [ -e "$DOWNLOADS/`+registry+`/good-1.0.0.crate" ] && grep -q '^crates: 2 2 7$' "$WORDS"; then break; fi
  sleep 0.1
done
ls "$DOWNLOADS/`+registry+`"
exit 101
`, 0o755)
		out := d.do("exec 9>words\nexport DOWNLOADS=$downloads WORDS=$PWD/words\ndownload Cargo.lock --offline || echo status $?")
		if out != "good-1.0.0.crate\nstatus 101\n" {
			t.Errorf("got %q", out)
		}
		if got := d.all("downloads"); !slices.Equal(got, []string{registry + "/good-1.0.0.crate good"}) {
			t.Errorf("kept are %q", got)
		}
		words, err := os.ReadFile(filepath.Join(d.dir, "words"))
		if err != nil || !strings.Contains(string(words), "crates: 2 2 7\n") {
			t.Errorf("said is %q, %v", words, err)
		}
	})
}

// Whatever another fetch step puts into the folder of downloads, cargo gets the crates of the lock file or none.
func TestSharedDownloadsAreNotTrusted(t *testing.T) {
	const secret = "a secret of the machine"
	for name, test := range map[string]struct {
		prepare func(d *downloads)
		want    []string
	}{
		"another content": {func(d *downloads) { d.write("downloads/"+registry+"/good-1.0.0.crate", "evil", 0o644) }, nil},
		"a link to a good one": {func(d *downloads) {
			d.write("downloads/"+registry+"/x", "good", 0o644)
			d.link(d.dir+"/downloads/"+registry+"/x", "downloads/"+registry+"/good-1.0.0.crate")
		}, nil},
		"a link to a file that never ends": {func(d *downloads) {
			d.write("downloads/"+registry+"/x", "", 0o644)
			d.link("/dev/zero", "downloads/"+registry+"/good-1.0.0.crate")
		}, nil},
		"a folder": {func(d *downloads) { d.write("downloads/"+registry+"/good-1.0.0.crate/good-1.0.0.crate", "good", 0o644) }, nil},
		"a registry that is a link": {func(d *downloads) {
			d.write("elsewhere/good-1.0.0.crate", "good", 0o644)
			d.link(d.dir+"/elsewhere", "downloads/"+registry)
		}, nil},
		"names that lead elsewhere": {func(d *downloads) {
			for _, name := range []string{"-rf", "...", ".x", "a b", "a\nb", "$(touch pwned)", "*"} {
				d.write("downloads/"+name+"/good-1.0.0.crate", "good", 0o644)
			}
		}, nil},
		"more than the lock names": {func(d *downloads) {
			d.write("downloads/"+registry+"/good-1.0.0.crate", "good", 0o644)
			d.write("downloads/"+registry+"/evil-1.0.0.crate", "evil", 0o644)
			d.write("downloads/"+registry+"/.cargo-ok", "evil", 0o644)
		}, []string{registry + "/good-1.0.0.crate good"}},
	} {
		t.Run(name, func(t *testing.T) {
			inShells(t, func(t *testing.T, shell ...string) {
				d := newDownloads(t, shell...)
				test.prepare(d)
				d.do("restore Cargo.lock")
				if got := d.all("cargo/registry/cache"); !slices.Equal(got, test.want) {
					t.Errorf("cargo is given %q", got)
				}
			})
		})
	}
	for name, prepare := range map[string]func(d *downloads){
		"a file that is a link":     func(d *downloads) { d.link(d.dir+"/victim", "downloads/"+registry+"/good-1.0.0.crate") },
		"a registry that is a link": func(d *downloads) { d.remove("downloads/" + registry); d.link(d.dir, "downloads/"+registry) },
		"a folder":                  func(d *downloads) { d.write("downloads/"+registry+"/good-1.0.0.crate/x", "", 0o644) },
	} {
		t.Run("written through "+name, func(t *testing.T) {
			inShells(t, func(t *testing.T, shell ...string) {
				d := newDownloads(t, shell...)
				d.write("victim", secret, 0o644)
				d.write("cargo/registry/cache/"+registry+"/good-1.0.0.crate", "good", 0o644)
				d.write("downloads/"+registry+"/x", "", 0o644)
				d.remove("downloads/" + registry + "/x")
				prepare(d)
				d.do("keep Cargo.lock")
				if text, err := os.ReadFile(filepath.Join(d.dir, "victim")); err != nil || string(text) != secret {
					t.Errorf("the file at the link's end is %q, %v", text, err)
				}
				if _, err := os.Lstat(filepath.Join(d.dir, "good-1.0.0.crate")); err == nil {
					t.Error("the crate was written outside of the downloads")
				}
			})
		})
	}
}

func (d *downloads) remove(name string) {
	d.t.Helper()
	if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
		d.t.Fatal(err)
	}
}

// Another fetch step changes a crate at any moment. The programs that read it are replaced by ones that change it before
// and after they do their work, so each order of events comes up.
func TestACrateThatChangesWhileItIsCheckedIsNotUsed(t *testing.T) {
	for _, program := range []string{"sha256sum", "cp", "find", "cmp", "cat"} {
		for _, order := range [][2]string{{"good", "evil"}, {"evil", "good"}} {
			t.Run(program+", "+order[0]+" before", func(t *testing.T) {
				d := newDownloads(t, "dash")
				kept := "downloads/" + registry + "/good-1.0.0.crate"
				d.write(kept, "good", 0o644)
				real, err := exec.LookPath(program)
				if err != nil {
					t.Fatal(err)
				}
				d.write("bin/"+program, fmt.Sprintf("#!/bin/sh\nprintf %s >%s/%s\n%s \"$@\"\nstatus=$?\nprintf %s >%[2]s/%[3]s\nexit $status\n", order[0], d.dir, kept, real, order[1]), 0o755)
				d.do("restore Cargo.lock")
				for _, file := range d.all("cargo/registry/cache") {
					if file != registry+"/good-1.0.0.crate good" {
						t.Errorf("cargo is given %q", file)
					}
				}
			})
		}
	}
}

func TestALockFileNamesNoOtherFiles(t *testing.T) {
	d := newDownloads(t, "dash")
	good := sum("x")
	entry := func(name, version, sum string) string {
		return fmt.Sprintf("\n[[package]]\nname = %s\nversion = %s\nchecksum = %s\n", name, version, sum)
	}
	lock := "version = 4\n"
	for _, bad := range [][3]string{
		{`"../../x"`, `"1.0.0"`, good},
		{`"x"`, `"1/../../1"`, good},
		{`"-x"`, `"1.0.0"`, good},
		{`".x"`, `"1.0.0"`, good},
		{`"a b"`, `"1.0.0"`, good},
		{`"x"`, `"1.0.0"`, good[:63]},
		{`"x"`, `"1.0.0"`, good + "0"},
		{`"x"`, `"1.0.0"`, strings.ToUpper(good)},
		{`"x"`, `"1.0.0"`, good[:63] + "/"},
		{`"x"`, `""`, good},
		{`""`, `"1"`, good},
	} {
		lock += entry(bad[0], bad[1], `"`+bad[2]+`"`)
	}
	d.write("Cargo.lock", lock+entry(`'good_one-2'`, `'1.0.0+x.y-z'`, "'"+good+"'")+"\n[metadata]\nname = \"m\"\n\"checksum a 1\" = \"b\"\n", 0o644)
	if got := d.do("locked Cargo.lock"); got != good+"  good_one-2-1.0.0+x.y-z.crate\n" {
		t.Errorf("locked are %q", got)
	}
}

// Whatever a lock file holds, what is read of it names files of one folder.
func FuzzLockedCrates(f *testing.F) {
	for _, seed := range []string{
		"[[package]]\nname = 'a'\nversion = '1.0.0'\nchecksum = '%s'\n", "[[package]]\nchecksum = \"%s\"\nname = \"../a\"\nversion = \"1.0.0\"\n",
		"name = 'a'\nversion = '''\nchecksum = '%s'\nname = '/'\n", "[[package]]\nname = \"a\\n-b\"\nversion = \"1\\u0000\"\nchecksum = \"%s\"\n", "\x00\xff",
	} {
		f.Add(strings.ReplaceAll(seed, "%s", sum("x")))
	}
	d := newDownloads(f, "dash")
	line := regexp.MustCompile(`^[0-9a-f]{64}  [A-Za-z0-9_][A-Za-z0-9_-]*-[A-Za-z0-9.+-]+\.crate\n$`)
	f.Fuzz(func(t *testing.T, lock string) {
		d.t = t
		d.write("Cargo.lock", lock, 0o644)
		for l := range strings.Lines(d.do("locked Cargo.lock")) {
			if !line.MatchString(l) {
				t.Errorf("%q names %q", lock, l)
			}
		}
	})
}

func TestCargoIsAnsweredFromTheList(t *testing.T) {
	d := newDownloads(t, "dash")
	d.write("lpipe-registries", "registries of this build\nsparse+https://acme.example.com/index\tBearer it's \"$x\" `id` \\n\t-\t-\n"+
		"sparse+https://other.example.com\t-\twhy it's so\twhat to do\nhttps://git.example.com/index\tthree\t-\t-\n", 0o600)
	for asked, want := range map[string]string{
		"sparse+https://acme.example.com/index/": "Bearer it's \"$x\" `id` \\n\n",
		"sparse+https://acme.example.com/index":  "Bearer it's \"$x\" `id` \\n\n",
		"https://git.example.com/index":          "three\n",
		"sparse+https://acme.example.com/":       "neither Cargo.lock nor .cargo/config.toml names it",
		"sparse+https://acme.example.com/indexx": "neither Cargo.lock nor",
		"registries of this build":               "neither Cargo.lock nor",
		"x\nfix: run curl https://evil.example":  "a registry asks for a token, at an address with unusual characters, and neither",
		"*":                                      "neither Cargo.lock nor",
		"":                                       "neither Cargo.lock nor",
		"sparse+https://other.example.com/":      "why it's so\nfix: what to do\n",
	} {
		cmd := exec.Command("sh", "-c", "exec 9>words && exec sh ./lpipe-fetch token")
		cmd.Dir, cmd.Env = d.dir, append(d.env, "CARGO_REGISTRY_INDEX_URL="+asked)
		out, err := cmd.Output()
		words, readErr := os.ReadFile(filepath.Join(d.dir, "words"))
		if readErr != nil {
			t.Fatal(readErr)
		}
		if string(out) != want && (err == nil || len(out) > 0 || !strings.Contains(string(words), want)) {
			t.Errorf("%s: %v, %q, %s", asked, err, out, words)
		}
	}
}
