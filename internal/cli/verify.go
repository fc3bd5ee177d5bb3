package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/awsapi"
	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/ownership"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/sigstore"
	"lpipe/internal/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [NAME|ZIP ...]",
		Short: "Prove a zip: rebuild the commit that its statement names, and compare",
		Long: `Rebuild what the statements beside a zip name, and compare the two zips byte for byte. The files of the commit are
read from the git repository of the current folder and built in a folder of their own, with the settings and the base image
that are stated; nothing of the work tree takes part. Where the zips differ, each difference is named: files, sections of the
program, functions, and what was stated otherwise: settings, sources, crates, the base image.

With --deployed the code of a function on AWS is downloaded and compared instead, by the statements of the lambda that it is of, as
function in [deploy] says; the name of a lambda stands for its function, and * for those of all lambdas here. Where --statement names
a folder, the statements are those in it, at any depth, that are about the code.

With --certificate-identity and --certificate-oidc-issuer the statement is that of ZIP.provenance.sigstore.json, which lpipe build
--sigstore writes, and it must be signed by that identity and witnessed by Sigstore.

A NAME is a lambda that was built here, a ZIP a file with its statements beside it, ZIP.intoto.jsonl; lpipe build --statements
writes them. Steps that the engine has done before are not done again: --no-cache compiles all anew, and another engine
(--engine, LPIPE_ENGINE_ROOT) has done none. The status is 4 where a zip is not what its commit gives.`,
		ValidArgsFunction: a.completeLambdas,
	}
	settings := settingFlags(cmd.Flags(), aboutEngine|aboutDisplay, 0)
	all := cmd.Flags().Bool("all", false, "every lambda of the workspace whose zip has statements beside it")
	deployed := cmd.Flags().String("deployed", "", "`FUNCTION` whose code on AWS is verified, NAME or NAME:ALIAS, by the statements of the lambda here that it is of; * for all")
	account := awsFlags(cmd.Flags())
	statement := cmd.Flags().String("statement", "", "`FILE` with the statements, where they are not beside the zip, or a folder with those of many")
	keyFile := cmd.Flags().String("key", "", "`FILE` of the public key that the statements must be signed with, in PEM form")
	var who sigstore.Signatory
	cmd.Flags().StringVar(&who.Identity, "certificate-identity", "", "`IDENTITY` that must have signed the statements by Sigstore, as the certificate names it")
	cmd.Flags().StringVar(&who.IdentityRegexp, "certificate-identity-regexp", "", "`EXPRESSION` for that identity")
	cmd.Flags().StringVar(&who.Issuer, "certificate-oidc-issuer", "", "`URL` of the issuer that must have vouched for that identity")
	cmd.Flags().StringVar(&who.IssuerRegexp, "certificate-oidc-issuer-regexp", "", "`EXPRESSION` for that issuer")
	trustedRoot := cmd.Flags().String("trusted-root", "", "`FILE` with the trusted root of an instance of Sigstore, in place of the public one")
	noCache := cmd.Flags().Bool("no-cache", false, "run every step again, and compile every dependency")
	ssh := listFlag(cmd.Flags(), "ssh", sshUsage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		here, err := a.here()
		if err != nil {
			return err
		}
		var subjects []subject
		switch {
		case *deployed == "":
			subjects, err = a.zips(here, args, *all)
		case len(args) > 0 || *all:
			err = &fault.Error{Kind: fault.Usage, What: "--deployed and names of zips cannot be combined", Fix: "verify them one after the other"}
		default:
			subjects, err = a.deployedZips(cmd.Context(), here, *deployed, *account)
		}
		if err != nil {
			return err
		}
		signed, err := signedBy(*keyFile, who, *trustedRoot)
		if err != nil {
			return err
		}
		statements := attest.BundleName
		if who != (sigstore.Signatory{}) {
			statements = attest.SigstoreName(attest.KindProvenance)
		}
		find, err := statementFinder(*statement, statements, len(subjects))
		if err != nil {
			return err
		}
		v := &verifying{app: a, here: here, settings: settings(), noCache: *noCache, ssh: *ssh}
		unproved := 0
		var l fault.List
		for _, s := range subjects {
			z, r, err := v.verify(cmd.Context(), s, find, signed)
			if err != nil {
				l.Add(err)
				if cmd.Context().Err() != nil {
					break
				}
				continue
			}
			word := "equal"
			if len(r.Differences) > 0 {
				unproved++
				word = "differs"
			}
			foreign.Fprintf(a.Out, "%s: %s, commit %s\n", s.shown, word, z.Commit())
			for _, text := range r.Differences {
				foreign.Fprintf(a.Out, "  %s\n", text)
			}
			report.Notes(a.Err, r.Notes)
		}
		if unproved > 0 {
			l.Add(verify.Unproved(unproved, len(subjects)))
		}
		return l.Err()
	}
	return cmd
}

