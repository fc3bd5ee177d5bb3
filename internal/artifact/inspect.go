package artifact

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/fault"
)

// Info is what a program says about itself.
type Info struct {
	Arch        string   // "x86_64" or "arm64"
	Static      bool     // needs no dynamic linker
	Interpreter string   // the path of the dynamic linker; empty for a static program
	Libraries   []string // the shared libraries that it needs
	Glibc       string   // the newest glibc that it needs, such as "2.34"; empty for none
	GlibcSymbol string   // a symbol that needs it, where the file tells
	Warnings    []string // what may go wrong and is not certain to
}

// machines are the architectures of Lambda.
var machines = map[string]struct {
	machine     elf.Machine
	interpreter string // where glibc has its dynamic linker: part of the platform's ABI
}{
	"x86_64": {elf.EM_X86_64, "/lib64/ld-linux-x86-64.so.2"},
	"arm64":  {elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1"},
}

// Inspect reads a program and returns what it is. The error joins every reason why Lambda would not run it or
// why it is not what e asks for; each is a [fault.Error]. program may be any bytes.
func Inspect(program []byte, e Expect) (Info, error) {
	c := check{Expect: e}
	f, info, err := c.start(program)
	if err != nil {
		return info, err
	}
	if f != nil && info.Arch == c.Arch {
		c.instructions(f, &info)
	}
	return info, c.Err()
}

// start looks at everything but the instructions of a program. The error is that it cannot be read, and f is nil where it was not;
// all else is in c.
func (c *check) start(program []byte) (f *image, info Info, err error) {
	e := c.Expect
	if !c.exists() {
		return nil, info, nil
	}
	if err := checkIdent(program); err != nil {
		return nil, info, err
	}
	if f, err = parse(program); err != nil {
		return nil, info, refuse("the program is damaged", err.Error(), "build it again with --no-cache; the disk of the engine may have been full")
	}
	if err := c.kind(f); err != nil {
		return nil, info, err
	}
	if ended := runtimes[e.Runtime].ended; ended != "" {
		info.Warnings = append(info.Warnings, fmt.Sprintf("%s is past its end: %s; set runtime = \"provided.al2023\" in [build] of lpipe.toml, build, and change the runtime of the function together with its code",
			e.Runtime, ended))
	}
	c.arch(f, &info)
	c.link(f, &info)
	return f, info, nil
}

// exists reports whether Lambda has the architecture and the runtime.
func (c *check) exists() bool {
	if _, ok := machines[c.Arch]; !ok {
		c.Addf(fmt.Sprintf("the architecture %q does not exist on Lambda", c.Arch), "", `set arch = "x86_64" or "arm64"`)
	}
	c.Add(checkRuntime(c.Runtime))
	return c.Err() == nil
}

// IsStatic reports that a program needs neither a dynamic linker nor libraries.
func IsStatic(program []byte) bool {
	f, err := parse(program)
	return err == nil && f.interpreter() == "" && len(f.dynamic().need) == 0
}

func refuse(what, why, fix string) error {
	return &fault.Error{Kind: fault.Artifact, What: what, Why: why, Fix: fix}
}

// checkIdent looks at the first bytes, which say how to read all others.
func checkIdent(program []byte) error {
	const what = "the program is not one that Lambda can run"
	const fix = "build a binary target for x86_64-unknown-linux-musl or aarch64-unknown-linux-musl"
	switch {
	case len(program) == 0:
		return refuse("the program is empty", "the file has no bytes", "build it again with --no-cache; the disk of the engine may have been full")
	case !bytes.HasPrefix(program, []byte(elf.ELFMAG)):
		return refuse(what, "it is "+format(program)+", not an ELF file", fix)
	case len(program) < elf.EI_NIDENT:
		return refuse("the program is damaged", errTruncated.Error(), "build it again with --no-cache")
	}
	if class := elf.Class(program[elf.EI_CLASS]); class == elf.ELFCLASS32 {
		return refuse(what, "it is a 32-bit program, and Lambda has 64-bit machines only", fix)
	} else if class != elf.ELFCLASS64 {
		return refuse(what, fmt.Sprintf("its ELF class is %d, which does not exist", class), fix)
	}
	if order := elf.Data(program[elf.EI_DATA]); order != elf.ELFDATA2LSB {
		return refuse(what, "its byte order is not little-endian, as Lambda's machines are", fix)
	}
	// Linux programs say System V; GNU is for those with indirect functions, such as static glibc.
	if abi := elf.OSABI(program[elf.EI_OSABI]); abi != elf.ELFOSABI_NONE && abi != elf.ELFOSABI_LINUX {
		return refuse(what, fmt.Sprintf("it is made for another system (%s), not for Linux", abi), fix)
	}
	return nil
}

// format names the kinds of files that are taken for programs most often.
func format(b []byte) string {
	for magic, name := range map[string]string{
		"#!": "a script", "MZ": "a Windows program", "!<arch>": "a static library", "PK\x03\x04": "a zip",
		"\xcf\xfa\xed\xfe": "a macOS program", "\xca\xfe\xba\xbe": "a macOS program", "\x00asm": "WebAssembly", "BC\xc0\xde": "LLVM bitcode",
	} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return name
		}
	}
	return fmt.Sprintf("a file that starts with %q", b[:min(len(b), 8)])
}

