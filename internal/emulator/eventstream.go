package emulator

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"time"
)

// stream invokes a function and passes on its response piece by piece:
// https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
func (a *API) stream(w http.ResponseWriter, r *http.Request) {
	kind := r.Header.Get("X-Amz-Invocation-Type")
	switch kind {
	case "", "RequestResponse", "DryRun":
	default:
		apiError(w, http.StatusBadRequest, "InvalidParameterValueException", "the invocation type of a stream is RequestResponse or DryRun")
		return
	}
	f, e, ok := a.event(w, r, EventLimit)
	if !ok {
		return
	}
	w.Header().Set("X-Amzn-RequestId", e.ID)
	if kind == "DryRun" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	control := http.NewResponseController(w)
	out := &eventStream{w: w, flush: control.Flush}
	e.Stream = func(string) io.Writer {
		_ = control.SetWriteDeadline(time.Now().Add(f.Config().withDefaults().Timeout))
		return out
	}
	result, err := f.Invoke(context.WithoutCancel(r.Context()), e)
	_ = control.SetWriteDeadline(time.Time{})
	if err != nil {
		if out.begun {
			panic(http.ErrAbortHandler) // cut the response short: its status is gone
		}
		invokeError(w, err)
		return
	}
	complete := map[string]string{}
	if result.FunctionError != "" {
		complete["ErrorCode"], complete["ErrorDetails"] = result.FunctionError, string(result.Payload)
	} else if len(result.Payload) > 0 {
		_, _ = out.Write(result.Payload)
	}
	if e.LogTail {
		complete["LogResult"] = base64.StdEncoding.EncodeToString(result.Log)
	}
	body, _ := json.Marshal(complete)
	_ = out.send("InvokeComplete", "application/json", body)
}

// eventStream writes messages in AWS's framing; Write makes a PayloadChunk of the bytes.
type eventStream struct {
	w     http.ResponseWriter
	flush func() error
	begun bool
}

func (s *eventStream) Write(p []byte) (int, error) {
	if err := s.send("PayloadChunk", "application/octet-stream", p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send writes one message: the lengths and their checksum, the headers, the payload and the checksum of it all.
// https://smithy.io/2.0/aws/amazon-eventstream.html
func (s *eventStream) send(event, contentType string, payload []byte) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
		s.w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	}
	var headers []byte
	for _, h := range [][2]string{{":event-type", event}, {":content-type", contentType}, {":message-type", "event"}} {
		const text = 7 // the type of the value
		headers = append(append(headers, byte(len(h[0]))), h[0]...)
		headers = append(binary.BigEndian.AppendUint16(append(headers, text), uint16(len(h[1]))), h[1]...)
	}
	const around = 16 // two lengths and two checksums
	b := binary.BigEndian.AppendUint32(nil, uint32(around+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers...), payload...)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.flush()
}