// subject is a zip to verify.
type subject struct {
	shown string // what it is called
	zip   string // the file beside which its statements are
	data  func() ([]byte, error)
}

// verify reads a zip and its statements, and rebuilds it.
func (v *verifying) verify(ctx context.Context, s subject, find func(s subject, data []byte) (string, error), signed func(attest.Statement) error) (verify.Zip, verify.Result, error) {
	data, err := s.data()
	if err != nil {
		return verify.Zip{}, verify.Result{}, err
	}
	bundle, err := find(s, data)
	if err != nil {
		return verify.Zip{}, verify.Result{}, err
	}
	z, err := readStated(s.shown, data, bundle, signed)
	if err != nil {
		return z, verify.Result{}, err
	}
	r, err := v.rebuild(ctx, z)
	return z, r, fault.About(s.shown, err)
}

// statementFinder returns what finds the file with the statements about a zip: beside it, in the one file that is named, or in a folder.
// ending is what their names end with.
func statementFinder(named, ending string, zips int) (func(s subject, data []byte) (string, error), error) {
	ending = strings.TrimPrefix(ending, artifact.ZipName)
	info, err := os.Stat(named)
	switch {
	case named == "":
		return func(s subject, _ []byte) (string, error) { return s.zip + ending, nil }, nil
	case err == nil && info.IsDir():
	case zips > 1:
		return nil, &fault.Error{Kind: fault.Usage, What: "--statement is about one zip, and several are named", Fix: "name one zip, or a folder with the statements of all"}
	default:
		return func(subject, []byte) (string, error) { return named, nil }, nil
	}
	about := map[string]string{} // the file, by the SHA-256 of the zip
	files, err := disk.Files(named)
	for _, name := range files {
		if !strings.HasSuffix(name, ending) {
			continue
		}
		data, readErr := disk.ReadFile(name, maxBundle)
		if err = errors.Join(err, readErr); readErr != nil {
			continue
		}
		if all, err := attest.ReadBundle(data); err == nil { // what is none is about no zip
			about[all[0].Subject] = name
		}
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "--statement " + named + " cannot be read", Err: err, Fix: "name a file of statements, or a folder with such files"}
	}
	return func(s subject, data []byte) (string, error) {
		name, ok := about[artifact.SHA256(data)]
		if !ok {
			return "", &fault.Error{
				Kind: fault.Artifact, What: "no statement in " + named + " is about the code of " + s.shown, Why: fmt.Sprintf("its SHA-256 is %s, and %s stated there", artifact.SHA256(data), report.Count(len(about), "zip is", "zips are")),
				Fix: "deploy what was built with --statements, and keep the statements of each build",
			}
		}
		return name, nil
	}, nil
}

// deployedZips are the zips of the functions that an argument of --deployed means.
func (a *app) deployedZips(ctx context.Context, here *project.Here, deployed string, account awsapi.Options) ([]subject, error) {
	name, alias, _ := strings.Cut(deployed, ":")
	var targets []project.Target
	if name == "*" {
		projects, err := here.Open(nil, true, nil)
		if err != nil {
			return nil, err
		}
		targets = project.Functions(projects)
	} else {
		t, err := ofFunction(here, name)
		if err != nil {
			return nil, err
		}
		targets = []project.Target{t}
	}
	var all []subject
	for _, t := range targets {
		function := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch).Function
		all = append(all, subject{
			shown: "function " + strings.TrimSuffix(function+":"+alias, ":"), zip: filepath.Join(t.OutputDir(), artifact.ZipName),
			data: func() ([]byte, error) { return a.deployedCode(ctx, t, account, function, alias) },
		})
	}
	return all, nil
}

