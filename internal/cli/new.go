package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"lpipe/hostkeys"
	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/git"
	"lpipe/internal/ownership"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/scaffold"
	"lpipe/internal/shell"
)

// aboutNew is what the help of both verbs says of what they write.
const aboutNew = `Written are the package with a handler, tests and a sample event, lpipe.toml, a deployment template, a file for CI
if one is wanted, .gitignore, and Cargo.lock with the versions that this lpipe was released with, so that it builds on a machine
without cargo.

On a terminal each flag that is not given is asked for; elsewhere, and with --no-interactive, its default is taken, and said. The
names of the files that were written go to standard output, one a line.`

func (a *app) newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a new lambda, which builds, passes its tests and answers",
		Long: `Write a new lambda into a folder NAME, which must not be there, or be empty. In a cargo workspace it becomes a member.

` + aboutNew,
		Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}
	answers := answerFlags(cmd.Flags())
	from := fromFlags(cmd.Flags(), "")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		own, err := from()
		if err != nil {
			return err
		}
		here, err := a.here()
		if err != nil {
			return err
		}
		return a.scaffold(cmd.Context(), here, here.Abs(args[0]), false, answers, own)
	}
	return cmd
}

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init [PATH]",
		Short: "Write what a folder lacks of a lambda's project",
		Long: `Write a new lambda into a folder, the current one unless PATH names another, with the folder's name. Nothing that is there is
changed: in a cargo project only what is missing is added, for all its lambdas, and what was left alone is listed.

` + aboutNew,
		Args: cobra.MaximumNArgs(1),
	}
	answers := answerFlags(cmd.Flags())
	from := fromFlags(cmd.Flags(), "; or "+fromCargoLambda+", to write lpipe.toml with the settings that a project has for that")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		own, err := from()
		if err != nil {
			return err
		}
		here, err := a.here()
		if err != nil {
			return err
		}
		dir := here.Abs(append(args, ".")[0])
		if own.from == fromCargoLambda {
			return a.fromCargoLambda(here, dir, cmd.Flags())
		}
		return a.scaffold(cmd.Context(), here, dir, true, answers, own)
	}
	return cmd
}

// ownTemplate is what a template of the user's own is, and what it is given.
type ownTemplate struct {
	from, rev string
	set       map[string]string
}

// fromFlags declares the flags for templates of the user's own. The function returns what they say.
func fromFlags(f *pflag.FlagSet, also string) func() (ownTemplate, error) {
	from := f.String("from", "", "`SOURCE` of a template of your own: a folder, the https or ssh URL of a git repository, or gh:OWNER/NAME"+also)
	rev := f.String("rev", "", "`REVISION` of that repository: a branch, a tag or a commit")
	set := listFlag(f, "set", "`NAME=VALUE` that the template calls .Set.NAME")
	return func() (ownTemplate, error) {
		o := ownTemplate{from: *from, rev: *rev, set: map[string]string{}}
		var l fault.List
		if f.Changed("from") && *from == "" {
			l.Addf("--from is empty", "", "name a folder, . for the current one, or a repository")
		}
		if *from == "" && (*rev != "" || len(*set) > 0) {
			l.Addf("--rev and --set are for --from", "", "leave them out, or name the template")
		}
		for _, pair := range *set {
			name, value, ok := strings.Cut(pair, "=")
			if !ok || name == "" {
				l.Addf("--set cannot be "+fault.Quote(pair), "", "write it as NAME=VALUE")
			}
			o.set[name] = value
		}
		return o, l.Err()
	}
}

