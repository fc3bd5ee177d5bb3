package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"lpipe/internal/pattern"
)

// An extension takes part in the life of an execution environment: it is waited for when that starts, and at the end of each
// invocation that it is told of. An external one is a process of its own, an internal one belongs to the program.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

// extensionLimit is how many extensions a function may have.
const extensionLimit = 10

// How long extensions may take to end, as the page above says, and how much of that the program has.
const (
	internalGrace = 500 * time.Millisecond
	externalGrace = 2 * time.Second
	programGrace  = 300 * time.Millisecond // where there are external ones
)

// The states of an extension, as Lambda's log names them.
const (
	extensionStarted    = "Started"
	extensionRegistered = "Registered"
	extensionReady      = "Ready"
	extensionRunning    = "Running"
	extensionFailed     = "LaunchError"
	extensionInitError  = "InitError"
	extensionExitError  = "ExitError"
)

type extension struct {
	id, name  string
	external  bool
	events    []string
	state     string
	errorType string
	next      chan extensionEvent // what its request is answered with; buffered
}

func (x *extension) takes(event string) bool { return slices.Contains(x.events, event) }

// tell answers the extension's request, now or when it comes; what it was not told before is lost.
func (x *extension) tell(e extensionEvent) {
	select {
	case <-x.next:
	default:
	}
	x.next <- e
}

// extensionEvent is what extensions are told: INVOKE or SHUTDOWN.
type extensionEvent struct {
	Type     string   `json:"eventType"`
	Deadline int64    `json:"deadlineMs"` // milliseconds since 1970
	ID       string   `json:"requestId,omitempty"`
	ARN      string   `json:"invokedFunctionArn,omitempty"`
	Tracing  *tracing `json:"tracing,omitempty"`
	Reason   string   `json:"shutdownReason,omitempty"` // spindown, timeout or failure
}

func invokeEvent(inv *invocation, c Config) extensionEvent {
	return extensionEvent{
		Type: "INVOKE", Deadline: inv.begun.Add(c.Timeout).UnixMilli(), ID: inv.ID, ARN: inv.arn(c), Tracing: &tracing{"X-Amzn-Trace-Id", inv.TraceID},
	}
}

// extensions are those of an execution environment. The server's mu guards them.
type extensions struct {
	all        []*extension
	registered chan struct{} // closed when all external ones have registered
	closed     bool          // no more may register
}

// expect adds external extensions, which are about to start.
func (x *extensions) expect(names []string) {
	x.registered = make(chan struct{})
	for _, name := range names {
		x.add(&extension{name: name, external: true, state: extensionStarted})
	}
	x.check()
}

func (x *extensions) add(one *extension) {
	one.id, one.next = NewID(), make(chan extensionEvent, 1)
	x.all = append(x.all, one)
}

func (x *extensions) check() {
	if !slices.ContainsFunc(x.all, func(x *extension) bool { return x.state == extensionStarted }) && !isClosed(x.registered) {
		close(x.registered)
	}
}

func (x *extensions) find(matches func(*extension) bool) *extension {
	if i := slices.IndexFunc(x.all, matches); i >= 0 {
		return x.all[i]
	}
	return nil
}

// ready reports whether all extensions wait for an event.
func (x *extensions) ready() bool {
	return !slices.ContainsFunc(x.all, func(x *extension) bool { return x.state != extensionReady })
}

// invoke tells those of an invocation that want to know.
func (x *extensions) invoke(e extensionEvent) {
	for _, one := range x.all {
		if one.takes(e.Type) {
			one.state = extensionRunning
			one.tell(e)
		}
	}
}

// states are what the log says of the extensions.
func (x *extensions) states() (states []extensionState) {
	for _, one := range x.all {
		states = append(states, extensionState{one.name, one.state, append([]string{}, one.events...), one.errorType})
	}
	return states
}

// shutdown tells the external extensions of the end, and returns the names of those that do not want to know.
func (s *Server) shutdown(deadline time.Time) (others []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.extensions.all {
		switch {
		case !x.external:
		case x.takes("SHUTDOWN"):
			x.tell(extensionEvent{Type: "SHUTDOWN", Deadline: deadline.UnixMilli(), Reason: s.end.shutdown})
		default:
			others = append(others, x.name)
		}
	}
	return others
}

// counts returns how many extensions there are.
func (s *Server) counts() (internal, external int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.extensions.all {
		if x.external {
			external++
		} else {
			internal++
		}
	}
	return internal, external
}

// extensionExited tells the server that the process of an external extension is gone.
func (s *Server) extensionExited(err error) {
	message := "exit code 0"
	if err != nil {
		message = err.Error()
	}
	s.finish(crashed("Extension.Crash", message))
}

// extensionNotStarted tells the server that an external extension cannot be started.
func (s *Server) extensionNotStarted(name, errorType string, err error) {
	s.finishIf(func() bool {
		x := s.extensions.find(func(x *extension) bool { return x.name == name })
		x.state, x.errorType = extensionFailed, errorType
		return true
	}, crashed("Extension.LaunchError", err.Error()))
}

