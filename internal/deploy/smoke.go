package deploy

import (
	"context"
	"fmt"
	"time"

	"lpipe/internal/fault"
	"lpipe/internal/subset"
)

// Smoke is an event that a new version must answer before it becomes live.
type Smoke struct {
	Event  []byte
	Expect []byte // JSON that the answer must hold, nil for any answer
}

// smoke sends a new version its event.
func (r *run) smoke(ctx context.Context, o *Outcome) error {
	if o.Smoke == nil || o.Version == "" {
		return nil
	}
	start := time.Now()
	answer, err := r.aws.Invoke(ctx, o.Function, o.Version, Event{Payload: o.Smoke.Event})
	if err != nil {
		return err
	}
	if why := o.Smoke.refuse(answer); why != "" {
		return &fault.Error{
			Kind: fault.Publish, What: fmt.Sprintf("version %s of %s failed its smoke event", o.Version, o.Function), Why: why, Output: answer.Log,
			Fix: "lpipe logs " + o.Lambda + " has its log; correct the lambda or the event, and deploy again",
		}
	}
	r.log(o.Function, fmt.Sprintf("version %s passed its smoke event in %.1fs", o.Version, time.Since(start).Seconds()))
	return nil
}

// refuse says what is wrong with an answer, "" if nothing is.
func (s Smoke) refuse(a Answer) string {
	if a.FunctionError != "" {
		return fmt.Sprintf("it answered with the error %s: %s", a.FunctionError, short(a.Payload))
	}
	if s.Expect == nil {
		return ""
	}
	want, err := subset.Parse(s.Expect)
	if err != nil {
		return "what is expected is not JSON: " + err.Error()
	}
	got, err := subset.Parse(a.Payload)
	if err != nil {
		return "its answer is not JSON: " + short(a.Payload)
	}
	if why := got.Lacks(want); why != "" {
		return why + ", in " + short(a.Payload)
	}
	return ""
}

// short is the beginning of what a function said.
func short(payload []byte) string {
	const most = 300
	if len(payload) > most {
		return string(payload[:most]) + "..."
	}
	return string(payload)
}
