package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheEndOfAStepIsNoticed(t *testing.T) {
	const (
		before = "#1 [internal] load build definition\n#1 DONE 0.1s\n#4 [deps] compile the dependencies\n#5 [test] run the tests\n" +
			"#4 0.3 Compiling serde\n#5 DONE 1.0s\n"
		end   = "#4 DONE 3.0s\n"
		after = "#6 [build] compile the lambda\n#6 DONE 2.0s\n"
	)
	for _, size := range []int{1, 7, 1000} {
		dir := t.TempDir()
		e := &stepEnd{step: "[deps] ", meter: meter{dir}}
		for _, part := range []struct{ usage, display string }{{"1000", before}, {"2000", end}, {"3000", after}} {
			if err := os.WriteFile(filepath.Join(dir, "cpuacct.usage"), []byte(part.usage), 0o644); err != nil {
				t.Fatal(err)
			}
			for text := part.display; text != ""; text = text[min(size, len(text)):] {
				if _, err := e.Write([]byte(text[:min(size, len(text))])); err != nil {
					t.Fatal(err)
				}
			}
		}
		if want := 2000 * time.Nanosecond; e.err != nil || e.used != want {
			t.Errorf("in pieces of %d: %v (%v), not %v", size, e.used, e.err, want)
		}
	}
}
