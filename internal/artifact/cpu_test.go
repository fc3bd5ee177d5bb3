package artifact

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/limits"
	"lpipe/internal/testparts/require"
)

// sumC is a program with two functions: a compiler with AVX-512 turns the loop of one into instructions of it.
const sumC = `
__attribute__((noinline, noclone)) float sum(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
int main(int argc, char **argv) { float f[4096]; for (int i = 0; i < 4096; i++) f[i] = argc + i; return sum(f, 4096 / argc) > 3; }
`

// manyC has as many as a library.
const manyC = `
#define SUM(n) __attribute__((noinline, noclone)) float sum##n(const float *p, int m) { float s = n; for (int i = 0; i < m; i++) s += p[i] * p[i]; return s; }
#define TEN(f, n) f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7) f(n##8) f(n##9)
#define ALL(f) TEN(f, 1) TEN(f, 2) TEN(f, 3) TEN(f, 4)
#define CALL(n) s += sum##n(f, 4096 / argc);
ALL(SUM)
int main(int argc, char **argv) { float s = 0, f[4096]; for (int i = 0; i < 4096; i++) f[i] = argc + i; ALL(CALL) return s > 3; }
`

// chosenC has sum twice, and takes the one that the processor can run.
const chosenC = `
#define SUM(name) float name(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
__attribute__((noinline, noclone)) SUM(sum_plain)
__attribute__((noinline, noclone, target("avx512f"))) SUM(sum_fast)
int main(int argc, char **argv) {
	float f[4096]; for (int i = 0; i < 4096; i++) f[i] = argc + i;
	__builtin_cpu_init();
	return (__builtin_cpu_supports("avx512f") ? sum_fast : sum_plain)(f, 4096 / argc) > 3;
}
`

// clonesC leaves the choice to the loader.
const clonesC = `
__attribute__((noinline, target_clones("avx512f", "default"))) float sum(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
int main(int argc, char **argv) { float f[4096]; for (int i = 0; i < 4096; i++) f[i] = argc + i; return sum(f, 4096 / argc) > 3; }
`