// signedBy returns what checks the signature of a statement, as the flags ask; nil where they ask for none.
func signedBy(keyFile string, who sigstore.Signatory, trustedRoot string) (func(attest.Statement) error, error) {
	switch keyless := who != (sigstore.Signatory{}); {
	case keyless && keyFile != "":
		return nil, &fault.Error{Kind: fault.Usage, What: "--key and --certificate-... cannot be combined", Fix: "verify twice: the statements that a key signed, and those of an identity"}
	case keyless:
		return signedBySigstore(who, trustedRoot)
	case trustedRoot != "":
		return nil, &fault.Error{Kind: fault.Usage, What: "--trusted-root without an identity", Fix: "add --certificate-identity and --certificate-oidc-issuer: who has to have signed"}
	case keyFile == "":
		return nil, nil
	}
	data, err := disk.ReadFile(keyFile, disk.MaxSmall)
	var key *attest.Verifier
	if err == nil {
		key, err = attest.NewVerifier(data)
	}
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "--key " + keyFile + " cannot be used", Err: err, Fix: "name a public key: openssl pkey -in key.pem -pubout",
		}
	}
	return func(s attest.Statement) error { return s.Signed(key) }, nil
}

func signedBySigstore(who sigstore.Signatory, trustedRoot string) (func(attest.Statement) error, error) {
	var trusted sigstore.Root
	var err error
	if trustedRoot == "" {
		if trusted, err = sigstore.PublicRoot(); err != nil {
			return nil, &fault.Error{
				Kind: fault.Usage, What: "whom Sigstore trusts cannot be known", Err: err,
				Fix: "without the internet, or for an instance of your own, name its trusted root with --trusted-root FILE",
			}
		}
	} else {
		data, err := disk.ReadFile(trustedRoot, disk.MaxSmall)
		if err == nil {
			trusted, err = sigstore.ReadRoot(data)
		}
		if err != nil {
			return nil, &fault.Error{Kind: fault.Usage, What: "--trusted-root " + trustedRoot + " cannot be used", Err: err, Fix: "name a trusted root in the form that cosign takes"}
		}
	}
	v, err := sigstore.NewVerifier(trusted, who)
	if err != nil {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "--certificate-... do not say who has to have signed", Err: err,
			Fix: "name both, each as it is or as an expression: --certificate-identity and --certificate-oidc-issuer",
		}
	}
	return func(s attest.Statement) error {
		if s.Sigstore == nil {
			return errors.New("it is not signed by Sigstore")
		}
		return v.Verify(s.Sigstore)
	}, nil
}

// zips are the files that the arguments mean.
func (a *app) zips(here *project.Here, args []string, all bool) ([]subject, error) {
	files, err := a.zipFiles(here, args, all)
	var subjects []subject
	for _, name := range files {
		subjects = append(subjects, subject{shown: here.Show(name), zip: name, data: func() ([]byte, error) { return readZip(name) }})
	}
	return subjects, err
}

func (a *app) zipFiles(here *project.Here, args []string, all bool) ([]string, error) {
	var files, names []string
	for _, arg := range args {
		if strings.HasSuffix(arg, ".zip") {
			files = append(files, here.Abs(arg))
		} else {
			names = append(names, arg)
		}
	}
	if len(files) > 0 && len(names) == 0 && !all {
		return files, nil
	}
	projects, err := here.Open(names, all, nil)
	if err != nil {
		return nil, err
	}
	for _, t := range project.Targets(projects) {
		name := filepath.Join(t.OutputDir(), artifact.ZipName)
		if _, err := os.Stat(filepath.Join(t.OutputDir(), attest.BundleName)); errors.Is(err, fs.ErrNotExist) && (all || len(args) == 0) {
			continue
		}
		files = append(files, name)
	}
	if len(files) == 0 {
		return nil, &fault.Error{Kind: fault.Usage, What: "no zip has statements beside it", Fix: "lpipe build --statements writes them"}
	}
	return files, nil
}

