package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// followsPattern is how the description of a version that lpipe published says which one was live before it. Nothing else on
// AWS knows what an alias named before.
var followsPattern = pattern.Of(`^lpipe: follows version (\d+)$`)

// follows is the description of a version after another.
func follows(previous string) string {
	if previous == "" {
		return ""
	}
	return "lpipe: follows version " + previous
}

// followed is the version that a description says was live before, "" where it says none.
func followed(description string) string {
	if m := followsPattern().FindStringSubmatch(description); m != nil {
		return m[1]
	}
	return ""
}

// quiet returns an error if an alarm is on that the deployment is to watch.
func (r *run) quiet(ctx context.Context) error {
	if len(r.plan.Alarms) == 0 {
		return nil
	}
	on, err := r.aws.Alarming(ctx, r.plan.Alarms)
	if err == nil && len(on) > 0 {
		err = &fault.Error{
			Kind: fault.Publish, What: "the alarm " + strings.Join(on, " and ") + " is on", Why: "while it is, nothing new becomes live", Fix: "see to what it is about, and run lpipe deploy again",
		}
	}
	return err
}

// shift moves the alias of all functions to their versions, in steps if there are some.
func (r *run) shift(ctx context.Context, todo []*Outcome) error {
	for _, percent := range r.plan.Steps {
		err := eachOf(ctx, todo, func(ctx context.Context, o *Outcome) error {
			if !o.Publish || o.Live == nil || o.Previous == o.Version {
				return nil
			}
			return r.move(ctx, o, Alias{Version: o.Previous, Other: o.Version, Weight: float64(percent) / 100})
		})
		if err != nil {
			return err
		}
		r.log("", fmt.Sprintf("alias %s gives the new versions %d%%", r.plan.Alias, percent))
		if err := r.watch(ctx); err != nil {
			return err
		}
	}
	err := eachOf(ctx, todo, func(ctx context.Context, o *Outcome) error {
		if !o.Publish {
			o.State = Deployed
			return nil
		}
		err := r.move(ctx, o, Alias{Version: o.Version})
		if err == nil {
			o.State = Deployed
			r.log(o.Function, fmt.Sprintf("alias %s is version %s", r.plan.Alias, o.Version))
		}
		return err
	})
	if err != nil || len(r.plan.Alarms) == 0 {
		return err
	}
	return r.watch(ctx)
}

// move makes the alias of an outcome what it is to be, or makes one where there is none.
func (r *run) move(ctx context.Context, o *Outcome, to Alias) error {
	before := o.tried
	o.tried = to
	var err error
	if o.alias.Version == "" {
		o.alias, err = r.newAlias(ctx, o.Function, to)
	} else {
		o.alias, err = r.name(ctx, o.Function, to, o.alias, before)
	}
	o.taken = errors.Is(err, errTaken)
	return err
}

// errTaken: an alias is what neither this run nor the one before made of it.
var errTaken = errors.New("somebody else moved it")

func (r *run) newAlias(ctx context.Context, function string, to Alias) (made Alias, err error) {
	to.Name = r.plan.Alias
	err = r.again(ctx, function, func() error {
		made, err = r.aws.CreateAlias(ctx, function, to)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		now, readErr := r.aws.Alias(ctx, function, to.Name) // it is there by now
		switch {
		case errors.Is(readErr, ErrNotFound):
			return err
		case readErr == nil && !now.same(to):
			return taken(function, "there was none", now)
		}
		made = now
		return readErr
	})
	return made, err
}

// name makes an alias that is of the revision of was[0] what it is to be, and returns it as it is then. Where it has another
// revision by now, it has to be what one of was says, or it is left as it is.
func (r *run) name(ctx context.Context, function string, to Alias, was ...Alias) (Alias, error) {
	to.Name, to.Revision = r.plan.Alias, was[0].Revision
	is := was[0]
	err := r.again(ctx, function, func() error {
		now, err := r.aws.UpdateAlias(ctx, function, to)
		if err == nil {
			is = now
		}
		if !errors.Is(err, ErrRevision) {
			return err
		}
		now, readErr := r.aws.Alias(ctx, function, to.Name)
		switch {
		case readErr != nil:
			return readErr
		case now.same(to): // by a request whose answer was lost
			is = now
			return nil
		case !slices.ContainsFunc(was, now.same):
			return taken(function, "it was "+was[0].String(), now)
		}
		to.Revision = now.Revision
		return err
	})
	return is, err
}

func taken(function, was string, now Alias) error {
	return &fault.Error{
		Kind: fault.Publish, What: fmt.Sprintf("the alias %s of %s was moved by somebody else at the same time", now.Name, function), Why: was + ", and is " + now.String() + " now",
		Err: errTaken, Fix: "see whether another deployment runs, and by lpipe status what is live; then run the command again, which goes on from there",
	}
}

// betweenLooks is how often alarms are looked at: one of CloudWatch changes at most every ten seconds.
const betweenLooks = 10 * time.Second

