package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

// attempts is what a hostile dependency tries while it is compiled: a Rust function that returns a line for each
// attempt, "ok" or "failed" and what it was. The addresses are those of the git server.
const attempts = `
fn attempts() -> String {
    use std::process::Command;
    let mut report = String::new();
    let mut tried = |what: &str, ok: bool| report.push_str(&format!("{} {}\n", if ok { "ok" } else { "failed" }, what));
    let run = |script: &str| Command::new("sh").arg("-c").arg(script).env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSH_COMMAND", "ssh -o StrictHostKeyChecking=no -o BatchMode=yes").status().map(|s| s.success()).unwrap_or(false);
    tried("run a command", run("true"));
    tried("find the agent by its variable", std::env::var_os("SSH_AUTH_SOCK").is_some());
    tried("find the agent by its path", run("ls /run/buildkit/ssh_agent* /tmp/ssh-*"));
    tried("list the keys", run("ssh-add -l") || run("SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0 ssh-add -l"));
    tried("sign", run("echo x >/tmp/x; for s in \"$SSH_AUTH_SOCK\" /run/buildkit/ssh_agent.0; do SSH_AUTH_SOCK=$s ssh-keygen -Y sign -n file -f /tmp/key.pub /tmp/x && exit; done; exit 1"));
    tried("clone another private repository", run("git clone %SECRET% /tmp/clone"));
    tried("reach the network", std::net::TcpStream::connect("%ADDR%").is_ok());
    tried("find a secret", run("ls /run/secrets/* || ls /etc/ssh/ssh_known_hosts"));
    tried("find a token", std::env::vars().any(|(k, _)| k.ends_with("_TOKEN")) || run("grep -rq can''ary /cargo /run /etc"));
    report
}
`

func TestAHostileDependencyGetsNothing(t *testing.T) {
	key := newKey(t)
	p := newProject(t)
	p.serve(key)
	testparts.Repository(t, p.repo, "org/secret.git", map[string]string{"secret.txt": "the secret"})
	code := strings.NewReplacer("%SECRET%", p.sshd.URL("org/secret.git"), "%ADDR%", p.sshd.Addr).Replace(attempts)
	p.crates(
		&dependency{name: "script", files: map[string]string{
			"build.rs": code + `fn main() {
    let to = std::path::Path::new(&std::env::var_os("OUT_DIR").unwrap()).join("report");
    std::fs::write(to, attempts()).unwrap();
}`,
			"src/lib.rs": `pub fn name() -> &'static str { include_str!(concat!(env!("OUT_DIR"), "/report")) }`,
		}},
		&dependency{name: "macros", files: map[string]string{
			"Cargo.toml": "[package]\nname = \"macros\"\nversion = \"0.3.0\"\nedition = \"2021\"\n\n[lib]\nproc-macro = true\n",
			"src/lib.rs": code + `
#[proc_macro]
pub fn report(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    format!("{:?}", attempts()).parse().unwrap()
}`,
		}},
	)
	p.files(map[string]string{
		"src/main.rs": `fn main() { print!("{}{}", script::name(), macros::report!()); }`,
	})
	p.succeeds([]string{agent(t, key), "CARGO_REGISTRIES_ACME_TOKEN=canary"}, "build")
	out := p.run()
	if got := strings.Count(out, "ok run a command\n"); got != 2 {
		t.Errorf("%d of 2 hostile crates ran:\n%s", got, out)
	}
	for line := range strings.Lines(strings.ReplaceAll(out, "ok run a command\n", "")) {
		if !strings.HasPrefix(line, "failed ") {
			t.Errorf("a hostile dependency could: %s", line)
		}
	}
}