// maxBundle is far above what the statements on a zip of Lambda's limits take, in bytes.
const maxBundle = 64 << 20

func readZip(name string) ([]byte, error) {
	data, err := artifact.ReadZip(name)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Usage, What: "cannot verify " + name, Err: err, Fix: "name a zip that lpipe built"}
	}
	return data, nil
}

// ofFunction is the lambda that a function is of, as [deploy] says, or else the one of that name.
func ofFunction(here *project.Here, name string) (project.Target, error) {
	projects, err := here.Open(nil, true, nil)
	if err != nil {
		return project.Target{}, err
	}
	var known []string
	var found, called []project.Target
	for _, t := range project.Targets(projects) {
		function := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch).Function
		known = append(known, function)
		if function == name {
			found = append(found, t)
		}
		if t.Lambda.Name == name || t.Lambda.Label() == name {
			called = append(called, t)
		}
	}
	if len(found) == 0 {
		found = called
	}
	switch len(found) {
	case 0:
		return project.Target{}, &fault.Error{
			Kind: fault.Usage, What: "no lambda here is for the function " + name, Why: "those here are for " + strings.Join(known, ", "),
			Fix: "name one of these; function in [deploy] of lpipe.toml says which function a lambda is for",
		}
	case 1:
		return found[0], nil
	default:
		return project.Target{}, &fault.Error{
			Kind: fault.Usage, What: "several lambdas here are for the function " + name, Why: "its code has the statements of one",
			Fix: "give each a function of its own: function = \"{{name}}-{{arch}}\" in [deploy], or [lambda.NAME.deploy] function = \"...\", in lpipe.toml",
		}
	}
}