// read renders the template. notice says which commit it was, where nothing else does.
func (o ownTemplate) read(ctx context.Context, here *project.Here, of scaffold.Answers) (files []scaffold.File, notice string, err error) {
	values := scaffold.Values{Answers: of, Set: o.set}
	remote, isRemote, err := git.ParseURL(o.from, o.rev)
	switch {
	case err != nil:
		return nil, "", err
	case !isRemote && o.rev != "":
		return nil, "", &fault.Error{Kind: fault.Usage, What: "--rev is for a git repository", Why: fault.Quote(o.from) + " is a folder", Fix: "leave it out"}
	case !isRemote:
		dir := o.from
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(here.Dir, dir)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, "", &fault.Error{Kind: fault.Usage, What: "there is no folder " + fault.Quote(o.from) + " with a template", Fix: "name one, a git repository by its URL, or gh:OWNER/NAME"}
		}
		files, err = scaffold.Render(os.DirFS(dir), values)
		return files, "", err
	}
	temp, err := ownership.MakeTemp("lpipe-template-")
	if err != nil {
		return nil, "", &fault.Error{Kind: fault.Usage, What: "there is no folder for the template", Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	defer os.RemoveAll(temp)
	connect := "false" // an https URL needs none
	if remote.SSH {
		if connect, err = sshCommand(here, remote.Host, filepath.Join(temp, "known_hosts")); err != nil {
			return nil, "", err
		}
	}
	dir := filepath.Join(temp, "repository")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("making a folder for the template: %w", err)
	}
	repository, hash, err := git.Fetch(ctx, remote, dir, here.Env, connect)
	if err != nil {
		return nil, "", err
	}
	tree, err := repository.Files(ctx, hash)
	if err != nil {
		return nil, "", err
	}
	defer tree.Close()
	files, err = scaffold.Render(tree, values)
	return files, "the template is commit " + hash + " of " + remote.URL + "; --rev " + hash + " takes the same again", errors.Join(err, tree.Err())
}

// sshCommand is an ssh that knows the pinned keys of a host and no others, and asks nothing.
func sshCommand(here *project.Here, host, file string) (string, error) {
	cfg, err := here.Config(nil)
	if err != nil {
		return "", err
	}
	pins, err := hostkeys.Load(cfg.SSH.KnownHosts...)
	if err == nil {
		var lines []byte
		if lines, err = pins.Render(host); err == nil {
			err = os.WriteFile(file, lines, 0o600)
		}
	}
	if err != nil {
		return "", &fault.Error{Kind: fault.Usage, What: "nothing is fetched from " + host, Err: err, Fix: "name a file with its key: known-hosts = [...] in [ssh] of lpipe.toml"}
	}
	return "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile=" + shell.Quote(file), nil
}

// fromCargoLambda is the source of lpipe init that is no template.
const fromCargoLambda = "cargo-lambda"

