// Package emulator serves a built lambda on this machine as AWS Lambda does, so that the very bytes that are
// deployed can be run and tried.
//
// It speaks Lambda's interfaces and knows nothing of builds. A [Server] is the service side of the Runtime API for
// one process; a [Sandbox] is a process with its server; a [Function] keeps as many sandboxes as there are calls at
// a time. [API] and [URL] are the two ways in from outside: the Invoke API and function URLs. The runtime is the
// client of the Runtime API inside the program; an invocation is one event and its answer.
//
// Nobody else on the machine takes part: [Listen] lets only this user in, and what a program starts ends with it, by a
// process in between that calls [Supervise].
package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"lpipe/internal/pattern"
)

// Limits of Lambda in bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	EventLimit    = 6 << 20          // of an event in an invocation that waits for the answer
	asyncLimit    = 1 << 20          // of an asynchronous one
	responseLimit = EventLimit + 100 // as the Runtime Interface Emulator counts it
	streamLimit   = 200 << 20        // of a streamed response
	contextLimit  = 3583             // of the client context: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
	initLimit     = 10 * time.Second
)

// Config is a function as Lambda knows it. Zero values become Lambda's defaults.
type Config struct {
	Name    string        // default "function"
	Region  string        // default "us-east-1"
	Account string        // twelve digits; default "012345678912"
	Timeout time.Duration // of an invocation, default 3 s
	Memory  int           // in MB, default 128; a program that uses more is killed, on Linux
	// LogFormat is that of Lambda's own lines in the log, and what the program is told that its own should be; default Text,
	// and JSON with MaxConcurrency.
	LogFormat LogFormat
	// MaxConcurrency is how many invocations a process has at a time where it runs as on Lambda Managed Instances; 0 elsewhere:
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
	MaxConcurrency int
	LimitBandwidth bool // a streamed response is passed on as slowly as on Lambda: see [pace]

	initTimeout time.Duration // of the initialization before the first invocation; default that of Lambda
}

func (c Config) withDefaults() Config {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&c.Name, "function")
	set(&c.Region, "us-east-1")
	set(&c.Account, "012345678912")
	switch {
	case c.LogFormat != "":
	case c.concurrent():
		c.LogFormat = LogJSON
	default:
		c.LogFormat = LogText
	}
	if c.Timeout <= 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Memory <= 0 {
		c.Memory = 128
	}
	if c.initTimeout <= 0 {
		c.initTimeout = initLimit
	}
	return c
}

// concurrent reports whether a process may have several invocations at a time.
func (c Config) concurrent() bool { return c.MaxConcurrency > 0 }

// initType is how Lambda calls the way in which an execution environment starts:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (c Config) initType() string {
	if c.concurrent() {
		return "lambda-managed-instances"
	}
	return "on-demand"
}

// ARN returns the function's name in AWS's long form.
func (c Config) ARN() string {
	c = c.withDefaults()
	return "arn:aws:lambda:" + c.Region + ":" + c.Account + ":function:" + c.Name
}

// Event is what a function is invoked with.
type Event struct {
	Payload       []byte // JSON
	ID            string // the request id; made when empty
	TraceID       string // X-Ray's; made when empty
	ClientContext string // JSON, from mobile SDKs
	Identity      string // JSON, of Cognito
	TenantID      string
	Qualifier     string // the version or alias that was asked for; there is one program, whatever it says
	// Queue has it wait for a sandbox where as many calls are under way as may be, as Lambda's queue of asynchronous invocations does.
	Queue bool
	// LogTail has the result wait until the invocation is over, and tell what is known then.
	LogTail bool
	// Stream is called when the function streams its response, with the content type, and takes the bytes as they
	// come. Without it they end up in Result.Payload. It is to give up who takes no more by the end of the function's time:
	// the invocation lasts as long as a Write.
	Stream func(contentType string) io.Writer
}

// CheckEvent says why Lambda does not take an event.
func CheckEvent(payload []byte) error {
	if !utf8.Valid(payload) {
		return errors.New("it is not UTF-8")
	}
	var any json.RawMessage
	return json.Unmarshal(payload, &any)
}

// arn returns the name by which the function was invoked.
func (e Event) arn(c Config) string {
	if e.Qualifier == "" {
		return c.ARN()
	}
	return c.ARN() + ":" + e.Qualifier
}

// Result is what came of an invocation.
type Result struct {
	RequestID   string
	Payload     []byte // the response; the error as JSON when FunctionError is set
	ContentType string // of the response, as the runtime said it
	Streamed    bool   // the runtime streamed the response
	// FunctionError is "Unhandled" when the function or its process failed, else empty.
	FunctionError string
	ErrorType     string        // such as "Runtime.ExitError"
	Init          time.Duration // from the start of the process to its first request; 0 for a warm one
	Duration      time.Duration // from handing over the event to the end of the response

	// For events with LogTail.
	Log       []byte        // the last 4 KB of the log
	Billed    time.Duration // in whole milliseconds
	MaxMemory int           // the most that the environment has used, in MB

	begun bool // the runtime had the event
}

// problem is the JSON form of an error, in both directions.
type problem struct {
	Message string   `json:"errorMessage"`
	Type    string   `json:"errorType"`
	Trace   []string `json:"stackTrace,omitempty"`
}

// failed returns the result of an invocation that got no answer from the function.
func failed(id, errorType, message string) Result {
	return refused(id, errorType, fmt.Sprintf("RequestId: %s Error: %s", id, message))
}

// refused returns the result of an invocation whose answer Lambda does not take, with the words as they are.
func refused(id, errorType, message string) Result {
	// In the order in which Lambda has them.
	body, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return Result{RequestID: id, Payload: body, FunctionError: "Unhandled", ErrorType: errorType}
}

// NewID returns a random UUID, such as Lambda gives to requests.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// traceHeader has the trace id of X-Ray.
const traceHeader = "X-Amzn-Trace-Id"

// Trace returns the trace id of a request, which gets one if it has none: so do the services before they make an event of it.
func Trace(r *http.Request) string {
	if !strings.Contains(r.Header.Get(traceHeader), "Root=") {
		r.Header.Set(traceHeader, newTrace())
	}
	return r.Header.Get(traceHeader)
}

// traceOf is what a runtime is told of a trace id: the one who invoked may say which request it is of, and no more. It asks not to be sampled
// unless that one does.
func traceOf(given string) string {
	if !strings.Contains(given, "Root=") {
		given = newTrace()
	}
	if !strings.Contains(given, "Parent=") {
		given += ";Parent=" + randomHex(8)
	}
	if !strings.Contains(given, "Sampled=") {
		given += ";Sampled=0"
	}
	return given
}

func newTrace() string { return fmt.Sprintf("Root=1-%08x-%s", time.Now().Unix(), randomHex(12)) }

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// tenantForm is what tenants are called: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var tenantForm = pattern.Of(`^[a-zA-Z0-9._:/=+\-@ ]{1,256}$`)

// CheckTenant says why Lambda does not take the id of a tenant.
func CheckTenant(id string) error {
	if !tenantForm().MatchString(id) {
		return errors.New("it has 1 to 256 letters, digits, blanks and ._:/=+-@")
	}
	return nil
}
