package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lpipe/internal/fault"
)

// Outcome is what became of an item.
type Outcome struct {
	Item
	ARN      string // of the function, "" where it is not there
	Version  string // that was published, or found, "" where it did not come to that
	Previous string // the version that was live before, "" where none was
	State    State
	Err      error // why not

	alias Alias // as it was read, and as it is once it was moved
	tried Alias // what it was to be at last: whether that was done is not known where AWS's answer was lost
	taken bool  // somebody else moved the alias, and nothing is done with it any more
}

// State is where an item ended.
type State string

// The states of an item, in the order in which it goes through them.
const (
	AsBuilt    State = "as built"    // nothing had to be changed
	Untouched  State = "untouched"   // it had not begun when another one failed
	Uploaded   State = "uploaded"    // Latest is changed, and no version is published
	Published  State = "published"   // there is a version, which nothing names
	Deployed   State = "deployed"    // the alias names it, or without one Latest is it
	RolledBack State = "rolled back" // what was changed and live was changed back
	Stuck      State = "not rolled back"
)

// States are all of them.
var States = []State{Deployed, AsBuilt, Published, Uploaded, Untouched, RolledBack, Stuck}

// Log is told what happens to a function.
type Log func(function, what string)

// run is one deployment.
type run struct {
	aws    AWS
	plan   Plan
	log    Log
	layers map[layerKey]string // the versions of built layers, with those that the run published
	all    []*Outcome
}

// Apply makes what a plan says. Every function that is not as built has an outcome; where one fails, what was moved is moved
// back, and the error says which failed and why.
func Apply(ctx context.Context, aws AWS, p Plan, log Log) ([]Outcome, error) {
	r := &run{aws: aws, plan: p, log: log, layers: maps.Clone(p.layerARNs)}
	for _, i := range p.Items {
		o := &Outcome{Item: i, State: Untouched, alias: i.Alias}
		if i.Nothing() {
			o.State = AsBuilt
		}
		if i.Latest != nil {
			o.ARN = i.Latest.ARN
		}
		if i.Live != nil {
			o.Previous = i.Live.Version
		}
		r.all = append(r.all, o)
	}
	err := r.deploy(ctx)
	outcomes := make([]Outcome, len(r.all))
	for i, o := range r.all {
		outcomes[i] = *o
	}
	return outcomes, err
}

