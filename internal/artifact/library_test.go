package artifact

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

// TestLibrariesOfAZipAreChecked: each as the dynamic linker would meet it on Lambda.
func TestLibrariesOfAZipAreChecked(t *testing.T) {
	library := func(f fixture) []byte {
		f.kind = elf.ET_DYN
		return f.build()
	}
	good := library(fixture{needed: []string{"libc.so.6", "libbar.so.2"}, versions: []string{"GLIBC_2.34"}})
	bar := Entry{Name: "lib/libbar.so.2", Data: library(fixture{})}
	program := fixture{interp: glibcX86, needed: []string{"libc.so.6"}}.build()
	for name, c := range map[string]struct {
		file string
		data []byte
		want []string
	}{
		"one that fits":         {"lib/libfoo.so.1", good, nil},
		"at the root":           {"libfoo.so", library(fixture{machine: elf.EM_AARCH64}), []string{"libfoo.so is for arm64, not for x86_64"}},
		"another machine":       {"lib/libfoo.so.1", library(fixture{machine: elf.EM_AARCH64, needed: []string{"libx.so"}}), []string{"lib/libfoo.so.1 is for arm64"}},
		"a newer glibc":         {"lib/libfoo.so.1", library(fixture{needed: []string{"libc.so.6"}, versions: []string{"GLIBC_2.36"}}), []string{"lib/libfoo.so.1 needs glibc 2.36 and provided.al2023 has 2.34"}},
		"what it needs":         {"lib/libfoo.so.1", library(fixture{needed: []string{"libssl.so.3"}}), []string{`lib/libfoo.so.1 needs shared libraries that provided.al2023 does not have: "libssl.so.3"`}},
		"cut":                   {"lib/libfoo.so.1", good[:len(good)-9], []string{"lib/libfoo.so.1 is damaged"}},
		"empty":                 {"lib/libfoo.so.1", nil, []string{"lib/libfoo.so.1 cannot be loaded: it is empty"}},
		"an object file":        {"lib/libfoo.so.1", fixture{kind: elf.ET_REL}.build(), []string{"lib/libfoo.so.1 cannot be loaded: it is no shared library"}},
		"32 bits":               {"lib/libfoo.so.1", []byte(elf.ELFMAG + "\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []string{"lib/libfoo.so.1 cannot be loaded"}},
		"a script of a linker":  {"lib/libfoo.so", []byte("INPUT(libfoo.so.1)"), nil},
		"where nobody loads it": {"assets/libfoo.so", library(fixture{machine: elf.EM_AARCH64}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := Entry{Name: c.file, Data: c.data}
			inLib := strings.HasPrefix(c.file, "lib/")
			for _, in := range []Inputs{
				{Included: []Entry{file, bar}},
				{Layers: []Layer{{Name: "x", Files: []Entry{file, bar}}}},
				{Path: "extensions/x", Included: []Entry{file, bar}},
			} {
				if in.Expect = linked; !inLib && (in.Included == nil || in.Path != "") {
					continue // the root of a layer is no place to look
				}
				for _, p := range [][]byte{nil, program} {
					_, err := CheckLibraries(p, in)
					if c.want == nil {
						if err != nil {
							t.Error(err)
						}
						continue
					}
					checkErrors(t, err, fault.Artifact, c.want...)
				}
			}
		})
	}
}

// TestWhereTheDynamicLinkerLooks compares what is found with what the dynamic linker of this machine finds, in folders that stand
// for those of Lambda. A line is a file, what it needs, and the flags of the linker.
func TestWhereTheDynamicLinkerLooks(t *testing.T) {
	t.Parallel()
	const old = " -Wl,--disable-new-dtags" // DT_RPATH
	at := func(dir string) string { return " -Wl,--enable-new-dtags,-rpath," + dir }
	before := func(dir string) string { return old + ",-rpath," + dir }
	const program, lib = "/var/task/bootstrap", "/var/task/lib/"
	for name, c := range map[string]struct {
		files string
		want  string // a part of the error; "" for none
	}{
		"lib":                           {program + " liba.so\n" + lib + "liba.so", ""},
		"the root":                      {program + " liba.so\n/var/task/liba.so", ""},
		"lib of a layer":                {program + " liba.so\n/opt/lib/liba.so", ""},
		"the root of a layer":           {program + " liba.so\n/opt/liba.so", `does not have: "liba.so", which the dynamic linker does not look for in /opt`},
		"nowhere":                       {program + " liba.so libb.so\n" + lib + "libb.so", `the program needs shared libraries that provided.al2023 does not have: "liba.so"`},
		"another folder":                {program + " liba.so\n/var/task/dir/liba.so", "does not look for in /var/task/dir"},
		"RUNPATH":                       {program + " liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so", ""},
		"RPATH":                         {program + " liba.so" + before("$ORIGIN/dir") + "\n/var/task/dir/liba.so", ""},
		"braces":                        {program + " liba.so" + at("${ORIGIN}/dir") + "\n/var/task/dir/liba.so", ""},
		"no token":                      {program + " liba.so" + at("$ORIGINAL/dir") + "\n/var/task/dir/liba.so", `"liba.so"`},
		"several folders":               {program + " liba.so libb.so" + at("/nothing:$ORIGIN/x:$ORIGIN/y") + "\n/var/task/x/liba.so\n/var/task/y/libb.so", ""},
		"a folder beside":               {program + " liba.so" + at("$ORIGIN/../../opt/more") + "\n/opt/more/liba.so", ""},
		"by way of a folder":            {program + " liba.so" + at("$ORIGIN/dir/../other") + "\n/var/task/other/liba.so\n/var/task/dir/x.so", ""},
		"by way of none":                {program + " liba.so" + at("$ORIGIN/dir/../other") + "\n/var/task/other/liba.so", `"liba.so"`},
		"a relative folder":             {program + " liba.so" + at("dir") + "\n/var/task/dir/liba.so", ""},
		"the current folder":            {program + " liba.so" + at("/nothing:") + "\n/var/task/liba.so", ""},
		"of a library's own":            {program + " liba.so\n" + lib + "liba.so libb.so" + at("$ORIGIN/b") + "\n" + lib + "b/libb.so", ""},
		"RUNPATH of the program alone":  {program + " liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so\n/var/task/dir/libb.so", `dir/liba.so needs shared libraries that provided.al2023 does not have: "libb.so"`},
		"RPATH is inherited":            {program + " liba.so" + before("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so\n/var/task/dir/libb.so", ""},
		"by grandchildren":              {program + " liba.so\n" + lib + "liba.so libb.so" + before("$ORIGIN/x") + "\n" + lib + "x/libb.so libc1.so\n" + lib + "x/libc1.so", ""},
		"not beside a RUNPATH":          {program + " liba.so" + before("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so" + at("/nothing") + "\n/var/task/dir/libb.so", `dir/liba.so needs`},
		"loaded already":                {program + " libb.so liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so\n/var/task/dir/libb.so", ""},
		"loaded in the same row":        {program + " liba.so libb.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so\n/var/task/dir/libb.so", ""},
		"loaded later":                  {program + " liba.so libz1.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so libb.so\n/var/task/dir/libz1.so libb.so" + at("$ORIGIN") + "\n/var/task/dir/libb.so", `dir/liba.so needs`},
		"by a path":                     {program + " $ORIGIN/dir/liba.so\n/var/task/dir/liba.so", ""},
		"by a path from here":           {program + " dir/liba.so\n/var/task/dir/liba.so", ""},
		"by a path to nothing":          {program + " $ORIGIN/other/liba.so\n/var/task/dir/liba.so", `"/var/task/other/liba.so"`},
		"another machine is passed":     {program + " liba.so" + before("$ORIGIN/dir") + "\n/var/task/dir/liba.so arm64\n" + lib + "liba.so", "dir/liba.so is for arm64"},
		"another machine alone":         {program + " liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so arm64", "dir/liba.so is for arm64"},
		"text":                          {program + " liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so text", "dir/liba.so cannot be loaded"},
		"LD_LIBRARY_PATH before":        {program + " liba.so" + at("$ORIGIN/dir") + "\n/var/task/dir/liba.so text\n" + lib + "liba.so", ""},
		"RPATH before":                  {program + " liba.so" + before("$ORIGIN/dir") + "\n/var/task/dir/liba.so\n" + lib + "liba.so libno.so", `lib/liba.so needs shared libraries`},
		"an extension":                  {"/opt/extensions/x liba.so" + at("$ORIGIN/../more") + "\n/opt/more/liba.so", ""},
		"an extension with a library":   {"/opt/extensions/x liba.so\n/opt/lib/liba.so", ""},
		"an extension, at the root":     {"/opt/extensions/x liba.so\n/opt/liba.so", "does not look for in /opt"},
		"an extension, beside it":       {"/opt/extensions/x liba.so\n/opt/extensions/liba.so", "does not look for in /opt/extensions"},
		"libraries that are not needed": {program + " libc.so.6\n" + lib + "liba.so libb.so\n" + lib + "libb.so", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			in := Inputs{Expect: linked}
			var main string
			for i, line := range strings.Split(c.files, "\n") {
				file := strings.Fields(line)[0]
				data := linkedFile(t, strings.Fields(line)[1:], i == 0)
				if err := errors.Join(os.MkdirAll(top+path.Dir(file), 0o755), os.WriteFile(top+file, data, 0o755)); err != nil {
					t.Fatal(err)
				}
				if name, in1 := strings.CutPrefix(file, "/var/task/"); in1 && i > 0 {
					in.Included = append(in.Included, Entry{Name: name, Data: data})
				} else if name := strings.TrimPrefix(file, "/opt/"); i > 0 {
					in.Layers = append(in.Layers, Layer{Name: "x", Files: []Entry{{Name: name, Data: data}}})
				} else if main = file; !in1 {
					in.Path = name
				}
			}
			program, err := os.ReadFile(top + main)
			if err != nil {
				t.Fatal(err)
			}
			_, err = CheckLibraries(program, in)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			run := exec.Command(top + main)
			run.Dir = filepath.Join(top, in.root())
			run.Env = []string{"LD_LIBRARY_PATH=" + top + "/var/task:" + top + "/var/task/lib:" + top + "/opt/lib"}
			out, ran := run.CombinedOutput()
			// What lpipe refuses and the dynamic linker passes over may be meant for a call of dlopen.
			passes := strings.HasPrefix(name, "another machine is") || strings.HasPrefix(name, "RPATH before")
			if (ran == nil) != (err == nil || passes) {
				t.Errorf("the dynamic linker: %v\n%s\nlpipe: %v", ran, out, err)
			}
		})
	}
}

// linkedFile links a program or a library that needs these libraries; words that begin with - are flags. "arm64" and "text" are
// files that the dynamic linker of this machine cannot load.
func linkedFile(t *testing.T, words []string, program bool) []byte {
	t.Helper()
	if slices.Equal(words, []string{"text"}) {
		return []byte("INPUT(liba.so.1)")
	}
	if slices.Equal(words, []string{"arm64"}) {
		return fixture{machine: elf.EM_AARCH64, kind: elf.ET_DYN}.build()
	}
	dir := t.TempDir()
	flags := []string{"-Wl,--no-as-needed"}
	for i, word := range words {
		if strings.HasPrefix(word, "-") || word == "libc.so.6" {
			flags = append(flags, strings.TrimPrefix(word, "libc.so.6"))
			continue
		}
		stand := filepath.Join(dir, fmt.Sprintf("%d.so", i))
		if err := os.WriteFile(stand, compile(t, "", "-shared", "-nostdlib", "-Wl,-soname,"+word), 0o644); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, stand)
	}
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == "" })
	if !program {
		return compile(t, "", append(flags, "-shared", "-nostdlib")...)
	}
	return compile(t, "int main(void) { return 0; }", append(flags, "-Wl,--allow-shlib-undefined")...)
}

