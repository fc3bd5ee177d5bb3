package emulator

import (
	"encoding/json"
	"net/http"
)

// register takes in an extension of the program itself, one that is called for no event: who wants SIGTERM before the end
// registers such a one. Extensions that want events are refused, for they would wait for them in vain.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var request struct{ Events []string }
	data, err := readAll(r.Body, responseLimit)
	if err == nil {
		err = json.Unmarshal(data, &request)
	}
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequestFormat", err.Error())
	case r.Header.Get("Lambda-Extension-Name") == "":
		refuse(w, http.StatusBadRequest, "Extension.InvalidExtensionName", "the header Lambda-Extension-Name is missing")
	case len(request.Events) > 0:
		refuse(w, http.StatusForbidden, "Extension.UnsupportedEvents", "extensions are not called here for an event")
	default:
		id := newID()
		s.extensions.Store(id, true)
		w.Header().Set("Lambda-Extension-Identifier", id)
		writeJSON(w, http.StatusOK, map[string]string{
			"functionName": s.config.Name, "functionVersion": "$LATEST", "handler": "bootstrap",
		})
	}
}

// nextForExtension keeps an extension waiting until its process ends.
func (s *Server) nextForExtension(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.extensions.Load(r.Header.Get("Lambda-Extension-Identifier")); !ok {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "no extension has registered with this identifier")
		return
	}
	<-r.Context().Done()
}
