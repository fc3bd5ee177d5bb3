package progress

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"github.com/tonistiigi/vt100"
	"golang.org/x/sys/unix"
)

// pseudoTerminal opens a terminal of a size; what is written to it is read from screen.
func pseudoTerminal(t *testing.T, width, height int) (tty, screen *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	screen = os.NewFile(uintptr(fd), "screen")
	t.Cleanup(func() { screen.Close() })
	return tty, screen
}

// onTerminal runs a display of one lambda that compiles and is tested on a terminal, and returns what that was sent.
func onTerminal(t *testing.T, o Options) string {
	t.Helper()
	tty, screen := pseudoTerminal(t, 60, 20)
	o.Out, o.Lambdas = tty, []string{"api"}
	signals := make(chan os.Signal, 1) // the process's loop over signals, which the first one starts, belongs to no bubble
	signal.Notify(signals, unix.SIGWINCH)
	defer signal.Stop(signals)
	synctest.Test(t, func(t *testing.T) {
		d, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		d.Know(map[digest.Digest]Known{build: buildStep, deps: depsStep})
		d.Own("api", []digest.Digest{build, deps})
		d.Status() <- vertex(deps, "[deps 1/1] RUN", "done")
		d.Status() <- vertex(build, "[build 1/1] RUN", "runs")
		time.Sleep(3 * redraw)
		d.Say("ssh: signed login as git@github.com")
		d.Status() <- &client.SolveStatus{}
		time.Sleep(2 * redraw)
		close(d.Status())
		d.Wait()
	})
	tty.Close()
	var all strings.Builder
	buffer := make([]byte, 4096)
	for { // until the terminal is closed, which is an error on this side
		n, err := screen.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			return all.String()
		}
	}
}

func TestATerminalIsDrawnOn(t *testing.T) {
	for _, mode := range []string{"auto", "tty"} {
		sent := onTerminal(t, Options{Mode: mode, Term: "xterm"})
		for _, want := range []string{"dependencies", "compiling\x1b[0K\r\n"} {
			if !strings.Contains(sent, want) {
				t.Errorf("%s: %q lacks %q", mode, sent, want)
			}
		}
		e := &emulator{VT100: vt100.NewVT100(20, 60)}
		_, _ = e.Write([]byte(sent))
		if got := e.text(); got != "ssh: signed login as git@github.com\ndependencies     3s  done" {
			t.Errorf("%s: what stays is\n%s", mode, got)
		}
	}
}

func TestATerminalWithoutColours(t *testing.T) {
	with, without := onTerminal(t, Options{Mode: "auto", Term: "xterm"}), onTerminal(t, Options{Mode: "auto", Term: "xterm", NoColor: true})
	if !strings.Contains(with, "\x1b[32m") || strings.Contains(without, "\x1b[3") || strings.Contains(without, "\x1b[2m") {
		t.Errorf("with %q, without %q", with, without)
	}
}

func TestADumbTerminalGetsLines(t *testing.T) {
	for _, kind := range []string{"dumb", ""} {
		for _, mode := range []string{"auto", "tty"} {
			if sent := onTerminal(t, Options{Mode: mode, Term: kind}); strings.Contains(sent, "\x1b") || !strings.HasPrefix(sent, "#1 ") {
				t.Errorf("TERM=%q, %s: sent %q", kind, mode, sent)
			}
		}
	}
	if sent := onTerminal(t, Options{Mode: "plain", Term: "xterm"}); strings.Contains(sent, "\x1b") || !strings.HasPrefix(sent, "#1 ") {
		t.Errorf("plain: sent %q", sent)
	}
}
