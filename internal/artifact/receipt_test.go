package artifact

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/fault"
	"lpipe/internal/testparts/require"
)

const finished = `{"reason":"build-finished","success":true}` + "\n"

// built is the message of cargo 1.96 for a binary target.
func built(id, kind, name, executable string) string {
	if executable != "null" {
		executable = `"` + executable + `"`
	}
	return `{"reason":"compiler-artifact","package_id":"` + id + `","manifest_path":"/src/Cargo.toml","target":{"kind":["` + kind +
		`"],"crate_types":["bin"],"name":"` + name + `","src_path":"/src/src/main.rs","edition":"2024","doc":true,"doctest":false,"test":true},` +
		`"profile":{"opt_level":"3","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":false},"features":[],` +
		`"filenames":["/t/x"],"executable":` + executable + `,"fresh":true}` + "\n"
}

func TestReadReceipt(t *testing.T) {
	want := Receipt{Package: "echo", Version: "0.1.0", Bin: "bootstrap", Executable: "/t/bootstrap", OptLevel: "3", Fresh: true}
	noise := "Compiling the proto files\n{\"not\": \"cargo's\"}\n{ broken\n" +
		built("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.0", "lib", "serde", "null") +
		built("path+file:///src/echo#0.1.0", "example", "bootstrap", "/t/examples/bootstrap") +
		strings.Replace(built("path+file:///src/echo#0.1.0", "bin", "bootstrap", "/t/deps/bootstrap-1"), `"test":false}`, `"test":true}`, 1) +
		built("path+file:///src/other#other@0.2.0", "bin", "bootstrap", "/t/other")
	for name, id := range map[string]string{
		"folder of the package's name": "path+file:///src/echo#0.1.0",
		"another folder":               "path+file:///src/lambdas/a%20b#echo@0.1.0",
		"git":                          "git+ssh://git@github.com/o/echo.git?branch=main#echo@0.1.0",
		"old cargo":                    "echo 0.1.0 (path+file:///src/echo)",
	} {
		t.Run(name, func(t *testing.T) {
			line := built(id, "bin", "bootstrap", "/t/bootstrap")
			got, err := ReadReceipt([]byte(noise+line+line+finished), "echo", "bin", "bootstrap")
			if err != nil || got != want {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
	digest := sum([]byte("program")).String()
	got, err := ReadReceipt([]byte(built("path+file:///src/echo#0.1.0", "bin", "bootstrap", "/t/bootstrap")+finished+
		`{"reason":"lpipe-program","sha256":"`+digest+`"}`+"\n"), "echo", "bin", "bootstrap")
	if err != nil || got.SHA256 != digest {
		t.Errorf("with a digest: %+v %v", got, err)
	}
	got, err = ReadReceipt([]byte(noise+finished), "echo", "example", "bootstrap")
	if err != nil || got.Executable != "/t/examples/bootstrap" {
		t.Errorf("an example: %+v %v", got, err)
	}
}

func TestReadReceiptRefuses(t *testing.T) {
	id := "path+file:///src/echo#0.1.0"
	line := built(id, "bin", "echo", "/t/echo")
	for name, c := range map[string]struct{ messages, want, fix string }{
		"the stand-in":        {built("path+file:///src/echo#0.0.0-skel", "bin", "echo", "/t/echo") + finished, "empty stand-in", "report"},
		"another bin":         {built(id, "bin", "ehco", "/t/ehco") + finished, "it built ehco", `did you mean "ehco"?`},
		"another package":     {built("path+file:///src/b#0.1.0", "bin", "echo", "/t/echo") + finished, "it built echo", ""},
		"only a library":      {built(id, "lib", "echo", "null") + finished, "it built no program", "required-features"},
		"two programs":        {line + built(id, "bin", "echo", "/t/arm/echo") + finished, "both /t/echo and /t/arm/echo", "--target"},
		"a build cut short":   {line, "did not say that it finished", ""},
		"a build that failed": {line + `{"reason":"build-finished","success":false}`, "did not say that it finished", ""},
		"nothing":             {"", "did not say that it finished", ""},
		"a cut line":          {line[:len(line)-20] + "\n" + finished, "it built no program", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadReceipt([]byte(c.messages), "echo", "bin", "echo")
			checkErrors(t, err, fault.Artifact, c.want)
			if fix := err.(*fault.Error).Fix; !strings.Contains(fix, c.fix) {
				t.Errorf("fix %q, want %q", fix, c.fix)
			}
		})
	}
}

// TestReceiptAndInspectOnCargosOutput builds the smallest package with the cargo of this machine.
func TestReceiptAndInspectOnCargosOutput(t *testing.T) {
	cargo, err := exec.LookPath("cargo")
	require.Part(t, err == nil, "cargo", "apt-get install cargo, or https://rustup.rs")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Cargo.toml": "[package]\nname = \"tiny\"\nversion = \"0.3.0\"\nedition = \"2021\"\n[[bin]]\nname = \"bootstrap\"\npath = \"main.rs\"\n[profile.release]\ndebug-assertions = true\n",
		"main.rs":    "fn main() { println!(\"hi\"); }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command(cargo, "build", "--release", "--offline", "--message-format=json")
	build.Dir = dir
	build.Env = append(os.Environ(), "CARGO_TARGET_DIR="+filepath.Join(dir, "target"))
	var stderr strings.Builder
	build.Stderr = &stderr
	out, err := build.Output()
	if err != nil {
		require.Part(t, false, "a working cargo", stderr.String())
	}
	r, err := ReadReceipt(out, "tiny", "bin", "bootstrap")
	if err != nil || r.Version != "0.3.0" || r.OptLevel != "3" || !r.DebugAssertions || r.Fresh {
		t.Fatalf("%+v %v\n%s", r, err, out)
	}
	program, err := os.ReadFile(r.Executable)
	if err != nil {
		t.Fatal(err)
	}
	info, err := Inspect(program, with(linked, func(e *Expect) { e.Arch = hostArch() }))
	if info.Static || info.Glibc == "" {
		t.Errorf("%+v %v", info, err)
	}
}

func FuzzReadReceipt(f *testing.F) {
	f.Add([]byte(built("path+file:///src/echo#0.1.0", "bin", "echo", "/t/echo") + finished))
	f.Add([]byte(built("echo 0.0.0-skel (path+file:///src/echo)", "bin", "echo", "/t/echo") + finished))
	f.Add([]byte("{\n}\n#@ ()"))
	f.Fuzz(func(t *testing.T, messages []byte) {
		r, err := ReadReceipt(messages, "echo", "bin", "echo")
		if err == nil && (r.Package != "echo" || r.Bin != "echo" || r.Executable == "" || r.Version == skeletonVersion) {
			t.Errorf("accepted %+v", r)
		}
	})
}
