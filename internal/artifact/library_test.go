package artifact

import (
	"debug/elf"
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
	e := with(linked, func(e *Expect) { e.Libraries = []string{"libbar.so.2"} })
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
		"32 bits":               {"lib/libfoo.so.1", []byte(elf.ELFMAG + "\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []string{"lib/libfoo.so.1 cannot be loaded"}},
		"a script of a linker":  {"lib/libfoo.so", []byte("INPUT(libfoo.so.1)"), nil},
		"where nobody loads it": {"assets/libfoo.so", library(fixture{machine: elf.EM_AARCH64}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckLibraries([]Entry{{Name: c.file, Data: c.data}}, nil, e)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkErrors(t, err, fault.Artifact, c.want...)
		})
	}
}
