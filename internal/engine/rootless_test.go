//go:build linux

package engine

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

// As root this runs the tests of the embedded engine again, as an ordinary user. For ordinary users those tests
// are about this very thing, and there is nothing to add.
func TestAnOrdinaryUserHasAnEmbeddedEngine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests ran as an ordinary user")
	}
	u := userWithIDs(t)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	dir, err := os.MkdirTemp("", "lpipe-user-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	for _, sub := range []string{"home", "tmp"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
		must(t, os.Chown(filepath.Join(dir, sub), uid, gid))
	}
	program := filepath.Join(dir, "engine.test")
	copyFile(t, os.Args[0], program)

	cmd := exec.Command(program, "-test.v", "-test.run", "^(TestEmbeddedPassesTheSuite|TestAKilledDaemonLeavesNothingBehind|TestTheDaemonIsDetached|TestAnotherConfigurationReplacesTheDaemonAfterItsBuilds)$")
	cmd.Dir = filepath.Join(dir, "home")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir + "/home", "TMPDIR=" + dir + "/tmp", "LPIPE_TEST_PARTS=require"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	t.Logf("as %s:\n%s", u.Username, out)
	must(t, err)
	if n := strings.Count(string(out), "\n--- PASS: "); n != 4 {
		t.Errorf("%d tests passed", n)
	}
}

// userWithIDs finds a user that can run a daemon.
func userWithIDs(t *testing.T) *user.User {
	t.Helper()
	text, _ := os.ReadFile("/etc/subuid")
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, ":")
		if u, err := user.Lookup(name); err == nil && u.Uid != "0" {
			return u
		}
	}
	require.Part(t, false, "a user with a range in /etc/subuid", "useradd a user")
	return nil
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	r, err := os.Open(from)
	must(t, err)
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(w, r)
	must(t, errors.Join(err, w.Close()))
	must(t, os.Chmod(to, 0o755))
}

func TestRootlessNamesWhatIsMissing(t *testing.T) {
	for have, want := range map[string]string{"apt-get": "apt-get install uidmap", "dnf": "dnf install shadow-utils", "newuidmap": "install newuidmap and newgidmap"} {
		err := rootless(programs(t, have), "")
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Engine || !strings.Contains(f.Why, "newuidmap") || !strings.Contains(f.Fix, want) {
			t.Errorf("with %s: %#v", have, err)
		}
	}
	if os.Geteuid() == 0 { // who needs no ids and normally has none
		err := rootless(programs(t, "newuidmap", "newgidmap"), "")
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(f.Error(), "/etc/subuid") || !strings.Contains(f.Fix, "usermod --add-subuids") {
			t.Errorf("without ids: %#v", err)
		}
	}
}

func TestIDRanges(t *testing.T) {
	text := "# comment\nann:100000:65536\nbob:165536:65536\n1000:300000:10\nann:400000:5\nann:x:5\nann:5:x\nann:5:0\nann:1:2:3\nann:-1:5\nann:5:99999999999\n"
	want := []idRange{{100000, 65536}, {300000, 10}, {400000, 5}}
	if got := parseIDs(text, "ann", "1000"); !slices.Equal(got, want) {
		t.Errorf("ranges %v", got)
	}
}

func FuzzIDRanges(f *testing.F) {
	f.Add("ann:100000:65536\n1000:300000:10\n")
	f.Add("ann:::\nann:5")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range parseIDs(text, "ann", "1000") {
			if r.first < 0 || r.count <= 0 {
				t.Errorf("range %v of %q", r, text)
			}
		}
	})
}
