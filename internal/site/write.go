package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"lpipe/internal/artifact"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
)

// Written is what became of the files.
type Written struct {
	Created, Left []string // absolute
	Notes         []string

	here *project.Here
	root string
}

// Write writes what is missing of a lambda, or what comes of a template of the user's own, if there is one.
func (s Site) Write(ctx context.Context, here *project.Here, of scaffold.Answers, own Template) (Written, error) {
	w := Written{here: here, root: s.Root}
	if own.From == "" {
		err := w.lambda(s, of)
		return w, err
	}
	files, notice, err := own.render(ctx, here, of)
	if err != nil {
		return Written{}, err
	}
	err = w.template(s, of, files)
	if notice != "" {
		w.Notes = append([]string{notice}, w.Notes...)
	}
	return w, err
}

// lambda writes what belongs to a site.
func (w *Written) lambda(s Site, of scaffold.Answers) error {
	functions := s.Functions
	var files []scaffold.File
	add := func(below string, more []scaffold.File, err error) error {
		for _, f := range more {
			f.Name = path.Join(below, f.Name)
			files = append(files, f)
		}
		return err
	}
	member := s.Member
	if s.Present {
		if len(functions) == 1 {
			if err := add(member, []scaffold.File{{Name: path.Join("events", of.EventFile()), Data: of.Event()}}, nil); err != nil {
				return err
			}
		}
	} else {
		functions = []scaffold.Function{{Name: of.Name, Zip: scaffold.Zip(of.Name)}}
		if of.Workspace {
			member = path.Join("lambdas", of.Name)
			more, err := scaffold.Workspace(member)
			if err := add("", more, err); err != nil {
				return err
			}
		}
		more, err := scaffold.Package(of, member)
		if err := add(member, more, err); err != nil {
			return err
		}
		if s.Manifest == "" {
			lock, err := scaffold.NewLock(of)
			if err := add("", []scaffold.File{{Name: "Cargo.lock", Data: lock}}, err); err != nil {
				return err
			}
		}
	}
	more, err := scaffold.Project(of, functions)
	if err := add("", more, err); err != nil {
		return err
	}
	changes, err := w.changes(s, of)
	if err != nil {
		return err
	}
	return w.write(files, changes)
}

// write writes the files that are not there, and changes others.
func (w *Written) write(files []scaffold.File, changes []artifact.File) error {
	if err := w.files(files); err != nil {
		return err
	}
	for _, change := range changes {
		if err := artifact.Write(w.root, change); err != nil {
			return err
		}
	}
	return nil
}

// template writes what comes of a template of the user's own.
func (w *Written) template(s Site, of scaffold.Answers, files []scaffold.File) error {
	if len(files) == 0 {
		return &fault.Error{Kind: fault.Usage, What: "nothing comes of the template", Why: "it has no file, or all of them come out empty", Fix: "put a Cargo.toml.tmpl and sources there"}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(files, func(f scaffold.File) bool { return f.Name == name })
	}
	var changes []artifact.File
	if s.Manifest != "" && has("Cargo.toml") {
		var err error
		if changes, err = w.addMember(s); err != nil {
			return err
		}
		w.Notes = append(w.Notes, "cargo update --workspace adds "+of.Name+" to Cargo.lock")
	} else if has("Cargo.toml") && !has("Cargo.lock") {
		w.Notes = append(w.Notes, "the template has no Cargo.lock; cargo generate-lockfile writes it")
	}
	for i := range files {
		files[i].Name = path.Join(s.Member, files[i].Name)
	}
	return w.write(files, changes)
}

// addMember is the manifest of the workspace with the new member; nothing where a pattern takes it already.
func (w *Written) addMember(s Site) ([]artifact.File, error) {
	manifest, err := disk.ReadFile(s.Manifest, disk.MaxSmall)
	var changed []byte
	if err == nil {
		changed, err = scaffold.AddMember(manifest, s.Member)
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "the workspace of " + w.here.Show(s.Manifest) + " cannot get a member", Err: err,
			Fix: fmt.Sprintf("write %q into its members first, and run the command again", s.Member),
		}
	}
	if string(changed) == string(manifest) {
		return nil, nil
	}
	w.Notes = append(w.Notes, w.here.Show(s.Manifest)+" has the member "+s.Member+" now")
	return []artifact.File{{Name: "Cargo.toml", Data: changed, Mode: 0o644}}, nil
}

// changes are the manifest and the lock file of a workspace with the new member.
func (w *Written) changes(s Site, of scaffold.Answers) (all []artifact.File, err error) {
	if s.Manifest == "" {
		return nil, nil
	}
	if all, err = w.addMember(s); err != nil {
		return nil, err
	}
	name := filepath.Join(s.Root, "Cargo.lock")
	lock, err := disk.ReadFile(name, 16<<20)
	if err != nil {
		w.Notes = append(w.Notes, w.here.Show(name)+" could not be read; cargo generate-lockfile writes it")
		return all, nil //nolint:nilerr // it is a note
	}
	added, reason := scaffold.AddToLock(of, lock)
	if reason != "" {
		w.Notes = append(w.Notes, w.here.Show(name)+" lacks "+of.Name+", because "+reason+"; cargo update --workspace adds it")
		return all, nil
	}
	w.Notes = append(w.Notes, w.here.Show(name)+" has "+of.Name+" now")
	return append(all, artifact.File{Name: "Cargo.lock", Data: added, Mode: 0o644}), nil
}

// files writes those that are not there. No link leads out of the folder. After a failure none is left.
func (w *Written) files(files []scaffold.File) (err error) {
	if err := os.MkdirAll(w.root, 0o755); err != nil {
		return cannotWrite(w.here.Show(w.root), err)
	}
	root, err := os.OpenRoot(w.root)
	if err != nil {
		return cannotWrite(w.here.Show(w.root), err)
	}
	defer root.Close()
	var created []string
	defer func() {
		if err != nil {
			for _, name := range created {
				_ = root.Remove(name)
			}
		}
	}()
	for _, f := range files {
		name := filepath.FromSlash(f.Name)
		shown := filepath.Join(w.root, name)
		if _, err := root.Lstat(name); err == nil {
			w.Left = append(w.Left, shown)
			continue
		}
		if dir := filepath.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return cannotWrite(w.here.Show(shown), err)
			}
		}
		mode := fs.FileMode(0o644)
		if f.Executable {
			mode = 0o755
		}
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return cannotWrite(w.here.Show(shown), err)
		}
		created = append(created, name)
		_, err = file.Write(f.Data)
		if err := errors.Join(err, file.Close()); err != nil {
			return cannotWrite(w.here.Show(shown), err)
		}
		w.Created = append(w.Created, shown)
	}
	return nil
}

func cannotWrite(name string, err error) error {
	return &fault.Error{Kind: fault.Usage, What: "cannot write " + name, Err: err, Fix: "make the folder writable, or take another; nothing was left there"}
}
