package emulator

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// platformEvent is something that Lambda has to say of an execution environment. As JSON it is the record of an event:
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
type platformEvent interface {
	kind() string
	text(now time.Time) string // the lines of the text format, "" for none
	logged() bool              // whether the JSON format has it, at the level INFO
}

// The phases in which an execution environment is initialized: by itself, or within an invocation when that failed.
const (
	phaseInit   = "init"
	phaseInvoke = "invoke"
)

// timeFormat is how Lambda writes times, which are UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// How something ended.
const (
	statusSuccess = "success"
	statusError   = "error"
	statusTimeout = "timeout"
)

// milliseconds is a duration as Lambda writes it.
type milliseconds time.Duration

func (m milliseconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(m)/float64(time.Millisecond)), nil
}

func (m milliseconds) String() string {
	return fmt.Sprintf("%.2f ms", float64(m)/float64(time.Millisecond))
}

// outcome is the status of what ended, and the kind of error.
type outcome struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType,omitempty"`
}

func (o outcome) text() string {
	switch {
	case o.Status == statusSuccess:
		return ""
	case o.ErrorType == "" || o.Status == statusTimeout:
		return "\tStatus: " + o.Status
	}
	return "\tStatus: " + o.Status + "\tError Type: " + o.ErrorType
}

type initStart struct {
	Type            string `json:"initializationType"`
	Phase           string `json:"phase"`
	RuntimeVersion  string `json:"runtimeVersion"`
	FunctionName    string `json:"functionName"`
	FunctionVersion string `json:"functionVersion"`
}

func (initStart) kind() string { return "platform.initStart" }
func (e initStart) text(now time.Time) string {
	return "INIT_START Runtime Version: " + e.RuntimeVersion + "\n"
}
func (initStart) logged() bool { return true }

type initRuntimeDone struct {
	Type  string `json:"initializationType"`
	Phase string `json:"phase"`
	outcome
}

func (initRuntimeDone) kind() string          { return "platform.initRuntimeDone" }
func (initRuntimeDone) text(time.Time) string { return "" }
func (e initRuntimeDone) logged() bool        { return e.Status != statusSuccess }

type initReport struct {
	Type  string `json:"initializationType"`
	Phase string `json:"phase"`
	outcome
	Metrics struct {
		Duration milliseconds `json:"durationMs"`
	} `json:"metrics"`
}

func (initReport) kind() string { return "platform.initReport" }
func (e initReport) text(time.Time) string {
	if e.Status == statusSuccess {
		return "" // the report of the first invocation has it
	}
	return fmt.Sprintf("INIT_REPORT Init Duration: %s\tPhase: %s%s\n", e.Metrics.Duration, e.Phase, e.outcome.text())
}
func (e initReport) logged() bool { return e.Status != statusSuccess }

type tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// traced is told of invocations that X-Ray is asked to sample.
func traced(id string) *tracing {
	if !strings.Contains(id, "Sampled=1") {
		return nil
	}
	return &tracing{"X-Amzn-Trace-Id", id}
}

type invokeStart struct {
	RequestID string   `json:"requestId"`
	Version   string   `json:"version"`
	Tracing   *tracing `json:"tracing,omitempty"`
}

func (invokeStart) kind() string { return "platform.start" }
func (e invokeStart) text(time.Time) string {
	return fmt.Sprintf("START RequestId: %s Version: %s\n", e.RequestID, e.Version)
}
func (invokeStart) logged() bool { return true }

type runtimeDone struct {
	RequestID string `json:"requestId"`
	outcome
	Metrics struct {
		Duration milliseconds `json:"durationMs"`
		Produced int          `json:"producedBytes"`
	} `json:"metrics"`
	Spans   []span   `json:"spans,omitempty"`
	Tracing *tracing `json:"tracing,omitempty"`
}

type span struct {
	Name     string       `json:"name"`
	Start    string       `json:"start"`
	Duration milliseconds `json:"durationMs"`
}

func newSpan(name string, from, to time.Time) span {
	return span{name, from.UTC().Format(timeFormat), milliseconds(to.Sub(from))}
}

func (runtimeDone) kind() string          { return "platform.runtimeDone" }
func (runtimeDone) text(time.Time) string { return "" }
func (e runtimeDone) logged() bool        { return e.Status != statusSuccess }

type invokeReport struct {
	RequestID string `json:"requestId"`
	outcome
	Metrics struct {
		Duration  milliseconds `json:"durationMs"`
		Billed    int64        `json:"billedDurationMs"`
		Memory    int          `json:"memorySizeMB"`
		MaxMemory int          `json:"maxMemoryUsedMB"`
		Init      milliseconds `json:"initDurationMs,omitempty"`
	} `json:"metrics"`
	Tracing *tracing `json:"tracing,omitempty"`
	message string   // of a failure
}

func (invokeReport) kind() string { return "platform.report" }
func (e invokeReport) text(now time.Time) string {
	m := e.Metrics
	var failure, init string
	switch e.Status {
	case statusSuccess:
	case statusTimeout:
		failure = fmt.Sprintf("%s %s %s\n\n", now.Format(timeFormat), e.RequestID, e.message)
	default:
		failure = fmt.Sprintf("RequestId: %s Error: %s\n%s\n", e.RequestID, e.message, e.ErrorType)
	}
	if m.Init > 0 {
		init = "\tInit Duration: " + m.Init.String()
	}
	return failure + fmt.Sprintf("END RequestId: %s\nREPORT RequestId: %s\tDuration: %s\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB%s%s\n",
		e.RequestID, e.RequestID, m.Duration, m.Billed, m.Memory, m.MaxMemory, init, e.outcome.text())
}
func (invokeReport) logged() bool { return true }

// billed is the time that Lambda bills, which since 2025-08 includes that of the initialization:
// https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
func billed(d, init time.Duration) int64 {
	return int64(math.Ceil(float64(d+init) / float64(time.Millisecond)))
}

type extensionState struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Events    []string `json:"events"`
	ErrorType string   `json:"errorType,omitempty"`
}

func (extensionState) kind() string { return "platform.extension" }
func (e extensionState) text(time.Time) string {
	var why string
	if e.ErrorType != "" {
		why = "\tError Type: " + e.ErrorType
	}
	return fmt.Sprintf("EXTENSION\tName: %s\tState: %s\tEvents: [%s]%s\n", e.Name, e.State, strings.Join(e.Events, ", "), why)
}
func (extensionState) logged() bool { return true }
