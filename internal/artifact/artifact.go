// Package artifact decides from bytes whether a program will run on AWS Lambda, and writes the zip that is deployed.
//
// It reads no project file and runs no program: the bytes, and what they were meant to be ([Expect]), go in;
// problems come out as [fault.Error], all of them at once. Program is the ELF file that Lambda starts under the
// name bootstrap; floor is the newest glibc symbol version that a runtime has; receipt is what cargo said it built.
package artifact

import (
	"fmt"

	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// Expect is what a program was built for.
type Expect struct {
	Arch    string // "x86_64" or "arm64", as Lambda says it
	Link    string // "static" or "dynamic"; empty takes either
	Runtime string // Lambda's name, such as "provided.al2023"; decides the glibc floor of a dynamic program
	// CPU is "v2" for a program that must do without AVX; others may use what all hosts of Lambda have.
	CPU string
	// CPUAllow are patterns of the names of functions that may use any instruction.
	CPUAllow []string
	// ZipBudget is a limit for the zip in bytes, below Lambda's own; 0 is none.
	ZipBudget int64
}

// CheckSizes compares the zip and its files, unpacked, with Lambda's limits and the budget in e. A zip that
// needs another way of upload is a warning, one that Lambda refuses an error.
func CheckSizes(zipped, unzipped int64, e Expect) (warnings []string, err error) {
	var problems fault.List
	problems.Add(CheckUnpacked(unzipped))
	if e.ZipBudget > 0 && zipped > e.ZipBudget {
		problems.Add(&fault.Error{
			Kind: fault.Artifact,
			What: fmt.Sprintf("the zip takes %s", mega(zipped)),
			Why:  fmt.Sprintf("the budget of this lambda is %s", mega(e.ZipBudget)),
			Fix:  "include fewer files, drop features of dependencies, or raise the budget",
		})
	}
	if zipped > limits.DirectUpload {
		warnings = append(warnings, fmt.Sprintf("the zip takes %s, and Lambda takes at most %s in a request: "+
			"put it into an S3 bucket and deploy with --s3-bucket and --s3-key", mega(zipped), mega(limits.DirectUpload)))
	}
	return warnings, problems.Err()
}

// CheckUnpacked refuses files whose size Lambda does not take: what is too large need not be read.
func CheckUnpacked(size int64) error {
	if size <= limits.Unzipped {
		return nil
	}
	return &fault.Error{
		Kind: fault.Artifact,
		What: fmt.Sprintf("the files of the zip take %s unpacked", mega(size)),
		Why:  fmt.Sprintf("Lambda takes at most %s, layers included", mega(limits.Unzipped)),
		Fix:  `include fewer files, build with profile strip = "symbols", or deploy a container image`,
	}
}

// mega writes a size with the bytes, so that one just over a limit can be told from the limit.
func mega(n int64) string {
	return fmt.Sprintf("%.1f MiB (%d bytes)", float64(n)/(1<<20), n)
}
