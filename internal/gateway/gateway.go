// Package gateway stands before functions as API Gateway and Application Load Balancers do: requests become the events of the
// service that a route is of, and responses HTTP again.
//
// What it answers without a function (no route, a response that is none, too large a body) are the answers of that service.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/route"
)

// Limits of a request's body in bytes. Behind API Gateway it is Lambda's for an event:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
const (
	bodyLimit    = emulator.EventLimit
	albBodyLimit = 1 << 20
)

// service is what differs between the services.
type service struct {
	event  func(r *http.Request, body []byte, m route.Match, id string, now time.Time) any
	answer func(w http.ResponseWriter, payload []byte) bool // false: the payload is no response, and nothing was written
	limit  int64
	// What it answers by itself: status and body.
	notFound, tooLarge, failed, throttled reply
}

type reply struct {
	status int
	body   string // JSON, or a sentence
}

func (a reply) write(w http.ResponseWriter) {
	kind := "text/plain; charset=utf-8"
	if json.Valid([]byte(a.body)) {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func said(status int, message string) reply {
	body, _ := json.Marshal(map[string]string{"message": message})
	return reply{status, string(body)}
}

// services have the answers that AWS documents and sends:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
var services = sync.OnceValue(func() map[route.Service]service {
	http2 := service{
		event: httpEvent, answer: emulator.AnswerURL, limit: bodyLimit,
		notFound: said(http.StatusNotFound, "Not Found"), tooLarge: said(http.StatusRequestEntityTooLarge, "Request Entity Too Large"),
		failed: said(http.StatusInternalServerError, "Internal Server Error"), throttled: said(http.StatusServiceUnavailable, "Service Unavailable"),
	}
	http1 := http2
	http1.event, http1.answer = http1Event, answerREST
	rest := service{
		event: restEvent, answer: answerREST, limit: bodyLimit,
		notFound: said(http.StatusForbidden, "Missing Authentication Token"), tooLarge: said(http.StatusRequestEntityTooLarge, "Request Too Long"),
		failed: said(http.StatusBadGateway, "Internal server error"), throttled: said(http.StatusTooManyRequests, "Too Many Requests"),
	}
	alb := service{
		event: albEvent, answer: answerALB, limit: albBodyLimit,
		notFound: reply{http.StatusNotFound, "no rule takes this request\n"}, tooLarge: reply{http.StatusRequestEntityTooLarge, "413 Request Entity Too Large\n"},
		failed: reply{http.StatusBadGateway, "502 Bad Gateway\n"}, throttled: reply{http.StatusServiceUnavailable, "503 Service Temporarily Unavailable\n"},
	}
	albMulti := alb
	albMulti.event, albMulti.answer = albMultiEvent, answerALBMulti
	return map[route.Service]service{route.HTTP: http2, route.HTTP1: http1, route.REST: rest, route.ALB: alb, route.ALBMulti: albMulti}
})

// Handler answers requests by the routes, of which there is at least one. lookup finds the function of a lambda. As with
// [emulator.URL], who may call is for the listener to decide.
func Handler(routes route.Table, lookup func(lambda string) (emulator.Invoker, bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		if path == "" {
			path = "/"
		}
		m, found := routes.Match(r.Method, path)
		if isPreflight(r) {
			// An HTTP API answers before any route, a REST API by a method of its own, which SAM makes.
			if api, ok := routes.Preflight(path); ok && (api.Service != route.REST || !found || m.Method != http.MethodOptions) {
				preflight(w, r, api.CORS)
				return
			}
		}
		if !found {
			services()[routes[0].Service].notFound.write(w)
			return
		}
		if m.CORS != nil && m.Service != route.REST {
			w = &corsWriter{ResponseWriter: w, cors: m.CORS, origin: r.Header.Get("Origin")}
		}
		s := services()[m.Service]
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limit))
		if err != nil {
			s.tooLarge.write(w)
			return
		}
		f, ok := lookup(m.Lambda)
		if !ok {
			said(http.StatusNotFound, "lpipe serves no lambda "+m.Lambda).write(w)
			return
		}
		trace := emulator.Trace(r)
		event, err := emulator.MarshalEvent(s.event(r, body, m, emulator.NewID(), time.Now()))
		switch {
		case err != nil:
			s.failed.write(w)
			return
		case len(event) > emulator.EventLimit: // in base64 a body becomes larger
			s.tooLarge.write(w)
			return
		}
		// A caller that hangs up does not end it.
		result, err := f.Invoke(context.WithoutCancel(r.Context()), emulator.Event{Payload: event, TraceID: trace})
		switch {
		case errors.Is(err, emulator.ErrThrottled):
			s.throttled.write(w)
		case err != nil:
			said(http.StatusInternalServerError, err.Error()).write(w)
		case result.FunctionError != "" || result.Streamed || !s.answer(w, result.Payload):
			s.failed.write(w)
		}
	})
}
