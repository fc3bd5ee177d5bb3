package page

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lpipe/internal/emulator"
	"lpipe/internal/testparts/require"
)

// browser is headless Chromium, commanded by WebDriver: https://www.w3.org/TR/webdriver2/
type browser struct {
	t       *testing.T
	session string // its address
}

// newBrowser starts one, which ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	require.Part(t, err == nil, "Chromium and its driver", "scripts/test --all installs them")
	cmd := exec.CommandContext(t.Context(), driver, "--port=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port := ""
	for lines := bufio.NewScanner(out); port == "" && lines.Scan(); {
		_, after, ok := strings.Cut(lines.Text(), "started successfully on port ")
		if ok {
			port = strings.TrimRight(after, ".")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	b := &browser{t: t, session: "http://127.0.0.1:" + port + "/session"}
	var made struct{ SessionID string }
	b.post("", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"args": []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"}},
		"goog:loggingPrefs":  map[string]string{"browser": "ALL"},
	}}}, &made)
	b.session += "/" + made.SessionID
	t.Cleanup(func() {
		r, _ := http.NewRequest(http.MethodDelete, b.session, nil)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
	})
	return b
}

// post gives the browser a command, and reads the value that it answers.
func (b *browser) post(command string, arguments, value any) {
	b.t.Helper()
	body, err := json.Marshal(arguments)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.Post(b.session+command, "application/json", bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s %.500s %v", command, resp.Status, text, err)
	}
	if value == nil {
		return
	}
	answer := struct{ Value any }{value}
	if err := json.Unmarshal(text, &answer); err != nil {
		b.t.Fatalf("%s: %v: %.500s", command, err, text)
	}
}

func (b *browser) open(url string) { b.t.Helper(); b.post("/url", map[string]string{"url": url}, nil) }

// run runs a script in the page.
func (b *browser) run(script string, value any) {
	b.t.Helper()
	b.post("/execute/sync", map[string]any{"script": script, "args": []any{}}, value)
}

// text is what a script returns.
func (b *browser) text(script string) (text string) {
	b.t.Helper()
	b.run("return String("+script+")", &text)
	return text
}

// devtools gives a command that WebDriver lacks: https://chromedevtools.github.io/devtools-protocol/
func (b *browser) devtools(command string, parameters map[string]any) {
	b.t.Helper()
	b.post("/goog/cdp/execute", map[string]any{"cmd": command, "params": parameters}, nil)
}

// Keys of WebDriver.
const tab, enter, control = "\ue004", "\ue007", "\ue009"

// press presses keys one after the other; held down meanwhile are those of with.
func (b *browser) press(keys string, with ...string) {
	b.t.Helper()
	var actions []map[string]string
	for _, key := range with {
		actions = append(actions, map[string]string{"type": "keyDown", "value": key})
	}
	for _, key := range keys {
		actions = append(actions, map[string]string{"type": "keyDown", "value": string(key)}, map[string]string{"type": "keyUp", "value": string(key)})
	}
	for _, key := range with {
		actions = append(actions, map[string]string{"type": "keyUp", "value": key})
	}
	b.post("/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// eventually waits until a script returns a text.
func (b *browser) eventually(script, want string) {
	b.t.Helper()
	got := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = b.text(script); got == want {
			return
		}
	}
	b.t.Fatalf("%s is %q instead of %q", script, got, want)
}

// faint lists texts whose contrast is less than what WCAG wants of them: https://www.w3.org/TR/WCAG22/#contrast-minimum
const faint = `
const light = (c) => { const [r, g, b] = c.match(/[\d.]+/g).slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\)$/.test(c)) return c; } return getComputedStyle(document.documentElement).backgroundColor; };
return [...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length).filter((e) => {
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
  return (a + 0.05) / (b + 0.05) < 4.5;
}).map((e) => e.tagName + " " + e.textContent.trim().slice(0, 40));`

// TestThePageInABrowser: it can be read in the light and in the dark, on wide and on narrow screens, is used by the keyboard alone,
// follows what happens, and the browser has nothing to complain of.
func TestThePageInABrowser(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	recorder := &Recorder{}
	h := newHost()
	server := httptest.NewServer(Handler(h, recorder))
	defer server.Close()
	b := newBrowser(t)
	overview := server.URL + Root
	if _, err := recorder.Watch(echo{}, "orders").Invoke(t.Context(), emulator.Event{Payload: []byte(`"` + strings.Repeat("long ", 100) + `"`)}); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{1280, 360} {
			b.devtools("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
			b.devtools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false})
			for _, url := range []string{overview, overview + "invocations/1"} {
				b.open(url)
				b.run(`document.querySelectorAll("details").forEach((d) => d.open = true)`, nil)
				if wider := b.text("document.documentElement.scrollWidth - document.documentElement.clientWidth"); wider != "0" {
					t.Errorf("%s, %s, %d wide: the page is wider than the screen by %s", url, scheme, width, wider)
				}
				var all []string
				if b.run(faint, &all); len(all) > 0 {
					t.Errorf("%s, %s: hard to read are %q", url, scheme, all)
				}
				if dark := b.text(`parseInt(getComputedStyle(document.body).backgroundColor.slice(4)) < 128`); dark != fmt.Sprint(scheme == "dark") {
					t.Errorf("%s, %s: dark is %s", url, scheme, dark)
				}
			}
		}
	}

	// By the keyboard: past what is before the form, to the event, and off with it.
	b.open(overview)
	b.press(tab)
	if first := b.text(`document.activeElement.textContent + " " + (document.activeElement.getBoundingClientRect().left >= 0)`); first != "Send an event true" {
		t.Errorf("the first stop of the keyboard is %q", first)
	}
	b.press(enter)
	b.eventually("location.hash", "#send")
	for stops := 0; b.text("document.activeElement.tagName") != "TEXTAREA"; stops++ {
		if stops == 10 {
			t.Fatal("the keyboard does not get to the event")
		}
		b.press(tab)
		if outline := b.text("getComputedStyle(document.activeElement).outlineStyle"); outline == "none" {
			t.Errorf("nothing shows that the keyboard is at %s", b.text("document.activeElement.outerHTML"))
		}
	}
	b.press("a", control)
	b.press(`{"a":1}`)
	b.press(enter, control)
	b.eventually("location.pathname", Root+"invocations/2")
	if answer := b.text(`document.querySelector("[aria-label=Answer]").textContent.replace(/\s/g, "")`); answer != `{"a":1}` {
		t.Errorf("the answer is %q", answer)
	}

	// What others do appears, and where the keyboard is stays.
	b.open(overview)
	b.run(`document.querySelector('a[href="/_lpipe/invocations/2"]').focus()`, nil)
	if _, err := recorder.Watch(echo{}, "orders").Invoke(t.Context(), emulator.Event{Payload: []byte(`"fail"`)}); err != nil {
		t.Fatal(err)
	}
	b.eventually(`!!document.querySelector('a[href="/_lpipe/invocations/3"]')`, "true")
	if at := b.text("document.activeElement.getAttribute('href')"); at != Root+"invocations/2" {
		t.Errorf("the keyboard is at %q", at)
	}

	var log []struct{ Level, Message string }
	b.post("/se/log", map[string]string{"type": "browser"}, &log)
	for _, entry := range log {
		t.Errorf("the browser says %s: %s", entry.Level, entry.Message)
	}
}
