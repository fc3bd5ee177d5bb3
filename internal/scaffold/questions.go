package scaffold

import (
	"cmp"
	"runtime"
	"strconv"
	"strings"

	"lpipe/internal/fault"
)

// Question is something that may be asked about a new lambda, or said by a flag.
type Question struct {
	Flag    string
	Text    string   // as a person is asked
	Doc     string   // of the flag
	Choices []string // nil for yes and no
	Default string   // "true" or "false" for yes and no; "" for the machine's
	field   func(*Answers) *string
	yes     func(*Answers) *bool
	asked   func(Answers) bool // whether it means something beside the answers before it; nil for always
}

// Questions are all there are, in the order in which they are asked: what the lambda does, what it is made of, what is around it.
var Questions = []Question{
	{
		Flag: "http", Text: "does it answer HTTP requests", Doc: "answer HTTP requests, through a function URL or API Gateway", Default: "false",
		yes: func(a *Answers) *bool { return &a.HTTP },
	},
	{
		Flag: "event-type", Text: "which events does it take", Doc: "`TYPE` of the events that it takes", Choices: eventTypeNames(), Default: "json",
		field: func(a *Answers) *string { return &a.EventType }, asked: func(a Answers) bool { return !a.HTTP },
	},
	{
		Flag: "runtime", Text: "what connects it to Lambda", Doc: "`KIND` of runtime: crate, AWS's lambda_runtime or lambda_http; or none, a client of some lines on the standard library alone", Choices: []string{"crate", "none"}, Default: "crate",
		field: func(a *Answers) *string { return &a.Runtime },
	},
	{
		Flag: "arch", Text: "for which architecture is it", Doc: "`ARCH` as Lambda names it: x86_64 or arm64; that of this machine unless given", Choices: []string{"x86_64", "arm64"},
		field: func(a *Answers) *string { return &a.Arch },
	},
	{
		Flag: "template", Text: "what deploys it", Doc: "`KIND` of deployment template", Choices: []string{"cloudformation", "sam", "terraform", "cdk", "none"}, Default: "sam",
		field: func(a *Answers) *string { return &a.Template },
	},
	{
		Flag: "ci", Text: "which CI system builds it", Doc: "`SYSTEM` of CI that a file is written for", Choices: []string{"github", "gitlab", "buildkite", "codebuild", "none"}, Default: "none",
		field: func(a *Answers) *string { return &a.CI },
	},
	{
		Flag: "ssh", Text: "has it private git dependencies", Doc: "private git dependencies: in CI their key is in DEPLOY_KEY", Default: "false",
		yes: func(a *Answers) *bool { return &a.SSH },
	},
	{
		Flag: "workspace", Text: "will there be more lambdas beside it, in a workspace", Doc: "make a workspace, with the lambda in lambdas/NAME", Default: "false",
		yes: func(a *Answers) *bool { return &a.Workspace },
	},
}

func eventTypeNames() (names []string) {
	for _, t := range eventTypes {
		names = append(names, t.name)
	}
	return names
}

// Asked reports whether the question means something beside the answers that there are.
func (q Question) Asked(a Answers) bool { return q.asked == nil || q.asked(a) }

// Initial is the answer where nobody gives one: the architecture is that of the answers, if they have one, or of this machine.
func (q Question) Initial(a Answers) string {
	if q.Flag == "arch" {
		return cmp.Or(a.Arch, ThisArch())
	}
	return q.Default
}

// ThisArch is the architecture of this machine as Lambda names it.
func ThisArch() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// Answer puts a value into the answers: a choice, or true or false; y, yes, n and no are also taken. The error is a usage fault.
func (q Question) Answer(a *Answers, value string) error {
	if q.field != nil {
		for _, choice := range q.Choices {
			if strings.EqualFold(value, choice) {
				*q.field(a) = choice
				return nil
			}
		}
		f := &fault.Error{Kind: fault.Usage, What: "--" + q.Flag + " cannot be " + fault.Quote(value), Fix: "write one of: " + strings.Join(q.Choices, ", ")}
		if q.Flag == "template" && strings.ContainsAny(value, "/:.") { // as in cargo lambda
			f.Fix = "a template of your own is --from " + value + "; this is what deploys the lambda: " + strings.Join(q.Choices, ", ")
		} else if near := fault.Nearest(value, q.Choices); near != "" {
			f.Fix = "did you mean " + near + "? There are " + strings.Join(q.Choices, ", ")
		}
		return f
	}
	switch strings.ToLower(value) {
	case "y", "yes":
		value = "true"
	case "n", "no":
		value = "false"
	}
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return &fault.Error{Kind: fault.Usage, What: "--" + q.Flag + " cannot be " + fault.Quote(value), Fix: "write true or false"}
	}
	*q.yes(a) = yes
	return nil
}

// Given is the answer as it is written in a flag.
func (q Question) Given(a Answers) string {
	if q.field != nil {
		return "--" + q.Flag + " " + *q.field(&a)
	}
	return "--" + q.Flag + "=" + strconv.FormatBool(*q.yes(&a))
}
