package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTelemetry: an extension gets what happened, in order, also what was before it subscribed and what comes at the end.
func TestTelemetry(t *testing.T) {
	for _, name := range []string{"listens", "listens-tcp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dir string
			_, printed, log, _ := lifetime(t, "run", []Event{do("count"), do("exit")}, extended(t, name), func(p *Program) { dir = p.Dir })
			data, err := os.ReadFile(filepath.Join(dir, "telemetry.json"))
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, printed, log)
			}
			var events []struct {
				Time   time.Time
				Type   string
				Record any
			}
			if err := json.Unmarshal(data, &events); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range events {
				what := e.Type
				switch record := e.Record.(type) {
				case string:
					what += " " + record
				case map[string]any:
					for _, key := range []string{"status", "errorType"} {
						if value, ok := record[key]; ok {
							what += fmt.Sprint(" ", value)
						}
					}
					if spans, ok := record["spans"].([]any); ok {
						what += fmt.Sprint(" ", len(spans), " spans")
					}
				}
				if time.Since(e.Time) > time.Minute {
					t.Error(e.Time)
				}
				// What the extension printed says when it was told, and what the program printed as it started may be before.
				if !strings.HasPrefix(what, "extension ") && what != "function started" {
					got = append(got, what)
				}
			}
			want := []string{
				"platform.initStart", "platform.telemetrySubscription", "platform.initRuntimeDone success", "platform.extension",
				"platform.initReport success", "platform.start", "function event count", "platform.runtimeDone success 3 spans", "platform.report success",
				"platform.start", "function event exit", "platform.runtimeDone error Runtime.ExitError", "platform.report error Runtime.ExitError",
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q\nis not\n%q", got, want)
			}
			if !strings.Contains(log, "TELEMETRY\tName: "+name+"\tState: Subscribed\tTypes: [Platform, Function, Extension]\n") {
				t.Error(log)
			}
		})
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	const http, version, types = `"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/a"}`, `"schemaVersion":"2022-12-13"`, `"types":["platform"]`
	for body, want := range map[string]string{
		`{` + version + `,` + types + `,` + http + `}`:                                                 "",
		`{` + version + `,` + types + `,"destination":{"protocol":"TCP","port":4000}}`:                 "",
		`{` + version + `,` + types + `,"destination":{"protocol":"HTTP","URI":"http://127.0.0.1:1"}}`: "",
		`{` + version + `,` + types + `,` + http + `,"buffering":{"maxItems":1000,"timeoutMs":25}}`:    "",
		`{`:  "unexpected end of JSON input",
		`{}`: "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29; types should not be empty; protocol should be HTTP or TCP",
		`{` + version + `,"types":["platform","all"],` + http + `}`:                                              `types should not contain "all"`,
		`{` + version + `,` + types + `,` + http + `,"buffering":{"maxItems":0,"maxBytes":1,"timeoutMs":30001}}`: "maxItems should be between 1000 and 10000; maxBytes should be between 262144 and 1048576; timeoutMs should be between 25 and 30000",
		`{` + version + `,` + types + `,"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain"}}`:   "URI port is not provided",
		`{` + version + `,` + types + `,"destination":{"protocol":"HTTP","URI":"http://example.com:80"}}`:        "URI host should be sandbox.localdomain",
		`{` + version + `,` + types + `,"destination":{"protocol":"HTTP","URI":"https://sandbox:80"}}`:           "URI should be http://sandbox.localdomain:PORT",
		`{` + version + `,` + types + `,"destination":{"protocol":"TCP","port":9001}}`:                           "port should be between 1 and 65535, and not 9001",
	} {
		_, _, to, err := parseSubscription([]byte(body))
		if got := fmt.Sprint(err); want == "" && (err != nil || to.Hostname() != "127.0.0.1") || want != "" && got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	_, w := serve(t, Config{})
	x := extensionOf(t, w)
	x.expect("403 Extension.MissingExtensionIdentifier", "PUT", "../../2022-07-01/telemetry", "{}")
	x.expect("200 handler", "POST", "register", "{}", "Lambda-Extension-Name", "own")
	x.expect("400 ValidationError", "PUT", "../../2022-07-01/telemetry", "{}")
	x.expect("400 ValidationError", "PUT", "../../2022-07-01/telemetry/", "{}")
	go func() { _, _ = w.next(t.Context()) }()
	go func() { _, _ = x.call(t.Context(), "GET", "event/next", "") }()
	if !eventuallyTrue(func() bool {
		text, _ := x.call(t.Context(), "PUT", "../../2022-07-01/telemetry", "{}")
		return strings.HasPrefix(text, "403 ") && strings.Contains(text, "Telemetry.SubscriptionClosed")
	}) {
		t.Error("an extension can subscribe after the initialization")
	}
}

