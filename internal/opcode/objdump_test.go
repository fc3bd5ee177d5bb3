package opcode

import (
	"bufio"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lpipe/internal/testparts/require"
)

// TestSizesAreThoseOfObjdump compares every instruction of programs and libraries of this machine with what binutils say.
func TestSizesAreThoseOfObjdump(t *testing.T) {
	t.Parallel()
	objdump, err := exec.LookPath("objdump")
	require.Part(t, err == nil, "objdump", "apt-get install binutils")
	files, _ := filepath.Glob("/usr/lib/x86_64-linux-gnu/libcrypto.so.3")
	for _, more := range []string{"/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libm.so.6", objdump} {
		if _, err := os.Stat(more); err == nil {
			files = append(files, more)
		}
	}
	if all := os.Getenv("LPIPE_TEST_OPCODES"); all != "" {
		files = strings.Fields(all)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { t.Parallel(); compare(t, objdump, file) })
	}
}

func compare(t *testing.T, objdump, file string) {
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return
	}
	text := f.Section(".text")
	code, err := text.Data()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(objdump, "-d", "-w", "-j", ".text", "--insn-width=16", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	total, wrong := 0, 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), "\t", 3)
		if len(parts) < 3 || strings.Contains(parts[2], "(bad)") {
			continue
		}
		at, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(parts[0], ":")), 16, 64)
		if err != nil {
			continue
		}
		want := len(strings.Fields(parts[1]))
		in := x86(code[at-text.Addr:], at)
		total++
		bytes := strings.Fields(parts[1])
		// objdump shows a prefix without effect as an instruction of its own, and FWAIT with what it waits for as one.
		if bytes[0] == "9b" || want == 1 && isPrefix(code[at-text.Addr]) {
			continue
		}
		if in.size != want {
			if wrong++; wrong < 20 {
				t.Logf("%x: %s %s has %d bytes, decoded as %d", at, parts[1], parts[2], want, in.size)
			}
			continue
		}
		if bytes[0] == "62" && in.set != AVX512 {
			t.Errorf("%x: %s %s: %v", at, parts[1], parts[2], in.set)
		}
		if name, _, _ := strings.Cut(parts[2], " "); (name == "cpuid" || name == "xgetbv") != in.asks {
			t.Errorf("%x: %s: asks is %t", at, parts[2], in.asks)
		}
		if _, target, ok := strings.Cut(parts[2], "# "); ok && strings.Contains(parts[2], "(%rip)") {
			to, _, _ := strings.Cut(strings.TrimSpace(target), " ")
			if address, err := strconv.ParseUint(to, 16, 64); err == nil && address != in.refers {
				t.Errorf("%x: %s refers to %x", at, parts[2], in.refers)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	// libcrypto has tables between its functions, which are no instructions.
	if total < 1000 || wrong*10_000 > total {
		t.Errorf("of %d instructions %d are wrong", total, wrong)
	}
}
