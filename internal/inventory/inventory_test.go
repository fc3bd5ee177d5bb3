package inventory

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lpipe/internal/artifact"
)

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		query, version string
		want           bool
	}{
		{"openssl<3.0.15", "3.0.14", true},
		{"openssl<3.0.15", "3.0.15", false},
		{"openssl <3.0.15", "3.0.2", true},
		{"openssl", "0.1.0", true},
		{"openssl>=1, <2", "1.9.9", true},
		{"openssl>=1, <2", "2.0.0", false},
		{"openssl 1.2", "1.9.0", true},
		{"openssl@1.2", "2.0.0", false},
		{"openssl=1.2.3", "1.2.3", true},
		{"openssl=1.2.3", "1.2.4", false},
		{"openssl^0.3", "0.4.0", false},
		{"openssl 1.2.*", "1.2.9", true},
		{"openssl 1.2.*", "1.3.0", false},
		{"openssl 1.x", "1.3.0", true},
		{"openssl 1.2.3-fix", "1.3.0", true},
		{"openssl~1.2.3", "1.2.9", true},
		{"openssl<1.0.0", "1.0.0-rc.1", true},
		{"OpenSSL", "1.0.0", true},
		{"openssl<3", "no version", false},
		{"openssl<301", "300.1.2+3.1.4", true},
	} {
		q, err := ParseQuery(c.query)
		if err != nil {
			t.Fatalf("%s: %v", c.query, err)
		}
		if got := q.Holds(Crate{Name: "openssl", Version: c.version}); got != c.want {
			t.Errorf("%s: %s: %t", c.query, c.version, got)
		}
	}
	for _, bad := range []string{"", "<1", "openssl<<1", "openssl<1 || >2", "openssl ,,<"} {
		if q, err := ParseQuery(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, q)
		}
	}
	if q, _ := ParseQuery("proc_macro2"); !q.Holds(Crate{Name: "proc-macro2", Version: "1.0.0"}) {
		t.Error("crates.io takes - and _ for the same")
	}
}

const advisory = "```toml\n[advisory]\nid = \"RUSTSEC-2023-0001\"\npackage = \"tokio\"\naliases = [\"CVE-2023-22466\"]\n\n" +
	"[affected]\n\n[versions]\npatched = [\">= 1.18.4, < 1.19.0\", \">= 1.23.1\"]\nunaffected = [\"< 1.7.0\"]\n```\n\n# reject_remote_clients\n\nWords.\n"

