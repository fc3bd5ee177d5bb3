package project

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/git"
	"lpipe/internal/ownership"
	"lpipe/internal/trace"
)

// Here is where a run starts: its current folder, its environment and the disk, each read once.
type Here struct {
	Dir   string            // the current folder, absolute
	Env   map[string]string // of lpipe
	Disk  disk.Disk         // rooted at "/"
	Trace *trace.Recorder   // may be nil
	// Out is the folder that the results of all projects go to, absolute; "" for target/lambda of each.
	Out string

	mu           sync.Mutex
	repositories map[string]*repository // by the folder that holds the repository
}

// NewHere returns where this process is, on the disk of this machine.
func NewHere(env map[string]string, record *trace.Recorder) (*Here, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the current folder: %w", err)
	}
	return &Here{Dir: dir, Env: env, Disk: thisDisk(env), Trace: record}, nil
}

// thisDisk is the disk of this machine.
func thisDisk(env map[string]string) disk.Disk {
	d := disk.Disk{FS: os.DirFS("/"), Foreign: ownership.ForeignTo}
	if home := env["HOME"]; filepath.IsAbs(home) {
		d.Home = inFS(home)
	}
	return d
}

// cwd is the current folder as the disk has it.
func (h *Here) cwd() string { return inFS(h.Dir) }

// Show is a path as short as it can be used from the current folder.
func (h *Here) Show(file string) string {
	rel, err := filepath.Rel(h.Dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return rel
}

// Abs is a path of the user's, which starts at the current folder.
func (h *Here) Abs(file string) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return filepath.Join(h.Dir, file)
}

// Config is the configuration here for a verb that needs no project, with that of a project there.
func (h *Here) Config(settings []config.Setting) (*config.Config, error) {
	view, err := h.Disk.View(h.cwd())
	if err != nil {
		return nil, err
	}
	view.Settle(cargo.Root(h.Disk, h.cwd()))
	return config.Load(config.Input{FS: h.Disk.FS, View: view, Dir: h.cwd(), Env: h.Env, Settings: settings})
}

// WorkspaceFor returns the root of the workspace that a new package in a folder would be a member of, absolute; "" without one.
func (h *Here) WorkspaceFor(dir string) string {
	root := cargo.WorkspaceFor(h.Disk, inFS(dir))
	if root == "" {
		return ""
	}
	return filepath.Join("/", root)
}

// allowed is the disk with what the user allows projects beyond their bound.
func (h *Here) allowed(settings []config.Setting) disk.Disk {
	d := h.Disk
	view, err := d.View(h.cwd())
	if err != nil {
		return d // it is reported when the project is read
	}
	for _, name := range config.AllowOutside(config.Input{FS: d.FS, View: view, Dir: h.cwd(), Env: h.Env, Settings: settings}) {
		d.Allow = append(d.Allow, inFS(name))
	}
	return d
}

// repository is a git repository, which is asked once.
type repository struct {
	open func() (*git.Repository, error)
	head func() (git.Head, error)
}

// repository is that of a folder. What git says of it is asked when it is first needed.
func (h *Here) repository(ctx context.Context, dir string) *repository {
	top := h.Disk.Repository(inFS(dir))
	if top == "" {
		top = inFS(dir) // has none, which git.Open explains
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.repositories[top]
	if r == nil {
		r = &repository{}
		r.open = sync.OnceValues(func() (*git.Repository, error) { return git.Open(ctx, dir, h.Env) })
		r.head = sync.OnceValues(func() (git.Head, error) {
			opened, err := r.open()
			if err != nil {
				return git.Head{}, err
			}
			return opened.Head(ctx), nil
		})
		if h.repositories == nil {
			h.repositories = map[string]*repository{}
		}
		h.repositories[top] = r
	}
	return r
}

// Repository is the git repository that a folder is checked out from, as of [git.Open].
func (h *Here) Repository(ctx context.Context, dir string) (*git.Repository, error) {
	return h.repository(ctx, dir).open()
}

// Checkout is what of its repository is checked out in a folder.
func (h *Here) Checkout(ctx context.Context, dir string) Checkout {
	return findCheckout(h.Env, h.repository(ctx, dir).head)
}

// inFS is an absolute path as the file system rooted at "/" has it.
func inFS(abs string) string {
	if p := strings.TrimPrefix(path.Clean(filepath.ToSlash(abs)), "/"); p != "" {
		return p
	}
	return "."
}