// check collects the problems of one program, or of one library.
type check struct {
	Expect
	fault.List
	library string // its path in the zip, "" for the program
	fix     string // what to do about it, likewise
}

// about is a message on a program, for the library where one is checked.
func (c *check) about(message string) string {
	return strings.Replace(message, "the program", cmp.Or(c.library, "the program"), 1)
}

// kind returns the error for ELF files that are no programs.
func (c *check) kind(f *image) error {
	what := map[elf.Type]string{elf.ET_REL: "an object file", elf.ET_CORE: "a core dump"}[elf.Type(f.header.Type)]
	switch t := elf.Type(f.header.Type); t {
	case elf.ET_EXEC:
	case elf.ET_DYN:
		_, interpreted := f.prog(elf.PT_INTERP)
		if !interpreted && (f.header.Entry == 0 || len(f.dynamic().need) > 0) {
			what = "a shared library"
		}
	default:
		if what == "" {
			what = fmt.Sprintf("an ELF file of type %s", t)
		}
	}
	if _, ok := f.prog(elf.PT_LOAD); what == "" && !ok {
		what = "an ELF file with nothing to load"
	}
	if what == "" {
		return nil
	}
	return refuse("the program cannot be started", "it is "+what, `build a binary target ("src/main.rs" or [[bin]]), not a library`)
}

func (c *check) arch(f *image, info *Info) {
	for name, m := range machines {
		if m.machine == elf.Machine(f.header.Machine) {
			info.Arch = name
		}
	}
	if info.Arch == c.Arch {
		return
	}
	is := info.Arch
	if is == "" {
		is = elf.Machine(f.header.Machine).String()
	}
	c.Add(refuse(c.about(fmt.Sprintf("the program is for %s, not for %s", is, c.Arch)), "",
		cmp.Or(c.fix, "make the target in lpipe.toml and in .cargo/config.toml agree with --arch")))
}

func (c *check) link(f *image, info *Info) {
	d := f.dynamic()
	info.Interpreter = f.interpreter()
	info.Static = info.Interpreter == "" && len(d.need) == 0
	if info.Static {
		c.static(f, info)
		return
	}
	if c.Link == "static" {
		c.Add(refuse("the program is linked dynamically, and link is \"static\"", "it asks for "+info.Interpreter,
			`build for a musl target or with -C target-feature=+crt-static, or set link = "dynamic"`))
	}
	if want := machines[info.Arch].interpreter; want != "" && info.Interpreter != want {
		why := "Lambda has only " + want
		if strings.Contains(info.Interpreter, "ld-musl") {
			why = "Lambda has no musl: a program for a musl target must be static"
		}
		c.Add(refuse(fmt.Sprintf("the program asks for the dynamic linker %q", info.Interpreter), why,
			"build with -C target-feature=+crt-static"))
	}
	var err error
	if info.Libraries, err = d.libraries(); err != nil {
		c.Add(refuse("the program is damaged", err.Error(), "build it again with --no-cache"))
		return
	}
	c.glibc(d, info)
	c.level(f)
}

// hostLevel is the level of x86-64 that all hosts of Lambda have.
const hostLevel = 3

