package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"lpipe/internal/pattern"
)

// attemptHeader tells one attempt at an invocation from another of the same id. A runtime that echoes it cannot answer one
// that has timed out: https://github.com/aws/aws-lambda-rust-runtime/issues/1155
const attemptHeader = "Lambda-Runtime-Invocation-Id"

// next hands the runtime an event, whenever there is one.
func (s *Server) next(w http.ResponseWriter, r *http.Request) {
	superseded, open, err := s.ask()
	var inv *invocation
	if err == nil {
		inv, err = s.take(r.Context(), superseded, open)
	}
	if s.isGone() && s.end.payload == nil {
		<-r.Context().Done() // as on Lambda, a program that is being ended gets no answer, which it might complain about
	}
	if err != nil {
		refuseState(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.ID)
	h.Set(attemptHeader, inv.attempt)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.begun.Add(s.config.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn(s.config))
	h.Set("Lambda-Runtime-Trace-Id", inv.TraceID)
	for name, value := range map[string]string{
		"Lambda-Runtime-Client-Context": inv.ClientContext, "Lambda-Runtime-Cognito-Identity": inv.Identity, "Lambda-Runtime-Aws-Tenant-Id": inv.TenantID,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(inv.Payload)))
	_, _ = w.Write(inv.Payload) // a runtime that is gone is noticed by its process
}

// restored answers a runtime that asks for the moment after which it runs from a snapshot, as with SnapStart for images:
// https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks.html. None is taken here, so that moment is now.
func (s *Server) restored(w http.ResponseWriter, _ *http.Request) {
	if !s.beginRestore() {
		refuseState(w, errState)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// response takes the answer to an invocation, in one piece or as a stream.
func (s *Server) response(w http.ResponseWriter, r *http.Request) {
	inv, err := s.begin(r.PathValue("id"), r.Header.Get(attemptHeader))
	if err != nil {
		refuseState(w, err)
		return
	}
	defer close(inv.heard)
	result, limit := Result{ContentType: r.Header.Get("Content-Type")}, int64(responseLimit)
	switch r.Header.Get("Lambda-Runtime-Function-Response-Mode") {
	case "":
		result.Payload, err = readAll(r.Body, limit)
	case "streaming":
		result.Streamed, limit = true, streamLimit
		err = s.receive(r, inv, &result)
	default:
		s.complete(inv, failed(inv.ID, "Runtime.InvalidResponseModeHeader", "Invalid function response mode"))
		refuse(w, http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
		return
	}
	switch {
	case errors.Is(err, errTooLarge):
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit)
		s.complete(inv, refused(inv.ID, "Function.ResponseSizeTooLarge", message))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit))
	case err != nil:
		s.complete(inv, failed(inv.ID, "Runtime.TruncatedResponse", "reading the response: "+err.Error()))
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	default:
		s.complete(inv, result)
		accept(w)
	}
}

// receive passes on a streamed response. An error in the middle of it is told by the trailers.
func (s *Server) receive(r *http.Request, inv *invocation, result *Result) error {
	var err error
	if inv.Stream != nil {
		inv.open(result.ContentType)
		var body io.Reader = r.Body
		if s.config.LimitBandwidth {
			body = &pace{Reader: body, ended: r.Context().Done()}
		}
		var n int64
		if n, err = io.Copy(inv, io.LimitReader(body, streamLimit+1)); n > streamLimit {
			err = errTooLarge
		}
	} else {
		result.Payload, err = readAll(r.Body, streamLimit)
	}
	if err != nil {
		return err
	}
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "" {
		body := []byte(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if decoded, err := base64.StdEncoding.DecodeString(string(body)); err == nil {
			body = decoded
		}
		result.FunctionError, result.ErrorType, result.Payload = "Unhandled", errorType, body
	}
	return nil
}

// invocationError takes the error that the function returned.
func (s *Server) invocationError(w http.ResponseWriter, r *http.Request) {
	inv, err := s.begin(r.PathValue("id"), r.Header.Get(attemptHeader))
	if err != nil {
		refuseState(w, err)
		return
	}
	defer close(inv.heard)
	body, errorType, err := readError(r)
	if err != nil {
		s.complete(inv, failed(inv.ID, "Runtime.TruncatedResponse", "reading the error: "+err.Error()))
		refuseBody(w, err)
		return
	}
	s.complete(inv, Result{Payload: body, ContentType: r.Header.Get("Content-Type"), FunctionError: "Unhandled", ErrorType: errorType})
	accept(w)
}

// startError takes the reason why the program cannot start, or go on from a snapshot. allowed says whether that may be said
// now; it is called with s.mu held.
func (s *Server) startError(allowed func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, errorType, err := readError(r)
		if err != nil {
			refuseBody(w, err)
			return
		}
		why := crashed(knownType(errorType), "")
		why.payload, why.reported = body, errorType
		if !s.finishIf(allowed, why) {
			refuseState(w, errState)
			return
		}
		accept(w)
	}
}

// readError reads an error's body and its type, from the header or else from the body.
func readError(r *http.Request) (body []byte, errorType string, err error) {
	if body, err = readAll(r.Body, responseLimit); err != nil {
		return nil, "", err
	}
	if errorType = r.Header.Get("Lambda-Runtime-Function-Error-Type"); errorType == "" {
		var p problem
		_ = json.Unmarshal(body, &p) // the body may be anything
		errorType = p.Type
	}
	return body, errorType, nil
}

// knownType is how Lambda itself speaks of an error that a runtime reports, by
// https://github.com/aws/aws-lambda-runtime-interface-emulator/blob/develop/internal/lambda/fatalerror/fatalerror.go
func knownType(reported string) string {
	switch {
	case knownForm().MatchString(reported):
		return reported
	case strings.HasPrefix(reported, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}

var knownForm = pattern.Of(`^(Runtime|Function)\.[A-Z][!-~]*$`)

var errTooLarge = errors.New("too large")

func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, err
}

func accept(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func refuseState(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errID):
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case errors.Is(err, errAttempt):
		refuse(w, http.StatusGone, "ErrorRuntimeInvokeTimeout", "Invoke timeout")
	default:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "Transition is not allowed")
	}
}

func refuseBody(w http.ResponseWriter, err error) {
	if errors.Is(err, errTooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", responseLimit))
		return
	}
	refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, problem{Message: message, Type: errorType})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the other side may have gone
}