func TestInstructionsThatHostsLack(t *testing.T) {
	t.Parallel()
	vector := []string{"-O3", "-ffast-math", "-mavx512f", "-mprefer-vector-width=512"}
	plain := []string{"-O3", "-ffast-math"}
	for name, c := range map[string]struct {
		source string
		flags  []string
		expect Expect
		want   string // a part of the mistake; "" for none
	}{
		"the flag":                  {sumC, vector, Expect{}, "sum ("},
		"the flag, static":          {sumC, append([]string{"-static"}, vector...), Expect{}, "run by main"},
		"the flag, stripped":        {manyC, append([]string{"-s"}, vector...), Expect{}, "as far as can be told of what is stripped"},
		"a few, stripped":           {sumC, append([]string{"-s"}, vector...), Expect{}, ""},
		"allowed":                   {sumC, vector, Expect{CPUAllow: []string{"s*m", "main"}}, ""},
		"allowed, another":          {sumC, vector, Expect{CPUAllow: []string{"x*"}}, "main ("},
		"none":                      {sumC, plain, Expect{}, ""},
		"AVX2":                      {sumC, append([]string{"-mavx2"}, plain...), Expect{}, ""},
		"AVX2 where v2 is asked":    {sumC, append([]string{"-mavx2"}, plain...), Expect{CPU: "v2"}, `runs AVX instructions, whatever the processor has: cpu is "v2"`},
		"none where v2 is asked":    {sumC, append([]string{"-static"}, plain...), Expect{CPU: "v2"}, ""},
		"chosen":                    {chosenC, plain, Expect{}, ""},
		"chosen, static":            {chosenC, append([]string{"-static"}, plain...), Expect{}, ""},
		"chosen, stripped":          {chosenC, append([]string{"-s", "-static", "-Wl,--eh-frame-hdr"}, plain...), Expect{}, ""},
		"chosen by the loader":      {clonesC, plain, Expect{}, ""},
		"chosen by the loader, too": {clonesC, append([]string{"-static", "-s", "-Wl,--eh-frame-hdr"}, plain...), Expect{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect.Arch, c.expect.Runtime = "x86_64", "provided.al2023"
			info, err := Inspect(compile(t, c.source, c.flags...), c.expect)
			if err == nil && len(info.Warnings) > 0 {
				err = errors.New(info.Warnings[0])
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// libraryC has a function that others call, one that it calls, and a table of functions.
const libraryC = `
#define SUM(name) float name(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
__attribute__((noinline, noclone)) static SUM(inner)
float outer(const float *p, int n) { return inner(p, n) + 1; }
`

// tableC chooses from a table when it is loaded.
const tableC = `
#define SUM(name) float name(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
SUM(sum_plain)
__attribute__((target("avx512f,prefer-vector-width=512"))) SUM(sum_wide)
float (*const table[])(const float *, int) = { sum_plain, sum_wide };
int which;
__attribute__((constructor)) static void choose(void) { __builtin_cpu_init(); which = __builtin_cpu_supports("avx512f") != 0; }
float sum(const float *p, int n) { return table[which](p, n); }
`

func TestInstructionsOfLibraries(t *testing.T) {
	t.Parallel()
	library := []string{"-O3", "-ffast-math", "-shared", "-fPIC"}
	wide := append([]string{"-mavx512f", "-mprefer-vector-width=512"}, library...)
	for name, c := range map[string]struct {
		source string
		flags  []string
		expect Expect
		want   string // a part of the mistake; "" for none
	}{
		"the flag":                {libraryC, wide, Expect{}, "lib/libx.so.1 runs AVX-512 instructions, whatever the processor has"},
		"by its symbol":           {libraryC, wide, Expect{}, "inner ("},
		"one that others call":    {"#include <stddef.h>\n" + strings.Replace(libraryC, "static ", "", 1), wide, Expect{}, "inner ("},
		"one of them alone":       {strings.Replace(sumC, "int main", "int entry", 1), wide, Expect{}, "sum ("},
		"stripped, one exported":  {strings.Replace(sumC, "int main", "int entry", 1), append([]string{"-s"}, wide...), Expect{}, "sum ("},
		"stripped, one called":    {libraryC, append([]string{"-s"}, wide...), Expect{}, ""},
		"stripped, many":          {strings.ReplaceAll(strings.Replace(manyC, "int main", "int entry", 1), "float sum##n(", "static float sum##n("), append([]string{"-s"}, wide...), Expect{}, "entry ("},
		"allowed":                 {libraryC, wide, Expect{CPUAllow: []string{"inner", "outer"}}, ""},
		"none":                    {libraryC, library, Expect{}, ""},
		"AVX2":                    {libraryC, append([]string{"-mavx2"}, library...), Expect{}, ""},
		"AVX2 where v2 is asked":  {libraryC, append([]string{"-mavx2"}, library...), Expect{CPU: "v2"}, "runs AVX instructions"},
		"chosen":                  {strings.Replace(chosenC, "int main", "int entry", 1), library, Expect{}, ""},
		"chosen, stripped":        {strings.Replace(chosenC, "int main", "int entry", 1), append([]string{"-s"}, library...), Expect{}, ""},
		"chosen by the loader":    {strings.Replace(clonesC, "int main", "int entry", 1), library, Expect{}, ""},
		"chosen from a table":     {tableC, library, Expect{}, ""},
		"from a table, stripped":  {tableC, append([]string{"-s"}, library...), Expect{}, ""},
		"from a table of its own": {tableC, append([]string{"-Wl,-Bsymbolic"}, library...), Expect{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect.Arch, c.expect.Runtime = "x86_64", "provided.al2023"
			data := compile(t, c.source, c.flags...)
			warnings, err := CheckInstructions([]Entry{{Name: "lib/libx.so.1", Data: data}}, c.expect)
			if err == nil && len(warnings) > 0 {
				err = errors.New(warnings[0])
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestInstructionsOfExtensions that lie in a layer as files.
func TestInstructionsOfExtensions(t *testing.T) {
	t.Parallel()
	wide := compile(t, sumC, "-O3", "-ffast-math", "-mavx512f", "-mprefer-vector-width=512")
	programs, err := CheckExtensions(Inputs{Layers: []Layer{{Name: "x", Files: []Entry{{Name: "extensions/watch", Data: wide, Executable: true}}}}, Expect: linked})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckInstructions(programs, linked); err == nil || !strings.Contains(err.Error(), "extensions/watch runs AVX-512 instructions") {
		t.Error(err)
	}
}

// sveC is sumC without a libc.
const sveC = `
__attribute__((noinline, noclone)) float sum(const float *p, int n) { float s = 0; for (int i = 0; i < n; i++) s += p[i] * p[i]; return s; }
float numbers[4096];
int total;
void _start(void) { total = sum(numbers, 4096); for (;;); }
`

// TestSVEOfACompiler: what gcc makes for Arm's scalable vectors is found by its symbol, in programs and in libraries.
func TestSVEOfACompiler(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	plain := []string{"-O3", "-ffast-math", "-nostdlib", "-static"}
	library := []string{"-O3", "-ffast-math", "-nostdlib", "-shared", "-fPIC"}
	sve := func(flags []string) []string { return append([]string{"-march=armv8.2-a+sve"}, flags...) }
	for name, c := range map[string]struct {
		source string
		flags  []string
		want   string // in the mistake; "" for none
	}{
		"the flag":            {sveC, sve(plain), "runs SVE instructions, whatever the processor has: Lambda's arm64 hosts have the Neoverse N1 of Graviton2, which has not: sum ("},
		"a processor":         {sveC, append([]string{"-mcpu=neoverse-v1"}, plain...), "sum ("},
		"the oldest that has": {sveC, append([]string{"-mcpu=neoverse-n1"}, plain...), ""},
		"none":                {sveC, plain, ""},
		"for those that have": {strings.ReplaceAll(sveC, "sum(", "sum_sve("), sve(plain), ""},
		"from a table": {
			strings.NewReplacer("total = sum(", "total = (*table)(", "void _start", "float (*volatile table[])(const float *, int) = { sum };\nvoid _start").Replace(sveC), sve(plain), "",
		},
		"a library":           {sveC, sve(library), "lib/libx.so runs SVE instructions"},
		"a library, stripped": {sveC, append([]string{"-s"}, sve(library)...), "sum ("},
		"a library without":   {sveC, library, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := compileFor(t, "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", c.source, c.flags...)
			e := Expect{Arch: "arm64", Link: "static", Runtime: "provided.al2023"}
			var err error
			if slices.Contains(c.flags, "-shared") {
				_, err = CheckInstructions([]Entry{{Name: "lib/libx.so", Data: data}}, e)
			} else {
				_, err = Inspect(data, e)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestLibrariesThatChooseAreTaken holds libraries of this machine, which run everywhere.
func TestLibrariesThatChooseAreTaken(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("/usr/lib/x86_64-linux-gnu/lib*.so.*")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(data, []byte("\x7fELF")) || data[18] != 62 || slices.Contains(limits.Libraries, filepath.Base(file)) {
			continue
		}
		if warnings, err := CheckInstructions([]Entry{{Name: "lib/" + filepath.Base(file), Data: data}}, Expect{Arch: "x86_64"}); err != nil || len(warnings) > 0 {
			t.Error(file, err, warnings)
		}
	}
}

// TestProgramsThatChooseAreTaken holds programs that are known to run everywhere, and that hold AVX-512 for those that have it.
func TestProgramsThatChooseAreTaken(t *testing.T) {
	t.Parallel()
	files := []string{"/usr/lib/x86_64-linux-gnu/libcrypto.so.3"}
	for _, name := range append(strings.Fields(os.Getenv("LPIPE_TEST_PROGRAMS")), "cargo", "openssl", "git") {
		if file, err := exec.LookPath(name); err == nil {
			files = append(files, file)
		}
	}
	for _, file := range files {
		if stripped := filepath.Join(t.TempDir(), "stripped"); exec.CommandContext(t.Context(), "strip", "-o", stripped, file).Run() == nil {
			files = append(files, stripped)
		}
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(data, []byte("\x7fELF")) || data[18] != 62 {
			continue
		}
		f, err := parse(data)
		if err != nil {
			t.Fatal(file, err)
		}
		c := check{Expect: Expect{Arch: "x86_64"}}
		info := Info{Arch: "x86_64"}
		c.instructions(f, &info)
		if err := c.Err(); err != nil || len(info.Warnings) > 0 {
			t.Error(file, err, info.Warnings)
		}
	}
}

func TestNamesOfFunctions(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"main": "main", "_ZN4core3fmt5write17h0123456789abcdefE": "core::fmt::write", "_ZN": "_ZN", "_ZN99999999x": "_ZN99999999x", "_ZN3stdE": "std",
		"_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE": "<alloc::string::String as core::fmt::Display>::fmt",
	} {
		if got := Demangle(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"ab*ba", "aba", false}, {"*", "", true}} {
		if matches(c.pattern, c.name) != c.want {
			t.Errorf("%s %s: not %t", c.pattern, c.name, c.want)
		}
	}
}

func BenchmarkInstructions(b *testing.B) {
	for _, file := range strings.Fields(os.Getenv("LPIPE_TEST_PROGRAMS")) {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(file), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				f, err := parse(data)
				if err != nil {
					b.Fatal(err)
				}
				c := check{Expect: Expect{Arch: "x86_64"}}
				c.instructions(f, &Info{Arch: "x86_64"})
			}
		})
	}
}