// fromCargoLambda writes the lpipe.toml for what a project has for cargo-lambda.
func (a *app) fromCargoLambda(here *project.Here, dir string, f *pflag.FlagSet) error {
	var l fault.List
	f.Visit(func(given *pflag.Flag) {
		if given.Name != "from" && given.Name != "no-interactive" {
			l.Addf("--"+given.Name+" has no effect with --from "+fromCargoLambda, "lpipe.toml alone is written", "leave it out; lpipe init adds the other files")
		}
	})
	if err := l.Err(); err != nil {
		return err
	}
	projects, err := here.Open([]string{dir + "/"}, false, nil)
	if err != nil {
		return err
	}
	root := projects[0].Dir
	if file := projects[0].ConfigFile(); projects[0].Config.File != "" {
		return &fault.Error{Kind: fault.Usage, What: here.Show(file) + " is there already", Why: "nothing is overwritten", Fix: "move it away, run the command again, and put both together"}
	}
	var c scaffold.CargoLambda
	name := filepath.Join(root, "CargoLambda.toml")
	if c.File, err = disk.ReadFile(name, disk.MaxSmall); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Kind: fault.Usage, What: "reading " + here.Show(name), Err: err, Fix: "make it readable, or move it away"}
	}
	c.Workspace = lambdaMetadata(projects[0].Plan.Workspace.Manifest.Tree, "workspace")
	folders := []string{root}
	for _, t := range project.Targets(projects) {
		p := t.Lambda.Package
		if slices.ContainsFunc(c.Lambdas, func(l scaffold.CargoLambdaBin) bool { return l.Name == t.Lambda.Name }) {
			continue // for the other architecture
		}
		folders = append(folders, filepath.Dir(filepath.Join("/", p.Manifest.Path)))
		c.Lambdas = append(c.Lambdas, scaffold.CargoLambdaBin{
			Name: t.Lambda.Name, Bin: t.Lambda.Bin, Package: p.Name, Metadata: lambdaMetadata(p.Manifest.Tree, "package"),
		})
	}
	text, notes, err := c.Config(func(name string) bool {
		return slices.ContainsFunc(folders, func(dir string) bool {
			info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
			return err == nil && info.IsDir()
		})
	}, config.Check)
	if err != nil {
		return &fault.Error{Kind: fault.Usage, What: "nothing comes from cargo-lambda", Err: err, Fix: "correct it; without --from, lpipe init writes an lpipe.toml"}
	}
	w := &written{here: here, root: root}
	if err := w.files([]scaffold.File{{Name: "lpipe.toml", Data: text}}); err != nil {
		return err
	}
	for _, name := range w.created {
		fmt.Fprintln(a.Out, here.Show(name))
	}
	for _, note := range notes {
		foreign.Fprintf(a.Err, "note: %s\n", note)
	}
	fmt.Fprintln(a.Err, "lpipe: builds note the settings of cargo-lambda until they are removed; lpipe plan shows what is built now")
	return nil
}

// lambdaMetadata is what a manifest has for cargo-lambda.
func lambdaMetadata(manifest map[string]any, owner string) map[string]any {
	table := manifest
	for _, key := range []string{owner, "metadata", "lambda"} {
		table, _ = table[key].(map[string]any)
	}
	return table
}

// answerFunc completes the answers about a new lambda, of which something may be wrong already. It returns what to say of those that are defaults.
type answerFunc func(ctx context.Context, a *app, of scaffold.Answers, wrong error, asked func(scaffold.Question) bool) (scaffold.Answers, string, error)

// answerFlags declares a flag for each question. The function refuses all bad values at once, before anything is asked.
func answerFlags(f *pflag.FlagSet) answerFunc {
	values := map[string]*string{}
	yes := map[string]*bool{}
	for _, q := range scaffold.Questions {
		if q.Choices == nil {
			yes[q.Flag] = f.Bool(q.Flag, false, q.Doc)
			continue
		}
		doc := q.Doc
		if !strings.Contains(doc, ": ") {
			doc += ": " + strings.Join(q.Choices, ", ")
		}
		values[q.Flag] = f.String(q.Flag, q.Default, doc)
	}
	silent := f.Bool("no-interactive", false, "ask nothing, also on a terminal")
	return func(ctx context.Context, a *app, of scaffold.Answers, wrong error, asked func(scaffold.Question) bool) (scaffold.Answers, string, error) {
		var l fault.List
		l.Add(wrong)
		for _, q := range scaffold.Questions {
			if value, text := values[q.Flag]; text && f.Changed(q.Flag) {
				l.Add(q.Answer(&of, *value))
			} else if !text {
				l.Add(q.Answer(&of, fmt.Sprint(*yes[q.Flag])))
			}
		}
		if of.HTTP && f.Changed("event-type") {
			l.Addf("--http and --event-type cannot be combined", "a lambda that answers HTTP takes the events of function URLs and API Gateway", "leave one of them out")
		}
		if err := l.Err(); err != nil {
			return of, "", err
		}
		in := bufio.NewReader(a.In)
		interactive := !*silent && a.onTerminal()
		var defaults []string
		for _, q := range scaffold.Questions {
			if f.Changed(q.Flag) || !q.Asked(of) {
				continue
			}
			initial := q.Default
			if q.Flag == "arch" && of.Arch != "" {
				initial = of.Arch // as the project has it
			} else if q.Flag == "arch" {
				initial = thisArch()
			}
			if interactive && asked(q) {
				if err := a.ask(ctx, in, q, &of, initial); err != nil {
					return of, "", err
				}
				continue
			}
			if err := q.Answer(&of, initial); err != nil {
				return of, "", err
			}
			if asked(q) {
				defaults = append(defaults, q.Given(of))
			}
		}
		return of, strings.Join(defaults, " "), nil
	}
}

