package gateway

import (
	"net/http"
	"slices"
	"strings"

	"lpipe/internal/route"
)

// CORS answers browsers of other origins in place of a function, as the URL of one does that is configured to.
func CORS(c *route.CORS, function http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) {
			preflight(w, r, c)
			return
		}
		function.ServeHTTP(&corsWriter{ResponseWriter: w, cors: c, origin: r.Header.Get("Origin")}, r)
	})
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight answers what a browser asks before a request: https://fetch.spec.whatwg.org/#http-cors-protocol
func preflight(w http.ResponseWriter, r *http.Request, c *route.CORS) {
	h := w.Header()
	allowOrigin(h, c, r.Header.Get("Origin"))
	if h.Get("Access-Control-Allow-Origin") != "" {
		set := func(name string, values []string) {
			if len(values) > 0 {
				h.Set(name, strings.Join(values, ","))
			}
		}
		set("Access-Control-Allow-Methods", orAll(c.Methods))
		set("Access-Control-Allow-Headers", orAll(c.Headers))
		if c.MaxAge != "" {
			h.Set("Access-Control-Max-Age", c.MaxAge)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// orAll is * where nothing is named, as true and a single '*' mean it.
func orAll(values []string) []string {
	if len(values) == 0 {
		return []string{"*"}
	}
	return values
}

// allowOrigin sets the headers of every response, if the origin is allowed.
func allowOrigin(h http.Header, c *route.CORS, origin string) {
	switch {
	case slices.Contains(c.Origins, "*") && !c.Credentials:
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.ContainsFunc(c.Origins, func(allowed string) bool { return originMatches(allowed, origin) }):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		return
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// originMatches compares with an origin that may be * or have * as its host or scheme's only host: https://*.
func originMatches(allowed, origin string) bool {
	prefix, wild := strings.CutSuffix(allowed, "*")
	return origin != "" && (allowed == origin || wild && strings.HasPrefix(origin, prefix))
}

// corsWriter gives a response the headers of the API's configuration in place of those that the function set, as API Gateway
// does it.
type corsWriter struct {
	http.ResponseWriter
	cors   *route.CORS
	origin string
	begun  bool
}

func (c *corsWriter) WriteHeader(status int) {
	if !c.begun {
		c.begun = true
		h := c.Header()
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				h.Del(name)
			}
		}
		if c.origin != "" {
			allowOrigin(h, c.cors, c.origin)
			if len(c.cors.Expose) > 0 && h.Get("Access-Control-Allow-Origin") != "" {
				h.Set("Access-Control-Expose-Headers", strings.Join(c.cors.Expose, ","))
			}
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap has a stream be flushed.
func (c *corsWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *corsWriter) Write(p []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(p)
}