// versioned links a library of one function that has it in a version, "" for none. It needs versions of glibc's, as all do.
func versioned(t *testing.T, name, version string) string {
	t.Helper()
	dir := t.TempDir()
	flags := []string{"-shared", "-Wl,-soname," + name}
	if version != "" {
		script := filepath.Join(dir, "versions")
		if err := os.WriteFile(script, []byte(version+" { global: f; };"), 0o644); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "-Wl,--version-script="+script)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, compile(t, "int getpid(void);\nint f(void) { return getpid() == 0; }", flags...), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestVersionsOfLibraries: the dynamic linker starts nothing that needs a version of a library which that does not have.
func TestVersionsOfLibraries(t *testing.T) {
	const name, source = "libf.so.1", "int f(void);\nint main(void) { return f(); }"
	program := compile(t, source, "-Wl,--no-as-needed", versioned(t, name, "F_2"))
	user := compile(t, "int f(void);\nint g(void) { return f(); }", "-shared", "-nostdlib", "-Wl,-soname,libg.so.1", "-Wl,--no-as-needed", versioned(t, name, "F_2"))
	for version, want := range map[string]string{"F_2": "", "": "", "F_1": "needs F_2 of libf.so.1: lib/libf.so.1 has F_1"} {
		file := versioned(t, name, version)
		library, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		run := filepath.Join(t.TempDir(), "main")
		if err := os.WriteFile(run, program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(run)
		cmd.Env = []string{"LD_LIBRARY_PATH=" + filepath.Dir(file)}
		out, ran := cmd.CombinedOutput()
		if (ran == nil) != (want == "") {
			t.Errorf("%q: the dynamic linker: %v\n%s", version, ran, out)
		}
		in := Inputs{Expect: linked, Included: []Entry{{Name: "lib/" + name, Data: library}, {Name: "lib/libg.so.1", Data: user}}}
		for who, program := range map[string][]byte{"the program ": program, "lib/libg.so.1 ": nil} {
			_, err := CheckLibraries(program, in)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), who+want)) {
				t.Errorf("%q: %v, want %q", version, err, who+want)
			}
		}
	}
}