// thisArch is the architecture of this machine as Lambda names it.
func thisArch() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// onTerminal reports whether somebody can be asked.
func (a *app) onTerminal() bool {
	in, ok := a.In.(*os.File)
	out, alsoOut := a.Err.(*os.File)
	return ok && alsoOut && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// ask asks until there is an answer; the end of the input and an empty line are the initial one.
func (a *app) ask(ctx context.Context, in *bufio.Reader, q scaffold.Question, answers *scaffold.Answers, initial string) error {
	choices := ": " + strings.Join(q.Choices, ", ") + " [" + initial + "]"
	if q.Choices == nil {
		choices = " [y/N]"
	}
	for {
		fmt.Fprintf(a.Err, "%s%s? ", q.Text, choices)
		type read struct {
			line string
			err  error
		}
		answered := make(chan read, 1)
		go func() {
			line, err := in.ReadString('\n')
			answered <- read{line, err}
		}()
		var r read
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r = <-answered:
		}
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return fmt.Errorf("reading the answer: %w", r.err)
		}
		value := strings.TrimSpace(r.line)
		if value == "" {
			value = initial
		}
		err := q.Answer(answers, value)
		if err == nil || r.err != nil {
			return err
		}
		var f *fault.Error
		if errors.As(err, &f) {
			fmt.Fprintf(a.Err, "%s\n", f.Fix)
		}
	}
}

// scaffold writes what is missing of a lambda in a folder. existing says that there may be something.
func (a *app) scaffold(ctx context.Context, here *project.Here, dir string, existing bool, complete answerFunc, own ownTemplate) error {
	site, err := findSite(here, dir, existing)
	if err != nil {
		return err
	}
	of := scaffold.Answers{Name: filepath.Base(dir)}
	if len(site.arches) > 0 {
		of.Arch = site.arches[0]
	}
	var nameErr error
	if !site.present {
		nameErr = of.CheckName()
		var f *fault.Error
		if existing && errors.As(nameErr, &f) { // the folder is there
			f.Fix = "rename the folder; " + f.Fix
		}
	}
	asked := func(q scaffold.Question) bool {
		if own.from != "" {
			return false // a template says itself what it wants: by --set
		}
		switch q.Flag {
		case "runtime":
			return !site.present
		case "event-type":
			return !site.present || len(site.functions) == 1
		case "workspace":
			return !site.present && site.member == ""
		}
		return true
	}
	of, defaults, err := complete(ctx, a, of, nameErr, asked)
	if err != nil {
		return err
	}
	if of.Workspace && (site.present || site.member != "") {
		return &fault.Error{Kind: fault.Usage, What: "--workspace is for a new project", Why: here.Show(site.root) + " is one already", Fix: "leave it out"}
	}
	if defaults != "" {
		fmt.Fprintf(a.Err, "lpipe: by default: %s\n", defaults)
	}
	w := &written{here: here, root: site.root}
	if own.from != "" {
		files, notice, err := own.read(ctx, here, of)
		if err != nil {
			return err
		}
		if notice != "" {
			w.notes = append(w.notes, notice)
		}
		err = w.template(site, of, files)
		if err != nil {
			return err
		}
	} else if err := w.site(site, of); err != nil {
		return err
	}
	for _, name := range w.created {
		if _, err := fmt.Fprintln(a.Out, here.Show(name)); err != nil {
			return fmt.Errorf("writing the names of the files: %w", err)
		}
	}
	for _, name := range w.left {
		foreign.Fprintf(a.Err, "lpipe: left alone: %s\n", here.Show(name))
	}
	for _, note := range w.notes {
		foreign.Fprintf(a.Err, "note: %s\n", note)
	}
	if own.from == "" {
		a.nextSteps(here, site, of)
	}
	return nil
}

