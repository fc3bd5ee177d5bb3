package deploy

import (
	"context"
	"errors"
	"fmt"
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
			return r.name(ctx, o.Function, Alias{Name: r.plan.Alias, Version: o.Previous, Other: o.Version, Weight: float64(percent) / 100})
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
		a := Alias{Name: r.plan.Alias, Version: o.Version}
		var err error
		if o.Live == nil {
			if err = r.aws.CreateAlias(ctx, o.Function, a); errors.Is(err, ErrConflict) { // it is there by now
				err = r.name(ctx, o.Function, a)
			}
		} else {
			err = r.name(ctx, o.Function, a)
		}
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

// name makes an alias what it is to be.
func (r *run) name(ctx context.Context, function string, a Alias) error {
	return r.again(ctx, func() error { return r.aws.UpdateAlias(ctx, function, a) })
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
		if !o.Publish {
			return false, nil
		}
		if o.Live == nil {
			err := r.aws.DeleteAlias(ctx, o.Function, r.plan.Alias)
			return !errors.Is(err, ErrNotFound), ignore(err, ErrNotFound)
		}
		return true, r.name(ctx, o.Function, Alias{Name: r.plan.Alias, Version: o.Previous})
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
	if err != nil {
		return err
	}
	if now.CodeSHA256 != o.Latest.CodeSHA256 {
		if err := r.revert(ctx, o.Function, o.Lambda, o.Previous); err != nil {
			return err
		}
	}
	was := o.Latest.Settings
	was.Tags = nil
	env := now.Env
	for name := range o.Env {
		if value, there := was.Env[name]; there {
			env[name] = value
		} else {
			delete(env, name)
		}
	}
	was.Env = nil
	if len(o.Env) > 0 {
		was.Env = env
	}
	runtime := ""
	if now.Runtime != o.Latest.Runtime {
		runtime = o.Latest.Runtime
	}
	if runtime == "" && len(was.changes(now.Settings)) == 0 && len(o.Env) == 0 {
		return nil
	}
	return r.again(ctx, func() error { return r.aws.UpdateSettings(ctx, o.Function, "", runtime, was) })
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
