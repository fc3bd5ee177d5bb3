package finding

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/pattern"
)

// Bounds of what is kept of output that does not end. What is beyond them belongs to no finding.
const (
	maxFindings = 1000
	maxWarnings = 20_000
	maxCases    = 100_000
	maxText     = 256 << 10 // bytes of one finding
	maxMessage  = 40        // lines of a message
)

// Reader reads the output of cargo line by line. The zero value is ready to use.
type Reader struct {
	warnings bool // of the compiler are findings
	compiler bool // what follows are the compiler's warnings, as the test stage prints them after tests that failed

	report  Report
	open    *draft // the finding that the next lines may belong to
	failing bool   // in the list of failures of a program of tests
	suite   suite
}

// suite is the program of tests that runs.
type suite struct {
	name   string // "" before the first
	crate  string // that it was made of, where its name says so
	first  int    // of the report's findings, the first of this suite
	failed int    // tests that failed so far
	panic  panicked
}

// draft is a finding that is not complete.
type draft struct {
	Finding
	lines  []string
	bytes  int
	panic  panicked
	last   []string // lines that are not empty, at the end
	error  bool     // an error of the compiler, in the output of a documentation test, gave the message
	causes bool     // it is followed by what cargo says of the process that failed
	unit   *Unit    // of what did not compile: no finding, unless the compiler itself was killed
	ended  string   // how the process ended
	known  bool     // tests of the program failed, which is the reason unless the process was killed
}

// Lines that begin something, in the order in which they are looked for.
var (
	status     = pattern.Of(`^ *([A-Z][A-Za-z-]+) (.*)$`)
	running    = pattern.Of(`^(?:unittests )?(.*?) ?\(([^()]*)\)$`)
	tested     = pattern.Of(`^test (.+?) \.\.\. (ok|FAILED|ignored)(?:, in try ([0-9]{1,4})|,.*)?$`)
	result     = pattern.Of(`^test result: ([a-zA-Z]+)\. ([0-9]{1,9}) passed; ([0-9]{1,9}) failed; ([0-9]{1,9}) ignored; `)
	block      = pattern.Of(`^---- (.+) std(?:out|err) ----$`)
	rerun      = pattern.Of("^error: (?:test|doctest|bench) failed, to rerun pass [`'](.+)['`]$")
	ofPackage  = pattern.Of(`(?:^| )-p (\S+)`)
	diagnostic = pattern.Of(`^(error|warning)(?:\[([A-Za-z0-9:_]+)\])?: (.*)$`)
	script     = pattern.Of("^failed to run custom build command for [`'](\\S+) (\\S+)")
	scriptSaid = pattern.Of(`^(\S+@[0-9]\S*): (.*)$`)
	uncompiled = pattern.Of("^could not compile [`'](\\S+)[`'](?: \\(([^()]+)\\))?")
	summary    = pattern.Of(`^(?:aborting due to |[0-9]+ warnings? emitted|build failed, |build script logged errors|[0-9]+ targets? failed:|[0-9]+ jobs? failed|test run failed$)`)
	ofMacro    = pattern.Of(`^(?:proc macro|proc-macro derive|custom attribute) panicked`)
	arrow      = pattern.Of(`^ *(?:-->|:::) (.+?):([0-9]{1,9}):([0-9]{1,9})(?:: .*)?$`)
	panics     = pattern.Of(`^\s*thread '(.*?)' (?:\([0-9]+\) )?panicked at (.*)$`)
	overflow   = pattern.Of(`^\s*thread '.*' (?:\([0-9]+\) )?has overflowed its stack$`)
	place      = pattern.Of(`^(.+?):([0-9]{1,9}):([0-9]{1,9}):?$`)
	oldPlace   = pattern.Of(`^(.*), ([^,']+):([0-9]{1,9}):([0-9]{1,9})$`)
	unexpected = pattern.Of(`^note: test did not panic as expected(?: at (.+?):([0-9]{1,9}):([0-9]{1,9}))?`)
	documented = pattern.Of(`^(\S.*?) - .*\(line ([0-9]{1,9})\)`)
	exited     = pattern.Of(`^\s*process didn't exit successfully: .*\((.+)\)$`)
)

// warned is what the test stage prints between tests that failed and what the compiler warned of.
const warned = "    Warnings of the compiler"

