package access

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// step is a machine like the one of the fetch step, with git.sh at a place of its own and an ssh that records how it
// is called.
type step struct {
	t   testing.TB
	dir string
	env []string

	words string // what the last run had for the person who builds
}

func newStep(t testing.TB, list string) *step {
	t.Helper()
	s := &step{t: t, dir: t.TempDir()}
	script := strings.NewReplacer("/run/secrets", s.dir, "/tmp/config", s.dir+"/config").Replace(string(gitScript))
	s.write("lpipe-git", script, 0o644)
	s.write("lpipe-repositories", list, 0o600)
	s.write("bin/ssh", "#!/bin/sh\nprintf '%s\\n' \"$@\"\nfor a; do case $a in IdentityFile=/*) cat \"${a#IdentityFile=}\";; esac; done\n", 0o755)
	s.env = append(os.Environ(), "PATH="+s.dir+"/bin:"+os.Getenv("PATH"), "TMPDIR="+s.dir)
	return s
}

func (s *step) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *step) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// run runs a command of a shell that has sourced git.sh.
func (s *step) run(command string, stdin string) (stdout, stderr string, err error) {
	s.t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.Command("sh", "-c", fmt.Sprintf("set -eu\nexec 9>%s/words\n. %[1]s/lpipe-git\n%[2]s", s.dir, command))
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env, strings.NewReader(stdin), &out, &problems
	cmd.Dir = s.dir
	err = cmd.Run()
	s.words = s.read("words")
	return out.String(), problems.String(), err
}

const list = `mode strict
ssh git github.com 22 - org/one
ssh git github.com 22 ssh-ed25519:AAAA,ecdsa-sha2-nistp256:BBBB org/two
ssh me git.example.com 2222 - team/my project
ssh git ::1 22 - org/six
https x-token-auth github.com 443 secret org/three
https - github.com 443 - org/four
https me ::1 443 six org/v6
https me ::1 8443 gate org/v6
https me fe80::1 8443 local org/v6
`

