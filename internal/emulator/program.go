package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lpipe/internal/limits"
)

// Program is a built bootstrap and how to run it.
type Program struct {
	Config
	Path   string    // of the executable
	Dir    string    // the unpacked zip; default: the folder of Path
	Opt    string    // the unpacked layers, in place of /opt; "" for none
	Env    []string  // beside what Lambda sets, NAME=value; wins over it
	Stdout io.Writer // takes what the program and its extensions print, line by line; nil throws it away
	Stderr io.Writer
	Log    io.Writer // takes what Lambda says in the log: the start, end and report of each invocation, and failures; may be nil
	// Supervisor is a command that calls [Supervise] with its last argument as program. It ends what the program started,
	// also when this process is killed; without one, and on other systems than Linux, some of that may stay.
	Supervisor []string
	// Isolation has the program run in a file system of its own; nil for that of this machine. It takes a Supervisor.
	Isolation *Isolation
	// Runner is a command that starts the program, which is its last argument: an emulator of another processor. With Isolation it
	// is linked statically, and given by its path on this machine: of its libraries the container has none.
	Runner []string
}

// Isolation is a container for a program: namespaces of its own for files, processes and System V IPC, no capabilities, and no
// more by way of programs with the set-user-id bit. The unpacked zip is at /var/task. The program can write to /tmp alone,
// which is its own. Where this user can make control groups, it has the share of the processors that Lambda gives a function with
// its memory: see [CanShareCPU].
type Isolation struct {
	Root string // the folder with the file system, as [PrepareRoot] leaves it
	Temp int    // the size of /tmp in MB
	// HostNetwork has it reach what this machine reaches, and what listens on its loopback. Without it, it has a network of its own, with the
	// Runtime API and nothing else.
	HostNetwork bool
	Ports       []int // of this machine's loopback that it reaches without HostNetwork: see [CheckPort]
}

// IsolationError is why there is no container for a program on this machine.
type IsolationError struct{ Err error }

func (e *IsolationError) Error() string { return "isolating the program: " + e.Err.Error() }
func (e *IsolationError) Unwrap() error { return e.Err }

// container is what the supervisor is told of an isolation.
type container struct {
	Isolation
	Opt    string // the unpacked layers; "" for none
	Group  string // the folder of the control group that the program and what it starts belong to; "" for none
	Runner string // on this machine; "" for none
}

// runner is where the container has the runner.
func (c container) runner() string { return filepath.Join("/dev", filepath.Base(c.Runner)) }

// inside is the path by which the program finds a file of the unpacked zip or of the layers.
func (p Program) inside(path string) string {
	if p.Isolation == nil {
		return path
	}
	for dir, at := range map[string]string{p.Dir: limits.TaskRoot, p.Opt: limits.Opt} {
		if rel, err := filepath.Rel(dir, path); dir != "" && err == nil && filepath.IsLocal(rel) {
			return filepath.Join(at, rel)
		}
	}
	return path
}

// Environment returns the variables that Lambda sets for a custom runtime, as NAME=value. api is the address of
// the Runtime API, root the folder with the unpacked zip, opt that with the layers. Nothing of lpipe's own environment is among them.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (c Config) Environment(api, root, opt string) []string {
	c = c.withDefaults()
	env := []string{
		"AWS_DEFAULT_REGION=" + c.Region,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(c.Memory),
		"AWS_LAMBDA_FUNCTION_NAME=" + c.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=" + c.initType(),
		"AWS_LAMBDA_LOG_FORMAT=" + string(c.LogFormat),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + c.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + NewID()[:8],
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_REGION=" + c.Region,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LAMBDA_TASK_ROOT=" + root,
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=" + root + ":" + filepath.Join(root, "lib") + ":" + filepath.Join(opt, "lib"),
		"PATH=/usr/local/bin:/usr/bin:/bin:" + filepath.Join(opt, "bin"),
		"TZ=:UTC",
		"_HANDLER=bootstrap",
	}
	if c.concurrent() {
		env = append(env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(c.MaxConcurrency))
	}
	return env
}

// environment is [Config.Environment] for the folders of the program.
func (p Program) environment(api string) []string {
	return p.Environment(api, p.inside(p.Dir), cmp.Or(p.inside(p.Opt), limits.Opt))
}

// Extensions are the names of the extensions in the folder of a program or of its layers.
func Extensions(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, limits.ExtensionsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for extensions: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// forExtensions leaves out the variables that only the runtime has: see [extension].
func forExtensions(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER":
			return true
		}
		return false
	})
}