func TestAdvisory(t *testing.T) {
	a, err := ParseAdvisory([]byte(advisory))
	if err != nil || a.ID != "RUSTSEC-2023-0001" || a.Title != "reject_remote_clients" || a.Aliases[0] != "CVE-2023-22466" {
		t.Fatalf("%+v, %v", a, err)
	}
	for version, want := range map[string]bool{"1.6.0": false, "1.7.0": true, "1.18.3": true, "1.18.4": false, "1.20.0": true, "1.23.1": false} {
		if got := a.Concerns(Crate{Name: "tokio", Version: version}); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
	for what, change := range map[string]string{"withdrawn": "id = \"x\"\nwithdrawn = \"2023-01-01\"\n", "windows": "id = \"x\"\n"} {
		text := strings.Replace(advisory, "id = \"RUSTSEC-2023-0001\"\n", change, 1)
		if what == "windows" {
			text = strings.Replace(text, "[affected]\n", "[affected]\nos = [\"windows\"]\n", 1)
		}
		if a, err := ParseAdvisory([]byte(text)); err != nil || a.Concerns(Crate{Name: "tokio", Version: "1.7.0"}) {
			t.Errorf("%s: %+v, %v", what, a, err)
		}
	}
}

// FuzzAdvisory: what is read has an id and a package, and can be asked about any version.
func FuzzAdvisory(f *testing.F) {
	f.Add([]byte(advisory), "1.0.0")
	f.Add([]byte("```toml\n```"), "")
	f.Fuzz(func(t *testing.T, data []byte, version string) {
		a, err := ParseAdvisory(data)
		if err != nil {
			return
		}
		if a.ID == "" || a.Package == "" {
			t.Errorf("%+v", a)
		}
		a.Concerns(Crate{Name: a.Package, Version: version})
	})
}

// FuzzQuery: what is read has a name, and can be asked about any version.
func FuzzQuery(f *testing.F) {
	f.Add("openssl<3.0.15", "3.0.0")
	f.Add("a b", "1")
	f.Fuzz(func(t *testing.T, text, version string) {
		if q, err := ParseQuery(text); err == nil {
			if q.Name == "" {
				t.Error("no name")
			}
			q.Holds(Crate{Name: q.Name, Version: version})
		}
	})
}

// FuzzStatements: whatever a file of statements is, it is read or refused.
func FuzzStatements(f *testing.F) {
	f.Add([]byte(cycloneDX("a", "00", "itoa", "1.0.0")))
	f.Add([]byte(`{"spdxVersion":"SPDX-2.3","packages":[{"externalRefs":[{"referenceLocator":"pkg:cargo/a@1"}]}]}`))
	f.Add([]byte(`{"subject":[{"digest":{"sha256":"0"}}],"predicateType":"https://cyclonedx.org/bom","predicate":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, k := range kinds {
			if f, err := k.read(data); err == nil {
				f.from("x")
			}
		}
	})
}

func cycloneDX(name, sum string, crates ...string) string {
	var components []string
	for i := 0; i < len(crates); i += 2 {
		components = append(components, fmt.Sprintf(`{"name":%q,"version":%q,"purl":"pkg:cargo/%s@%s"}`, crates[i], crates[i+1], crates[i], crates[i+1]))
	}
	return fmt.Sprintf(`{"bomFormat":"CycloneDX","metadata":{"component":{"name":%q,"hashes":[{"alg":"SHA-256","content":%q}]}},"components":[%s]}`,
		name, sum, strings.Join(components, ","))
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	zip, err := artifact.Zip([]artifact.Entry{{Name: artifact.ProgramName, Data: []byte("x"), Executable: true}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/a/bootstrap.zip", zip)
	write(t, dir+"/a/bootstrap.zip.cdx.json", []byte(cycloneDX("a", artifact.SHA256(zip), "itoa", "1.0.0", "ryu", "1.0.0")))
	write(t, dir+"/stale/bootstrap.zip", zip)
	write(t, dir+"/stale/bootstrap.zip.cdx.json", []byte(cycloneDX("stale", "00", "itoa", "0.1.0")))
	write(t, dir+"/only/bootstrap.zip.cdx.json", []byte(cycloneDX("only", "00", "itoa", "1.0.1")))
	write(t, dir+"/none/bootstrap.zip", zip)
	functions, err := Read([]string{dir})
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"a", "only"}) || err == nil || !strings.Contains(err.Error(), "about another zip") || !strings.Contains(err.Error(), "none") {
		t.Errorf("%q, %v", names, err)
	}
	// A folder may be one by a link, and the zip of a layer has no program.
	write(t, dir+"/a/layers/fonts/x86_64/layer.zip", zip)
	if err := os.Symlink(dir+"/a", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if functions, err := Read([]string{dir + "/link"}); err != nil || len(functions) != 1 || functions[0].From != dir+"/link/bootstrap.zip.cdx.json" {
		t.Errorf("%+v, %v", functions, err)
	}
	// A zip alone is read with what lies beside it.
	if functions, err := Read([]string{dir + "/a/bootstrap.zip"}); err != nil || len(functions) != 1 || len(functions[0].Crates) != 2 {
		t.Errorf("%+v, %v", functions, err)
	}
	write(t, dir+"/db/crates/itoa/RUSTSEC-2023-0002.md", []byte(strings.ReplaceAll(advisory, "tokio", "itoa")))
	write(t, dir+"/db/crates/itoa/RUSTSEC-2023-0003.md", []byte("words"))
	advisories, err := Advisories(dir+"/db", functions)
	if len(advisories) != 1 || err == nil || !strings.Contains(err.Error(), "RUSTSEC-2023-0003.md") {
		t.Errorf("%+v, %v", advisories, err)
	}
	if _, err := Advisories(dir, functions); err == nil {
		t.Error("a folder that is no database is taken")
	}
}

// program is an ELF file with one section beside that of the names.
func program(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	names := "\x00" + name + "\x00.shstrtab\x00"
	at := uint64(64)
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}, Type: uint16(elf.ET_EXEC),
		Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: at + uint64(len(data)+len(names)), Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	}
	sections := []elf.Section64{
		{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(data))},
		{Name: uint32(len(name) + 2), Type: uint32(elf.SHT_STRTAB), Off: at + uint64(len(data)), Size: uint64(len(names))},
	}
	var b bytes.Buffer
	for _, part := range []any{h, data, []byte(names), sections} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestAuditable: a program that cargo auditable built says itself what is in it.
func TestAuditable(t *testing.T) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	text, _ := json.Marshal(map[string]any{"packages": []any{
		map[string]any{"name": "shop", "version": "0.1.0", "source": "local", "root": true},
		map[string]any{"name": "itoa", "version": "1.0.0", "source": "crates.io"},
		map[string]any{"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
	}})
	_, _ = w.Write(text)
	w.Close()
	zip, err := artifact.Zip([]artifact.Entry{{Name: artifact.ProgramName, Data: program(t, ".dep-v0", packed.Bytes()), Executable: true}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := readZip(zip)
	if err != nil || !slices.Equal(f.Crates, []Crate{{"shop", "0.1.0", true}, {"itoa", "1.0.0", false}}) {
		t.Errorf("%+v, %v", f, err)
	}
}

// processor is the time that this process has had of processors, which does not depend on what else a machine does.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestFiftyLambdas: they are read in less than a second, zips of Lambda's usual size among them.
func TestFiftyLambdas(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Repeat([]byte("no zip, and nobody unpacks it"), 100_000)
	var crates []string
	for i := range 300 {
		crates = append(crates, fmt.Sprintf("crate-%d", i), "1.2.3")
	}
	for i := range 50 {
		at := fmt.Sprintf("%s/lambda-%d/bootstrap.zip", dir, i)
		data[0] = byte(i)
		write(t, at, data)
		write(t, at+".cdx.json", []byte(cycloneDX(fmt.Sprint("lambda-", i), artifact.SHA256(data), crates...)))
	}
	start := processor(t)
	functions, err := Read([]string{dir})
	if took := processor(t) - start; err != nil || len(functions) != 50 || took > time.Second {
		t.Errorf("%d functions after %s: %v", len(functions), took, err)
	} else {
		t.Logf("%s", took)
	}
}
