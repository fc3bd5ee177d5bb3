package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lpipe/internal/fault"
)

// Back is a step back of one function: from the version that is live to the one before.
type Back struct {
	Lambda, Function string
	From, To         Function
	Alias            Alias   // as it was read, where one is moved
	Own              []Layer // of which the function has versions
}

// Before finds for each function the version that was live before the one that is: the one that the description of that says,
// or the version that is named. Functions that have none are reported together.
func Before(ctx context.Context, aws AWS, wanted []Wanted, alias, version string) ([]Back, error) {
	all := make([]Back, len(wanted))
	err := each(ctx, len(wanted), func(ctx context.Context, i int) error {
		w := wanted[i]
		b := Back{Lambda: w.Lambda, Function: w.Function, Own: w.Own}
		var err error
		if b.From, err = aws.Function(ctx, w.Function, alias); err != nil {
			return absent(err, w.Function, alias)
		}
		if alias != "" {
			if b.Alias, b.From, err = readAlias(ctx, aws, b.From, alias); err != nil {
				return err
			}
		}
		before := version
		if before == "" {
			if before, err = previous(ctx, aws, b.From, alias); err != nil {
				return err
			}
		}
		if b.To, err = aws.Function(ctx, w.Function, before); err != nil {
			return absent(err, w.Function, before)
		}
		all[i] = b
		return nil
	})
	return all, err
}

// absent is an error with words for what there is not.
func absent(err error, function, qualifier string) error {
	switch {
	case !errors.Is(err, ErrNotFound):
		return err
	case qualifier == "":
		return &fault.Error{Kind: fault.Usage, What: "there is no function " + function, Err: err, Fix: "lpipe deploy --create --role ARN makes it; --region names another region"}
	default:
		return &fault.Error{Kind: fault.Usage, What: fmt.Sprintf("the function %s has no version or alias %s", function, qualifier), Err: err, Fix: "aws lambda list-versions-by-function lists those that there are"}
	}
}

// previous is the number of the version that was live before f.
func previous(ctx context.Context, aws AWS, f Function, alias string) (string, error) {
	description := f.Description
	if f.Version == Latest { // of which the newest version knows more
		versions, err := aws.Versions(ctx, f.Name)
		if err != nil {
			return "", err
		}
		description = ""
		if n := len(versions); n > 0 {
			newest := versions[n-1]
			if newest.CodeSHA256 != f.CodeSHA256 { // a deployment was interrupted, or somebody uploaded code
				return newest.Version, nil
			}
			description = newest.Description
		}
	}
	if before := followed(description); before != "" {
		return before, nil
	}
	of := "version " + f.Version
	if alias == "" {
		of = "what is live"
	}
	return "", &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("nothing says which version of %s was live before", f.Name), Why: of + " was not published by lpipe deploy, or is the first",
		Fix: "--to VERSION names it; aws lambda list-versions-by-function lists those that there are",
	}
}

// Rollback gives every function the version before: its alias, or without one the code of Latest. When one fails, those that
// were moved are moved on again.
func Rollback(ctx context.Context, aws AWS, all []Back, o Options, log Log) error {
	r := &run{aws: aws, plan: Plan{Options: o}, log: log}
	moved := make([]bool, len(all))
	aliases := make([]Alias, len(all))
	err := each(ctx, len(all), func(ctx context.Context, i int) error {
		var err error
		aliases[i], err = r.stepTo(ctx, all[i], all[i].To)
		moved[i] = err == nil
		return err
	})
	if err == nil || o.Alias == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goingBack)
	defer cancel()
	var l fault.List
	l.Add(err)
	for i, b := range all {
		if moved[i] {
			b.Alias = aliases[i]
			_, err := r.stepTo(ctx, b, b.From)
			l.Add(err)
		}
	}
	return l.Err()
}

