//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runtime is a lambda's runtime on the standard library, which calls act for every event.
const runtime = `
use std::{env, io::{Read, Write}, net::TcpStream};

fn main() {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let ask = |request: String| {
        let mut c = TcpStream::connect(&api).unwrap();
        c.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        c.read_to_string(&mut answer).unwrap();
        answer
    };
    loop {
        let next = ask(format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n"));
        let id = next.lines().find_map(|l| l.strip_prefix("Lambda-Runtime-Aws-Request-Id: ")).unwrap().trim().to_string();
        let body = act();
        ask(format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
}
`

// lambda makes the project a lambda called greet with that code.
func (p *project) lambda(files map[string]string) {
	p.t.Helper()
	p.files(map[string]string{
		"Cargo.toml": "[package]\nname = \"greet\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"Cargo.lock": "version = 4\n\n[[package]]\nname = \"greet\"\nversion = \"0.1.0\"\n",
	})
	p.files(files)
}

// withMark lists the processes that have a word in their command line.
func withMark(mark string) (pids []string) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if bytes.Contains(line, []byte(mark)) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

// TestKilledInvoke: kill -9 of lpipe leaves nothing of a program that starts daemons, and not its unpacked zip.
func TestKilledInvoke(t *testing.T) {
	p := newProject(t)
	mark := rand.Text()
	p.lambda(map[string]string{"src/main.rs": runtime + fmt.Sprintf(`
fn act() -> String {
    for _ in 0..2 {
        std::process::Command::new("sh").args(["-c", "setsid sh -c 'setsid sh -c \"sleep 600; : %[1]s\" & sleep 600; : %[1]s' &"]).status().unwrap();
    }
    std::thread::sleep(std::time::Duration::from_secs(600));
    String::new()
}
`, mark)})
	home, temp := "HOME="+t.TempDir(), t.TempDir()
	p.succeeds([]string{home}, "build")
	cmd := exec.CommandContext(t.Context(), parts.program, "invoke", "--timeout", "1h")
	cmd.Dir = p.dir
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + temp}, p.env...), home)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := func(what string, condition func() bool) {
		t.Helper()
		for range 2000 {
			if condition() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: %v, %s", what, withMark(mark), &out)
	}
	wait("daemons do not start", func() bool { return len(withMark(mark)) >= 4 })
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	wait("daemons live on", func() bool { return len(withMark(mark)) == 0 })
	wait("the program lives on", func() bool { return len(withMark(temp)) == 0 })
	wait("files stay", func() bool {
		left, err := os.ReadDir(temp)
		return err == nil && len(left) == 0
	})
	_ = cmd.Wait()
}

// TestSparse: what is too large for Lambda is refused by its size, and takes no memory before: a program with holes in it
// that the linker made, a file that the zip is to include, and files that lie where the program and the zip go.
func TestSparse(t *testing.T) {
	sparse := func(t *testing.T, name string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, 700<<20); err != nil {
			t.Fatal(err)
		}
	}
	main := map[string]string{"src/main.rs": "fn main() {}\n"}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, p *project)
		want    string // "" where the build succeeds
	}{
		"the program": {func(t *testing.T, p *project) {
			p.lambda(map[string]string{"src/main.rs": "fn main() {}\n", "build.rs": `
fn main() { println!("cargo:rustc-link-arg-bins=-Wl,-z,max-page-size=0x10000000"); }
`})
		}, "Lambda takes at most 250.0 MiB (262144000 bytes)"},
		"an included file": {func(t *testing.T, p *project) {
			p.lambda(main)
			p.files(map[string]string{"lpipe.toml": "[lambda.greet]\ninclude = [\"assets/**\"]\n", ".lpipeignore": "assets\n"})
			sparse(t, filepath.Join(p.dir, "assets/a"))
		}, "Lambda takes at most 250.0 MiB (262144000 bytes)"},
		"what lies there": {func(t *testing.T, p *project) {
			p.lambda(main)
			for _, file := range []string{"bootstrap", "bootstrap.zip", ".bootstrap.zip.json"} {
				sparse(t, filepath.Join(p.dir, "target/lambda/greet", file))
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			c.prepare(t, p)
			cmd := exec.CommandContext(t.Context(), parts.program, "build")
			cmd.Dir = p.dir
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, p.env...)
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			peak := make(chan int64)
			go func() { peak <- peakOf(cmd.Process.Pid) }()
			err := cmd.Wait()
			most := <-peak >> 10
			t.Logf("%d MiB at most\n%s", most, &out)
			if (err == nil) != (c.want == "") || !strings.Contains(out.String(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if most == 0 || most > 300 {
				t.Errorf("it took %d MiB", most)
			}
		})
	}
}

// peakOf returns the most memory in KiB that a process had until it ended. What the kernel says of a process that has
// ended counts the process that started it, too.
func peakOf(pid int) (most int64) {
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, ok := strings.Cut(string(status), "VmHWM:")
		if err != nil || !ok {
			return most
		}
		now, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			return most
		}
		most = max(most, now)
		time.Sleep(2 * time.Millisecond)
	}
}