// TestWhatTheRuntimesLinkerRefuses beside what is missing: a newer libgcc_s, and a level of x86-64 that not all hosts have.
func TestWhatTheRuntimesLinkerRefuses(t *testing.T) {
	if hostArch() != "x86_64" {
		t.Skip("the levels are those of x86-64")
	}
	const source = "int f(void);\nint main(void) { return f(); }"
	al2 := with(linked, func(e *Expect) { e.Runtime = "provided.al2" })
	for _, c := range []struct {
		program []byte
		expect  Expect
		want    string
	}{
		{compile(t, source, "-Wl,--no-as-needed", versioned(t, "libgcc_s.so.1", "GCC_7.0.0")), linked, ""},
		{compile(t, source, "-Wl,--no-as-needed", versioned(t, "libgcc_s.so.1", "GCC_12.0.0")), linked, "the program needs libgcc_s of GCC 12 and provided.al2023 has that of 11: GCC_12.0.0"},
		{compile(t, source, "-Wl,--no-as-needed", versioned(t, "libgcc_s.so.1", "GCC_11.0")), al2, "the program needs libgcc_s of GCC 11 and provided.al2 has that of 7: GCC_11.0"},
		{compile(t, source, "-Wl,--no-as-needed", versioned(t, "libx.so.1", "GCC_12.0.0")), linked, ""},
		{compile(t, helloC, "-Wl,-z,x86-64-v3"), linked, ""},
		{compile(t, helloC, "-Wl,-z,x86-64-v4"), linked, "it was linked for x86-64-v4"},
		{compile(t, helloC, "-static", "-Wl,-z,x86-64-v4"), static, ""},
	} {
		_, err := Inspect(c.program, c.expect)
		if c.want == "" && err != nil && !strings.Contains(err.Error(), "glibc") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	library := compile(t, "int f(void) { return 0; }", "-shared", "-nostdlib", "-Wl,-z,x86-64-v4")
	_, err := CheckLibraries(compile(t, helloC), Inputs{Expect: linked, Included: []Entry{{Name: "lib/libf.so", Data: library}}})
	checkErrors(t, err, fault.Artifact, "lib/libf.so says that it needs a processor")
}
