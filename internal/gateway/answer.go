package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
)

// response is what a function answers to a REST API or a load balancer.
type response struct {
	StatusCode        json.RawMessage     `json:"statusCode"` // a number, or one in a text
	Headers           map[string]scalar   `json:"headers"`
	MultiValueHeaders map[string][]scalar `json:"multiValueHeaders"`
	Body              *string             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// scalar is the value of a header: a text, or a number or boolean, which is written out.
type scalar string

func (s *scalar) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = scalar(text)
		return nil
	}
	var other any
	if err := json.Unmarshal(data, &other); err != nil {
		return err
	}
	switch other.(type) {
	case float64, bool:
		*s = scalar(data)
		return nil
	}
	return &json.UnmarshalTypeError{Value: "list or object", Offset: 0}
}

func answerREST(w http.ResponseWriter, payload []byte) bool {
	return answer(w, payload, http.StatusOK, "application/json")
}

// answerALB needs a status, as a load balancer does. It takes single headers alone.
func answerALB(w http.ResponseWriter, payload []byte) bool {
	return answer(w, payload, 0, "application/octet-stream", func(r *response) { r.MultiValueHeaders = nil })
}

// answerALBMulti takes lists alone.
func answerALBMulti(w http.ResponseWriter, payload []byte) bool {
	return answer(w, payload, 0, "application/octet-stream", func(r *response) { r.Headers = nil })
}

// answer makes HTTP of a response. Without a status it has the usual one, 0 for none. A header that has several values has no
// single one beside them.
func answer(w http.ResponseWriter, payload []byte, usual int, contentType string, change ...func(*response)) bool {
	var r *response
	if json.Unmarshal(payload, &r) != nil || r == nil {
		return false
	}
	for _, c := range change {
		c(r)
	}
	status, ok := statusOf(r.StatusCode, usual)
	if !ok {
		return false
	}
	var body []byte
	if r.Body != nil {
		body = []byte(*r.Body)
		if r.IsBase64Encoded {
			var err error
			if body, err = base64.StdEncoding.DecodeString(*r.Body); err != nil {
				return false
			}
		}
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	for name, value := range r.Headers {
		setHeader(h, name, []scalar{value})
	}
	for name, values := range r.MultiValueHeaders {
		setHeader(h, name, values)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error is that of the other side, or of a status without a body
	return true
}

func setHeader(h http.Header, name string, values []scalar) {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length", "Transfer-Encoding", "Connection": // net/http's own
		return
	}
	h.Del(name)
	for _, v := range values {
		h.Add(name, string(v))
	}
}

// statusOf reads a status, which is usual where there is none.
func statusOf(raw json.RawMessage, usual int) (int, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return usual, usual != 0
	}
	text := string(raw)
	if unquoted := ""; json.Unmarshal(raw, &unquoted) == nil {
		text = unquoted
	}
	status, err := strconv.Atoi(text)
	return status, err == nil && status >= 200 && status <= 599
}
