package build

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"lpipe/internal/artifact"
	"lpipe/internal/config"
	"lpipe/internal/disk"
	"lpipe/internal/dockerfile"
	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/project"
	"lpipe/internal/report"
	"lpipe/internal/skeleton"
	"lpipe/internal/subset"
)

// runtimeAPI is where the smoke step has the Runtime API.
const runtimeAPI = "127.0.0.1:9001"

// maxEvent is how large an event is at most: 6 MB for a request that waits for the answer.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxEvent = 6 << 20

// keptAnswers is how much of all answers is kept to compare them, in bytes: what is read of a stage has a limit.
const keptAnswers = 4 << 20

// initStarts is how often a program is started at most where its start has a budget: the best counts, since a machine that is
// busy makes starts slower and none faster.
const initStarts = 3

// smokeFiles is the context of the smoke step of a lambda: what smoke.rs is to do, the events, and the files of the zip and of the
// layers.
func smokeFiles(t project.Target, included []artifact.Entry, layers []artifact.Layer) (*skeleton.Tree, error) {
	l := t.Lambda
	var mistakes fault.List
	files := []skeleton.File{{Path: "task/"}, {Path: "opt/"}}
	add := func(dir string, entries []artifact.Entry) {
		for _, e := range entries {
			files = append(files, skeleton.File{Path: path.Join(dir, e.Name), Data: e.Data, Executable: e.Executable})
		}
	}
	add("task", included)
	for _, layer := range layers {
		add("opt", layer.Files)
	}
	timeout, err := time.ParseDuration(l.Build.SmokeTimeout)
	if err != nil {
		return nil, fmt.Errorf("reading smoke-timeout: %w", err) // config has checked it
	}
	machine, _, _ := strings.Cut(l.Build.TargetFor(l.Arch), "-")
	starts := 1
	if l.Build.Budget.Init != "" {
		starts = initStarts
	}
	init, memory := budget(l.Build.Budget)
	settings := []string{
		"address=" + runtimeAPI, "directory=" + limits.TaskRoot, "program=" + limits.TaskRoot + "/" + artifact.ProgramName, "machine=" + machine,
		"timeout=" + strconv.FormatInt(timeout.Milliseconds(), 10), "starts=" + strconv.Itoa(starts),
		"max-init=" + strconv.FormatInt(init.Microseconds(), 10), "max-memory=" + strconv.FormatInt(memory, 10),
		"keep=" + strconv.Itoa(keptAnswers/max(1, len(l.Build.Smoke))),
	}
	ws := t.Plan.Workspace
	at := t.Config.Origin(config.Key("lambda", l.Name, "smoke")).String()
	for i, event := range l.Build.Smoke {
		data, err := disk.Read(ws.FS, path.Join(ws.Base, l.Package.Dir, event), maxEvent)
		switch {
		case err != nil:
			mistakes.Addf(fmt.Sprintf("%s: the event %s of smoke cannot be read", at, event), reason(err),
				"it is relative to the package's folder /"+path.Join(ws.Base, l.Package.Dir)+"; correct it, or take it out")
		case emulator.CheckEvent(data) != nil:
			mistakes.Addf(fmt.Sprintf("%s: the event %s of smoke is not JSON", at, event), "Lambda takes no other events",
				"correct it; lpipe examples prints events of AWS's services")
		}
		file := fmt.Sprintf("events/%d.json", i+1)
		files = append(files, skeleton.File{Path: file, Data: data})
		settings = append(settings, "event=/smoke/"+file)
	}
	for _, v := range (emulator.Config{Name: l.Name}).Environment(runtimeAPI, limits.TaskRoot, limits.Opt) {
		if strings.HasPrefix(v, "AWS_LAMBDA_LOG_STREAM_NAME=") { // another one each time, and so another step
			v = "AWS_LAMBDA_LOG_STREAM_NAME=1970/01/01/[$LATEST]smoke"
		}
		settings = append(settings, "env="+v)
	}
	for _, e := range envOf(l.Build.SmokeEnv) {
		settings = append(settings, "env="+e)
	}
	extensions := func(root string, entries []artifact.Entry) {
		for _, e := range entries {
			if dir, name := path.Split(e.Name); dir == limits.ExtensionsDir+"/" && e.Executable {
				settings = append(settings, "extension="+path.Join(root, dir, name))
			}
		}
	}
	extensions(limits.TaskRoot, included)
	for _, layer := range layers {
		extensions(limits.Opt, layer.Files)
	}
	files = append(files, skeleton.File{Path: "settings", Data: []byte(strings.Join(settings, "\x00") + "\x00")})
	return skeleton.Made(files), mistakes.Err()
}

