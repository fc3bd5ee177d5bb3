package dockerfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"lpipe/internal/cargo"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/testparts/golden"
	"lpipe/internal/testparts/require"
)

// variant is what a package without lpipe.toml has, with changes.
func variant(change func(*plan.Variant)) *plan.Variant {
	v := &plan.Variant{
		Base:    "docker.io/library/rust:1-bookworm",
		Dir:     ".",
		Target:  "x86_64-unknown-linux-musl",
		Profile: "release",
	}
	if change != nil {
		change(v)
	}
	return v
}

var variants = map[string]*plan.Variant{
	"default": variant(nil),
	"alpine":  variant(func(v *plan.Variant) { v.Base = "docker.io/library/rust:1-alpine" }),
	"oci-layout-static-gnu": variant(func(v *plan.Variant) {
		v.Base = "oci-layout:///home/user/.cache/lpipe/base"
		v.Target = "x86_64-unknown-linux-gnu"
		v.Env = []plan.Env{{Name: "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", Value: "-Ctarget-feature=+crt-static"}}
	}),
	"smoke": variant(func(v *plan.Variant) { v.Smoke, v.Channel = true, "1.85" }),
	"image-files": variant(func(v *plan.Variant) {
		v.ImageFiles, v.Smoke = []plan.ImageFile{{From: "libpq.so.5", In: plan.InTask, To: "lib/libpq.so.5"}, {From: "/usr/share/a b.txt", In: plan.InLayer("texts"), To: "b.txt"}}, true
	}),
	"ca-certificates": variant(func(v *plan.Variant) { v.CACertificates = true }),
	"dynamic-gnu":     variant(func(v *plan.Variant) { v.Target = "x86_64-unknown-linux-gnu" }),
	"arm64":           variant(func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" }),
	"arm64-qemu":      variant(func(v *plan.Variant) { v.Target, v.Emulate = "aarch64-unknown-linux-gnu", true }),
	"rust-toolchain": variant(func(v *plan.Variant) {
		v.Channel, v.Components = "1.85", []string{"clippy", "rust-src"}
		v.Targets, v.InstallProfile = []string{"wasm32-unknown-unknown"}, "default"
	}),
	"rust-toolchain-components": variant(func(v *plan.Variant) { v.Components = []string{"rustfmt"} }),
	"packages":                  variant(func(v *plan.Variant) { v.Packages = []string{"libpq-dev", "protobuf-compiler=3.21.12-3"} }),
	"split-debug":               variant(func(v *plan.Variant) { v.SplitDebug = true }),
	"auditable":                 variant(func(v *plan.Variant) { v.Auditable = true }),
	"features": variant(func(v *plan.Variant) {
		v.Dir = "services/api"
		v.Profile = "lambda-release"
		v.Features = []string{"api/default", "api/with-lambda", "report/pdf"}
		v.NoDefaultFeatures = true
	}),
	"shared-libraries": variant(func(v *plan.Variant) {
		v.Dir, v.Stubs = "services", true
		v.Target = "aarch64-unknown-linux-musl"
		bikes, shared := &cargo.Package{Name: "fleet-bikes", Dir: "services/libs/bikes"}, &cargo.Package{Name: "shared", Dir: "common/my shared"}
		v.Libs = [][]*cargo.Package{{shared}, {shared, bikes}}
	}),
	"awkward-values": variant(func(v *plan.Variant) {
		v.Dir = "it's my $HOME folder"
		v.Env = []plan.Env{
			{Name: "BACKSLASH", Value: `a\nb\`},
			{Name: "DOLLAR", Value: "$HOME ${PATH} $(id) `id`"},
			{Name: "EMPTY"},
			{Name: "QUOTES", Value: `"double" 'single'`},
		}
		v.TestEnv = []plan.Env{
			{Name: "DOLLAR", Value: "$HOME ${PATH} $(id) `id`"},
			{Name: "HEREDOC", Value: "EOF"},
			{Name: "QUOTES", Value: `"double" 'single' \`},
		}
	}),
	"features-per-lambda": variant(func(v *plan.Variant) {
		v.SeparatePackages = []string{"api", "fleet-bikes", "shared"}
		v.Features = []string{"api/with-lambda"}
		v.NoDefaultFeatures = true
		v.Warm = true
	}),
	"nextest": variant(func(v *plan.Variant) { v.Nextest, v.Documented, v.Channel = true, []string{"api"}, "1.96" }),
	"nextest-features-per-lambda": variant(func(v *plan.Variant) {
		v.Nextest, v.Documented, v.SeparatePackages = true, []string{"shared"}, []string{"api", "shared"}
	}),
	"late-env":       variant(func(v *plan.Variant) { v.LateEnv = []string{"GIT_SHA", "VERSION"} }),
	"git-over-https": variant(func(v *plan.Variant) { v.Git = true }),
	"git-over-ssh":   variant(func(v *plan.Variant) { v.Git, v.SSH = true, true }),
	"strata":         variant(func(v *plan.Variant) { v.Dir, v.Strata, v.Warm = "services", 3, true }),
	"warm":           variant(func(v *plan.Variant) { v.Warm = true }),
	"network":        variant(func(v *plan.Variant) { v.AllowNetwork = true }),
}

func render(t *testing.T, v *plan.Variant) string {
	t.Helper()
	text, err := Render(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parse reads a Dockerfile as BuildKit does.
func parse(text string) ([]instructions.Stage, error) {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	return stages, err
}

func mustParse(t *testing.T, text string) []instructions.Stage {
	t.Helper()
	stages, err := parse(text)
	if err != nil {
		t.Fatalf("BuildKit cannot read it: %v\n%s", err, text)
	}
	return stages
}

// script is what the RUN of a stage gives to the shell.
func script(t *testing.T, text, stage string) string {
	t.Helper()
	for _, s := range mustParse(t, text) {
		for _, c := range s.Commands {
			if run, ok := c.(*instructions.RunCommand); ok && s.Name == stage {
				return run.Files[0].Data
			}
		}
	}
	t.Fatalf("%s has no RUN", stage)
	return ""
}

func TestRenderingIsTheGoldenOne(t *testing.T) {
	for name, v := range variants {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/"+name+".Dockerfile", render(t, v))
		})
	}
}

func TestRenderingDependsOnTheVariantAlone(t *testing.T) {
	for name, v := range variants {
		t.Setenv("CARGO_BUILD_JOBS", "1")
		first := render(t, v)
		t.Setenv("CARGO_BUILD_JOBS", "64")
		t.Setenv("HOME", t.TempDir())
		again := *v
		again.Lambdas = []*plan.Lambda{{Name: "report", Kind: "bin", Bin: "report", Arch: "arm64"}}
		if got := render(t, &again); got != first {
			t.Errorf("%s: another environment or lambda gives another text", name)
		}
	}
}

func TestStagesAreThoseThatAreSolved(t *testing.T) {
	for name, v := range variants {
		want := []string{StageToolchain, StageFetch, "compiler", StageDeps, StageBuild, StageTest, StageBootstrap, StageLambda, StageCrates, "bootstrap-stated", "lambda-stated"}
		if len(v.Libs) == 2 {
			want = slices.Insert(want, 4, StageLibs, "libs-2")
		}
		if v.Strata == 3 {
			want = slices.Insert(want, 3, StageUnits, StageStrata, "strata-2", "strata-3")
		}
		if v.Smoke {
			want = slices.Insert(want, slices.Index(want, StageBootstrap), StageRunner, StageSmoke)
		}
		if v.Nextest {
			want = slices.Insert(want, slices.Index(want, StageTest), StageNextest)
		}
		if v.ImageFiles != nil || v.CACertificates {
			want = slices.Insert(want, slices.Index(want, StageTest)+1, StageImage)
		}
		var got []string
		for _, s := range mustParse(t, render(t, v)) {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: stages %q, want %q", name, got, want)
		}
	}
}

// TestOnlyToolchainAndFetchReachTheNetwork: the code of dependencies runs in the other stages.
func TestOnlyToolchainAndFetchReachTheNetwork(t *testing.T) {
	for name, v := range variants {
		for _, s := range mustParse(t, render(t, v)) {
			for _, c := range s.Commands {
				run, ok := c.(*instructions.RunCommand)
				if !ok {
					continue
				}
				want := instructions.NetworkNone
				if s.Name == StageToolchain || s.Name == StageFetch || v.AllowNetwork {
					want = instructions.NetworkDefault
				}
				if got := instructions.GetNetwork(run); got != want {
					t.Errorf("%s: %s runs with network %q, want %q", name, s.Name, got, want)
				}
				for _, m := range mounts(t, run) {
					allowed := s.Name == StageFetch || m.CacheID == SecretWarm || s.Name == StageToolchain && slices.Contains([]string{"lpipe-network", "lpipe-authorities"}, m.CacheID)
					if (m.Type == instructions.MountTypeSSH || m.Type == instructions.MountTypeSecret) && !allowed {
						t.Errorf("%s: %s has a %s mount, %s", name, s.Name, m.Type, m.CacheID)
					}
				}
			}
		}
	}
}

func mounts(t *testing.T, run *instructions.RunCommand) []*instructions.Mount {
	t.Helper()
	// The mounts are parsed only when the variables in them are expanded.
	if err := run.Expand(func(word string) (string, error) { return word, nil }); err != nil {
		t.Fatal(err)
	}
	return instructions.GetMounts(run)
}

func TestScriptsAreReadByTheShell(t *testing.T) {
	// Excluded: quoted values look like mistakes in quoting (SC1003, SC2016).
	checkers := [][]string{{"dash", "-n"}, {"shellcheck", "--shell=dash", "--exclude=SC1003,SC1091,SC2016", "-"}}
	for _, command := range checkers {
		t.Run(command[0], func(t *testing.T) {
			_, err := exec.LookPath(command[0])
			require.Part(t, err == nil, command[0], "apt-get install "+command[0])
			seen := map[string]bool{}
			for name, v := range variants {
				for _, s := range mustParse(t, render(t, v)) {
					for _, c := range s.Commands {
						run, ok := c.(*instructions.RunCommand)
						if !ok {
							continue
						}
						if len(run.Files) != 1 || !strings.HasPrefix(run.Files[0].Data, StepMark+strings.TrimRight(s.Name, "-0123456789")+"\n") {
							t.Fatalf("%s: the RUN of %s is no script that stops at its first error", name, s.Name)
						}
						text := run.Files[0].Data
						if seen[text] {
							continue
						}
						seen[text] = true
						cmd := exec.Command(command[0], command[1:]...)
						cmd.Stdin = strings.NewReader(text)
						if out, err := cmd.CombinedOutput(); err != nil {
							t.Errorf("%s: %s: %v\n%s", name, s.Name, err, out)
						}
					}
				}
			}
		})
	}
}

func TestEnvironmentArrivesAsItWasWritten(t *testing.T) {
	v := variants["awkward-values"]
	got := environment(t, render(t, v), "compiler")
	for _, e := range v.Env {
		if value, ok := got[e.Name]; !ok || value != e.Value {
			t.Errorf("%s is %q in the build, want %q", e.Name, value, e.Value)
		}
	}
}

// environment is what the ENV instructions of a stage set, expanded as BuildKit does it.
func environment(t *testing.T, text, stage string) map[string]string {
	t.Helper()
	env := map[string]string{}
	lex := shell.NewLex('\\')
	for _, s := range mustParse(t, text) {
		if s.Name != stage {
			continue
		}
		for _, c := range s.Commands {
			set, ok := c.(*instructions.EnvCommand)
			if !ok {
				continue
			}
			for _, pair := range set.Env {
				value, _, err := lex.ProcessWord(pair.Value, shell.EnvsFromSlice([]string{"HOME=/expanded", "PATH=/expanded"}))
				if err != nil {
					t.Fatalf("%s: %v", pair.Key, err)
				}
				env[pair.Key] = value
			}
		}
	}
	return env
}

func TestTestEnvironmentArrivesAsItWasWritten(t *testing.T) {
	var exports []string
	v := variants["awkward-values"]
	for line := range strings.Lines(script(t, render(t, v), StageTest)) {
		if strings.HasPrefix(line, "export ") {
			exports = append(exports, line)
		}
	}
	for _, e := range v.TestEnv {
		cmd := exec.Command("sh", "-c", strings.Join(exports, "")+`printf %s "$`+e.Name+`"`)
		if out, err := cmd.Output(); err != nil || string(out) != e.Value {
			t.Errorf("%s is %q in the tests, want %q (%v)", e.Name, out, e.Value, err)
		}
	}
}

func TestEachWordIsOneArgument(t *testing.T) {
	for _, word := range []string{"", "plain", "a b", "it's", `"`, "$HOME", "$(id)", "`id`", `\`, "*", "~", "a;b", "a&b", "#a", "ünïcode", "a\tb", "!x", "{a,b}"} {
		out, err := exec.Command("sh", "-c", "printf '[%s]' "+quote(word)).Output()
		if want := "[" + word + "]"; err != nil || string(out) != want {
			t.Errorf("quote(%q) is read as %s, want %s (%v)", word, out, want, err)
		}
	}
}

func TestRenderRefusesWhatCannotBeWritten(t *testing.T) {
	for _, c := range []struct {
		change func(*plan.Variant)
		want   string
	}{
		{func(v *plan.Variant) { v.Base = "rust:1\nRUN id" }, `the base image "rust:1\nRUN id" cannot be used: it is not an image reference`},
		{func(v *plan.Variant) { v.Base = "$BASE" }, `the base image "$BASE" cannot be used: it is not an image reference`},
		{func(v *plan.Variant) { v.Base = "" }, `the base image "" cannot be used: it is not an image reference`},
		{func(v *plan.Variant) { v.Packages = []string{"a", "--allow-unauthenticated"} }, `the package "--allow-unauthenticated" cannot be used: it would be read as an option`},
		{func(v *plan.Variant) { v.Channel = "a\nb" }, `the toolchain "a\nb" cannot be used: it contains a line break or a NUL byte`},
		{func(v *plan.Variant) { v.Components = []string{"-v"} }, `the toolchain "-v" cannot be used: it would be read as an option`},
		{func(v *plan.Variant) { v.Dir = "a\nEOF" }, `the folder "a\nEOF" cannot be used: it contains a line break or a NUL byte`},
		{func(v *plan.Variant) { v.Profile = "-Z" }, `the profile "-Z" cannot be used: it would be read as an option`},
		{func(v *plan.Variant) { v.Features = []string{"a\x00"} }, `the feature "a\x00" cannot be used: it contains a line break or a NUL byte`},
		{func(v *plan.Variant) { v.Env = []plan.Env{{Name: "A=B"}} }, `the variable "A=B" cannot be used: a name has letters, digits and underscores only`},
		{func(v *plan.Variant) { v.TestEnv = []plan.Env{{Name: "A", Value: "secret\r"}} }, `the variable "A" cannot be used: its value contains a line break or a NUL byte`},
		{func(v *plan.Variant) { v.TestEnv = []plan.Env{{Name: "A", Value: "\xec"}} }, `the variable "A" cannot be used: its value is not UTF-8`},
		{func(v *plan.Variant) { v.Features = []string{"\xec"} }, `the feature "\xec" cannot be used: it is not UTF-8`},
	} {
		_, err := Render(variant(c.change))
		if err == nil || err.Error() != c.want || fault.Worst(err) != fault.Usage {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestRenderReportsAllMistakes(t *testing.T) {
	_, err := Render(variant(func(v *plan.Variant) { v.Base, v.Profile = " ", "-" }))
	if got := len(fault.Parts(err)); got != 2 {
		t.Errorf("%d mistakes reported, want 2: %v", got, err)
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("%v is no fault", err)
	}
}

// TestTheTableOfStages: the template has the stages of the table, and runs programs in those that it says.
func TestTheTableOfStages(t *testing.T) {
	all := *variants["shared-libraries"]
	all.Smoke, all.Nextest, all.Strata, all.ImageFiles = true, true, 2, variants["image-files"].ImageFiles
	text, err := Render(&all)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, s := range found {
		row, ok := StageOf(s.Name)
		if !ok {
			t.Errorf("%s is in no row", s.Name)
		}
		if !slices.Contains(rows, row.Name) {
			rows = append(rows, row.Name)
		}
		runs := 0
		for _, c := range s.Commands {
			run, ok := c.(*instructions.RunCommand)
			if !ok {
				continue
			}
			runs++
			if cut := strings.HasPrefix(run.String(), "RUN --network=none "); cut == row.Network {
				t.Errorf("the step of %s has no network: %t", s.Name, cut)
			}
		}
		if runs > 1 || (runs == 1) != (row.Title != "") || (runs == 1) != strings.Contains(row.Failed, "%s") || (row.Fix == "") != (row.Failed == "") {
			t.Errorf("%s runs %d programs: %+v", s.Name, runs, row)
		}
	}
	var want []string
	for _, row := range stages {
		want = append(want, row.Name)
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the template has the stages %q, the table %q", rows, want)
	}
	if _, ok := StageOf("other"); ok {
		t.Error("any stage is in the table")
	}
	if got := StepTitle("libs-2"); got != "[libs-2] compile the local libraries" {
		t.Errorf("a step is called %q", got)
	}
}

// shape is the structure of a Dockerfile without any value: a line for each stage and each instruction.
func shape(stages []instructions.Stage) string {
	var b bytes.Buffer
	for _, s := range stages {
		fmt.Fprintln(&b, "FROM", s.Name)
		for _, c := range s.Commands {
			fmt.Fprintln(&b, c.Name())
			if run, ok := c.(*instructions.RunCommand); ok {
				fmt.Fprintln(&b, len(run.Files), len(run.CmdLine), slices.Sorted(slices.Values(run.FlagsUsed)))
			}
		}
	}
	return b.String()
}

func FuzzRender(f *testing.F) {
	f.Add("docker.io/library/rust:1-bookworm", ".", "x86_64-unknown-linux-musl", "release", "with-lambda", "libpq-dev", "1.85", "A", "value")
	f.Add("oci-layout:///base", "it's", "a b", "$(id)", "`id`", "'", `"`, "A", `\`)
	f.Add("base", "EOF", "EOF", "EOF", "EOF", "EOF", "EOF", "EOF", "EOF")
	f.Add("a\nEOF", "a\nEOF\nRUN id", "\n", "\r\n", "\x00", "\v", "\u2028", "A\nB", "\\\n")
	f.Add("base", ".", "t", "p", "f", "p", "c", "A", "\xec")
	f.Add("# escape=`", "<<EOF", "#", "{{.Base}}", "${A:-b}", "--option", "", "A", "# escape=`")
	f.Add("base", ".", "t", "p", "f", "p", "c", "A", "$HOME\\$HOME\\\\$HOME\" <<EOF")
	f.Fuzz(func(t *testing.T, base, dir, target, profile, feature, pkg, channel, name, value string) {
		v := &plan.Variant{
			Base: base, Dir: dir, Target: target, Profile: profile, Features: []string{feature}, Packages: []string{pkg},
			Channel: channel, Components: []string{feature}, Targets: []string{target}, InstallProfile: profile,
			Env: []plan.Env{{Name: name, Value: value}}, TestEnv: []plan.Env{{Name: name, Value: value}},
			Libs: [][]*cargo.Package{{{Name: feature, Dir: dir}}}, Git: true, SSH: true,
		}
		text, err := Render(v)
		if err != nil {
			if fault.Worst(err) != fault.Usage {
				t.Fatalf("the mistake has another kind: %v", err)
			}
			return
		}
		stages, err := parse(string(text))
		if err != nil {
			t.Fatalf("BuildKit cannot read it: %v\n%s", err, text)
		}
		usual := variant(func(v *plan.Variant) {
			v.Env = []plan.Env{{Name: "A", Value: "b"}}
			v.Libs = [][]*cargo.Package{{{Name: "lib", Dir: "lib"}}}
			v.Git, v.SSH = true, true
		})
		if got, want := shape(stages), shape(mustParse(t, render(t, usual))); got != want {
			t.Fatalf("the structure is\n%swant\n%s", got, want)
		}
		if got := environment(t, string(text), "compiler")[name]; got != value {
			t.Fatalf("%s arrives as %q, want %q", name, got, value)
		}
	})
}

// warmID is the cache mount of the deps stage of a variant, "" for none.
func warmID(t *testing.T, v *plan.Variant) string {
	t.Helper()
	_, after, _ := strings.Cut(render(t, v), warmMount)
	id, _, _ := strings.Cut(after, ",")
	if _, err := hex.DecodeString(id); err != nil || v.Warm != (len(id) == 16) {
		t.Fatalf("the id is %q", id)
	}
	return "lpipe-warm-" + id
}

// TestWarmFoldersAreOfWhatCompilesTheDependencies: every setting that the stages up to deps read, and no other.
func TestWarmFoldersAreOfWhatCompilesTheDependencies(t *testing.T) {
	lib := []*cargo.Package{{Name: "lib", Dir: "lib"}}
	usual := warmID(t, variant(func(v *plan.Variant) { v.Warm = true }))
	for name, c := range map[string]struct {
		change func(*plan.Variant)
		other  bool
	}{
		"base":        {func(v *plan.Variant) { v.Base = "rust:1" }, true},
		"packages":    {func(v *plan.Variant) { v.Packages = []string{"libpq-dev"} }, true},
		"channel":     {func(v *plan.Variant) { v.Channel = "1.85" }, true},
		"folder":      {func(v *plan.Variant) { v.Dir = "services" }, true},
		"target":      {func(v *plan.Variant) { v.Target = "aarch64-unknown-linux-musl" }, true},
		"profile":     {func(v *plan.Variant) { v.Profile = "dev" }, true},
		"features":    {func(v *plan.Variant) { v.Features = []string{"a/x"} }, true},
		"alone":       {func(v *plan.Variant) { v.SeparatePackages = []string{"a"} }, true},
		"defaults":    {func(v *plan.Variant) { v.NoDefaultFeatures = true }, true},
		"environment": {func(v *plan.Variant) { v.Env = []plan.Env{{Name: "A", Value: "b"}} }, true},
		"emulation":   {func(v *plan.Variant) { v.Emulate = true }, true},
		"network":     {func(v *plan.Variant) { v.AllowNetwork = true }, true},
		"tests":       {func(v *plan.Variant) { v.TestEnv = []plan.Env{{Name: "A", Value: "b"}} }, false},
		"libraries":   {func(v *plan.Variant) { v.Libs = []plan.Libraries{lib} }, false},
		"git":         {func(v *plan.Variant) { v.Git, v.SSH = true, true }, false},
	} {
		if id := warmID(t, variant(func(v *plan.Variant) { v.Warm = true; c.change(v) })); (id != usual) != c.other {
			t.Errorf("%s: another folder: %t", name, id != usual)
		}
	}
}

func TestAnOwnerChangesNoStep(t *testing.T) {
	v := variant(func(v *plan.Variant) {
		v.Warm, v.Strata = true, 2
		v.Env = []plan.Env{{Name: "A", Value: "    --mount=type=cache,id=lpipe-warm-00"}}
	})
	text := render(t, v)
	id := warmID(t, v)
	want := strings.ReplaceAll(text, "\n    --mount=type=cache,id="+id+",", "\n    --mount=type=cache,id="+id+"-me,")
	if n := strings.Count(want, id+"-me,"); n != 3 {
		t.Errorf("%d steps keep what they compile, want those of two strata and deps", n)
	}
	if got := string(OwnWarm([]byte(text), "me")); got != want || got == text {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if text = render(t, variant(nil)); string(OwnWarm([]byte(text), "me")) != text {
		t.Error("a build that keeps nothing has an owner")
	}
}

// TestWhatAStepLeavesLiesInAFolderOfItsOwn: where a folder of a step is read, the engine visits its parent and all below. Of what
// each lambda has, that must not be the whole image.
func TestWhatAStepLeavesLiesInAFolderOfItsOwn(t *testing.T) {
	read := regexp.MustCompile(`(?:COPY --link --from=|from=)(build|test|smoke|crates)(?:,source=| )(\S+?)(?:,| )`)
	for name, v := range variants {
		text, err := Render(v)
		if err != nil {
			t.Fatal(err)
		}
		all := read.FindAllStringSubmatch(string(text), -1)
		if len(all) < 3 {
			t.Errorf("%s: only %d places read what a step leaves", name, len(all))
		}
		for _, m := range all {
			if m[2] != "/"+left && m[2]+"/" != "/"+left {
				t.Errorf("%s: %s", name, m[0])
			}
		}
	}
	for _, s := range Stages() { // of a lambda, what is read has been copied out of them
		for _, file := range s.Files {
			if alone := s.Name == StageTest; strings.HasPrefix(file, left) != alone {
				t.Errorf("%s: %s is read", s.Name, file)
			}
		}
	}
}

// TestNoRootOfAContextIsMounted keeps the digest of a context what it was, see [Folder].
func TestNoRootOfAContextIsMounted(t *testing.T) {
	mount := regexp.MustCompile(`from=(skeleton|stubs|closure|tests|libraries[^,]*|smoke-files),(\S+)`)
	files, err := filepath.Glob("testdata/*.Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := mount.FindAllStringSubmatch(string(text), -1)
		if len(all) == 0 {
			t.Errorf("%s mounts no context", file)
		}
		for _, m := range all {
			if source, _, _ := strings.Cut(m[2], ","); source != "source=/"+Folder && !strings.HasPrefix(source, "source=/"+Folder+"/") {
				t.Errorf("%s mounts the root of %s: %s", file, m[1], m[0])
			}
		}
	}
}
