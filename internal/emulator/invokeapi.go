package emulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"lpipe/internal/pattern"
)

// Invoker is a function that can be invoked, such as [Function].
type Invoker interface {
	Invoke(context.Context, Event) (Result, error)
	Config() Config
}

var _ Invoker = (*Function)(nil)

// API is the part of Lambda's API that invokes functions, so that AWS SDKs and "aws lambda invoke --endpoint-url"
// work: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. Signatures are not checked: it is to be served on
// [Listen], where other users do not get in. Web pages of other origins are refused.
type API struct {
	Lookup func(name string) (Invoker, bool) // finds a function by its plain name
	Log    io.Writer                         // takes the failures of asynchronous invocations; may be nil
	async  sync.WaitGroup
}

// Handler returns the API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", a.invoke)
	mux.HandleFunc("POST /2021-11-15/functions/{name}/response-streaming-invocations", a.stream)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		apiError(w, http.StatusNotFound, "UnknownOperationException", "lpipe emulates only the invocation of functions")
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// Wait returns when the asynchronous invocations under way have ended.
func (a *API) Wait() { a.async.Wait() }

func (a *API) invoke(w http.ResponseWriter, r *http.Request) {
	kind, limit := r.Header.Get("X-Amz-Invocation-Type"), int64(EventLimit)
	switch kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		limit = asyncLimit
	default:
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "the invocation type is RequestResponse, Event or DryRun")
		return
	}
	f, e, ok := a.event(w, r, limit)
	if !ok {
		return
	}
	w.Header().Set("X-Amzn-RequestId", e.ID)
	switch kind {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case "Event":
		ctx := context.WithoutCancel(r.Context())
		e.Queue = true
		a.async.Go(func() {
			result, err := f.Invoke(ctx, e)
			if a.Log != nil && (err != nil || result.FunctionError != "") {
				fmt.Fprintf(a.Log, "%s: asynchronous invocation %s failed: %s%s\n", f.Config().Name, e.ID, text(err), result.Payload)
			}
		})
		w.WriteHeader(http.StatusAccepted)
	default:
		// As on Lambda, a caller that hangs up does not end the invocation.
		result, err := f.Invoke(context.WithoutCancel(r.Context()), e)
		if err != nil {
			invokeError(w, err)
			return
		}
		if result.FunctionError != "" {
			w.Header().Set("X-Amz-Function-Error", result.FunctionError)
		}
		if e.LogTail {
			w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.Log))
		}
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(result.Payload)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// event reads what all invocations have in common, and answers requests that are wrong.
func (a *API) event(w http.ResponseWriter, r *http.Request, limit int64) (Invoker, Event, bool) {
	name, qualifier := splitName(r.PathValue("name"))
	f, ok := a.Lookup(name)
	if !ok {
		apiError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+name)
		return nil, Event{}, false
	}
	switch asked := r.URL.Query().Get("Qualifier"); {
	case asked != "" && qualifier != "" && asked != qualifier:
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
		return nil, Event{}, false
	case asked != "":
		qualifier = asked
	}
	if !qualifierForm().MatchString(qualifier) {
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "the qualifier is not the name of a version or alias: "+qualifier)
		return nil, Event{}, false
	}
	e := Event{
		ID: NewID(), TraceID: r.Header.Get(traceHeader), TenantID: r.Header.Get("X-Amz-Tenant-Id"), Qualifier: qualifier,
	}
	if e.TenantID != "" {
		if err := CheckTenant(e.TenantID); err != nil {
			apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "the tenant id is none: "+err.Error())
			return nil, Event{}, false
		}
	}
	switch r.Header.Get("X-Amz-Log-Type") {
	case "", "None":
	case "Tail":
		e.LogTail = true
	default:
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "the log type is None or Tail")
		return nil, Event{}, false
	}
	if encoded := r.Header.Get("X-Amz-Client-Context"); encoded != "" {
		client, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(encoded) > contextLimit || CheckEvent(client) != nil {
			apiError(w, http.StatusBadRequest, "InvalidRequestContentException", "the client context is not JSON in base64 of at most 3583 bytes")
			return nil, Event{}, false
		}
		var line bytes.Buffer // it becomes a header, which has no line breaks
		_ = json.Compact(&line, client)
		e.ClientContext = line.String()
	}
	payload, err := readAll(r.Body, limit)
	switch {
	case errors.Is(err, errTooLarge):
		apiError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", fmt.Sprintf("Request must be smaller than %d bytes", limit))
	case err != nil:
		apiError(w, http.StatusBadRequest, "InvalidRequestContentException", "reading the event: "+err.Error())
	case len(payload) > 0 && CheckEvent(payload) != nil:
		apiError(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json")
	default:
		e.Payload = payload
		return f, e, true
	}
	return nil, Event{}, false
}

// qualifierForm is what versions and aliases are called: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var qualifierForm = pattern.Of(`^[a-zA-Z0-9$_-]{0,128}$`)

// splitName returns the name and the qualifier of a function that is given as NAME, NAME:ALIAS, ACCOUNT:function:NAME or an ARN.
func splitName(name string) (plain, qualifier string) {
	if _, after, ok := strings.Cut(name, "function:"); ok {
		name = after
	}
	plain, qualifier, _ = strings.Cut(name, ":")
	return plain, qualifier
}

func invokeError(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrThrottled) {
		apiError(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	}
	apiError(w, http.StatusInternalServerError, "ServiceException", err.Error())
}

func apiError(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("X-Amzn-ErrorType", errorType)
	writeJSON(w, status, map[string]string{"Type": "User", "Message": message})
}
