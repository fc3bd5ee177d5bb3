package dockerfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// ordinary adds the tools of an image in which another user can be become, as scripts that act as if.
func (s *stage) ordinary() {
	const as1051 = "while [ \"$1\" != -- ]; do shift; done; shift; PRETEND=1051 exec \"$@\""
	s.program("chown", `echo "chown $*" >>'`+s.dir+`/log'`)
	s.program("mkdir", ":")
	s.program("chmod", "exec /bin/chmod \"$@\"")
	s.program("tr", "exec /usr/bin/tr \"$@\"")
	s.program("id", "echo ${PRETEND-0}")
	s.program("setpriv", as1051)
	s.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	s.write("etc/group", "root:x:0:\n")
	s.write("target/x86_64-unknown-linux-musl/tmp/x", "")
}

func TestTestsAreStartedAsAnotherUser(t *testing.T) {
	const start = "as_tester x86_64-unknown-linux-musl || exit 9\nprintf 'by %s\\n' \"$CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER\"\n" +
		"/as-tester env | grep -e ^HOME= -e ^PRETEND= | sort\n"
	for name, c := range map[string]struct {
		change func(*stage)
		before string
		want   string // "" where it must fail
	}{
		"with setpriv": {func(*stage) {}, "", "by /as-tester\n"},
		"under an emulator": {func(s *stage) {
			s.write("cargo/config.toml", "target.x86_64-unknown-linux-musl.runner = \"qemu-x86_64\"\n")
		}, "", "by /as-tester qemu-x86_64\n"},
		"by a program of the environment": {
			func(*stage) {}, "export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER='valgrind -q'\n", "by /as-tester valgrind -q\n",
		},
		"with chroot alone": {func(s *stage) {
			s.program("setpriv", "exit 1")
			s.program("chroot", "case $* in --userspec=1051:1051*) ;; *) exit 1 ;; esac; while [ \"$1\" != / ]; do shift; done; shift; PRETEND=1051 exec \"$@\"")
		}, "", "by /as-tester\n"},
		"no program that does it": {func(s *stage) { s.without("setpriv") }, "", ""},
		"one user id alone":       {func(s *stage) { s.program("chown", "exit 1") }, "", ""},
		"a program that does not do it": {func(s *stage) {
			s.program("setpriv", `while [ "$1" != -- ]; do shift; done; shift; exec "$@"`)
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inDash(t, func(t *testing.T, s *stage) {
				s.ordinary()
				c.change(s)
				out, err := s.run("user.sh", c.before+start)
				if c.want == "" {
					if err == nil || strings.Contains(out, "by ") {
						t.Errorf("it succeeds:\n%s", out)
					}
					return
				}
				if want := c.want + "HOME=/home/tester\nPRETEND=1051\n"; err != nil || !strings.HasSuffix(out, want) {
					t.Errorf("%v\n%s\nwant %s", err, out, want)
				}
				log, err := os.ReadFile(filepath.Join(s.dir, "log"))
				for _, folder := range []string{"/src", "/target/x86_64-unknown-linux-musl/tmp"} {
					if err != nil || !slices.Contains(strings.Fields(string(log)), s.dir+folder) {
						t.Errorf("%s has another owner: %v\n%s", folder, err, log)
					}
				}
			})
		})
	}
}

// TestTestsAreStartedAsAnotherUserOnAlpine: its tools are busybox's, which become another user in their own way.
func TestTestsAreStartedAsAnotherUserOnAlpine(t *testing.T) {
	busybox, err := exec.LookPath("busybox")
	require.Part(t, err == nil && os.Geteuid() == 0, "busybox, and root to change the root folder", "apt-get install busybox-static")
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	script := part(t, "user.sh") + "as_tester x86_64-unknown-linux-musl\n" +
		"$CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER /bin/sh -c 'id -un; echo $HOME; echo new >/src/new; echo new >/target/x/tmp/new; printf \"%s.\" \"$@\"' sh --nocapture 'a b'\n"
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "", "src/old": "", "target/x/tmp/old": "", "script": script, "cargo/old": "", "dev/null": "",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	prepare := "mkdir bin && cp " + busybox + " bin/busybox && for tool in $(bin/busybox --list); do ln -s busybox bin/$tool 2>/dev/null; done; chmod a+w dev/null"
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(t.Context(), "sh", "-c", prepare),
		exec.CommandContext(t.Context(), "/usr/sbin/chroot", root, "/bin/sh", "-eu", "/script"),
	} {
		cmd.Dir, cmd.Env = root, []string{"PATH=/bin:/usr/bin", "CARGO_HOME=/cargo", "HOME=/root"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if want := "tester\n/home/tester\n--nocapture.a b."; cmd.Args[0] != "sh" && string(out) != want {
			t.Errorf("got\n%s\nwant\n%s", out, want)
		}
	}
}