// Line reads a line without its end. It reports whether the line is part of a finding, whose text has it.
func (r *Reader) Line(line string) bool {
	line = strings.TrimRight(line, "\r")
	switch {
	case line == warned:
		r.close()
		r.failing, r.suite, r.compiler = false, suite{}, true
		return true
	case r.failing:
		return r.failure(line)
	case r.status(line):
		return false
	case line == "failures:" && r.suite.name != "":
		r.close()
		r.failing = true
		return true
	}
	if r.rerun(line) {
		return false
	}
	if strings.HasPrefix(line, "test ") {
		if m := tested().FindStringSubmatch(line); m != nil {
			r.tested(Case{r.suite.name, testName(m[1]), m[2], number(m[3])})
			return false
		}
	}
	if r.counted(line) {
		return false
	}
	if m := r.diagnostic(line); m != nil && r.suite.name == "" {
		return r.begin(line, m)
	}
	if r.open != nil && r.open.takes(line) {
		return r.add(line)
	}
	r.close()
	if r.suite.name != "" {
		r.suite.panic.read(line)
	}
	return false
}

// Report returns what was read. A line that follows is part of no finding of before.
func (r *Reader) Report() Report {
	r.close()
	return r.report
}

// status takes a line of cargo's own about what it is doing: a verb that ends in the twelfth column.
func (r *Reader) status(line string) bool {
	if len(line) < 14 || line[12] != ' ' || line[11] == ' ' {
		return false
	}
	m := status().FindStringSubmatch(line)
	if m == nil || len(line)-len(m[2]) != 13 {
		return false
	}
	r.close()
	switch m[1] {
	case "Running":
		if name, ok := strings.CutPrefix(m[2], "nextest "); ok { // the test stage says so of a program CRATE::NAME
			crate, _, _ := strings.Cut(name, "::")
			r.suite = suite{name: name, crate: crate, first: len(r.report.Findings)}
			break
		}
		source, program := "", strings.Trim(m[2], "`")
		if of := running().FindStringSubmatch(m[2]); of != nil {
			source, program = of[1], of[2]
		}
		_, stem := cutLast(program, "/")
		stem, _ = cutLast(stem, "-")
		r.suite = suite{name: strings.TrimSpace(stem + " " + source), first: len(r.report.Findings)}
		if strings.HasPrefix(m[2], "unittests ") {
			r.suite.crate = stem
		}
	case "Doc-tests":
		r.suite = suite{name: m[2] + " documentation", crate: m[2], first: len(r.report.Findings)}
	}
	return true
}

func (r *Reader) tested(c Case) {
	r.close()
	if c.Result == "FAILED" {
		r.suite.failed++
	}
	if c.Result != "ok" { // why a test is ignored is said in its own words
		c.Try = 0
	}
	if len(r.report.Cases) < maxCases {
		r.report.Cases = append(r.report.Cases, c)
	}
}

// testName is the name of a test without what the line of its result adds.
func testName(name string) string {
	for _, how := range []string{" - should panic", " - compile fail", " - compile"} {
		name = strings.TrimSuffix(name, how)
	}
	return name
}

// counted takes the line with which a program of tests ends. What a test that failed had printed may have such a line too, of
// fewer tests that failed.
func (r *Reader) counted(line string) bool {
	if !strings.HasPrefix(line, "test result: ") {
		return false
	}
	m := result().FindStringSubmatch(line)
	if m == nil || r.failing && (m[1] != "FAILED" || number(m[3]) < r.suite.failed) {
		return false
	}
	r.close()
	r.failing = false
	for i, n := range []*int{&r.report.Passed, &r.report.Failed, &r.report.Ignored} {
		*n += number(m[i+2])
	}
	return true
}

// failure takes a line of the list in which a program of tests says what the tests that failed had printed.
func (r *Reader) failure(line string) bool {
	if m := block().FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "----") {
		r.close()
		d := &draft{Finding: Finding{Kind: Test, Name: testName(m[1]), Package: r.suite.crate, Suite: r.suite.name}}
		d.panic.thread = d.Name
		r.start(d)
		return true
	}
	switch {
	case line == "failures:": // their names once more
		r.close()
		return true
	case r.counted(line):
		return false
	case r.rerun(line): // the program was killed
		r.failing = false
		return false
	case r.open != nil:
		return r.add(line)
	}
	name, indented := strings.CutPrefix(line, "    ")
	return line == "" || indented && r.found(name)
}

// found reports whether a test of the suite is among the findings.
func (r *Reader) found(name string) bool {
	return slices.ContainsFunc(r.report.Findings[min(r.suite.first, len(r.report.Findings)):], func(f Finding) bool { return f.Kind == Test && f.Name == name })
}

