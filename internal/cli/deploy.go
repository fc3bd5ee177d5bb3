package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/awsapi"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/deployable"
	"lpipe/internal/fault"
	"lpipe/internal/foreign"
	"lpipe/internal/report"
)

// deployFlags are the flags of lpipe deploy that override [deploy], by the key they set.
var deployFlags = []struct{ name, key, usage string }{
	{"function-name", "deploy.function", "`NAME` of the function on AWS, also with {{name}} and {{arch}} in it; that of the lambda otherwise"},
	{"alias", "deploy.alias", "`ALIAS` that is moved to the new versions"},
	{"memory", "deploy.memory", "`MB` of memory of the function"},
	{"timeout", "deploy.timeout", "`TIME` that an invocation may take, such as 30s"},
	{"description", "deploy.description", "`TEXT` that describes the function"},
	{"layer", "deploy.layers", "`ARN` of a version of a layer; all that the function is to have, one a flag"},
	{"tag", "deploy.tags", "`NAME=VALUE` of a tag of the function; those that it has stay"},
	{"smoke", "deploy.smoke", "`FILE` with an event that a new version must answer before it becomes live"},
	{"smoke-expect", "deploy.smoke-expect", "`FILE` with JSON that the answer to it must hold"},
	{"s3-bucket", "deploy.s3-bucket", "`BUCKET` to send the zips through"},
	{"s3-key", "deploy.s3-key", "`KEY` of a zip in it, with {{name}} and {{sha256}}"},
	{"steps", "deploy.steps", "`SHARES` that the new versions get one after the other, as in 10%,50%"},
	{"step-time", "deploy.step-time", "`TIME` that each of the steps lasts, and that alarms are looked at after the last"},
	{"alarm", "deploy.alarms", "`NAME` of an alarm of CloudWatch that stops the deployment and rolls it back"},
}

// keyFlags declares flags that set keys of lpipe.toml; the function returns the settings that were given.
func keyFlags(f *pflag.FlagSet, flags []struct{ name, key, usage string }) func() []config.Setting {
	var values []*[]string
	for _, flag := range flags {
		values = append(values, listFlag(f, flag.name, flag.usage))
	}
	return func() (all []config.Setting) {
		for i, flag := range flags {
			if v := *values[i]; len(v) > 0 {
				all = append(all, config.Setting{Key: flag.key, Values: v, Flag: "--" + flag.name})
			}
		}
		return all
	}
}

// awsFlags declares the flags that say which account is meant.
func awsFlags(f *pflag.FlagSet) *awsapi.Options {
	var o awsapi.Options
	f.StringVarP(&o.Profile, "profile", "p", "", "`NAME` of the profile in AWS's configuration")
	f.StringVarP(&o.Region, "region", "r", "", "`REGION` of AWS")
	f.StringVar(&o.Endpoint, "endpoint-url", "", "`URL` of AWS's API, for tests")
	return &o
}