// site is where a lambda is written.
type site struct {
	root      string              // of the project, absolute
	member    string              // the folder of the package below root, where that is a workspace; slash separated
	manifest  string              // of that workspace, absolute, if the member is to be added to it
	present   bool                // there is a package, or a workspace, already
	functions []scaffold.Function // of the lambdas that are there
	arches    []string            // that they are built for
}

// findSite looks at what is in and above a folder.
func findSite(here *project.Here, dir string, existing bool) (site, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && !existing && len(entries) > 0:
		return site{}, &fault.Error{
			Kind: fault.Usage, What: here.Show(dir) + " is there already", Fix: "take another name; lpipe init " + shell.Word(here.Show(dir)) + " adds what it lacks",
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return site{}, &fault.Error{Kind: fault.Usage, What: "nothing can be written to " + here.Show(dir), Err: err, Fix: "name a folder"}
	case err != nil && existing:
		return site{}, &fault.Error{Kind: fault.Usage, What: "there is no folder " + here.Show(dir), Fix: "make it; lpipe new " + shell.Word(filepath.Base(dir)) + " makes one of that name here"}
	}
	if _, err := os.Stat(filepath.Join(dir, "Cargo.toml")); err == nil {
		return existingSite(here, dir)
	}
	s := site{root: dir}
	if root := here.WorkspaceFor(dir); root != "" {
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return s, err
		}
		s.root, s.member, s.manifest = root, filepath.ToSlash(rel), filepath.Join(root, "Cargo.toml")
	}
	return s, nil
}

// existingSite is that of a folder with a package or a workspace.
func existingSite(here *project.Here, dir string) (site, error) {
	projects, err := here.Open([]string{dir + "/"}, false, nil)
	var f *fault.Error
	if errors.Is(err, plan.ErrNoLambda) && errors.As(err, &f) {
		f.Why += ", and lpipe init adds what a lambda lacks beside its program; nothing was written"
		f.Fix = "add a src/main.rs, and run it again; or make a lambda that depends on this package in a folder of its own: lpipe new NAME"
	}
	if err != nil {
		return site{}, err
	}
	s := site{root: projects[0].Dir, present: true}
	if rel, err := filepath.Rel(s.root, dir); err == nil && rel != "." {
		s.member = filepath.ToSlash(rel)
	}
	for _, t := range project.Targets(projects) {
		if !slices.ContainsFunc(s.functions, func(f scaffold.Function) bool { return f.Name == t.Lambda.Name }) {
			s.functions = append(s.functions, scaffold.Function{Name: t.Lambda.Name, Zip: path.Join("target/lambda", t.Lambda.Folder(), artifact.ZipName)})
		}
		s.arches = t.Lambda.Build.Arch
	}
	return s, nil
}

// written is what became of the files.
type written struct {
	here          *project.Here
	root          string
	created, left []string // absolute
	notes         []string
}

