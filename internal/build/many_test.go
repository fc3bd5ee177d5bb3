package build

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

// BenchmarkPrepare prepares a build of a workspace of many small lambdas on one library.
func BenchmarkPrepare(b *testing.B) {
	for _, n := range []int{50, 200, 500, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "project")
			testparts.Unpack(b, dir, many(n))
			here, projects, o := opened(b, dir, true)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Prepare(b.Context(), here, projects, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// many is a workspace of n lambdas.
func many(n int) string {
	var all, lock strings.Builder
	pkg := func(dir, name, dependencies, source string) {
		fmt.Fprintf(&all, "-- %s/Cargo.toml --\n[package]\nname = %q\nversion = \"1.0.0\"\n\n[dependencies]\n%s-- %s/src/%s --\n", dir, name, dependencies, dir, source)
		fmt.Fprintf(&lock, "\n[[package]]\nname = %q\nversion = \"1.0.0\"\n", name)
	}
	all.WriteString("-- Cargo.toml --\n[workspace]\nmembers = [\"lambdas/*\", \"answer\"]\n")
	pkg("answer", "answer", "", "lib.rs")
	for i := range n {
		name := fmt.Sprintf("lambda-%04d", i)
		pkg("lambdas/"+name, name, "answer = { path = \"../../answer\" }\n", "main.rs")
		lock.WriteString("dependencies = [\"answer\"]\n")
	}
	return all.String() + "-- Cargo.lock --\nversion = 4\n" + lock.String()
}
