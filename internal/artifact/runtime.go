package artifact

import (
	"cmp"
	"fmt"
	"strings"

	"lpipe/internal/fault"
)

// runtimes are the Lambda runtimes that start a bootstrap: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html.
var runtimes = map[string]struct {
	floor  version
	gcc    int    // the version of the GCC that its libgcc_s is of
	levels bool   // glibc refuses what the processor has not the level of x86-64 for: since 2.33
	ended  string // since when, and what that means, for one past its end
}{
	// Amazon Linux 2023 has glibc 2.34 and GCC 11: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
	"provided.al2023": {floor: version{2, 34}, gcc: 11, levels: true},
	// Amazon Linux 2 has glibc 2.26 and GCC 7: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
	"provided.al2": {floor: version{2, 26}, gcc: 7, ended: "Amazon Linux 2 ended on 2026-06-30, Lambda creates no functions with it since 2026-07-31 and updates none since 2026-08-31"},
}

// gone says why a name that was once right, or is right elsewhere, is refused.
var gone = map[string]string{
	"go1.x":       "Lambda removed it on 2024-01-08",
	"provided":    "Lambda removed it, with Amazon Linux 1, on 2024-01-08",
	"lambda@edge": "Lambda@Edge runs Node.js and Python only: neither custom runtimes nor container images",
}

// Ended says since when a runtime is past its end, and what that means; "" for others.
func Ended(runtime string) string {
	return cmp.Or(runtimes[runtime].ended, gone[strings.ToLower(runtime)])
}

// checkRuntime returns the error for a runtime that cannot start a bootstrap.
func checkRuntime(name string) error {
	if _, ok := runtimes[name]; ok {
		return nil
	}
	why := gone[strings.ToLower(name)]
	if why == "" {
		why = "it does not start a program called bootstrap"
	}
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("the runtime %q cannot run a Rust program", name), Why: why,
		Fix: `set runtime = "provided.al2023"`,
	}
}
