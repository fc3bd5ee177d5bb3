package deploy

import (
	"context"
	"slices"
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