func (a *app) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy [NAME|PATH ...]",
		Short: "Put built lambdas into functions on AWS, all or none",
		Long: `Compare the zips that "lpipe build" made with the functions on AWS, and bring those that differ up to date: upload the code,
publish a version, send it the smoke event if there is one, and move the alias of all functions when all have passed. When one
fails, nothing is moved, or all is moved back. The ARNs of what is live go to standard output.

Code is all that changes, and of the configuration what [deploy] of lpipe.toml or a flag names, and the versions of layers that were
built for the functions, which are published where they differ. Variables, tags and layers of others stay. Without an alias the code is
live as it is uploaded; a failure then uploads that of the version before. lpipe keeps no state: a deployment that was interrupted is
finished by the next one. docs/deploy.md has the details.

Credentials, profiles and regions are those of AWS's own tools. --profile is AWS's profile here; cargo's is of lpipe build.`,
		ValidArgsFunction: a.completeLambdas,
	}
	f := cmd.Flags()
	settings, deploying := settingFlags(f, aboutProject, 0), keyFlags(f, deployFlags)
	out := outFlag(f)
	all := allFlag(f)
	account := awsFlags(f)
	env := listFlag(f, "env", "`NAME=VALUE` of a variable of the function, or NAME with the value in this shell; those that it has stay")
	files := listFlag(f, "env-file", "`FILE` with lines NAME=VALUE for variables of the function; for secrets, which on a command line everybody sees")
	var o deploy.Options
	f.BoolVar(&o.Create, "create", false, "make functions that do not exist, without a URL")
	f.StringVar(&o.Role, "role", "", "`ARN` of the role of functions that are made")
	f.BoolVar(&o.ChangeArch, "change-arch", false, "let functions become ones for another architecture")
	f.BoolVar(&o.ChangeRuntime, "change-runtime", false, "let functions become ones with another runtime")
	f.BoolVar(&o.Reference, "s3-reference", false, "have Lambda read the zips where they are in S3; needs a bucket with versions")
	dry := f.Bool("dry-run", false, "print what would change, and change nothing")
	f.BoolVar(dry, "dry", false, "short for --dry-run")
	f.Lookup("dry").Hidden = true
	asJSON := f.Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		start := time.Now()
		here, projects, err := a.open(args, *all, out, slices.Concat(settings(), deploying()))
		if err != nil {
			return err
		}
		if err := deployable.Check(projects); err != nil {
			return err
		}
		var l fault.List
		variables := map[string]string{}
		for _, pair := range a.variables(*env, *files, &l) {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		run, err := deployable.Options(projects, o)
		l.Add(err)
		l.Add(useless(f, run))
		wanted, changed, err := deployable.Built(cmd.Context(), here, projects, variables, f.Changed)
		l.Add(err)
		if err := l.Err(); err != nil {
			return err
		}
		for _, name := range changed {
			foreign.Fprintf(a.Err, "warning: the sources of %s changed since it was built; lpipe build %s builds it anew\n", name, name)
		}
		aws, err := a.aws(cmd.Context(), projects[0].Config, *account)
		if err != nil {
			return err
		}
		run.Region = aws.Region
		found, err := deploy.Read(cmd.Context(), aws, wanted, run)
		if err != nil {
			return alike(interrupted(cmd.Context(), err))
		}
		plan, err := deploy.Make(wanted, found, run)
		if err != nil {
			return err
		}
		if *dry {
			return a.showPlan(plan, *asJSON)
		}
		a.printPlan(a.Err, plan)
		outcomes, err := deploy.Apply(cmd.Context(), aws, plan, a.logger())
		return a.showOutcomes(outcomes, plan, alike(interrupted(cmd.Context(), err)), time.Since(start), *asJSON)
	}
	return cmd
}

// aws asks AWS as this machine reaches the network. All verbs that ask AWS come by here.
func (a *app) aws(ctx context.Context, cfg *config.Config, o awsapi.Options) (*awsapi.Client, error) {
	if _, err := a.join(cfg); err != nil {
		return nil, err
	}
	o.Say = a.say
	return awsapi.Open(ctx, o)
}

// useless refuses flags that would have no effect.
func useless(f *pflag.FlagSet, o deploy.Options) error {
	var l fault.List
	switch {
	case o.Role != "" && !o.Create:
		l.Addf("--role has no effect without --create", "the role of a function that exists stays", "add --create, or leave --role out")
	case o.Reference && o.Bucket == "":
		l.Addf("--s3-reference has no effect without a bucket", "", "add --s3-bucket BUCKET")
	}
	if f.Changed("s3-key") && o.Bucket == "" {
		l.Addf("--s3-key has no effect without a bucket", "", "add --s3-bucket BUCKET")
	}
	if f.Changed("step-time") && len(o.Steps) == 0 && len(o.Alarms) == 0 {
		l.Addf("--step-time has no effect without steps or alarms", "", "add --steps 10%,50% or --alarm NAME")
	}
	if len(o.Steps) > 0 && o.Alias == "" {
		l.Addf("steps have no effect without an alias", "an alias shares out invocations, and $LATEST does not", "add --alias ALIAS, or alias = \"live\" in [deploy]")
	}
	if !slices.IsSorted(o.Steps) {
		l.Addf("the steps do not rise", fmt.Sprintf("they are %v", o.Steps), "write them as in 10%,50%")
	}
	return l.Err()
}

// interrupted says of a run that was interrupted that it was, beside what could not be put back.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	var l fault.List
	l.Add(&fault.Error{Kind: fault.Cancelled, What: "cancelled", Err: context.Cause(ctx), Fix: "run lpipe deploy again; it goes on from there"})
	for _, p := range fault.Parts(err) {
		if errors.As(p, new(*fault.Error)) {
			l.Add(p)
		}
	}
	return l.Err()
}

// alike leaves of errors that say the same of many functions the first of each kind.
func alike(err error) error {
	const most = 5
	parts := fault.Parts(err)
	if len(parts) <= most {
		return err
	}
	var l fault.List
	for _, p := range parts[:most] {
		l.Add(p)
	}
	l.Add(&fault.Error{Kind: fault.Worst(err), What: report.Count(len(parts)-most, "function", "functions") + " more failed", Fix: "as above"})
	return l.Err()
}