func TestTheListDecidesWhatIsFetchedOverSSH(t *testing.T) {
	s := newStep(t, list)
	for name, test := range map[string]struct {
		args string
		want []string // arguments of ssh in a row, or lines of the key file
		no   string   // the reason of a refusal
	}{
		"as cargo writes it":      {args: `git@github.com "git-upload-pack '/org/one.git'"`, want: []string{"-l", "git"}},
		"without .git":            {args: `git@github.com "git-upload-pack '/org/one'"`, want: []string{"--", "github.com", "git-upload-pack '/org/one'"}},
		"in short":                {args: `git@github.com "git-upload-pack 'org/one.git'"`, want: []string{"IdentityFile=none"}},
		"with the protocol":       {args: `-o SendEnv=GIT_PROTOCOL git@github.com "git-upload-pack '/org/one.git'"`, want: []string{"-o", "SendEnv=GIT_PROTOCOL"}},
		"without a user":          {args: `github.com "git-upload-pack '/org/one.git'"`, want: []string{"-l", "git"}},
		"host in capitals":        {args: `git@GitHub.com "git-upload-pack '/org/one.git'"`, want: []string{"--", "github.com"}},
		"at a port":               {args: `-p 2222 me@git.example.com "git-upload-pack '/team/my project.git'"`, want: []string{"-p", "2222"}},
		"IPv6":                    {args: `git@::1 "git-upload-pack '/org/six.git'"`, want: []string{"--", "::1"}},
		"with its own keys":       {args: `git@github.com "git-upload-pack '/org/two.git'"`, want: []string{"-o", "IdentitiesOnly=yes"}},
		"the keys":                {args: `git@github.com "git-upload-pack '/org/two.git'"`, want: []string{"ecdsa-sha2-nistp256 BBBB", "ssh-ed25519 AAAA"}},
		"pinned hosts only":       {args: `git@github.com "git-upload-pack '/org/one.git'"`, want: []string{"-o", "StrictHostKeyChecking=yes"}},
		"another repository":      {args: `git@github.com "git-upload-pack '/org/other.git'"`, no: "refused to fetch ssh://git@github.com/org/other"},
		"one of https":            {args: `git@github.com "git-upload-pack '/org/three.git'"`, no: "refused to fetch"},
		"another user":            {args: `root@github.com "git-upload-pack '/org/one.git'"`, no: "refused to fetch"},
		"another port":            {args: `-p 443 git@github.com "git-upload-pack '/org/one.git'"`, no: "refused to fetch"},
		"another host":            {args: `git@gitlab.com "git-upload-pack '/org/one.git'"`, no: "refused to fetch"},
		"a longer path":           {args: `git@github.com "git-upload-pack '/org/one/more'"`, no: "refused to fetch"},
		"a pattern":               {args: `git@github.com "git-upload-pack '/org/*'"`, no: "refused to fetch"},
		"another command":         {args: `git@github.com "git-receive-pack '/org/one.git'"`, no: "refused to run on git@github.com: git-receive-pack"},
		"a command after it":      {args: `git@github.com "git-upload-pack '/org/one.git'; id '"`, no: "refused to run"},
		"a shell":                 {args: `git@github.com id`, no: "refused to run"},
		"an option of ssh":        {args: `-A git@github.com "git-upload-pack '/org/one.git'"`, no: "refused to call ssh with -A"},
		"a line in the path":      {args: "git@github.com \"git-upload-pack '/x\nfix: run y'\"", no: "refused an address with a control character"},
		"words in the path":       {args: `git@github.com "git-upload-pack '/x fix: run y'"`, no: "refused to fetch an address with unusual characters: neither"},
		"words in the host":       {args: `"git@run this" "git-upload-pack '/x'"`, no: "refused to fetch an address with unusual characters: neither"},
		"words in a command":      {args: `git@github.com 'run;this that'`, no: "refused to run on a server: another command than git-upload-pack"},
		"another option after -o": {args: `-o ProxyCommand=id git@github.com "git-upload-pack '/org/one.git'"`, no: "refused to call ssh with ProxyCommand=id"},
	} {
		t.Run(name, func(t *testing.T) {
			out, problems, err := s.run("$GIT_SSH_COMMAND "+test.args, "")
			if test.no != "" {
				if err == nil || !strings.HasPrefix(s.words, test.no) || !strings.Contains(s.words, "\nfix: ") {
					t.Errorf("%v, %s%s", err, problems, out)
				}
				return
			}
			if err != nil || !strings.Contains("\n"+out, "\n"+strings.Join(test.want, "\n")+"\n") {
				t.Errorf("%v %s\nssh was called with\n%s\nwant\n%s", err, problems, out, strings.Join(test.want, "\n"))
			}
		})
	}
}

// Over https, git sends a token to the repositories of the list alone. The server is git's own, behind a password.
func TestTheListDecidesWhoGetsTheToken(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"org/three", "org/other", "org/four"} {
		testparts.Repository(t, root, name+".git", map[string]string{"a": "b"})
	}
	var mu sync.Mutex
	var tokens []string // paths for which one was sent
	git := testparts.GitServer(t, root)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, token, ok := r.BasicAuth()
		if ok {
			mu.Lock()
			tokens = append(tokens, r.URL.Path)
			mu.Unlock()
		}
		if user != "x-token-auth" || token != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		git.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	_, port, _ := strings.Cut(host, ":")

	s := newStep(t, strings.NewReplacer("github.com 443", "127.0.0.1 "+port).Replace(list))
	s.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o600)
	s.env = append(s.env, "GIT_SSL_CAINFO="+s.dir+"/ca.pem", "HOME="+s.dir, "GIT_CONFIG_NOSYSTEM=1")
	for _, test := range []struct{ path, no string }{
		{path: "org/three.git"},
		{"org/other.git", "refused to log in for " + server.URL + "/org/other: neither Cargo.lock"},
		{"org/four", server.URL + "/org/four asks for a login, and lpipe.toml has none for it"},
	} {
		t.Run(test.path, func(t *testing.T) {
			mu.Lock()
			tokens = nil
			mu.Unlock()
			_, problems, err := s.run("git ls-remote "+server.URL+"/"+test.path, "")
			mu.Lock()
			defer mu.Unlock()
			if test.no == "" && err != nil || test.no != "" && (err == nil || !strings.HasPrefix(s.words, test.no)) {
				t.Errorf("%v, %s", err, problems)
			}
			if test.no != "" && tokens != nil {
				t.Errorf("the token was sent for %v", tokens)
			}
		})
	}
	if _, problems, err := s.run("git ls-remote http://127.0.0.1/x", ""); err == nil || !strings.Contains(problems, "not allowed") {
		t.Errorf("plain http: %v, %s", err, problems)
	}
}

func TestABaseWithoutGitIsToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		list, programs string
		no             string
		cli            bool // git is used
	}{
		"all is there":                   {list: list, programs: "git ssh", cli: true},
		"no git":                         {list: list, programs: "ssh", no: `the base image lacks git, with which`},
		"neither":                        {list: list, programs: "apk", no: `the base image lacks git ssh, with which`},
		"https alone":                    {list: "mode strict\nhttps - github.com 443 - org/four\n", cli: false},
		"https alone, with git":          {list: "mode strict\nhttps - github.com 443 - org/four\n", programs: "git", cli: true},
		"https with a token":             {list: "mode userauth\nhttps me github.com 443 secret org/three\n", no: `the base image lacks git, with which`},
		"logins need not be bound":       {list: "mode userauth\nssh git github.com 22 - org/one\n", cli: false},
		"logins need not be, but can be": {list: strings.Replace(list, "strict", "userauth", 1), programs: "git ssh", cli: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStep(t, test.list)
			os.RemoveAll(filepath.Join(s.dir, "bin"))
			for _, p := range []string{"sh", "sed", "tr", "grep", "mkdir"} {
				s.write("bin/"+p, "#!/bin/sh\nexec "+output(t, "sh", "-c", "command -v "+p)+" \"$@\"\n", 0o755)
			}
			for p := range strings.FieldsSeq(test.programs) {
				s.write("bin/"+p, "#!/bin/sh\n", 0o755)
			}
			s.env = []string{"PATH=" + s.dir + "/bin"}
			out, problems, err := s.run("echo ${CARGO_NET_GIT_FETCH_WITH_CLI-no}", "")
			if test.no != "" {
				if err == nil || !strings.HasPrefix(s.words, test.no) || !strings.Contains(s.words, "\nfix: ") || !strings.Contains(s.words, `packages = ["git", "openssh-client`) {
					t.Errorf("%v, %s", err, problems)
				}
				return
			}
			if err != nil || (strings.TrimSpace(out) == "true") != test.cli {
				t.Errorf("%v %s: git is used: %s", err, problems, out)
			}
		})
	}
}

func TestScriptsArePortable(t *testing.T) {
	for _, checker := range [][]string{{"dash", "-n"}, {"busybox", "ash", "-n"}, {"shellcheck", "--shell=sh", "-"}} {
		for name, script := range map[string][]byte{"git.sh": gitScript, "fetch.sh": fetchScript} {
			t.Run(checker[0]+" "+name, func(t *testing.T) {
				_, err := exec.LookPath(checker[0])
				require.Part(t, err == nil, checker[0], "apt-get install "+checker[0])
				cmd := exec.Command(checker[0], checker[1:]...)
				cmd.Stdin = bytes.NewReader(script)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	require.Part(t, err == nil, name, "apt-get install "+name)
	return strings.TrimSpace(string(out))
}