func FuzzSubscription(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/a"}}`))
	f.Add([]byte(`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":65536},"buffering":{"maxItems":-1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, b, to, err := parseSubscription(data)
		if err == nil && (to.Hostname() != "127.0.0.1" || to.Port() == "" || b.items < 1000 || b.bytes < 1<<18 || b.timeout <= 0 || len(s.Types) == 0) {
			t.Errorf("%s: %+v %v", data, b, to)
		}
	})
}

// TestASlowSubscriberLosesTelemetry: the buffer is bounded, and what was lost is told.
func TestASlowSubscriberLosesTelemetry(t *testing.T) {
	release := make(chan bool)
	var batches [][]json.RawMessage
	s := newSubscriber(t.Context(), "slow", telemetryTypes, buffering{items: 10, bytes: 1 << 20, timeout: time.Millisecond}, func(_ context.Context, events []json.RawMessage) error {
		<-release
		batches = append(batches, events)
		return nil
	})
	event := encodeAs(time.Now(), telemetryFunction, "text")
	for range 50 {
		s.add(telemetryFunction, event)
	}
	close(release)
	s.flush(t.Context())
	s.stop()
	<-s.done
	var all []string
	for _, b := range batches {
		for _, e := range b {
			all = append(all, string(e))
		}
	}
	if n := len(all); n < 20 || n > 45 || !strings.Contains(strings.Join(all, "\n"), `"platform.logsDropped"`) {
		t.Errorf("%d events: %q", n, all)
	}
}

// TestDeliveryIsTriedAgain, and ends with the environment.
func TestDeliveryIsTriedAgain(t *testing.T) {
	tries := 0
	s := newSubscriber(t.Context(), "late", telemetryTypes, buffering{items: 10, bytes: 1 << 20, timeout: time.Millisecond}, func(context.Context, []json.RawMessage) error {
		if tries++; tries < 4 {
			return errors.New("nobody listens")
		}
		return nil
	})
	s.add(telemetryPlatform, encode(time.Now(), dropped{}))
	s.flush(t.Context())
	if tries != 4 {
		t.Errorf("%d tries", tries)
	}
	s.stop()
	<-s.done
	broken := newSubscriber(t.Context(), "gone", telemetryTypes, buffering{items: 10, bytes: 1 << 20, timeout: time.Millisecond}, httpDelivery(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}, dialOwn))
	broken.add(telemetryPlatform, encode(time.Now(), dropped{}))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	broken.flush(short)
	broken.stop()
	<-broken.done
	if short.Err() == nil {
		t.Error("a flush ends though nothing was sent")
	}
}

// TestTelemetryEndsWithTheServer, also where no sandbox ends it.
func TestTelemetryEndsWithTheServer(t *testing.T) {
	s, w := serve(t, Config{})
	x := extensionOf(t, w)
	x.expect("200 handler", "POST", "register", "{}", "Lambda-Extension-Name", "own")
	x.expect(`200 "OK"`, "PUT", "../../2022-07-01/telemetry",
		`{"schemaVersion":"2022-12-13","types":["platform"],"destination":{"protocol":"TCP","port":1}}`)
	s.Close()
	for _, subscriber := range s.journal.listeners() {
		select {
		case <-subscriber.done:
		case <-time.After(20 * time.Second):
			t.Error("it goes on")
		}
	}
	if n := len(s.journal.listeners()); n != 1 {
		t.Errorf("%d subscribers", n)
	}
}
