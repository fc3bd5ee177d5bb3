//go:build linux

package engine

import (
	"testing"

	"lpipe/internal/engine/daemon"
)

func TestAnEngineThatRunsIsConnectedToEarly(t *testing.T) {
	o := embeddedOptions(t)
	chosen := ChooseEach(o)
	early := Begin(t.Context(), o, chosen)
	if e := early.take(0); e != nil {
		e.Close()
		t.Error("there is a connection to an engine that does not run")
	}
	if got := daemons(t, o); len(got) > 0 {
		t.Errorf("it was started: %v", got)
	}

	open(t, o).Close()
	running, _ := daemon.Running(o.Root)
	early = Begin(t.Context(), o, chosen)
	defer early.Close()
	e := <-early.found[0]
	if e == nil {
		t.Fatal("there is no connection to an engine that runs")
	}
	early.found[0] <- e
	all, _, err := OpenEach(t.Context(), o, chosen, early)
	must(t, err)
	defer all[0].Close()
	if all[0] != e || !e.Renewable() || !e.complete {
		t.Errorf("%+v was taken in place of %+v", all[0], e)
	}
	if now, _ := daemon.Running(o.Root); now.PID != running.PID {
		t.Errorf("process %d was replaced by %d", running.PID, now.PID)
	}
}

// TestAConnectionThatNobodyTakesIsClosed: or an idle engine would not leave.
func TestAConnectionThatNobodyTakesIsClosed(t *testing.T) {
	o := embeddedOptions(t)
	open(t, o).Close()
	early := Begin(t.Context(), o, ChooseEach(o))
	e := <-early.found[0]
	if e == nil {
		t.Fatal("there is no connection to an engine that runs")
	}
	early.found[0] <- e
	early.Close()
	if _, err := e.Client().ListWorkers(t.Context()); err == nil {
		t.Error("the connection is open")
	}
}