// submodule commits a submodule to the bare repository org/NAME.git, and returns the new commit.
func (p *project) submodule(name, url string) string {
	p.t.Helper()
	bare := filepath.Join(p.repo, "org", name+".git")
	testparts.Repository(p.t, p.repo, "org/"+name+".git", map[string]string{
		".gitmodules": fmt.Sprintf("[submodule \"inner\"]\n\tpath = inner\n\turl = %s\n", url),
	})
	index := filepath.Join(p.t.TempDir(), "index")
	git := func(args ...string) string {
		p.t.Helper()
		cmd := exec.Command("git", append([]string{"--git-dir", bare}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index,
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			p.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	inner := testparts.Repository(p.t, p.repo, "org/inner.git", map[string]string{"inner.txt": name})
	git("read-tree", "main")
	git("update-index", "--add", "--cacheinfo", "160000,"+inner+",inner")
	commit := git("commit-tree", "-p", "main", "-m", "submodule", git("write-tree"))
	git("update-ref", "refs/heads/main", commit)
	return commit
}

func TestSubmodulesMustBeAllowed(t *testing.T) {
	tests := map[string]struct {
		url    func(p *project) string
		config string
		status int
		words  []string
	}{
		"over SSH": {
			url:    func(p *project) string { return p.sshd.URL("org/inner.git") },
			status: 1, words: []string{"refused to fetch ssh://%USER%@%ADDR%/org/inner", "add \"%ADDR%/org/inner\" to [ssh] repositories"},
		},
		"over SSH in short": {
			url:    func(p *project) string { return "../inner.git" },
			status: 1, words: []string{"refused to fetch", "org/inner"},
		},
		"over SSH to another host": {
			url:    func(*project) string { return "ssh://git@github.com/org/inner.git" },
			status: 1, words: []string{"refused to fetch ssh://git@github.com/org/inner"},
		},
		"over SSH as another user": {
			url:    func(p *project) string { return "ssh://other@" + p.sshd.Addr + "/org/one.git" },
			status: 1, words: []string{"refused to fetch ssh://other@%ADDR%/org/one"},
		},
		"over SSH with a password": {
			url:    func(*project) string { return "ssh://git:s3cret@github.com/org/inner.git" },
			status: 1, words: []string{"refused to fetch ssh://git:***@github.com/org/inner"},
		},
		"over https with a password": {
			url:    func(*project) string { return "https://me:s3cret@127.0.0.1:1/org/inner.git" },
			status: 1, words: []string{"could not be downloaded"},
		},
		"by a command": {
			url:    func(*project) string { return "ext::sh -c true" },
			status: 1,
		},
		"allowed": {
			url:    func(p *project) string { return p.sshd.URL("org/inner.git") },
			config: "repositories = [\"org/inner\"]\n",
		},
		"allowed on that host": {
			url:    func(p *project) string { return p.sshd.URL("org/inner.git") },
			config: "repositories = [\"%ADDR%/org/inner\"]\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key := newKey(t)
			p := newProject(t)
			p.serve(key)
			d := &dependency{name: "one"}
			p.crates(d)
			old, commit := d.commit, p.submodule("one", test.url(p))
			lock, err := os.ReadFile(filepath.Join(p.dir, "Cargo.lock"))
			if err != nil {
				t.Fatal(err)
			}
			p.files(map[string]string{
				"Cargo.lock": strings.ReplaceAll(string(lock), old, commit),
				"lpipe.toml": "[ssh]\nknown-hosts = [\"known_hosts\"]\n" + strings.ReplaceAll(test.config, "%ADDR%", p.sshd.Addr),
			})
			setting := agent(t, key)
			if test.status == 0 {
				p.succeeds([]string{setting}, "build")
				return
			}
			var words []string
			for _, w := range test.words {
				words = append(words, strings.NewReplacer("%ADDR%", p.sshd.Addr, "%USER%", p.sshd.User).Replace(w))
			}
			if out := p.fails(test.status, words, []string{setting}, "build"); strings.Contains(out, "s3cret") {
				t.Error("the password is printed")
			}
			if strings.Contains(p.sshd.Log(t), "inner") {
				t.Error("the server was asked for the submodule")
			}
		})
	}
}
