package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesOfThisMachineStayHere: a pull request names files beyond the repository in every way that a build would read,
// and a wrapper of its own prints all that it finds in the build.
func TestFilesOfThisMachineStayHere(t *testing.T) {
	const wrapper = "[build]\nrustc-wrapper = \"./print.sh\"\n"
	secrets := t.TempDir()
	for name, text := range map[string]string{".ssh/id_ed25519": "FAKE-KEY", ".aws/credentials": "FAKE-CREDENTIALS"} {
		name = filepath.Join(secrets, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		files func(up string) map[string]string // "-> " begins a link
		want  []string
	}{
		"a word": {func(up string) map[string]string {
			return map[string]string{".cargo/config.toml": wrapper + "[x]\ny = \"" + up + "/.ssh/id_ed25519\"\n"}
		}, []string{".cargo/config.toml:4:1 names", "id_ed25519\", which is outside of the project", "--allow-outside"}},
		"a source folder": {func(up string) map[string]string {
			return map[string]string{".cargo/config.toml": wrapper + "[source.v]\ndirectory = \"" + up + "/.aws\"\n"}
		}, []string{".aws is outside of the project"}},
		"a source folder by a link": {func(up string) map[string]string {
			return map[string]string{".cargo/config.toml": wrapper + "[source.v]\ndirectory = \"v\"\n", "v": "-> " + up + "/.aws"}
		}, []string{"v is outside of the project"}},
		"an included configuration": {func(up string) map[string]string {
			return map[string]string{".cargo/config.toml": "include = [\"../" + up + "/.aws/credentials\"]\n" + wrapper}
		}, []string{".cargo/config.toml:1:1 includes", "credentials\", which is outside of the project", "--allow-outside"}},
		"a source": {func(up string) map[string]string {
			return map[string]string{".cargo/config.toml": wrapper, "src/main.rs": "fn main() { print!(include_str!(\"../" + up + "/.ssh/id_ed25519\")); }\n"}
		}, nil},
	} {
		for _, repository := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				p := newProject(t)
				up, err := filepath.Rel(p.dir, secrets)
				if err != nil {
					t.Fatal(err)
				}
				files := map[string]string{
					"Cargo.toml":  "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
					"Cargo.lock":  "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
					"src/main.rs": "fn main() {}\n",
					"print.sh":    "#!/bin/sh\nfind / -xdev -type f -size -9 -exec grep -lE 'FAKE-(KEY|CREDENTIALS)' {} + | grep -v print.sh | sed 's/^/LEAKED /' >&2\nexec \"$@\"\n",
				}
				for file, text := range c.files(up) {
					if to, ok := strings.CutPrefix(text, "-> "); ok {
						if err := os.Symlink(to, filepath.Join(p.dir, file)); err != nil {
							t.Fatal(err)
						}
						continue
					}
					files[file] = text
				}
				p.files(files)
				if err := os.Chmod(filepath.Join(p.dir, "print.sh"), 0o755); err != nil {
					t.Fatal(err)
				}
				if repository {
					if out, err := exec.Command("git", "-C", p.dir, "init", "-q").CombinedOutput(); err != nil {
						t.Fatalf("git init: %v\n%s", err, out)
					}
				}
				status, out := p.lpipe(nil, "build")
				if strings.Contains(out, "LEAKED") || strings.Contains(out, "FAKE-") {
					t.Error("a file of this machine is in the build")
				}
				if c.want != nil && status != 2 || status == 0 {
					t.Errorf("exit status %d", status)
				}
				for _, word := range c.want {
					if !strings.Contains(out, word) {
						t.Errorf("it does not say %q", word)
					}
				}
				if c.want == nil && !strings.Contains(out, "which is not sent") {
					t.Error("it does not say why the file is missing")
				}
			})
		}
	}
}
