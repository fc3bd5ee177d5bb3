package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"lpipe/internal/limits"
)

// hostFiles are files of this machine that an isolated program sees where it has the network of this machine: by them it finds others there.
var hostFiles = []string{"/etc/resolv.conf", hostsFile}

// hostsFile names hosts, and ownHosts are those of a network of the program's own.
const (
	hostsFile = "/etc/hosts"
	ownHosts  = "127.0.0.1 localhost sandbox.localdomain sandbox\n::1 localhost\n"
)

// devices are those of this machine that an isolated program has.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// PrepareRoot makes in a file system what a program's container is mounted on. dir is a folder that nobody else writes to.
func PrepareRoot(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, path := range []string{"proc", "dev", "tmp", "etc", "opt", "var/task"} {
		if err := root.MkdirAll(path, 0o755); err != nil {
			return fmt.Errorf("making a folder in the image: %w", err)
		}
	}
	for _, path := range hostFiles {
		path = path[1:]
		if info, err := root.Lstat(path); err == nil && info.Mode().IsRegular() {
			continue
		} else if err == nil { // such as a link to what systemd-resolved would make
			if err := root.Remove(path); err != nil {
				return fmt.Errorf("removing a file of the image: %w", err)
			}
		}
		if err := root.WriteFile(path, nil, 0o644); err != nil {
			return fmt.Errorf("making a file in the image: %w", err)
		}
	}
	return nil
}

// enter puts this process, which is the first of its namespaces, into the container that the text describes, and gives up
// what a program there is not to have. This thread starts the program.
func enter(text string) error {
	var c container
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return fmt.Errorf("reading the isolation: %w", err)
	}
	task, err := os.Getwd()
	if err != nil {
		return err
	}
	if c.Group != "" {
		if err := os.WriteFile(filepath.Join(c.Group, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("entering the control group: %w", err)
		}
	}
	steps := []func() error{
		c.openNetwork,
		// What is mounted here is not seen outside.
		func() error { return mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, "") },
		func() error { return c.changeRoot(task) },
		func() error {
			return mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=1777,size=%dm", c.Temp))
		},
		dropCapabilities,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// mount mounts, and says what it did where that fails.
func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s: %w", target, err)
	}
	return nil
}

// readOnly has nothing be written to a mount, and none of its files be a device or raise who runs it.
func readOnly(target string) error {
	var now unix.Statfs_t
	if err := unix.Statfs(target, &now); err != nil {
		return fmt.Errorf("looking at %s: %w", target, err)
	}
	// In a user namespace, what a mount forbids already stays forbidden.
	const kept = unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	return mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|uintptr(now.Flags)&kept, "")
}

// changeRoot has the file system of the container be that of this process, with the zip and what it has of this machine.
// What is mounted there is taken hold of before: paths within the container may lead anywhere by its links.
func (c container) changeRoot(task string) error {
	targets := map[string]string{task: limits.TaskRoot}
	if c.Opt != "" {
		targets[c.Opt] = limits.Opt
	}
	if c.Runner != "" {
		targets[c.Runner] = c.runner()
	}
	for _, path := range devices {
		targets[path] = path
	}
	if c.HostNetwork {
		for _, path := range hostFiles {
			targets[path] = path
		}
	}
	taken := map[string]int{} // by the path in the container
	for path, target := range targets {
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if errors.Is(err, fs.ErrNotExist) && path != task {
			continue
		}
		if err != nil {
			return fmt.Errorf("taking %s: %w", path, err)
		}
		defer unix.Close(fd)
		taken[target] = fd
	}
	proc, err := newProc()
	if err != nil {
		return fmt.Errorf("making /proc: %w", err)
	}
	defer unix.Close(proc)
	if err := mount(c.Root, c.Root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := os.Chdir(c.Root); err != nil {
		return err
	}
	// The old root is mounted over the new one, and then taken away: https://man7.org/linux/man-pages/man2/pivot_root.2.html
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the file system of this machine: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.MoveMount(proc, "", unix.AT_FDCWD, "/proc", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return err
	}
	for target, fd := range taken {
		if filepath.Dir(target) == "/dev" {
			if err := os.WriteFile(target, nil, 0o666); err != nil {
				return err
			}
		}
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mounting %s: %w", target, err)
		}
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return err
		}
	}
	if !c.HostNetwork {
		const file = "/dev/hosts"
		if err := os.WriteFile(file, []byte(ownHosts), 0o444); err != nil {
			return err
		}
		if err := mount(file, hostsFile, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		taken[hostsFile] = -1
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	if err := mount("", "/dev", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, target := range append([]string{"/", limits.TaskRoot, limits.Opt, c.runner()}, hostFiles...) {
		if _, ok := taken[target]; ok || target == "/" {
			if err := readOnly(target); err != nil {
				return err
			}
		}
	}
	return nil
}

// newProc returns a mount of the processes of this namespace, which is nowhere yet: an ordinary user gets one only while
// that of the machine is in sight. It is read only, since of a process with the id of root, the files of /proc/sys ask
// for no capability.
func newProc() (int, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// dropCapabilities has what this thread starts hold no capability, also where it starts as root, and get none.
func dropCapabilities() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) { // there are no more
			break
		}
		if err != nil {
			return fmt.Errorf("dropping a capability: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	return nil
}