func envOf(m map[string]string) []string {
	var all []string
	for name, value := range m {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// budget returns the bounds of a budget that the smoke step holds; 0 is none. config has checked them.
func budget(b config.Budget) (init time.Duration, memory int64) {
	init, _ = time.ParseDuration(b.Init)
	memory, _ = config.ParseSize(b.Memory)
	return init, memory
}

// smoked is what smoke.rs wrote.
type smoked struct {
	Skipped  string `json:"skipped"` // the machine that cannot run the program, "" for one that did
	Init     int64  `json:"init"`    // microseconds
	Memory   int64  `json:"memory"`
	Emulated bool   `json:"emulated"`
	Root     bool   `json:"root"`
	Events   []struct {
		Took   int64   `json:"took"` // microseconds
		Size   int64   `json:"size"`
		Answer *string `json:"answer"` // nil where it is too large to keep
	} `json:"events"`
}

// readSmoke reads what the smoke step of a target wrote, with a refusal where an answer is not the expected one. It is nil
// where the target has no smoke test.
func (t Target) readSmoke(files map[string][]byte) (s *smoked, refused, err error) {
	data, ok := files[dockerfile.FileSmoke]
	if !ok {
		return nil, nil, nil
	}
	b := t.Lambda.Build
	s = &smoked{}
	if err := json.Unmarshal(data, s); err != nil || s.Skipped == "" && len(s.Events) != len(b.Smoke) {
		return nil, nil, &fault.Error{
			Kind: fault.Build, What: "what the smoke test of " + t.Lambda.Label() + " measured cannot be read", Err: err, Fix: "build it again with --no-cache",
		}
	}
	var wrong fault.List
	for i, e := range s.Events {
		want, ok := b.SmokeExpect[b.Smoke[i]]
		if !ok {
			continue
		}
		if why := differs(e.Answer, want); why != "" {
			wrong.Add(&fault.Error{
				Kind: fault.Artifact, What: fmt.Sprintf("%s gives a wrong answer to %s", t.Lambda.Label(), b.Smoke[i]), Why: why,
				Fix: "correct the program, or smoke-expect in lpipe.toml",
			})
		}
	}
	return s, wrong.Err(), nil
}

// maxShown is how many bytes of an answer a message has.
const maxShown = 2000

// differs says why an answer has not all that is wanted of it, "" where it has.
func differs(answer *string, want string) string {
	if answer == nil {
		return "it is too large to be compared"
	}
	text, _, _ := strings.Cut(*answer, "\x00\x00\x00\x00\x00\x00\x00\x00") // after which a streamed HTTP answer has its body
	shown := text
	if len(shown) > maxShown {
		shown = shown[:maxShown] + "…"
	}
	is, err := subset.Parse([]byte(text))
	if err != nil {
		return fmt.Sprintf("it is no JSON: %q", shown)
	}
	wanted, err := subset.Parse([]byte(want))
	if err != nil {
		return err.Error()
	}
	if why := is.Lacks(wanted); why != "" {
		return why + ", in " + shown
	}
	return ""
}

// told is what the report has of a smoke test, and what a person has to know of it.
func (t Target) told(s *smoked) (told *report.Smoke, warnings []string) {
	b := t.Lambda.Build
	if s.Skipped != "" {
		return nil, []string{fmt.Sprintf("%s: its smoke test is left out, and with it the budgets of init and memory: the engine's machine is %s and cannot run programs for %s; "+
			"use an engine on such a machine, or test-runner = \"qemu\" in [build], which installs qemu", t.Lambda.Label(), s.Skipped, t.Lambda.Arch)}
	}
	told = &report.Smoke{InitMillis: float64(s.Init) / 1000, Memory: s.Memory, Emulated: s.Emulated}
	for i, e := range s.Events {
		told.Events = append(told.Events, report.SmokeEvent{Event: b.Smoke[i], Millis: float64(e.Took) / 1000, Size: e.Size})
	}
	if s.Emulated && (b.Budget.Init != "" || b.Budget.Memory != "") {
		warnings = append(warnings, t.Lambda.Label()+": the budgets of init and memory are not checked, since the program ran under qemu")
	}
	if s.Root {
		warnings = append(warnings, t.Lambda.Label()+": it ran as root in its smoke test, since the engine has no other user; permissions did not hold it")
	}
	return told, warnings
}