// level refuses what glibc would not load on some hosts, whatever its instructions are.
func (c *check) level(f *image) {
	level := f.level()
	if c.Arch != "x86_64" || !runtimes[c.Runtime].levels || level <= hostLevel {
		return
	}
	c.Add(refuse(c.about("the program says that it needs a processor that not every host of Lambda is"),
		fmt.Sprintf("it was linked for x86-64-v%d, and the dynamic linker refuses it on one of x86-64-v%d: \"CPU ISA level is lower than required\"", level, hostLevel),
		fmt.Sprintf("link it without -z x86-64-v%d", level)))
}

// resolvers are the functions of glibc that look up the names or addresses of hosts.
var resolvers = []string{
	"getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_r", "gethostbyname2", "gethostbyname2_r", "gethostbyaddr", "gethostbyaddr_r",
}

// static warns of programs that carry glibc and look up hosts: that loads the NSS libraries of the machine it runs on, which
// must be of the very same glibc (rust-lang/rust#100711, #115723). Users and groups, which std asks for where HOME is not set,
// are in a file that glibc reads by itself.
func (c *check) static(f *image, info *Info) {
	if c.Link == "dynamic" {
		info.Warnings = append(info.Warnings, `link is "dynamic" and the program is static; it runs all the same`)
	}
	// The path of glibc's NSS configuration is there only when code that reads it was linked. musl has no NSS.
	if !bytes.Contains(f.data, []byte("/etc/nsswitch.conf")) {
		return
	}
	found, table := f.defines(resolvers)
	evidence := "its symbol table has " + found
	switch {
	case found != "":
	case !table && bytes.Contains(f.data, []byte("/etc/gai.conf")):
		// Rust's own std has the words getaddrinfo and /etc/resolv.conf in every gnu program; this is the file of
		// preferences that glibc's getaddrinfo reads, and nothing else.
		evidence = "it reads /etc/gai.conf, as getaddrinfo does"
	default:
		return
	}
	info.Warnings = append(info.Warnings, "the program carries glibc and resolves names ("+evidence+
		"): it may crash or fail to resolve on a machine with another glibc; build for a musl target instead")
}

func (c *check) glibc(d dynamic, info *Info) {
	needs, err := d.versions()
	if err != nil {
		c.Add(refuse(c.about("the program is damaged"), err.Error(), "build it again with --no-cache"))
		return
	}
	var newest version
	var worst need
	for _, n := range needs {
		v, ok := glibcVersion(n.name)
		if ok && !n.weak && v.newer(newest) {
			newest, worst = v, n
		}
	}
	if slices.ContainsFunc(needs, func(n need) bool { return n.name == "GLIBC_PRIVATE" }) {
		info.Warnings = append(info.Warnings, c.about("the program uses private symbols of glibc, which differ between releases"))
	}
	c.gcc(needs)
	if newest == (version{}) {
		return
	}
	info.Glibc, info.GlibcSymbol = newest.String(), d.symbol(worst.index)
	floor := runtimes[c.Runtime].floor
	if !newest.newer(floor) {
		return
	}
	why := worst.name
	if info.GlibcSymbol != "" {
		why = info.GlibcSymbol + " needs " + why
	}
	c.Add(refuse(c.about(fmt.Sprintf("the program needs glibc %s and %s has %s", newest, c.Runtime, floor)), why,
		cmp.Or(c.fix, `build for a musl target, or use a base image with that glibc or an older one`)))
}

// gcc refuses what needs a newer libgcc_s than the runtime has, which comes before one in the zip.
func (c *check) gcc(needs []need) {
	has := runtimes[c.Runtime].gcc
	for _, n := range needs {
		major, _, _ := strings.Cut(strings.TrimPrefix(n.name, "GCC_"), ".")
		if v, err := strconv.Atoi(major); err == nil && !n.weak && n.library == "libgcc_s.so.1" && v > has {
			c.Add(refuse(c.about(fmt.Sprintf("the program needs libgcc_s of GCC %d and %s has that of %d", v, c.Runtime, has)), n.name,
				cmp.Or(c.fix, "build for a musl target, or use a base image with that GCC or an older one")))
			return
		}
	}
}
