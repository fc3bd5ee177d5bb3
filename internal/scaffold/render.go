package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/pattern"
)

// What a template may be at most: it is to be a start, and it may be somebody else's.
const (
	maxFiles = 1000
	maxFile  = 1 << 20 // bytes of a file, before and after it is rendered
	maxDepth = 20      // folders in folders
)

// ending marks the files that are rendered. It is not in the name of what is written.
const ending = ".tmpl"

// Render returns the files of a folder. A file whose name ends with .tmpl is a template of Go's text/template with the
// delimiters <% and %>, which GitHub's expressions, Rust's formats and SAM's substitutions are not taken for; other files stay as
// they are. The names of files and folders are templates too. What comes out empty, file or name, is not written. Links are
// refused, as are names that are none. The error joins all mistakes, each a usage fault.
func Render(fsys fs.FS, values any) ([]File, error) {
	r := renderer{fsys: fsys, values: values, left: bounds{maxSteps, maxText}}
	r.folder(".", "", 0)
	if len(r.files) > maxFiles {
		r.mistakes.Addf(fmt.Sprintf("the template has more than %d files", maxFiles), "it is to be the start of a project", "remove what is no part of one")
	}
	return r.files, r.mistakes.Err()
}

type renderer struct {
	fsys     fs.FS
	values   any
	left     bounds
	files    []File
	mistakes fault.List
}

// folder adds the files of a folder as those of another.
func (r *renderer) folder(from, to string, depth int) {
	entries, err := fs.ReadDir(r.fsys, from)
	if err == nil && depth > maxDepth {
		err = errors.New("its folders lie too deep in one another")
	}
	if err != nil {
		r.mistakes.Add(unreadable(from, err))
		return
	}
	for _, entry := range entries {
		name := path.Join(from, entry.Name())
		if len(r.files) > maxFiles {
			return
		}
		if name == ".git" {
			continue
		}
		written, err := r.text(name, strings.TrimSuffix(entry.Name(), ending))
		if err != nil {
			r.mistakes.Add(err)
			continue
		}
		if written == "" {
			continue
		}
		if !isName(written) {
			r.mistakes.Addf(fault.Quote(name)+" of the template would be written as "+fault.Quote(written), "that is no name of a file in a folder", "give it another name in the template")
			continue
		}
		written = path.Join(to, written)
		switch kind := entry.Type(); {
		case kind.IsDir():
			r.folder(name, written, depth+1)
		case kind.IsRegular():
			r.file(name, written)
		default:
			r.mistakes.Addf(fault.Quote(name)+" of the template is "+disk.Kind(kind), "it would lead to files that are not the template's", "put the file itself there")
		}
	}
}

// isName reports whether a text names a file in a folder, on every system, and is no more than that where it is printed.
func isName(text string) bool {
	return text != "." && text != ".." && !disk.IsGit(text) && !strings.ContainsAny(text, "/\\:\x00\n") && foreign.Line(text) == text
}

func (r *renderer) file(name, written string) {
	content, err := disk.Read(r.fsys, name, maxFile)
	if err != nil {
		r.mistakes.Add(unreadable(name, err))
		return
	}
	if strings.HasSuffix(name, ending) {
		text, err := r.text(name, string(content))
		if err != nil {
			r.mistakes.Add(err)
			return
		}
		if strings.TrimSpace(text) == "" {
			return
		}
		content = []byte(text)
	}
	if slices.ContainsFunc(r.files, func(f File) bool { return f.Name == written }) {
		r.mistakes.Addf(fault.Quote(name)+" of the template would be written as "+fault.Quote(written), "another file of it is written so", "have one of them come out empty")
		return
	}
	info, err := fs.Stat(r.fsys, name)
	if err != nil {
		r.mistakes.Add(unreadable(name, err))
		return
	}
	r.files = append(r.files, File{Name: written, Data: content, Executable: info.Mode()&0o100 != 0})
}

// text renders a text of the file of that name.
func (r *renderer) text(name, text string) (string, error) {
	t, err := r.left.parse(text)
	if err != nil {
		return "", mistaken(name, err)
	}
	out := limited{left: maxFile}
	if err := t.Execute(&out, r.values); err != nil {
		return "", mistaken(name, err)
	}
	return out.String(), nil
}

func unreadable(name string, err error) error {
	return &fault.Error{Kind: fault.Usage, What: "reading " + fault.Quote(name) + " of the template", Err: err, Fix: "correct the template"}
}

// unknownField is how text/template says that there is no placeholder of a name.
var unknownField = pattern.Of(`can't evaluate field (\w+) in type scaffold\.\w+`)

func mistaken(name string, err error) error {
	const most = 300 // a value may be in it
	why := strings.TrimPrefix(err.Error(), "template: ")
	if m := unknownField().FindStringSubmatch(why); m != nil {
		why = "there is no placeholder ." + m[1]
	}
	if len(why) > most {
		why = strings.ToValidUTF8(why[:most], "") + "..."
	}
	return &fault.Error{
		Kind: fault.Usage, What: fault.Quote(name) + " of the template cannot be rendered", Why: why,
		Fix: "correct it, or give the values that it wants: --set NAME=VALUE, which is .Set.NAME; docs/new.md lists the placeholders",
	}
}

// limited is a buffer that takes so many bytes.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("more than %d bytes come out", maxFile)
	}
	return l.Buffer.Write(p)
}
