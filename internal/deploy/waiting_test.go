package deploy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowAWS is one in which an update takes a while.
type slowAWS struct {
	AWS
	done time.Time
}

func (a slowAWS) Function(context.Context, string, string) (Function, error) {
	if time.Now().Before(a.done) {
		return Function{State: "Active", Update: "InProgress"}, nil
	}
	return Function{State: "Active", Update: "Successful"}, nil
}

func (a slowAWS) UpdateCode(context.Context, string, string, Code) error {
	if time.Now().Before(a.done) {
		return ErrConflict
	}
	return nil
}

// TestALongWaitIsSaidOnce: who waits for AWS for long is told why, and not again and again.
func TestALongWaitIsSaidOnce(t *testing.T) {
	const updated, refused = "f: waiting for AWS: the function is being updated", "f: waiting for AWS: it refuses the change until another one is done"
	for takes, want := range map[time.Duration][]string{5 * time.Second: nil, 3 * time.Minute: {updated, refused}} {
		synctest.Test(t, func(t *testing.T) {
			var said []string
			r := &run{aws: slowAWS{done: time.Now().Add(takes)}, log: func(function, what string) { said = append(said, function+": "+what) }}
			if _, err := r.await(t.Context(), "f", "", func(Function) bool { return true }); err != nil {
				t.Error(err)
			}
			r.aws = slowAWS{done: time.Now().Add(takes)}
			if err := r.again(t.Context(), "f", func() error { return r.aws.UpdateCode(t.Context(), "f", "", Code{}) }); err != nil {
				t.Error(err)
			}
			if !slices.Equal(said, want) {
				t.Errorf("after %s: %q", takes, said)
			}
		})
	}
}

// toldAWS is one that tells of a function what a test says, one after the other and the last for ever.
type toldAWS struct {
	AWS
	tells []Function
}

func (a *toldAWS) Function(context.Context, string, string) (Function, error) {
	f := a.tells[0]
	if len(a.tells) > 1 {
		a.tells = a.tells[1:]
	}
	return f, nil
}

// TestWhatIsWaitedFor: an update that failed before the deployment is no failure of it, one that somebody else made meanwhile ends the wait.
func TestWhatIsWaitedFor(t *testing.T) {
	before := Function{Name: "f", State: "Active", Update: "Failed", Revision: "1", CodeSHA256: "old", Reason: "no network"}
	going := Function{Name: "f", State: "Active", Update: "InProgress", Revision: "2", CodeSHA256: "new"}
	done := Function{Name: "f", State: "Active", Update: "Successful", Revision: "2", CodeSHA256: "new"}
	failed := Function{Name: "f", State: "Active", Update: "Failed", Revision: "2", CodeSHA256: "old", Reason: "no network"}
	other := Function{Name: "f", State: "Active", Update: "Successful", Revision: "3", CodeSHA256: "of somebody"}
	for name, c := range map[string]struct {
		tells []Function
		want  string // in the error, "" for none
		most  time.Duration
	}{
		"an update that failed before":  {[]Function{before, before, going, done}, "", 10 * time.Second},
		"one that fails now":            {[]Function{before, going, failed}, "AWS could not update f: no network", 10 * time.Second},
		"what was a moment ago":         {[]Function{other, other, other, done}, "", 10 * time.Second},
		"an update of somebody else":    {[]Function{going, other}, "the function f is not what lpipe made of it", 2 * time.Minute},
		"one of somebody, that goes on": {[]Function{other, going, other, going, going, done}, "", 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			r := &run{aws: &toldAWS{tells: c.tells}, log: func(string, string) {}, all: []*Outcome{{Item: Item{Wanted: Wanted{Function: "f"}, Found: Found{Latest: &before}}}}}
			_, err := r.await(t.Context(), "f", "", func(f Function) bool { return f.CodeSHA256 == "new" })
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); took > c.most {
				t.Errorf("%s: it takes %s", name, took)
			}
		})
	}
}

func TestStatusInWords(t *testing.T) {
	for want, c := range map[string]Condition{
		"no such function":  {Built: "1"},
		"a container image": {Built: "1", Latest: &Function{Image: true, CodeSHA256: "2"}},
		"not built here":    {Latest: &Function{CodeSHA256: "2"}},
		"as built":          {Built: "1", Latest: &Function{CodeSHA256: "2"}, Live: &Function{CodeSHA256: "1"}},
		"differs":           {Built: "1", Latest: &Function{CodeSHA256: "1"}, Live: &Function{CodeSHA256: "2"}},
	} {
		if got := c.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCodeAheadOfAnAlias(t *testing.T) {
	for want, c := range map[string]Condition{
		"":                         {Built: "1", Latest: &Function{CodeSHA256: "1"}, Live: &Function{CodeSHA256: "1"}},
		", $LATEST is as built":    {Built: "1", Latest: &Function{CodeSHA256: "1"}, Live: &Function{CodeSHA256: "2"}},
		", $LATEST has other code": {Built: "1", Latest: &Function{CodeSHA256: "2"}, Live: &Function{CodeSHA256: "1"}},
	} {
		if got := c.Ahead(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := (Condition{Built: "1", Latest: &Function{CodeSHA256: "2"}}).Ahead(); got != "" {
		t.Errorf("without an alias %q", got)
	}
}
