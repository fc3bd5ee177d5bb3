package access

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What git.sh decides, in Go. The lines of list are the repositories.

type asked struct{ scheme, user, host, port, path string }

// listed finds the line of a repository, and returns its second and fifth words.
func listed(a asked) (login, secret string, ok bool) {
	for line := range strings.Lines(list) {
		w := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(w) == 6 && w[0] == a.scheme && (a.scheme == "https" || w[1] == a.user) && w[2] == a.host && w[3] == a.port && w[5] == a.path {
			return w[1], w[4], true
		}
	}
	return "", "", false
}

func trimmed(path string) string {
	path = strings.TrimRight(strings.TrimLeft(path, "/"), "/")
	return strings.TrimSuffix(path, ".git")
}

// lowered changes ASCII alone, which is what hosts are made of.
func lowered(host string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, host)
}

// overHTTPS is what a credential helper is asked for.
func overHTTPS(host, path string) asked {
	host, port := lowered(host), "443"
	if !strings.HasPrefix(host, "[") || !strings.HasSuffix(host, "]") {
		if i := strings.LastIndex(host, ":"); i >= 0 {
			host, port = host[:i], host[i+1:]
		}
	}
	return asked{"https", "", strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), port, trimmed(path)}
}

// overSSH is what ssh is called for; ok is false when it is not called for a repository.
func overSSH(args []string) (a asked, ok bool) {
	a = asked{scheme: "ssh", user: "git", port: "22"}
	for len(args) > 2 {
		switch {
		case args[0] == "-p":
			a.port, args = args[1], args[1:]
		case args[0] == "-o" && args[1] == "SendEnv=GIT_PROTOCOL":
			args = args[1:]
		case args[0] != "-4" && args[0] != "-6":
			return a, false
		}
		args = args[1:]
	}
	if len(args) != 2 || strings.ContainsFunc(strings.Join(args, ""), unicode.IsControl) {
		return a, false
	}
	a.host = args[0]
	if i := strings.LastIndex(a.host, "@"); i >= 0 {
		a.user, a.host = a.host[:i], a.host[i+1:]
	}
	a.host = strings.TrimSuffix(strings.TrimPrefix(lowered(a.host), "["), "]")
	path, ok := strings.CutPrefix(args[1], "git-upload-pack '")
	path, closed := strings.CutSuffix(path, "'")
	a.path = trimmed(path)
	return a, ok && closed && !strings.ContainsAny(path, "'") && !strings.HasPrefix(path, "-")
}

// usable says whether a program can be called with the words.
func usable(words ...string) bool {
	return !strings.ContainsAny(strings.Join(words, ""), "\x00") && utf8.ValidString(strings.Join(words, ""))
}

func (s *step) call(stdin string, args ...string) (stdout, stderr string, err error) {
	var out, problems strings.Builder
	cmd := exec.Command("sh", append([]string{"-c", `exec 9>/dev/null; exec sh "$0" "$@"`, s.dir + "/lpipe-git"}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env, s.dir, strings.NewReader(stdin), &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

func FuzzSSHOfGit(f *testing.F) {
	for _, path := range []string{
		"/org/one.git", "org/one", "//org/one//", "/org/one.git/", "/org/one.git.git", "/org/one ", " org/one", "/org/one\n", "/org/one\\", "/org/*", "-org/one",
		"/team/my project.git", "/team/my  project", "/org/one'; id '", "/org/oné", "", "/",
	} {
		f.Add("", "git@github.com", "git-upload-pack '"+path+"'")
		f.Add("-p 2222", "me@git.example.com", "git-upload-pack '"+path+"'")
	}
	for _, host := range []string{"git@[::1]", "git@::1", "git@[::1", "git@GITHUB.com", "git@me@github.com", "@github.com", "github.com 22", "git@gıthub.com", "-oProxyCommand=id", "git@github.com\n"} {
		f.Add("-4 -o SendEnv=GIT_PROTOCOL", host, "git-upload-pack '/org/one'")
		f.Add("-p 22", host, "git-upload-pack '/org/six'")
	}
	f.Add("-p 22 -p", "git@github.com", "git-upload-pack '/org/one'")
	f.Add("-o", "git@github.com", "git-upload-pack '/org/one'")
	f.Add("", "git@github.com", "git-upload-pack 'org/one")
	f.Add("", "git@github.com", "git-upload-pack '")
	s := newStep(f, list)
	f.Fuzz(func(t *testing.T, options, host, command string) {
		if !usable(options, host, command) {
			return
		}
		args := append(strings.Fields(options), host, command)
		out, problems, err := s.call("", append([]string{"ssh"}, args...)...)
		want, ok := overSSH(args)
		if ok {
			_, _, ok = listed(want)
		}
		called := "\n-p\n" + want.port + "\n-l\n" + want.user + "\n"
		if ok && (err != nil || !strings.Contains(out, called) || !strings.Contains(out, "\n--\n"+want.host+"\n"+command+"\n")) {
			t.Errorf("%q: refused: %v %s%s", args, err, out, problems)
		}
		if !ok && (err == nil || out != "") {
			t.Errorf("%q: ssh is called with\n%s", args, out)
		}
	})
}

func FuzzCredentialOfGit(f *testing.F) {
	for _, host := range []string{
		"github.com", "GitHub.com", "github.com:443", "github.com:8443", "github.com:", "[::1]", "[::1]:443", "[::1]:8443", "[FE80::1]:8443", "[fe80::1%eth0]", "::1", "[::1", "]",
		"", "*", "github.com 443", "gıthub.com",
	} {
		f.Add(host, "org/three.git")
		f.Add(host, "org/v6")
	}
	for _, path := range []string{"org/three", "/org/three/", "org/four", "org/three ", " org/three", "org/three\\", "org/*", "", "org/three=x", "org/three="} {
		f.Add("github.com", path)
	}
	s := newStep(f, list)
	f.Fuzz(func(t *testing.T, host, path string) {
		if !usable(host, path) || strings.ContainsFunc(host+path, unicode.IsControl) { // git refuses them
			return
		}
		out, _, _ := s.call("protocol=https\nhost="+host+"\npath="+path+"\n\n", "credential", "get")
		want := "quit=1\n"
		if login, secret, ok := listed(overHTTPS(host, path)); ok && secret != "-" {
			want = "username=" + login + "\npassword=" + secret + "\n"
		}
		if out != want {
			t.Errorf("%q %q: got %q, want %q", host, path, out, want)
		}
	})
}