func (r *run) deploy(ctx context.Context) error {
	var todo []*Outcome
	for _, o := range r.all {
		if !o.Nothing() {
			todo = append(todo, o)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	if err := r.publishLayers(ctx); err != nil {
		return err
	}
	stages := []func(context.Context, *Outcome) error{r.change, r.publish, r.smoke}
	for _, stage := range stages {
		if err := eachOf(ctx, todo, stage); err != nil {
			return errors.Join(err, r.restore(ctx, todo))
		}
	}
	if r.plan.Alias == "" {
		for _, o := range todo {
			o.State = Deployed
		}
		return nil
	}
	if err := r.shift(ctx, todo); err != nil {
		return errors.Join(err, r.shiftBack(ctx, todo))
	}
	return nil
}

// change makes Latest what is wanted.
func (r *run) change(ctx context.Context, o *Outcome) error {
	if o.Create {
		return r.create(ctx, o)
	}
	if r.plan.Alias == "" && (o.Upload || len(o.Changes) > 0) {
		// Without an alias Latest is live. What it is now stays as a version, or nothing could be put back.
		old, err := r.version(ctx, o, *o.Latest, "")
		if err != nil {
			return err
		}
		o.Previous = old.Version
	}
	if err := r.pin(ctx, o); err != nil {
		return err
	}
	if err := r.configure(ctx, o); err != nil {
		return err
	}
	if o.Upload {
		if err := r.upload(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// pin has an alias that names Latest name a version of it, as it is: else what is uploaded would be live, and nothing could be put back.
func (r *run) pin(ctx context.Context, o *Outcome) error {
	if r.plan.Alias == "" || !o.Publish || o.alias.Version != Latest {
		return nil
	}
	old, err := r.version(ctx, o, *o.Latest, "")
	if err != nil {
		return err
	}
	if o.alias, err = r.name(ctx, o.Function, Alias{Version: old.Version}, o.alias); err != nil {
		return err
	}
	o.Previous = old.Version
	r.log(o.Function, fmt.Sprintf("alias %s is version %s, which is what $LATEST was", r.plan.Alias, old.Version))
	return nil
}

// configure sets what differs, beside the code.
func (r *run) configure(ctx context.Context, o *Outcome) error {
	runtime, tags, other := "", map[string]string{}, false
	for _, c := range o.Changes {
		switch name, isTag := strings.CutPrefix(c.Name, "tags."); {
		case isTag:
			tags[name] = o.Tags[name]
		case c.Name == "runtime":
			runtime, other = c.To, true
		case c.Name != "arch":
			other = true
		}
	}
	if len(tags) > 0 {
		if err := r.aws.Tag(ctx, o.Latest.ARN, tags); err != nil {
			return err
		}
	}
	if !other {
		return nil
	}
	o.State = Uploaded
	err := r.again(ctx, o.Function, func() error {
		now, err := r.aws.Function(ctx, o.Function, "")
		if err != nil {
			return err
		}
		if len(o.Own) > 0 {
			o.Settings.Layers = o.withOwn(now.Layers, r.layers)
		}
		s := o.Settings
		s.Tags = nil
		s.Env = merged(now.Env, o.Env)
		return r.aws.UpdateSettings(ctx, o.Function, now.Revision, runtime, s)
	})
	if err != nil {
		return err
	}
	_, err = r.await(ctx, o.Function, "", func(f Function) bool {
		s := o.Settings
		s.Tags = nil
		return len(s.changes(f.Settings)) == 0 && (runtime == "" || f.Runtime == runtime)
	})
	if err == nil {
		r.log(o.Function, "configuration changed")
	}
	return err
}

// merged are variables with others laid over them, nil where there are no others: then none is to be set.
func merged(there, wanted map[string]string) map[string]string {
	if len(wanted) == 0 {
		return nil
	}
	all := maps.Clone(there)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, wanted)
	return all
}

// code is the zip of an item, in S3 if that is asked for.
func (r *run) code(ctx context.Context, o *Outcome) (Code, error) {
	return r.zipped(ctx, o.Lambda, o.Lambda, o.SHA256, o.Zip)
}

// zipped is a zip that was built, in S3 if that is asked for. of is what messages call it, and name what its key has.
func (r *run) zipped(ctx context.Context, of, name, sha256 string, read func() ([]byte, error)) (Code, error) {
	zip, err := read()
	if err != nil {
		return Code{}, err
	}
	if Sum(zip) != sha256 {
		return Code{}, &fault.Error{
			Kind: fault.Publish, What: "the zip of " + of + " changed while it was deployed", Why: "another build wrote it", Fix: "run lpipe deploy again, when no build runs",
		}
	}
	return r.stored(ctx, name, zip)
}

// stored is a zip as Lambda is given it.
func (r *run) stored(ctx context.Context, lambda string, zip []byte) (Code, error) {
	if r.plan.Bucket == "" {
		return Code{Zip: zip}, nil
	}
	sum := sha256.Sum256(zip)
	key := strings.NewReplacer("{{name}}", lambda, "{{sha256}}", fmt.Sprintf("%x", sum)).Replace(r.plan.Key)
	version, err := r.aws.Put(ctx, r.plan.Bucket, key, zip)
	if err != nil {
		return Code{}, err
	}
	if r.plan.Reference && version == "" {
		return Code{}, &fault.Error{
			Kind: fault.Usage, What: "Lambda cannot refer to objects of the bucket " + r.plan.Bucket, Why: "it keeps no versions of them",
			Fix: "turn versioning on for it, or leave --s3-reference out",
		}
	}
	return Code{Bucket: r.plan.Bucket, Key: key, Version: version, Reference: r.plan.Reference}, nil
}

// Sum is the CodeSha256 of a zip.
func Sum(zip []byte) string {
	sum := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (r *run) upload(ctx context.Context, o *Outcome) error {
	code, err := r.code(ctx, o)
	if err != nil {
		return err
	}
	o.State = Uploaded
	arch := ""
	if o.Latest.Arch != o.Arch {
		arch = o.Arch
	}
	if err := r.replace(ctx, o.Function, arch, code, o.SHA256); err != nil {
		return err
	}
	r.log(o.Function, fmt.Sprintf("code uploaded, %.1f MiB", float64(o.Size)/(1<<20)))
	return nil
}

// replace gives Latest other code, and waits for it.
func (r *run) replace(ctx context.Context, function, arch string, code Code, sum string) error {
	err := r.again(ctx, function, func() error { return r.aws.UpdateCode(ctx, function, arch, code) })
	if err != nil {
		return err
	}
	_, err = r.await(ctx, function, "", func(f Function) bool { return f.CodeSHA256 == sum })
	return err
}

func (r *run) create(ctx context.Context, o *Outcome) error {
	code, err := r.code(ctx, o)
	if err != nil {
		return err
	}
	o.State = Uploaded
	err = r.within(ctx, o.Function, propagation, func() error {
		err := r.aws.Create(ctx, o.Function, New{Role: r.plan.Role, Runtime: o.Runtime, Arch: o.Arch, Code: code, Settings: o.Settings})
		if !errors.Is(err, ErrConflict) {
			return err
		}
		there, readErr := r.aws.Function(ctx, o.Function, "")
		switch {
		case readErr != nil: // it is the role that is not there yet
			return err
		case there.CodeSHA256 == o.SHA256: // by a request whose answer was lost
			return nil
		}
		return &fault.Error{
			Kind: fault.Publish, What: "the function " + o.Function + " was made by somebody else at the same time", Why: "there was none, and its code is other code now",
			Fix: "see whose it is; lpipe deploy puts the code into it",
		}
	})
	if err != nil {
		if _, readErr := r.aws.Function(ctx, o.Function, ""); errors.Is(readErr, ErrNotFound) {
			o.State = Untouched
		}
		return err
	}
	made, err := r.await(ctx, o.Function, "", func(f Function) bool { return f.CodeSHA256 == o.SHA256 })
	if err == nil {
		o.ARN = made.ARN
		r.log(o.Function, "function created")
	}
	return err
}

// publish makes sure that there is a version of what is wanted.
func (r *run) publish(ctx context.Context, o *Outcome) error {
	if !o.Publish {
		return nil
	}
	latest, err := r.await(ctx, o.Function, "", func(f Function) bool { return f.CodeSHA256 == o.SHA256 })
	if err != nil {
		return err
	}
	published, err := r.version(ctx, o, latest, follows(o.Previous))
	if err != nil {
		return err
	}
	o.Version, o.State = published.Version, Published
	return nil
}

// version is the newest version if it is what latest is, and else one that is published now.
func (r *run) version(ctx context.Context, o *Outcome, latest Function, description string) (Function, error) {
	if description == "" || !o.Upload { // code that was uploaded now is that of no version
		all, err := r.aws.Versions(ctx, o.Function)
		if err != nil {
			return Function{}, err
		}
		if len(all) > 0 {
			if newest := all[len(all)-1]; sameVersion(newest, latest) {
				return newest, nil
			}
		}
	}
	var f Function
	err := r.within(ctx, o.Function, otherCode, func() error {
		var err error
		f, err = r.aws.Publish(ctx, o.Function, latest.CodeSHA256, description)
		return err
	})
	if err != nil {
		return f, err
	}
	published, err := r.await(ctx, o.Function, f.Version, func(Function) bool { return true })
	if err == nil {
		r.log(o.Function, "version "+f.Version+" published")
	}
	return published, err
}

// sameVersion reports that to publish latest would give that version again. A version has a description of its own.
func sameVersion(version, latest Function) bool {
	return version.CodeSHA256 == latest.CodeSHA256 && version.Arch == latest.Arch && version.Runtime == latest.Runtime &&
		version.Memory == latest.Memory && version.Timeout == latest.Timeout &&
		slices.Equal(version.Layers, latest.Layers) && maps.Equal(version.Env, latest.Env)
}

// Waiting. An update takes seconds, and minutes for a function in a VPC.
const (
	firstLook = 100 * time.Millisecond
	longest   = 3 * time.Second
	patience  = 10 * time.Minute
	otherCode = time.Minute // in which AWS takes what is published for other code than it is

	propagation = time.Minute // in which AWS knows a role that was made

	unannounced = 10 * time.Second // of waiting, before it is said
)

// waiting says once what is waited for, when that takes long.
func (r *run) waiting(function string) func(what string) {
	since, said := time.Now(), false
	return func(what string) {
		if !said && time.Since(since) >= unannounced {
			said = true
			r.log(function, "waiting for AWS: "+what)
		}
	}
}

// again does what AWS may refuse because an update of the function is going on.
func (r *run) again(ctx context.Context, function string, do func() error) error {
	return r.within(ctx, function, patience, do)
}

func (r *run) within(ctx context.Context, function string, limit time.Duration, do func() error) error {
	wait, waiting := firstLook, r.waiting(function)
	for end := time.Now().Add(limit); ; wait = min(2*wait, longest) {
		err := do()
		if !errors.Is(err, ErrConflict) || time.Now().After(end) {
			return err
		}
		waiting("it refuses the change until another one is done")
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// await waits until no update of a function is going on, and it is as ok says. What AWS answers may be older than what it
// said before, so a function that is not as it should be is looked at again: for a while, since somebody else may have made it so.
func (r *run) await(ctx context.Context, name, qualifier string, ok func(Function) bool) (Function, error) {
	wait, waiting := firstLook, r.waiting(name)
	var other time.Time // since when no update is going on, and it is not as ok says
	for end := time.Now().Add(patience); ; wait = min(2*wait, longest) {
		f, err := r.aws.Function(ctx, name, qualifier)
		settled := err == nil && f.State != "Pending" && f.Update != "InProgress"
		failed := err == nil && (f.State == "Failed" || f.Update == "Failed")
		switch {
		case errors.Is(err, ErrNotFound): // not yet
		case err != nil:
			return f, err
		case failed && !r.failedBefore(f):
			return f, &fault.Error{Kind: fault.Publish, What: "AWS could not update " + name, Why: f.Reason, Fix: "correct that, and run lpipe deploy again"}
		case settled && ok(f):
			return f, nil
		}
		now := time.Now()
		switch {
		case !settled:
			other = time.Time{}
		case other.IsZero():
			other = now
		case now.Sub(other) > otherCode:
			return f, &fault.Error{
				Kind: fault.Publish, What: "the function " + name + " is not what lpipe made of it", Why: "its last update is done, and is that of somebody else",
				Fix: "see whether another deployment runs, and run lpipe deploy again",
			}
		}
		if now.After(end) {
			return f, &fault.Error{
				Kind: fault.Publish, What: fmt.Sprintf("AWS has not finished to update %s after %s", name, patience),
				Why: fmt.Sprintf("it is %s, and its last update is %s", f.State, f.Update), Fix: "run lpipe deploy again; it goes on from there",
			}
		}
		switch {
		case f.State == "Pending":
			waiting("the function is being set up")
		case f.Update == "InProgress":
			waiting("the function is being updated")
		default:
			waiting("it does not tell of the change yet")
		}
		if err := sleep(ctx, wait); err != nil {
			return f, err
		}
	}
}

// failedBefore reports that an update that failed is one from before the deployment.
func (r *run) failedBefore(f Function) bool {
	return slices.ContainsFunc(r.all, func(o *Outcome) bool {
		return o.Latest != nil && o.Function == f.Name && o.Latest.Update == f.Update && o.Latest.Revision == f.Revision && f.Revision != ""
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
