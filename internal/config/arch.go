package config

import (
	"fmt"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

var (
	arches = []string{"x86_64", "arm64"}
	// rustArch maps Lambda's names to those in Rust targets.
	rustArch = map[string]string{"x86_64": "x86_64", "arm64": "aarch64"}
	// aliases are the names that other tools have for the two.
	aliases = map[string]string{
		"amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "linux/amd64": "x86_64",
		"aarch64": "arm64", "arm64v8": "arm64", "linux/arm64": "arm64", "graviton": "arm64",
	}
)

// archOf returns Lambda's name for the architecture of a checked Rust target.
func archOf(target string) string {
	if strings.HasPrefix(target, "aarch64-") {
		return "arm64"
	}
	return "x86_64"
}

// cpus are the processors that a program can be compiled for; the first is no more than what each architecture has in any case.
var cpus = []string{baseline, "v2", "v3", "neoverse-n1"}

const baseline = "baseline"

// targetCPU maps those that are for one architecture to it and to rustc's name.
var targetCPU = map[string]struct{ arch, name string }{
	"v2": {"x86_64", "x86-64-v2"}, "v3": {"x86_64", "x86-64-v3"}, "neoverse-n1": {"arm64", "neoverse-n1"},
}

// CPUFor returns the one of b.CPU that is for an architecture, "baseline" where there is none.
func (b Build) CPUFor(arch string) string {
	for _, cpu := range b.CPU {
		if targetCPU[cpu].arch == arch {
			return cpu
		}
	}
	return baseline
}

// TargetCPU is rustc's name of the processor that is compiled for, "" for its default.
func (b Build) TargetCPU(arch string) string { return targetCPU[b.CPUFor(arch)].name }

func checkArch(_, v string) (why, fix string) {
	if arch, ok := aliases[strings.ToLower(v)]; ok {
		return "Lambda has another name for it", fmt.Sprintf("write %q", arch)
	}
	return "", ""
}

var targetPattern = pattern.Of(`^(x86_64|aarch64)-[a-z0-9_]+-linux-(musl|gnu)$`)

const noTarget = "leave target out: it follows from arch and link"

func checkTarget(_, v string) (why, fix string) {
	if targetPattern().MatchString(v) {
		return "", ""
	}
	fix = noTarget
	if near := fault.Nearest(v, []string{
		"x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu",
	}); near != "" {
		fix = fmt.Sprintf("write %q", near)
	}
	return "Lambda runs 64-bit Linux on x86_64 and arm64", fix
}

func checkRuntime(_, v string) (why, fix string) {
	const now = `write "provided.al2023"`
	switch {
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
	case v == "provided" || v == "go1.x":
		return "AWS retired it on 2024-01-08", now
	case strings.EqualFold(v, "lambda@edge"), strings.EqualFold(v, "edge"):
		return "Lambda@Edge runs Node.js and Python alone: neither custom runtimes nor container images", "deploy to Lambda behind CloudFront, with provided.al2023"
	case strings.HasPrefix(v, "nodejs"), strings.HasPrefix(v, "python"), strings.HasPrefix(v, "java"),
		strings.HasPrefix(v, "dotnet"), strings.HasPrefix(v, "ruby"):
		return "a program in Rust runs on a custom runtime", now
	default:
		return "", ""
	}
}