// rerun takes the line in which cargo says that a program of tests failed, and of which package it is. A program that ended
// within a test leaves half a line before it.
func (r *Reader) rerun(line string) bool {
	at := strings.LastIndex(line, "error: ")
	if at < 0 || at > 0 && (r.failing || r.suite.name == "") {
		return false
	}
	m := rerun().FindStringSubmatch(line[at:])
	if m == nil {
		return false
	}
	r.close()
	var of string
	if p := ofPackage().FindStringSubmatch(m[1]); p != nil {
		of = p[1]
	}
	mine := r.report.Findings[min(r.suite.first, len(r.report.Findings)):]
	for i := range mine {
		mine[i].Package = cmp.Or(of, mine[i].Package)
	}
	r.start(&draft{
		Finding: Finding{Kind: TestProgram, Name: m[1], Package: cmp.Or(of, r.suite.crate), Suite: r.suite.name}, panic: r.suite.panic, causes: true,
		known: len(mine) > 0,
	})
	r.suite.panic = panicked{}
	return true
}

// diagnostic matches the first line of what the compiler or cargo has to say.
func (r *Reader) diagnostic(line string) []string {
	if !strings.HasPrefix(line, "error") && !strings.HasPrefix(line, "warning") {
		return nil
	}
	return diagnostic().FindStringSubmatch(line)
}

// begin takes the first line of a diagnostic.
func (r *Reader) begin(line string, m []string) bool {
	r.close()
	level, code, message := Kind(m[1]), m[2], m[3]
	said := scriptSaid().FindStringSubmatch(message)
	ignored := level == Warning && said == nil && !r.warnings && !r.compiler || level == Error && r.warnings
	if summary().MatchString(message) || ignored {
		return false
	}
	d := &draft{Finding: Finding{Kind: level, Name: code, Message: message}}
	if of := script().FindStringSubmatch(message); of != nil {
		d.Kind, d.Name, d.Package, d.Message, d.causes = BuildScript, of[1]+" "+of[2], of[1], "", true
	} else if said != nil {
		name, version := cutLast(said[1], "@")
		d.Name, d.Package, d.Message, d.causes = name+" "+version, name, said[2], true
		if level == Error {
			d.Kind = BuildScript
		}
	} else if of := uncompiled().FindStringSubmatch(message); of != nil {
		d.unit, d.Package, d.causes = &Unit{of[1], of[2]}, of[1], true
	}
	r.start(d)
	return r.add(line)
}

// takes reports whether a line that begins nothing goes on with the finding.
func (d *draft) takes(line string) bool {
	return !d.causes || line == "" || line[0] == ' ' || line[0] == '\t' || line == "Caused by:"
}

func (r *Reader) start(d *draft) {
	r.close()
	r.open = d
}

// add adds a line to the finding that is open.
func (r *Reader) add(line string) bool {
	d := r.open
	d.read(line)
	if d.unit != nil || d.Kind == TestProgram {
		return false
	}
	if d.bytes += len(line) + 1; d.bytes > maxText || len(*r.all(d.Kind)) >= r.limit() {
		return false
	}
	d.lines = append(d.lines, line)
	return true
}

// read takes message and place from a line.
func (d *draft) read(line string) {
	if d.panic.read(line) {
		return
	}
	if m := exited().FindStringSubmatch(line); m != nil && d.causes {
		d.ended = m[1]
		return
	}
	if d.Kind == TestProgram && strings.HasSuffix(line, " (never executed)") {
		d.Message = "it was not started: " + strings.TrimSpace(line)
		return
	}
	if m := arrow().FindStringSubmatch(line); m != nil && d.File == "" && (d.Kind != Test || d.error) {
		d.File, d.Line, d.Column = m[1], number(m[2]), number(m[3])
	}
	if d.Kind == Error && strings.HasPrefix(strings.TrimLeft(line, " ="), "help: message: ") && ofMacro().MatchString(d.Message) {
		_, said, _ := strings.Cut(line, "help: message: ")
		d.Message += ": " + said
	}
	if d.Kind != Test {
		return
	}
	if m := unexpected().FindStringSubmatch(line); m != nil {
		d.Message = "the test did not panic as expected"
		if m[1] != "" {
			d.File, d.Line, d.Column = m[1], number(m[2]), number(m[3])
		}
	}
	if m := diagnostic().FindStringSubmatch(line); m != nil && m[1] == "error" && d.Message == "" { // of a documentation test
		d.Message, d.error = line, true
	}
	if strings.TrimSpace(line) != "" {
		d.last = lastOf(append(d.last, line))
	}
}

