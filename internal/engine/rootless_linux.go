package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"lpipe/internal/fault"
)

// As an ordinary user the daemon runs as root of a user namespace: it may mount and make containers in there, and
// is the user everywhere else. Such a namespace needs more ids than the user's own; root has set ranges of them
// aside in /etc/subuid and /etc/subgid, and the setuid programs newuidmap and newgidmap hand them out.

// idRange is a range of ids that belongs to a user beside his own.
type idRange struct{ first, count int }

// enoughIDs is what images expect to exist: ids go up to 65535, nobody and nogroup being near the end.
const enoughIDs = 65536

// rootless tells whether this user can run the daemon in a user namespace, or what stands in the way. Programs
// are looked for on PATH and in the folders of more.
func rootless(getenv func(string) string, more string) error {
	refuse := func(why, fix string, err error) error {
		return &fault.Error{
			Kind: fault.Engine, What: "the embedded engine cannot run for this user", Why: why, Err: err,
			Fix: fix + ", run lpipe as root, or use another engine with --engine",
		}
	}
	path := getenv("PATH") + ":" + more
	if lookPath(path, "newuidmap") == "" || lookPath(path, "newgidmap") == "" {
		fix := "install newuidmap and newgidmap"
		for _, m := range packageManagers {
			if lookPath(path, m.program) != "" {
				fix = fmt.Sprintf("run %q", m.uidmap)
				break
			}
		}
		return refuse("newuidmap and newgidmap are not on PATH", fix, nil)
	}
	if _, _, err := ownIDs(); err != nil {
		return refuse("", `give the user ids with "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"`, err)
	}
	// The only sure way to know is to try: there are as many switches as distributions.
	try := exec.Command(lookPath(path, "newuidmap")) //nolint:forbidigo // it ends at once, with its usage
	try.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	if err := try.Start(); err != nil {
		why, fix := userNamespaceSwitch()
		return refuse(why, fix, err)
	}
	_ = try.Wait() // it complains about missing arguments
	return nil
}

// userNamespaceSwitch names the setting that forbids user namespaces, with what turns them on.
func userNamespaceSwitch() (why, fix string) {
	for _, s := range []struct{ file, forbids, why, fix string }{
		// Ubuntu since 23.10.
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids user namespaces", "run \"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\" or give lpipe an AppArmor profile with \"userns,\""},
		// Older Debian.
		{"kernel/unprivileged_userns_clone", "0", "the kernel forbids user namespaces", `run "sudo sysctl -w kernel.unprivileged_userns_clone=1"`},
		// Older Red Hat.
		{"user/max_user_namespaces", "0", "the kernel forbids user namespaces", `run "sudo sysctl -w user.max_user_namespaces=15000"`},
	} {
		if text, err := os.ReadFile("/proc/sys/" + s.file); err == nil && strings.TrimSpace(string(text)) == s.forbids {
			return s.why, s.fix
		}
	}
	return "", "allow user namespaces (in a container: start it with --privileged)"
}

// ownIDs returns the ranges of user and group ids that belong to the current user.
func ownIDs() (uids, gids []idRange, err error) {
	u, err := user.Current()
	if err != nil {
		return nil, nil, fmt.Errorf("looking up the user: %w", err)
	}
	read := func(file string) (ranges []idRange, err error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sum := 0
		for _, r := range parseIDs(string(text), u.Username, u.Uid) {
			ranges, sum = append(ranges, r), sum+r.count
		}
		if sum < enoughIDs {
			return nil, fmt.Errorf("%s gives %s %d ids, and %d are needed", file, u.Username, sum, enoughIDs)
		}
		return ranges, nil
	}
	uids, uidErr := read("/etc/subuid")
	gids, gidErr := read("/etc/subgid")
	return uids, gids, errors.Join(uidErr, gidErr)
}

// parseIDs reads the lines NAME:FIRST:COUNT of subuid(5) that belong to a user; others, and wrong ones, are skipped.
func parseIDs(text, name, uid string) (ranges []idRange) {
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != uid {
			continue
		}
		first, err1 := strconv.ParseUint(f[1], 10, 31)
		count, err2 := strconv.ParseUint(f[2], 10, 31)
		if err1 == nil && err2 == nil && count > 0 {
			ranges = append(ranges, idRange{int(first), int(count)})
		}
	}
	return ranges
}

// startMapped starts cmd as root of a user namespace of its own, with a view of the mounts of its own.
func startMapped(cmd *exec.Cmd) error {
	uids, gids, err := ownIDs()
	if err != nil {
		return err
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	defer tell.Close()
	// A program gets root's rights when it is started with the ids in place, so somebody must wait for them.
	cmd.Args = append([]string{"sh", "-c", `read -r ok <&3 && exec 3<&- "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{ready}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	if err := errors.Join(mapIDs("newuidmap", pid, os.Getuid(), uids), mapIDs("newgidmap", pid, os.Getgid(), gids)); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	_, err = io.WriteString(tell, "ok\n")
	return err
}

// mapIDs makes own id 0 in the namespace of pid, and the ranges the ids from 1 on.
func mapIDs(program string, pid, own int, ranges []idRange) error {
	args := []string{strconv.Itoa(pid), "0", strconv.Itoa(own), "1"}
	next := 1
	for _, r := range ranges {
		args = append(args, strconv.Itoa(next), strconv.Itoa(r.first), strconv.Itoa(r.count))
		next += r.count
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil { //nolint:forbidigo // one system call long
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