// register takes in an extension: one whose process was started for it, or one of the program's own.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	name := r.Header.Get("Lambda-Extension-Name")
	if name == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	var request struct {
		Events            []string
		ConfigurationKeys []string
	}
	data, err := readAll(r.Body, responseLimit)
	if err == nil {
		err = json.Unmarshal(data, &request)
	}
	if err == nil && len(request.ConfigurationKeys) > 0 {
		err = fmt.Errorf("configurationKeys are deprecated; use environment variables instead")
	}
	if err != nil {
		refuse(w, http.StatusForbidden, "InvalidRequestFormat", err.Error())
		return
	}
	id, errorType, message := s.registerExtension(name, request.Events)
	if errorType != "" {
		refuse(w, http.StatusForbidden, errorType, message)
		return
	}
	answer := map[string]string{"functionName": s.config.Name, "functionVersion": "$LATEST", "handler": "bootstrap"}
	for feature := range strings.SplitSeq(r.Header.Get("Lambda-Extension-Accept-Feature"), ",") {
		if strings.TrimSpace(feature) == "accountId" {
			answer["accountId"] = s.config.Account
		}
	}
	w.Header().Set("Lambda-Extension-Identifier", id)
	writeJSON(w, http.StatusOK, answer)
}

// registerExtension returns the identifier of an extension, or why it may not register.
func (s *Server) registerExtension(name string, events []string) (id, errorType, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.extensions.find(func(x *extension) bool { return x.name == name })
	external := x != nil && x.external
	for _, e := range events {
		switch {
		case e != "INVOKE" && e != "SHUTDOWN", e == "INVOKE" && s.config.concurrent():
			return "", "Extension.InvalidEventType", e + ": ErrorInvalidEventType"
		case e == "SHUTDOWN" && !external:
			return "", "Extension.InvalidEventType", e + ": ShutdownEventNotSupportedForInternalExtension"
		}
	}
	switch {
	case s.isGone() || s.extensions.closed:
		return "", "Extension.RegistrationClosed", "Extension registration closed already"
	case external && x.state != extensionStarted:
		return "", "Extension.InvalidExtensionState", transition(x, extensionRegistered)
	case x != nil && !external:
		return "", "Extension.InvalidExtensionState", "Extension with this name already registered"
	case x == nil && len(s.extensions.all) >= extensionLimit:
		return "", "Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", extensionLimit)
	case x == nil:
		x = &extension{name: name}
		s.extensions.add(x)
	}
	slices.Sort(events)
	x.events, x.state = slices.Compact(events), extensionRegistered
	s.extensions.check()
	return x.id, "", ""
}

func transition(x *extension, to string) string {
	return fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: State transition is not allowed", x.state, to, x.name)
}

var uuidForm = pattern.Of(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// identified finds the extension that makes a request, and answers one that is unknown. The server's mu is held.
func (s *Server) identified(w http.ResponseWriter, r *http.Request) *extension {
	id := r.Header.Get("Lambda-Extension-Identifier")
	switch x := s.extensions.find(func(x *extension) bool { return x.id == id }); {
	case id == "":
		refuse(w, http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	case !uuidForm().MatchString(id):
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	case x == nil:
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	default:
		return x
	}
	return nil
}

// nextForExtension hands an extension an event, whenever there is one.
func (s *Server) nextForExtension(w http.ResponseWriter, r *http.Request) {
	x := s.askForExtension(w, r)
	if x == nil {
		return
	}
	select {
	case e := <-x.next:
		w.Header().Set("Lambda-Extension-Event-Identifier", NewID())
		w.Header().Set("Lambda-Extension-Identifier", x.id)
		writeJSON(w, http.StatusOK, e)
	case <-r.Context().Done():
	}
}

// askForExtension records that an extension wants an event, and returns it.
func (s *Server) askForExtension(w http.ResponseWriter, r *http.Request) *extension {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.identified(w, r)
	if x == nil {
		return nil
	}
	if x.state != extensionRegistered && x.state != extensionRunning {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", transition(x, extensionReady))
		return nil
	}
	x.state = extensionReady
	s.proceed()
	return x
}

// extensionError takes the reason why an extension gives up, which ends the environment.
func (s *Server) extensionError(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		errorType := r.Header.Get("Lambda-Extension-Function-Error-Type")
		s.mu.Lock()
		x := s.identified(w, r)
		var refused string
		if x != nil {
			to, allowed := extensionExitError, []string{extensionRegistered, extensionReady, extensionRunning, extensionExitError}
			if kind == "Extension.InitError" {
				to, allowed = extensionInitError, []string{extensionRegistered, extensionInitError}
			}
			switch {
			case errorType == "":
			case !slices.Contains(allowed, x.state):
				refused = transition(x, to)
			default:
				x.state, x.errorType = to, errorType
			}
		}
		s.mu.Unlock()
		switch {
		case x == nil:
		case errorType == "":
			refuse(w, http.StatusForbidden, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
		case refused != "":
			refuse(w, http.StatusForbidden, "Extension.InvalidExtensionState", refused)
		default:
			s.finish(crashed(kind, errorType))
			accept(w)
		}
	}
}