// stepTo makes a version live, and returns the alias as it is then.
func (r *run) stepTo(ctx context.Context, b Back, to Function) (Alias, error) {
	if r.plan.Alias != "" {
		a, err := r.name(ctx, b.Function, Alias{Version: to.Version}, b.Alias)
		if err == nil {
			r.log(b.Function, fmt.Sprintf("alias %s is version %s", r.plan.Alias, to.Version))
		}
		return a, err
	}
	if err := r.layersBack(ctx, b, to); err != nil || b.From.CodeSHA256 == to.CodeSHA256 {
		return Alias{}, err
	}
	if err := r.revert(ctx, b.Function, b.Lambda, to.Version); err != nil {
		return Alias{}, err
	}
	r.log(b.Function, "has the code of version "+to.Version)
	return Alias{}, nil
}

// layersBack gives Latest the versions of its own layers that a version has. Those of others stay.
func (r *run) layersBack(ctx context.Context, b Back, to Function) error {
	all := slices.Clone(b.From.Layers)
	for _, l := range b.Own {
		is := func(arn string) bool { return isLayer(b.From.ARN, arn, l.Name) }
		k, was := slices.IndexFunc(all, is), slices.IndexFunc(to.Layers, is)
		switch {
		case k >= 0 && was >= 0:
			all[k] = to.Layers[was]
		case k >= 0:
			all = slices.Delete(all, k, k+1)
		case was >= 0:
			all = append(all, to.Layers[was])
		}
	}
	if slices.Equal(all, b.From.Layers) {
		return nil
	}
	wanted := Settings{Layers: append([]string{}, all...)}
	if err := r.again(ctx, b.Function, func() error { return r.aws.UpdateSettings(ctx, b.Function, "", "", wanted) }); err != nil {
		return err
	}
	_, err := r.await(ctx, b.Function, "", func(f Function) bool { return len(wanted.changes(f.Settings)) == 0 })
	if err == nil {
		r.log(b.Function, "has the layers of version "+to.Version)
	}
	return err
}

// Condition is how a lambda that was built compares with what is on AWS.
type Condition struct {
	Lambda, Function string
	Built            string    // CodeSha256 of the zip, "" where there is none
	Latest           *Function // nil where there is no such function
	Live             *Function // what the alias names, nil where there is none or none is asked for
	Alias            Alias     // with what it shares out
}

// Status compares what was built with what AWS has.
func Status(ctx context.Context, aws AWS, wanted []Wanted, alias string) ([]Condition, error) {
	wanted = slices.Clone(wanted)
	for i := range wanted {
		wanted[i].Own = nil // their code alone is compared
	}
	found, err := Read(ctx, aws, wanted, Options{Alias: alias})
	if err != nil {
		return nil, err
	}
	all := make([]Condition, len(wanted))
	err = each(ctx, len(wanted), func(ctx context.Context, i int) error {
		c := Condition{Lambda: wanted[i].Lambda, Function: wanted[i].Function, Built: wanted[i].SHA256, Latest: found[i].Latest, Live: found[i].Live}
		if c.Live != nil {
			var err error
			if c.Alias, err = aws.Alias(ctx, c.Function, alias); err != nil {
				return err
			}
		}
		all[i] = c
		return nil
	})
	return all, err
}

// Words say how the built zip and what is live compare.
func (c Condition) Words() string {
	live := c.Latest
	if c.Live != nil {
		live = c.Live
	}
	switch {
	case c.Latest == nil:
		return "no such function"
	case live.Image:
		return "a container image"
	case c.Alias.Name != "" && c.Alias.Other != "":
		return c.Alias.String()
	case c.Built == "":
		return "not built here"
	case live.CodeSHA256 == c.Built:
		return "as built"
	default:
		return "differs"
	}
}

// Ahead says that $LATEST has other code than what the alias names, as after a deployment that was interrupted or a code
// upload of somebody else.
func (c Condition) Ahead() string {
	switch {
	case c.Latest == nil || c.Live == nil || c.Latest.CodeSHA256 == c.Live.CodeSHA256:
		return ""
	case c.Latest.CodeSHA256 == c.Built:
		return ", $LATEST is as built"
	default:
		return ", $LATEST has other code"
	}
}
