package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lpipe/internal/fault"
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
	answer, err := r.aws.Invoke(ctx, o.Function, o.Version, o.Smoke.Event)
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
	var want, got any
	if err := decode(s.Expect, &want); err != nil {
		return "what is expected is not JSON: " + err.Error()
	}
	if err := decode(a.Payload, &got); err != nil {
		return "its answer is not JSON: " + short(a.Payload)
	}
	if at := lacks(want, got, ""); at != "" {
		return at + ", in " + short(a.Payload)
	}
	return ""
}

func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// lacks says where got does not hold want: all members of an object, and lists and other values as they are.
func lacks(want, got any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		there, ok := got.(map[string]any)
		if !ok {
			return name(at) + " is no object"
		}
		for key, value := range want {
			member, ok := there[key]
			if !ok {
				return name(at+"."+key) + " is missing"
			}
			if why := lacks(value, member, at+"."+key); why != "" {
				return why
			}
		}
	case []any:
		there, ok := got.([]any)
		if !ok || len(there) != len(want) {
			return fmt.Sprintf("%s is no list of %d", name(at), len(want))
		}
		for i := range want {
			if why := lacks(want[i], there[i], fmt.Sprintf("%s[%d]", at, i)); why != "" {
				return why
			}
		}
	default:
		if want != got {
			return fmt.Sprintf("%s is %s and not %s", name(at), asJSON(got), asJSON(want))
		}
	}
	return ""
}

func asJSON(v any) string {
	text, _ := json.Marshal(v) // it was read from JSON
	return short(text)
}

func name(at string) string {
	if at == "" {
		return "the answer"
	}
	return strings.TrimPrefix(at, ".")
}

// short is the beginning of what a function said.
func short(payload []byte) string {
	const most = 300
	if len(payload) > most {
		return string(payload[:most]) + "..."
	}
	return string(payload)
}
