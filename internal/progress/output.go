package progress

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"lpipe/internal/pattern"
)

// compileRun is what the output of cargo says of how far a step is that compiles.
type compileRun struct {
	compiled map[string]bool // the crates that were begun, with their versions
	crate    string          // the one that was begun last
	crateAt  time.Time
}

// testRun is what the output of tests says of how far they are.
type testRun struct {
	tests, passed, ignored, failures int
	nextest                          bool // cargo nextest runs them
	counted                          int  // by it, of the tests that it runs: at its end it repeats those that failed
}

var (
	// compiledCrate is a line of cargo about a crate: its name, its version, and the folder of one of the project.
	compiledCrate = pattern.Of(`^ +Compiling (\S+) (v\S+)(?: \((/.*)\))?`)
	// testLine is a line of a test program: how many tests it has, or what became of one.
	testLine = pattern.Of(`^(?:running (\d{1,6}) tests?|test .+ \.\.\. (ok|FAILED|ignored.*))$`)
	// nextestLine is one of cargo nextest: how many tests it runs, or what became of one in its last try and of how many before it:
	// "        PASS [   0.005s] (1/9) api tests::works", "  TRY 2 FAIL [   0.004s] ( 7/12) api tests::fails".
	nextestLine = pattern.Of(`^ +(?:Starting (\d{1,6}) tests? across |(?:TRY \d+ )?([A-Z-]+) \[ *[\d.]+s\] \( *(\d{1,6})/\d+\) )`)
)

// maxCrates is how many crates of a step are remembered with their times.
const maxCrates = 10_000

// begin reads from lines of a step's output which crates it began to compile at that time. They are of others: nothing but a
// report depends on them.
func (s *step) begin(lines []byte, at time.Time) {
	for line := range bytes.Lines(lines) {
		if m := compiledCrate().FindSubmatch(bytes.TrimSuffix(line, []byte("\n"))); m != nil && len(s.begunCrates) < maxCrates {
			s.begunCrates = append(s.begunCrates, Crate{string(m[1]) + " " + string(m[2]), at})
		}
	}
}

// follow reads from lines of a step's output how far it is. They are of others: nothing but the display depends on them.
func (s *step) follow(work Work, lines []byte) {
	if work == Prepares {
		return
	}
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if m := compiledCrate().FindSubmatch(line); m != nil && (work != CompilesDependencies || len(m[3]) == 0) {
			if s.compiled == nil {
				s.compiled = map[string]bool{}
			}
			s.compiled[string(m[1])+" "+string(m[2])] = true
			s.crate, s.crateAt = string(m[1]), time.Now()
		}
		if work != RunsTests {
			continue
		}
		if m := nextestLine().FindSubmatch(line); m != nil {
			s.ofNextest(string(m[1]), string(m[2]), string(m[3]))
		} else if m := testLine().FindSubmatch(line); m != nil && !s.nextest {
			n, _ := strconv.Atoi(string(m[1]))
			s.tests += n
			switch result := string(m[2]); {
			case result == "ok":
				s.passed++
			case result == "FAILED":
				s.failures++
			case result != "":
				s.ignored++
			}
		}
	}
}

// ofNextest takes what nextestLine found.
func (t *testRun) ofNextest(starting, result, at string) {
	if starting != "" {
		n, _ := strconv.Atoi(starting)
		t.tests, t.nextest, t.counted = t.tests+n, true, 0
		return
	}
	n, _ := strconv.Atoi(at)
	if n <= t.counted {
		return
	}
	t.counted = n
	if result == "PASS" || result == "LEAK" {
		t.passed++
	} else {
		t.failures++
	}
}

var (
	// compileError is an error of the compiler, or of cargo, with the place that the compiler names on the next line.
	compileError = pattern.Of(`(?m)^(error(?:\[E\d+\])?: .+)(?:\n +--> (\S+))?`)
	failedTest   = pattern.Of(`(?m)^test (.+) \.\.\. FAILED$`)
)

// firstError is the first line of a step's output that says why the step failed, or else what BuildKit says.
func (s *step) firstError() string {
	log := string(s.log)
	if m := failedTest().FindStringSubmatch(log); m != nil {
		return "test " + m[1] + " failed"
	}
	if m := compileError().FindStringSubmatch(log); m != nil {
		if m[2] != "" {
			return m[1] + ", " + strings.TrimPrefix(m[2], "/src/")
		}
		return m[1]
	}
	first, _, _ := strings.Cut(Brief(s.vertex.Error), "\n")
	return first
}
