package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The Telemetry API sends what is in the log to extensions that subscribe:
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html

// The kinds of telemetry.
const (
	telemetryPlatform  = "platform"
	telemetryFunction  = "function"
	telemetryExtension = "extension"
)

var (
	telemetryTypes    = []string{telemetryPlatform, telemetryFunction, telemetryExtension}
	telemetryVersions = []string{"2022-07-01", "2022-12-13", "2025-01-29"}
)

// reservedPort is Lambda's own: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
const reservedPort = 9001

// sandboxHosts are the names by which an extension says that it listens on this machine. Nobody is asked for their addresses.
var sandboxHosts = []string{"sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"}

// subscription is what an extension asks for.
type subscription struct {
	Version     string   `json:"schemaVersion"`
	Types       []string `json:"types"`
	Destination struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
	Buffering struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
}

// buffering is how much is sent at a time.
type buffering struct {
	items, bytes int
	timeout      time.Duration
}

// parseSubscription reads a subscription. The error has all that is wrong with it.
func parseSubscription(data []byte) (s subscription, b buffering, destination *url.URL, err error) {
	if err := json.Unmarshal(data, &s); err != nil {
		return s, b, nil, err
	}
	var wrong []string
	refuse := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !slices.Contains(telemetryVersions, s.Version) {
		refuse("schemaVersion should be one of %s", strings.Join(telemetryVersions, ", "))
	}
	if len(s.Types) == 0 {
		refuse("types should not be empty")
	}
	for _, t := range s.Types {
		if !slices.Contains(telemetryTypes, t) {
			refuse("types should not contain %q", t)
		}
	}
	limited := func(name string, value *int, standard, least, most int) int {
		switch {
		case value == nil:
			return standard
		case *value < least || *value > most:
			refuse("%s should be between %d and %d", name, least, most)
		}
		return *value
	}
	b.items = limited("maxItems", s.Buffering.MaxItems, 10000, 1000, 10000)
	b.bytes = limited("maxBytes", s.Buffering.MaxBytes, 256<<10, 256<<10, 1<<20)
	b.timeout = time.Duration(limited("timeoutMs", s.Buffering.TimeoutMs, 1000, 25, 30000)) * time.Millisecond
	at := func(u *url.URL, port string) {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || n == reservedPort {
			refuse("port should be between 1 and 65535, and not %d", reservedPort)
		}
		u.Host = net.JoinHostPort("127.0.0.1", port)
		destination = u
	}
	switch s.Destination.Protocol {
	case "TCP":
		at(&url.URL{Scheme: "tcp"}, strconv.Itoa(s.Destination.Port))
	case "HTTP":
		switch u, err := url.Parse(s.Destination.URI); {
		case err != nil || u.Scheme != "http":
			refuse("URI should be http://sandbox.localdomain:PORT")
		case !slices.Contains(sandboxHosts, u.Hostname()):
			refuse("URI host should be sandbox.localdomain")
		case u.Port() == "":
			refuse("URI port is not provided")
		default:
			at(u, u.Port())
		}
	default:
		refuse("protocol should be HTTP or TCP")
	}
	if len(wrong) > 0 {
		return s, b, nil, errors.New(strings.Join(wrong, "; "))
	}
	return s, b, destination, nil
}

// subscribe takes in a subscription of an extension, which is reached by dial.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, dial dialer) {
	s.mu.Lock()
	x := s.identified(w, r)
	closed := s.isGone() || s.isReady()
	s.mu.Unlock()
	if x == nil {
		return
	}
	if closed {
		refuse(w, http.StatusForbidden, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
		return
	}
	data, err := readAll(r.Body, responseLimit)
	if err != nil {
		refuseBody(w, err)
		return
	}
	asked, buffering, destination, err := parseSubscription(data)
	if err != nil {
		refuse(w, http.StatusBadRequest, "ValidationError", err.Error())
		return
	}
	deliver := httpDelivery(destination, dial)
	if destination.Scheme == "tcp" {
		deliver = tcpDelivery(destination.Host, dial)
	}
	subscriber := newSubscriber(context.WithoutCancel(r.Context()), x.name, asked.Types, buffering, deliver)
	if s.alone {
		go func() {
			<-s.gone
			subscriber.stop()
		}()
	}
	s.journal.subscribe(subscriber)
	s.journal.say(subscribed{x.name, "Subscribed", asked.Types})
	writeJSON(w, http.StatusOK, "OK")
}

type subscribed struct {
	Name  string   `json:"name"`
	State string   `json:"state"`
	Types []string `json:"types"`
}

func (subscribed) kind() string { return "platform.telemetrySubscription" }
func (e subscribed) text(time.Time) string {
	var types []string
	for _, t := range e.Types {
		types = append(types, strings.ToUpper(t[:1])+t[1:])
	}
	return fmt.Sprintf("TELEMETRY\tName: %s\tState: %s\tTypes: [%s]\n", e.Name, e.State, strings.Join(types, ", "))
}
func (subscribed) logged() bool { return true }

// dropped tells of telemetry that a subscriber did not take fast enough.
type dropped struct {
	Bytes   int    `json:"droppedBytes"`
	Records int    `json:"droppedRecords"`
	Reason  string `json:"reason"`
}

func (dropped) kind() string          { return "platform.logsDropped" }
func (dropped) text(time.Time) string { return "" }
func (dropped) logged() bool          { return true }

// delivery sends telemetry to where a subscriber listens. It is called by one goroutine.
type delivery func(ctx context.Context, events []json.RawMessage) error

// deliveryTimeout is how long a subscriber may take for a batch.
const deliveryTimeout = 5 * time.Second

// httpDelivery posts events as an array.
func httpDelivery(to *url.URL, dial dialer) delivery {
	to.Path = path.Join("/", to.Path)
	client := &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: deliveryTimeout}
	return func(ctx context.Context, events []json.RawMessage) error {
		body, err := json.Marshal(events)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Close = true // its process may end any time
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, responseLimit))
		if response.StatusCode >= http.StatusBadRequest {
			return errors.New(response.Status)
		}
		return nil
	}
}

// tcpDelivery writes events as lines.
func tcpDelivery(address string, dial dialer) delivery {
	return func(ctx context.Context, events []json.RawMessage) error {
		c, err := dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(deliveryTimeout))
		var lines bytes.Buffer
		for _, e := range events {
			lines.Write(e)
			lines.WriteByte('\n')
		}
		_, err = c.Write(lines.Bytes())
		return err
	}
}

// dialOwn connects to a listener of this user: one of another user gets nothing of the log.
func dialOwn(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	for !ownPeer(c) { // a connection that the listener has not taken yet is nobody's
		select {
		case <-ctx.Done():
			c.Close()
			return nil, errors.New("who listens at " + address + " is not this user")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return c, nil
}