// watch waits for the time of a step, and returns an error as soon as an alarm is on.
func (r *run) watch(ctx context.Context) error {
	for end := time.Now().Add(r.plan.StepTime); ; {
		if err := r.quiet(ctx); err != nil {
			return err
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := sleep(ctx, min(left, betweenLooks)); err != nil {
			return err
		}
	}
}

// goingBack is how long a deployment that was interrupted may take to put things back.
const goingBack = 5 * time.Minute

// shiftBack gives all aliases what they named before.
func (r *run) shiftBack(ctx context.Context, todo []*Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goingBack)
	defer cancel()
	return r.undo(ctx, todo, func(ctx context.Context, o *Outcome) (bool, error) {
		if o.tried.Version == "" || o.taken {
			return false, nil
		}
		if o.Live == nil {
			now, err := r.aws.Alias(ctx, o.Function, r.plan.Alias)
			if err == nil && !now.same(o.tried) {
				return false, taken(o.Function, "it was "+o.tried.String(), now)
			}
			if err == nil || errors.Is(err, ErrNotFound) { // which may be what was a moment ago
				err = r.aws.DeleteAlias(ctx, o.Function, r.plan.Alias)
			}
			return !errors.Is(err, ErrNotFound), ignore(err, ErrNotFound)
		}
		_, err := r.name(ctx, o.Function, Alias{Version: o.Previous}, o.alias, o.tried)
		return true, err
	})
}

// restore gives Latest what was live before, where that is what everybody calls.
func (r *run) restore(ctx context.Context, todo []*Outcome) error {
	if r.plan.Alias != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goingBack)
	defer cancel()
	return r.undo(ctx, todo, func(ctx context.Context, o *Outcome) (bool, error) {
		if o.Latest == nil || o.State == Untouched || !o.Upload && len(o.Changes) == 0 {
			return false, nil
		}
		return true, r.putBack(ctx, o)
	})
}

// putBack gives one function the code and the named settings that it had.
func (r *run) putBack(ctx context.Context, o *Outcome) error {
	now, err := r.await(ctx, o.Function, "", func(Function) bool { return true })
	if err != nil && now.Update != "Failed" { // which may be why it is put back
		return err
	}
	if now.CodeSHA256 != o.Latest.CodeSHA256 {
		if err := r.revert(ctx, o.Function, o.Lambda, o.Previous); err != nil {
			return err
		}
	}
	was := o.namedBefore()
	if len(o.Env) > 0 {
		env := maps.Clone(now.Env)
		for name := range o.Env {
			if value, there := o.Latest.Env[name]; there {
				env[name] = value
			} else {
				delete(env, name)
			}
		}
		was.Env = env
	}
	runtime := ""
	if now.Runtime != o.Latest.Runtime {
		runtime = o.Latest.Runtime
	}
	if runtime == "" && len(was.changes(now.Settings)) == 0 && len(o.Env) == 0 && (!was.Undescribed || now.Description == "") {
		return nil
	}
	return r.again(ctx, o.Function, func() error { return r.aws.UpdateSettings(ctx, o.Function, "", runtime, was) })
}

// namedBefore is what a function had of the settings that are named, without variables and tags.
func (i Item) namedBefore() (was Settings) {
	had := i.Latest.Settings
	if i.Memory != 0 {
		was.Memory = had.Memory
	}
	if i.Timeout != 0 {
		was.Timeout = had.Timeout
	}
	if i.Description != "" {
		was.Description, was.Undescribed = had.Description, had.Description == ""
	}
	if i.Settings.Layers != nil {
		was.Layers = append([]string{}, had.Layers...) // none, and not as they are, where there were none
	}
	return was
}

// revert gives Latest the code of a version, which AWS has.
func (r *run) revert(ctx context.Context, function, lambda, version string) error {
	old, err := r.aws.Function(ctx, function, version)
	if err != nil {
		return err
	}
	zip, err := r.aws.Download(ctx, old.Location)
	if err != nil {
		return err
	}
	if Sum(zip) != old.CodeSHA256 {
		return &fault.Error{
			Kind: fault.Publish, What: fmt.Sprintf("the code of version %s of %s did not arrive as it is", version, function), Why: "its SHA-256 is another",
			Fix: "lpipe rollback " + lambda + " tries it again",
		}
	}
	code, err := r.stored(ctx, lambda, zip)
	if err != nil {
		return err
	}
	return r.replace(ctx, function, old.Arch, code, old.CodeSHA256)
}

// undo puts all outcomes back that do says it did, whichever fail.
func (r *run) undo(ctx context.Context, todo []*Outcome, do func(context.Context, *Outcome) (bool, error)) error {
	var l fault.List
	errs := make([]error, len(todo))
	_ = each(ctx, len(todo), func(ctx context.Context, i int) error {
		o := todo[i]
		did, err := do(ctx, o)
		switch {
		case err != nil:
			o.State = Stuck
			errs[i] = &fault.Error{
				Kind: fault.Publish, What: o.Function + " could not be put back", Err: err, Fix: "lpipe rollback " + o.Lambda + ", when the cause is gone",
			}
		case did:
			o.State = RolledBack
			r.log(o.Function, "rolled back")
		}
		return nil // the others go on
	})
	for _, err := range errs {
		l.Add(err)
	}
	return l.Err()
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