// deployed is a function in the JSON of lpipe deploy.
type deployed struct {
	Name       string          `json:"name"`
	Function   string          `json:"function"`
	ARN        string          `json:"arn,omitempty"` // with the alias, or the version where there is none
	Create     bool            `json:"create,omitempty"`
	CodeSHA256 string          `json:"codeSha256"` // of the zip
	Upload     bool            `json:"upload"`     // the code differs
	Changes    []deploy.Change `json:"changes,omitempty"`
	From       string          `json:"from,omitempty"`    // the version that is live before
	Version    string          `json:"version,omitempty"` // that was published
	State      string          `json:"state,omitempty"`   // of a deployment, as docs/deploy.md lists them
	Error      string          `json:"error,omitempty"`
}

// deployedLayer is a layer in the JSON of lpipe deploy.
type deployedLayer struct {
	Name       string `json:"name"` // on AWS
	Arch       string `json:"arch"`
	CodeSHA256 string `json:"codeSha256"`
	Publish    bool   `json:"publish"`       // the newest version has other content
	ARN        string `json:"arn,omitempty"` // of the version that functions get, once there is one
}

func asDeployedLayers(p deploy.Plan) (all []deployedLayer) {
	for _, l := range p.Layers {
		all = append(all, deployedLayer{l.Name, l.Arch, l.SHA256, l.Publish, l.ARN})
	}
	return all
}

// deployment is the JSON of lpipe deploy, whose shape is versioned like that of the report.
type deployment struct {
	Version   int             `json:"version"`
	DryRun    bool            `json:"dryRun,omitempty"`
	Alias     string          `json:"alias,omitempty"`
	Layers    []deployedLayer `json:"layers,omitempty"`
	Functions []deployed      `json:"functions"`
	Seconds   float64         `json:"seconds"`
	Status    int             `json:"status"`
	Kind      string          `json:"kind,omitempty"`
	Errors    []report.Error  `json:"errors,omitempty"`
}

func asDeployed(i deploy.Item) deployed {
	d := deployed{Name: i.Lambda, Function: i.Function, Create: i.Create, CodeSHA256: i.SHA256, Upload: i.Upload, Changes: i.Changes}
	if i.Live != nil {
		d.From = i.Live.Version
	}
	return d
}

// showPlan prints what a dry run would do.
func (a *app) showPlan(p deploy.Plan, asJSON bool) error {
	if !asJSON {
		a.printPlan(a.Out, p)
		return nil
	}
	shown := deployment{Version: report.Version, DryRun: true, Alias: p.Alias, Layers: asDeployedLayers(p), Functions: []deployed{}}
	for _, i := range p.Items {
		shown.Functions = append(shown.Functions, asDeployed(i))
	}
	return foreign.WriteJSON(a.Out, shown, "")
}

// printPlan writes the table of a plan.
func (a *app) printPlan(w io.Writer, p deploy.Plan) {
	var rows [][]string
	for _, l := range p.Layers {
		words := "as built"
		if l.Publish {
			words = "new version"
		}
		rows = append(rows, []string{l.Label + " (" + l.Arch + ")", "layer " + l.Name, words})
	}
	for _, item := range p.Items {
		rows = append(rows, []string{item.Lambda, item.Function, item.Words(p.Alias)})
	}
	printRows(w, rows)
}

// showOutcomes prints what became of a plan.
func (a *app) showOutcomes(outcomes []deploy.Outcome, plan deploy.Plan, err error, took time.Duration, asJSON bool) error {
	shown := deployment{Version: report.Version, Alias: plan.Alias, Layers: asDeployedLayers(plan), Functions: []deployed{}, Seconds: took.Seconds()}
	counts := map[deploy.State]int{}
	for _, o := range outcomes {
		d := asDeployed(o.Item)
		d.Version, d.State, d.From = o.Version, string(o.State), o.Previous
		if o.Err != nil {
			d.Error = o.Err.Error()
		}
		if o.ARN != "" {
			d.ARN = strings.TrimSuffix(o.ARN+":"+cmp.Or(plan.Alias, o.Version), ":")
		}
		counts[o.State]++
		shown.Functions = append(shown.Functions, d)
	}
	for _, f := range fault.Faults(err) {
		shown.Status, shown.Kind = fault.Worst(err).ExitCode(), fault.Worst(err).String()
		shown.Errors = append(shown.Errors, report.Error{Kind: f.Kind.String(), What: foreign.Text(f.What), Why: foreign.Text(f.Reason()), Fix: foreign.Text(f.Fix)})
	}
	if asJSON {
		a.told = true
		return errors.Join(err, foreign.WriteJSON(a.Out, shown, ""))
	}
	var words []string
	for _, s := range deploy.States {
		if n := counts[s]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, s))
		}
	}
	foreign.Fprintf(a.Err, "%s, %s\n", strings.Join(words, ", "), took.Round(10*time.Millisecond).String())
	for _, d := range shown.Functions {
		if err == nil {
			foreign.Fprintf(a.Out, "%s\n", d.ARN)
		}
	}
	return err
}
