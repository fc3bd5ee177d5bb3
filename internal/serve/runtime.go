package serve

import (
	"net/http"
	"slices"
	"strings"

	"lpipe/internal/emulator"
)

// runtimeVersions begin the paths of the Runtime API, the Extensions API and the Telemetry API.
var runtimeVersions = []string{"2018-06-01", "2020-01-01", "2022-07-01"}

// serveRuntime answers a program that somebody else started; false means that the request is none of its.
func (s *Server) serveRuntime(w http.ResponseWriter, r *http.Request) bool {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	version, _, _ := strings.Cut(rest, "/")
	if !slices.Contains(runtimeVersions, version) {
		return false
	}
	s.mu.Lock()
	x, ok := s.functions[name].(*emulator.External)
	s.mu.Unlock()
	if ok {
		http.StripPrefix("/"+name, x.Handler()).ServeHTTP(w, r)
	}
	return ok
}
