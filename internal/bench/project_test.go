package main

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lpipe/internal/testparts/golden"
)

func checkXML(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}

func hyperEcho(t *testing.T) project {
	t.Helper()
	f, err := readFiles("../../testdata/lambdas/hyper-echo")
	if err != nil {
		t.Fatal(err)
	}
	return project{name: "hyper-echo", files: f, lambdas: []string{"hyper-echo"}}
}

func hyperEchoWithLeaf(t *testing.T) project {
	t.Helper()
	p := hyperEcho(t)
	p.name, p.files = "hyper-echo-leaf", withLeaf(p.files, "sparse+http://127.0.0.1:1234/")
	return p
}

func TestDockerfilesOfThePeers(t *testing.T) {
	for _, p := range []project{hyperEcho(t), hyperEchoWithLeaf(t), fleet()} {
		for _, peer := range containers {
			got, err := newDockerfile(p, "x86_64-unknown-linux-musl").render(peer)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+p.name+"-"+peer+".Dockerfile", got)
		}
	}
}

// Every edit must be one that no cache knows: of no other round, and not the project as it is.
func TestEditsDiffer(t *testing.T) {
	projects := map[string]project{"hyper-echo": hyperEcho(t), "fleet": fleet(), "tiny": tiny(), "leaf": hyperEchoWithLeaf(t)}
	for _, s := range scenarios {
		if s.edit == nil {
			continue
		}
		p := projects[s.project]
		before := maps.Clone(p.files)
		seen := []files{before}
		for round := 1; round <= 5; round++ {
			mark := "bench-40-" + string(rune('0'+round))
			f := s.edit(p, mark)
			for _, other := range seen {
				if maps.Equal(f, other) {
					t.Errorf("%s: round %d repeats", s.name, round)
				}
			}
			if s.marks && !strings.Contains(f[p.lambdaFile(0)], mark) {
				t.Errorf("%s: the program does not hold the mark", s.name)
			}
			seen = append(seen, f)
		}
		if !maps.Equal(before, p.files) {
			t.Errorf("%s changes the project itself", s.name)
		}
	}
}

func TestSyncWritesOnlyWhatDiffers(t *testing.T) {
	dir := t.TempDir()
	f := files{"Cargo.toml": "a", "src/main.rs": "b"}
	check := func(f files) {
		t.Helper()
		if err := f.sync(dir); err != nil {
			t.Fatal(err)
		}
		got, err := readFiles(dir)
		if err != nil || !maps.Equal(got, f) {
			t.Fatalf("%v holds %v (%v)", dir, got, err)
		}
	}
	check(f)
	past := time.Unix(1e9, 0)
	for _, name := range []string{"Cargo.toml", "src/main.rs"} {
		if err := os.Chtimes(filepath.Join(dir, name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	built := filepath.Join(dir, "target/lambda/bootstrap")
	if err := os.MkdirAll(filepath.Dir(built), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(built, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	check(f.with("src/main.rs", "c").with("src/more.rs", "d"))
	check(f.with("src/main.rs", "c"))
	if _, err := os.Stat(built); err != nil {
		t.Errorf("what was built is gone: %v", err)
	}
	for name, kept := range map[string]bool{"Cargo.toml": true, "src/main.rs": false} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime().Equal(past) != kept {
			t.Errorf("%s has the time %v", name, info.ModTime())
		}
	}
}

func TestMeterReadsBothVersionsOfControlGroups(t *testing.T) {
	for name, text := range map[string]string{"cpuacct.usage": "1500000000\n", "cpu.stat": "usage_usec 1500000\nuser_usec 1000000\n"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := newMeter(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.used(); err != nil || got != 1500*time.Millisecond {
			t.Errorf("%s: %v (%v)", name, got, err)
		}
	}
	if _, err := newMeter(t.TempDir()); err == nil {
		t.Error("a folder that is no control group is read")
	}
}

func TestScenariosAndPeersAreChecked(t *testing.T) {
	for _, c := range []struct {
		o    options
		want string
	}{
		{options{scenarios: []string{"edti"}}, `there is no scenario "edti"`},
		{options{scenarios: []string{"edit=many"}}, `"many" is no number of rounds, in edit=many`},
		{options{scenarios: []string{"edit=0"}}, `"0" is no number of rounds`},
		{options{peers: []string{"make"}}, `there is no peer "make"`},
	} {
		if _, err := choose(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.o, err)
		}
	}
	chosen, err := choose(options{rounds: 7, scenarios: []string{"version", "cold=2"}})
	if err != nil || len(chosen) != 2 || chosen[0].name != "cold" || chosen[0].rounds != 2 || chosen[1].rounds != 7 {
		t.Errorf("%v, %v", chosen, err)
	}
}

func TestPeersOfAScenario(t *testing.T) {
	for _, c := range []struct {
		scenario string
		asked    []string
		want     []string
	}{
		{"edit", nil, []string{peerLpipe, peerStub, peerPlanner, peerMounts, peerHost}},
		{"no-op", nil, []string{peerLpipe, peerStub, peerPlanner, peerMounts, peerHost, peerRendered, peerBuildx}},
		{"no-op", []string{peerBuildx, peerMax}, []string{peerLpipe, peerBuildx}},
		{"no-op-50", nil, []string{peerLpipe, peerBuildx}},
		{"bump", []string{peerStub, peerPlanner}, []string{peerLpipe, peerPlanner}},
		{"registry-edit", nil, []string{peerLpipe, peerInline, peerMax}},
	} {
		chosen, err := choose(options{scenarios: []string{c.scenario}})
		if err != nil {
			t.Fatal(err)
		}
		b := bench{options: options{peers: c.asked}}
		if got := b.peersOf(chosen[0]); !slices.Equal(got, c.want) {
			t.Errorf("%s with %v: %v, not %v", c.scenario, c.asked, got, c.want)
		}
	}
}