// deployedCode downloads the zip of a function, or of what an alias of it names.
func (a *app) deployedCode(ctx context.Context, t project.Target, account awsapi.Options, name, alias string) ([]byte, error) {
	aws, err := a.aws(ctx, t.Config, account)
	if err != nil {
		return nil, err
	}
	f, err := aws.Function(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	if f.Location == "" {
		return nil, &fault.Error{Kind: fault.Usage, What: "the function " + name + " has no code to download", Why: "it is a container image", Fix: "verify the zip that it is made of"}
	}
	data, err := aws.Download(ctx, f.Location)
	if sum := deploy.Sum(data); err == nil && f.CodeSHA256 != "" && sum != f.CodeSHA256 {
		return nil, &fault.Error{
			Kind: fault.Artifact, What: "what was downloaded is not the code of the function " + name, Why: fmt.Sprintf("its CodeSha256 is %s, and the function's %s", sum, f.CodeSHA256),
			Fix: "run it again; if that does not help, find out what answers in the place of AWS",
		}
	}
	return data, err
}

func readStated(name string, data []byte, bundle string, signed func(attest.Statement) error) (verify.Zip, error) {
	statements, err := disk.ReadFile(bundle, maxBundle)
	if err != nil {
		return verify.Zip{}, &fault.Error{
			Kind: fault.Usage, What: "cannot verify " + name, Err: err, Fix: "build with --statements, or name the statements with --statement FILE",
		}
	}
	z, err := verify.Read(data, statements, signed)
	if err != nil {
		f := &fault.Error{Kind: fault.Usage, What: "the statements on " + name + " do not hold", Err: err, Fix: "take zip and statements from where they were built"}
		if signed != nil {
			f.Kind = fault.Artifact
		}
		return z, f
	}
	return z, nil
}

// verifying rebuilds zips.
type verifying struct {
	*app
	here     *project.Here
	settings []config.Setting
	noCache  bool
	ssh      []string
}

// rebuild builds the commit of a zip in a folder of its own, and compares.
func (v *verifying) rebuild(ctx context.Context, z verify.Zip) (verify.Result, error) {
	repository, err := v.here.Repository(ctx, v.here.Dir)
	if err != nil {
		return verify.Result{}, err
	}
	dir, err := ownership.MakeTemp("lpipe-verify-")
	if err != nil {
		return verify.Result{}, &fault.Error{Kind: fault.Usage, What: "there is no folder to rebuild in", Err: err, Fix: "set TMPDIR to a folder of yours"}
	}
	defer os.RemoveAll(dir)
	// The bound of a project is its repository.
	if err := os.MkdirAll(filepath.Join(dir, "sources", ".git"), 0o700); err != nil {
		return verify.Result{}, err
	}
	files, err := repository.Files(ctx, z.Commit())
	if err == nil {
		err = errors.Join(files.Write(filepath.Join(dir, "sources")), files.Err())
		files.Close()
	}
	if err != nil {
		return verify.Result{}, &fault.Error{
			Kind: fault.Usage, What: "the commit " + z.Commit() + " cannot be read from " + v.here.Show(repository.Top), Err: err,
			Fix: "run lpipe verify in a clone that has it; a shallow clone may lack it: git fetch --unshallow",
		}
	}
	workspace := z.Text("workspace")
	if !leadsInto(filepath.Join(dir, "sources"), filepath.FromSlash(workspace)) {
		return verify.Result{}, &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the statement names the workspace %q", workspace), Fix: "take zip and statements from where they were built"}
	}
	clean := &project.Here{
		Dir: filepath.Join(dir, "sources", filepath.FromSlash(workspace)), Env: withoutSettings(v.env, z.Epoch()), Disk: v.here.Disk, Trace: v.trace, Out: filepath.Join(dir, "out"),
	}
	open := func(settings []config.Setting) (*project.Project, *plan.Lambda, error) {
		projects, err := clean.Open([]string{z.Text("lambda")}, false, settings)
		if err != nil {
			return nil, nil, err
		}
		lambdas := projects[0].Plan.Lambdas()
		return projects[0], lambdas[0], nil
	}
	settings := slices.Concat(v.settings, []config.Setting{{Key: "build.test", Values: []string{"false"}, Flag: "lpipe verify"}})
	_, l, err := open(settings)
	if err != nil {
		return verify.Result{}, err
	}
	p, l, err := open(slices.Concat(settings, verify.Settings(z.Origin, l)))
	if err != nil {
		return verify.Result{}, err
	}
	p.Config.Statements, p.Config.Push, p.Config.Cache.To = config.Statements{Kinds: []string{attest.KindProvenance}}, false, nil
	lpipe, _ := versions()
	git := attest.Git{Commit: z.Commit(), Dir: workspace}
	if git.Tree, err = repository.Tree(ctx, z.Commit()); err != nil {
		return verify.Result{}, err
	}
	key, _ := clean.Key([]*project.Project{p})
	commits := map[*plan.Lambda]attest.Git{l: git}
	summary, err := v.build(ctx, clean, []*project.Project{p}, p.Config, pushing{}, build.Options{
		Stage: dockerfile.StageLambda, Partial: true, NoCache: v.noCache, StallTimeout: stallTimeout, SSH: v.ssh, Key: key,
		Stating: build.Stating{Zips: true, Version: lpipe, Git: commits},
		Commits: func(context.Context, *project.Project) (map[*plan.Lambda]attest.Git, error) { return commits, nil },
	})
	if err != nil {
		return verify.Result{}, err
	}
	out := project.Target{Project: p, Lambda: l}.OutputDir()
	data, err := readZip(filepath.Join(out, artifact.ZipName))
	if err != nil {
		return verify.Result{}, err
	}
	again, err := readStated(filepath.Join(out, artifact.ZipName), data, filepath.Join(out, attest.BundleName), nil)
	if err != nil {
		return verify.Result{}, err
	}
	r := verify.Compare(z, again)
	if summary.Cached > 0 && len(r.Differences) == 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("this engine had done %d of %s before; --no-cache does all of them again", summary.Cached, report.Count(summary.Steps, "step", "steps")))
	}
	return r, nil
}

// leadsInto reports that a name leads to a folder below another one, also by the links in it.
func leadsInto(dir, name string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}

// withoutSettings is the environment without what sets how lambdas are built, which the statement says, and with that time.
func withoutSettings(env map[string]string, epoch string) map[string]string {
	clean := map[string]string{}
	for name, value := range env {
		if name != "SOURCE_DATE_EPOCH" && !slices.Contains(config.BuildVariables(), name) {
			clean[name] = value
		}
	}
	if epoch != "" {
		clean["SOURCE_DATE_EPOCH"] = epoch
	}
	return clean
}
