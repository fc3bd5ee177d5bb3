package scaffold

import (
	"slices"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/pattern"
)

// maxName is the longest name of a function: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
const maxName = 64

// validName is what cargo takes for the name of a package with a program, and Lambda for that of a function:
// https://doc.rust-lang.org/cargo/reference/manifest.html#the-name-field
var validName = pattern.Of(`^[a-zA-Z_][a-zA-Z0-9_-]*$`)

// reserved are names that cargo refuses for a new package with a program, or rustc in its sources: words of Rust, crates of its
// own, and folders that cargo compiles into.
var reserved = strings.Fields(`
	Self abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop
	macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized use
	virtual where while yield
	alloc core proc_macro proc-macro std test
	build deps examples incremental`)

// devices are no names of files on Windows, however they are written.
var devices = strings.Fields(`
	aux con nul prn com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9`)

// CheckName returns a usage fault for a name that cargo or Lambda would refuse.
func (a Answers) CheckName() error {
	refuse := func(why, fix string) error {
		return &fault.Error{Kind: fault.Usage, What: "a lambda cannot be called " + fault.Quote(a.Name), Why: why, Fix: fix}
	}
	switch {
	case !validName().MatchString(a.Name):
		return refuse("cargo and Lambda take letters of ASCII, digits, - and _, beginning with a letter", "write it as: "+suggested(a.Name))
	case len(a.Name) > maxName:
		return refuse("the name of a function has at most 64 characters", "shorten it")
	case slices.Contains(reserved, a.Name), slices.Contains(devices, strings.ToLower(a.Name)), strings.Trim(a.Name, "_") == "":
		return refuse("cargo refuses it: it is a word of Rust, of cargo or of Windows", "write it as: "+strings.Trim(a.Name, "_")+"-lambda")
	case isCrate(a.Name):
		return refuse("a crate that lambdas depend on is called so", "write it as: "+a.Name+"-lambda")
	}
	return nil
}

// suggested is a name that is valid and like another.
func suggested(name string) string {
	like := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '-'
	}, name), "-")
	if like == "" || like[0] >= '0' && like[0] <= '9' {
		like = "lambda-" + like
	}
	return strings.TrimRight(like, "-")
}
