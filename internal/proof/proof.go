// Package proof finds zips and what is stated of them, here and on AWS, and rebuilds the commits that are stated.
//
// How a zip and the one that was built again compare is for package verify.
package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/attest"
	"lpipe/internal/awsapi"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/project"
)

// Subject is a zip to verify.
type Subject struct {
	Shown string // what it is called
	Zip   string // the file beside which its statements are
	Data  func() ([]byte, error)
}

// Zips are the files that the arguments mean.
func Zips(here *project.Here, args []string, all bool) ([]Subject, error) {
	files, err := zipFiles(here, args, all)
	var subjects []Subject
	for _, name := range files {
		subjects = append(subjects, Subject{Shown: here.Show(name), Zip: name, Data: func() ([]byte, error) { return readZip(name) }})
	}
	return subjects, err
}

func zipFiles(here *project.Here, args []string, all bool) ([]string, error) {
	var files, names []string
	for _, arg := range args {
		if strings.HasSuffix(arg, ".zip") {
			files = append(files, here.Abs(arg))
		} else {
			names = append(names, arg)
		}
	}
	if len(files) > 0 && len(names) == 0 && !all {
		return files, nil
	}
	projects, err := here.Open(names, all, nil)
	if err != nil {
		return nil, err
	}
	for _, t := range project.Targets(projects) {
		name := filepath.Join(t.OutputDir(), artifact.ZipName)
		if _, err := os.Stat(filepath.Join(t.OutputDir(), attest.BundleName)); errors.Is(err, fs.ErrNotExist) && (all || len(args) == 0) {
			continue
		}
		files = append(files, name)
	}
	if len(files) == 0 {
		return nil, &fault.Error{Kind: fault.Usage, What: "no zip has statements beside it", Fix: "lpipe build --statements writes them"}
	}
	return files, nil
}

// Deployed are the zips of the functions that an argument of --deployed means. aws asks the account as the configuration of a project has it.
func Deployed(ctx context.Context, here *project.Here, deployed string, aws func(*config.Config) (*awsapi.Client, error)) ([]Subject, error) {
	name, alias, _ := strings.Cut(deployed, ":")
	var targets []project.Target
	if name == "*" {
		projects, err := here.Open(nil, true, nil)
		if err != nil {
			return nil, err
		}
		targets = project.Functions(projects)
	} else {
		t, err := ofFunction(here, name)
		if err != nil {
			return nil, err
		}
		targets = []project.Target{t}
	}
	var all []Subject
	for _, t := range targets {
		function := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch).Function
		all = append(all, Subject{
			Shown: "function " + strings.TrimSuffix(function+":"+alias, ":"), Zip: filepath.Join(t.OutputDir(), artifact.ZipName),
			Data: func() ([]byte, error) {
				client, err := aws(t.Config)
				if err != nil {
					return nil, err
				}
				return code(ctx, client, function, alias)
			},
		})
	}
	return all, nil
}

// ofFunction is the lambda that a function is of, as [deploy] says, or else the one of that name.
func ofFunction(here *project.Here, name string) (project.Target, error) {
	projects, err := here.Open(nil, true, nil)
	if err != nil {
		return project.Target{}, err
	}
	var known []string
	var found, called []project.Target
	for _, t := range project.Targets(projects) {
		function := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch).Function
		known = append(known, function)
		if function == name {
			found = append(found, t)
		}
		if t.Lambda.Name == name || t.Lambda.Label() == name {
			called = append(called, t)
		}
	}
	if len(found) == 0 {
		found = called
	}
	switch len(found) {
	case 0:
		return project.Target{}, &fault.Error{
			Kind: fault.Usage, What: "no lambda here is for the function " + name, Why: "those here are for " + strings.Join(known, ", "),
			Fix: "name one of these; function in [deploy] of lpipe.toml says which function a lambda is for",
		}
	case 1:
		return found[0], nil
	default:
		return project.Target{}, &fault.Error{
			Kind: fault.Usage, What: "several lambdas here are for the function " + name, Why: "its code has the statements of one",
			Fix: "give each a function of its own: function = \"{{name}}-{{arch}}\" in [deploy], or [lambda.NAME.deploy] function = \"...\", in lpipe.toml",
		}
	}
}

// code downloads the zip of a function, or of what an alias of it names.
func code(ctx context.Context, aws *awsapi.Client, name, alias string) ([]byte, error) {
	f, err := aws.Function(ctx, name, alias)
	if err != nil {
		return nil, err
	}
	if f.Location == "" {
		return nil, &fault.Error{Kind: fault.Usage, What: "the function " + name + " has no code to download", Why: "it is a container image", Fix: "verify the zip that it is made of"}
	}
	data, err := aws.Download(ctx, f.Location)
	if sum := deploy.Sum(data); err == nil && f.CodeSHA256 != "" && sum != f.CodeSHA256 {
		return nil, &fault.Error{
			Kind: fault.Artifact, What: "what was downloaded is not the code of the function " + name, Why: fmt.Sprintf("its CodeSha256 is %s, and the function's %s", sum, f.CodeSHA256),
			Fix: "run it again; if that does not help, find out what answers in the place of AWS",
		}
	}
	return data, err
}