// close ends the finding that is open.
func (r *Reader) close() {
	d := r.open
	r.open = nil
	switch {
	case d == nil, d.known && !d.killed():
		return
	case d.unit != nil && !d.killed(): // the errors say why
		r.report.Units = append(r.report.Units, *d.unit)
		return
	}
	all := r.all(d.Kind)
	if len(*all) >= r.limit() {
		if d.Kind != Warning {
			r.report.More++
		}
		return
	}
	if d.Kind == TestProgram {
		r.report.Failed++
	}
	d.finish()
	// A program and its tests have errors in common, and all steps the warnings of build scripts.
	again := func(f Finding) bool {
		return (f.Kind == Error || f.Kind == Warning) && f.Text != "" && f.Text == d.Text
	}
	if r.warnings || !slices.ContainsFunc(*all, again) {
		*all = append(*all, d.Finding)
	}
}

// all is where findings of the kind are put.
func (r *Reader) all(kind Kind) *[]Finding {
	if kind == Warning && !r.warnings {
		return &r.report.Warnings
	}
	return &r.report.Findings
}

// limit is how many findings are kept of those that are put to one place.
func (r *Reader) limit() int {
	if r.warnings {
		return maxWarnings
	}
	return maxFindings
}

func (d *draft) killed() bool { return strings.HasPrefix(d.ended, "signal: ") }

// finish decides about message, place and text.
func (d *draft) finish() {
	if d.panic.found && d.Message == "" {
		d.File, d.Line, d.Column, d.Message = d.panic.file, d.panic.line, d.panic.column, d.panic.text()
	}
	switch {
	case d.killed() && d.Message != "":
		d.Message += ": " + d.ended
	case d.Message == "" && d.ended != "":
		d.Message = d.ended
	case d.Message == "" && d.Kind == TestProgram:
		d.Message = "it failed, and did not say which test"
	case d.Message == "":
		d.Message = strings.TrimSpace(strings.Join(d.last, "\n"))
	}
	if m := documented().FindStringSubmatch(d.Name); m != nil && d.Kind == Test && d.File == "" {
		d.File, d.Line = m[1], number(m[2])
	}
	if strings.HasPrefix(d.File, "/rustc/") { // of the standard library
		d.File, d.Line, d.Column = "", 0, 0
	}
	var lines []string
	for _, line := range d.lines {
		own := d.Kind == Test && d.panic.own && line == d.panic.heading || strings.HasPrefix(line, backtraceNote)
		if !own && (strings.TrimSpace(line) != "" || len(lines) > 0 && lines[len(lines)-1] != "") {
			lines = append(lines, line)
		}
	}
	d.Text = strings.TrimRight(strings.Join(lines, "\n"), "\n ")
}

// panicked is what a thread of a test or of a build script said as it panicked.
type panicked struct {
	thread       string // of the test itself
	found        bool
	heading      string // the line with which it begins
	file         string
	line, column int
	message      []string
	reading      bool
	own          bool // it is that thread
}

// read takes a line and reports whether it is part of a panic. The first panic is kept, and the last of the thread that has
// the test's name.
func (p *panicked) read(line string) bool {
	trimmed := strings.TrimSpace(line)
	if m := panics().FindStringSubmatch(line); m != nil {
		own := m[1] == p.thread
		if p.found && !own {
			p.reading = false
			return true
		}
		*p = panicked{thread: p.thread, found: true, heading: line, own: own, reading: true}
		if at := place().FindStringSubmatch(m[2]); at != nil {
			p.file, p.line, p.column = at[1], number(at[2]), number(at[3])
		} else if old := oldPlace().FindStringSubmatch(m[2]); old != nil { // before Rust 1.73
			p.file, p.line, p.column = old[2], number(old[3]), number(old[4])
			p.message = []string{strings.TrimSuffix(strings.TrimPrefix(old[1], "'"), "'")}
		} else {
			p.message = []string{m[2]}
		}
		return true
	}
	if !p.found && overflow().MatchString(line) {
		p.found, p.message = true, []string{trimmed}
		return true
	}
	if !p.reading {
		return false
	}
	if strings.HasPrefix(trimmed, backtraceNote) || trimmed == "stack backtrace:" || len(p.message) >= maxMessage {
		p.reading = false
		return true
	}
	p.message = append(p.message, line)
	return true
}

// text is the message without the indent that all of its lines have.
func (p *panicked) text() string {
	indent := p.heading[:len(p.heading)-len(strings.TrimLeft(p.heading, " "))]
	var lines []string
	for _, line := range p.message {
		lines = append(lines, strings.TrimPrefix(line, indent))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

const lastLines = 10

// backtraceNote begins the line that follows the first panic of a process.
const backtraceNote = "note: run with `RUST_BACKTRACE="

func lastOf(lines []string) []string { return lines[max(0, len(lines)-lastLines):] }

func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return s, s
}