// site writes what belongs to a site.
func (w *written) site(s site, of scaffold.Answers) error {
	functions := s.functions
	var files []scaffold.File
	add := func(below string, more []scaffold.File, err error) error {
		for _, f := range more {
			f.Name = path.Join(below, f.Name)
			files = append(files, f)
		}
		return err
	}
	member := s.member
	if s.present {
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
		if s.manifest == "" {
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
func (w *written) write(files []scaffold.File, changes []artifact.File) error {
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
func (w *written) template(s site, of scaffold.Answers, files []scaffold.File) error {
	if len(files) == 0 {
		return &fault.Error{Kind: fault.Usage, What: "nothing comes of the template", Why: "it has no file, or all of them come out empty", Fix: "put a Cargo.toml.tmpl and sources there"}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(files, func(f scaffold.File) bool { return f.Name == name })
	}
	var changes []artifact.File
	if s.manifest != "" && has("Cargo.toml") {
		var err error
		if changes, err = w.addMember(s); err != nil {
			return err
		}
		w.notes = append(w.notes, "cargo update --workspace adds "+of.Name+" to Cargo.lock")
	} else if has("Cargo.toml") && !has("Cargo.lock") {
		w.notes = append(w.notes, "the template has no Cargo.lock; cargo generate-lockfile writes it")
	}
	for i := range files {
		files[i].Name = path.Join(s.member, files[i].Name)
	}
	return w.write(files, changes)
}

// addMember is the manifest of the workspace with the new member; nothing where a pattern takes it already.
func (w *written) addMember(s site) ([]artifact.File, error) {
	manifest, err := disk.ReadFile(s.manifest, disk.MaxSmall)
	var changed []byte
	if err == nil {
		changed, err = scaffold.AddMember(manifest, s.member)
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "the workspace of " + w.here.Show(s.manifest) + " cannot get a member", Err: err,
			Fix: fmt.Sprintf("write %q into its members first, and run the command again", s.member),
		}
	}
	if string(changed) == string(manifest) {
		return nil, nil
	}
	w.notes = append(w.notes, w.here.Show(s.manifest)+" has the member "+s.member+" now")
	return []artifact.File{{Name: "Cargo.toml", Data: changed, Mode: 0o644}}, nil
}

// changes are the manifest and the lock file of a workspace with the new member.
func (w *written) changes(s site, of scaffold.Answers) (all []artifact.File, err error) {
	if s.manifest == "" {
		return nil, nil
	}
	if all, err = w.addMember(s); err != nil {
		return nil, err
	}
	name := filepath.Join(s.root, "Cargo.lock")
	lock, err := disk.ReadFile(name, 16<<20)
	if err != nil {
		w.notes = append(w.notes, w.here.Show(name)+" could not be read; cargo generate-lockfile writes it")
		return all, nil //nolint:nilerr // it is a note
	}
	added, reason := scaffold.AddToLock(of, lock)
	if reason != "" {
		w.notes = append(w.notes, w.here.Show(name)+" lacks "+of.Name+", because "+reason+"; cargo update --workspace adds it")
		return all, nil
	}
	w.notes = append(w.notes, w.here.Show(name)+" has "+of.Name+" now")
	return append(all, artifact.File{Name: "Cargo.lock", Data: added, Mode: 0o644}), nil
}

// files writes those that are not there. No link leads out of the folder. After a failure none is left.
func (w *written) files(files []scaffold.File) (err error) {
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
			w.left = append(w.left, shown)
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
		w.created = append(w.created, shown)
	}
	return nil
}

func cannotWrite(name string, err error) error {
	return &fault.Error{Kind: fault.Usage, What: "cannot write " + name, Err: err, Fix: "make the folder writable, or take another; nothing was left there"}
}

// nextSteps says what can be done with what was written.
func (a *app) nextSteps(here *project.Here, s site, of scaffold.Answers) {
	if s.present {
		return
	}
	fmt.Fprintln(a.Err, "lpipe: next:")
	event := path.Join("events", of.EventFile())
	if s.root != here.Dir && s.manifest == "" {
		foreign.Fprintf(a.Err, "  cd %s\n", shell.Word(here.Show(s.root)))
		if of.Workspace {
			event = path.Join("lambdas", of.Name, event)
		}
	} else if s.manifest != "" {
		event = filepath.Join(here.Show(filepath.Join(s.root, s.member)), event)
	}
	fmt.Fprintf(a.Err, "  lpipe build %s\n", of.Name)
	if of.Arch == thisArch() && runtime.GOOS == "linux" {
		foreign.Fprintf(a.Err, "  lpipe invoke %s --event %s\n", of.Name, shell.Word(event))
		fmt.Fprintf(a.Err, "  lpipe serve %s\n", of.Name)
	}
}
