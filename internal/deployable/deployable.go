// Package deployable says what of built projects package deploy is to put into functions: their zips and layers, the settings and smoke
// events that lpipe.toml or a flag names.
package deployable

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"lpipe/internal/build"
	"lpipe/internal/config"
	"lpipe/internal/deploy"
	"lpipe/internal/disk"
	"lpipe/internal/emulator"
	"lpipe/internal/fault"
	"lpipe/internal/project"
)

// Check refuses to deploy extensions alone.
func Check(projects []*project.Project) error {
	if len(project.Functions(projects)) > 0 {
		return nil
	}
	return &fault.Error{
		Kind: fault.Usage, What: project.Targets(projects)[0].Lambda.Label() + " is an extension, and no function", Why: "its zip is that of a layer, which is published with the functions that have it",
		Fix: "lpipe deploy FUNCTION, of one that names it in layers",
	}
}

// Options lays what [deploy] says of a run over the flags. Projects that disagree cannot be deployed together.
func Options(projects []*project.Project, o deploy.Options) (deploy.Options, error) {
	var first *deploy.Options
	for _, t := range project.Functions(projects) {
		d := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch)
		of := o
		of.Alias, of.Bucket, of.Key, of.Steps, of.StepTime, of.Alarms = d.Alias, d.Bucket, d.Key, d.Steps, time.Duration(d.StepTime)*time.Second, d.Alarms
		if first == nil {
			first = &of
		}
		if !reflect.DeepEqual(*first, of) {
			return *first, &fault.Error{
				Kind: fault.Usage, What: "the projects cannot be deployed in one run", Why: "their [deploy] says other things about alias, S3, steps or alarms", Fix: "deploy each in a run of its own",
			}
		}
	}
	return *first, nil
}

// Functions are those of the projects' lambdas, built or not.
func Functions(here *project.Here, projects []*project.Project) (all []deploy.Wanted) {
	for _, t := range project.Functions(projects) {
		d := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch)
		w := deploy.Wanted{Lambda: t.Lambda.Label(), Function: d.Function}
		if d.Layers == nil {
			for _, name := range t.Lambda.Build.Layers {
				w.Own = append(w.Own, deploy.Layer{Name: d.Layer(name)})
			}
		}
		if zipped, _, err := here.Built(t); err == nil {
			w.SHA256 = deploy.Sum(zipped.Data)
		}
		all = append(all, w)
	}
	return all
}

// Built are the functions that the built lambdas are for; changed are those whose sources are others by now. byFlag reports that a
// flag was given.
func Built(ctx context.Context, here *project.Here, projects []*project.Project, variables map[string]string, byFlag func(name string) bool) (all []deploy.Wanted, changed []string, err error) {
	var l fault.List
	var present build.Present
	for _, t := range project.Functions(projects) {
		zipped, from, err := here.Built(t)
		if err != nil {
			l.Add(err)
			continue
		}
		if now, err := present.Sources(t); err == nil && from != "" && now != from {
			changed = append(changed, t.Lambda.Label())
		}
		d := t.Config.Deploy(t.Lambda.Name, t.Lambda.Arch)
		for name, value := range variables {
			d.Env[name] = value
		}
		smoke, err := smokeOf(here, t, d, byFlag)
		l.Add(err)
		own, err := layersOf(here, t, d)
		l.Add(err)
		all = append(all, deploy.Wanted{
			Lambda: t.Lambda.Label(), Function: d.Function, Arch: t.Lambda.Arch, Runtime: t.Lambda.Build.Runtime, SHA256: deploy.Sum(zipped.Data), Size: int64(len(zipped.Data)),
			Zip: func() ([]byte, error) {
				zipped, _, err := here.Built(t)
				return zipped.Data, err
			},
			Settings: deploy.Settings{Memory: d.Memory, Timeout: time.Duration(d.Timeout) * time.Second, Description: d.Description, Layers: d.Layers, Env: d.Env, Tags: d.Tags},
			Own:      own, Smoke: smoke,
		})
	}
	return all, changed, l.Err()
}

// layersOf are the built layers that a function gets, none where [deploy] says which it has.
func layersOf(here *project.Here, t project.Target, d config.Deploy) (all []deploy.Layer, err error) {
	if d.Layers != nil || len(t.Lambda.Build.Layers) == 0 {
		return nil, nil
	}
	built, err := here.Layers(t)
	for _, l := range built {
		all = append(all, deploy.Layer{
			Label: l.Name, Name: d.Layer(l.Name), Arch: t.Lambda.Arch, Runtime: t.Lambda.Build.Runtime, SHA256: deploy.Sum(l.Zip), Size: int64(len(l.Zip)),
			Zip: func() ([]byte, error) { return l.Zip, nil },
		})
	}
	return all, err
}

// smokeOf reads the smoke event of a lambda, nil if it has none. What lpipe.toml names has to be within the bound of the project;
// a flag may name any file.
func smokeOf(here *project.Here, t project.Target, d config.Deploy, byFlag func(name string) bool) (*deploy.Smoke, error) {
	if d.Smoke == "" {
		if d.SmokeExpect != "" {
			return nil, &fault.Error{Kind: fault.Usage, What: "smoke-expect has no effect without smoke", Fix: "name the event: smoke = \"events/ping.json\" in [deploy], or --smoke FILE"}
		}
		return nil, nil
	}
	var l fault.List
	read := func(flag, name string) []byte {
		if name == "" {
			return nil
		}
		var data []byte
		var err error
		if byFlag(flag) {
			data, err = disk.ReadFile(name, emulator.EventLimit)
		} else {
			data, err = disk.Read(t.Plan.Workspace.FS, strings.TrimPrefix(filepath.ToSlash(name), "/"), emulator.EventLimit)
		}
		if err == nil && emulator.CheckEvent(data) != nil {
			err = errors.New("it is not JSON")
		}
		if err != nil {
			fix := "name a file with JSON, of at most 6 MiB"
			if out := disk.Outside(err); out != nil {
				err, fix = out, out.Fix()
			}
			l.Add(&fault.Error{Kind: fault.Usage, What: "reading the smoke event " + here.Show(name), Err: err, Fix: fix})
		}
		return data
	}
	s := &deploy.Smoke{Event: read("smoke", d.Smoke), Expect: read("smoke-expect", d.SmokeExpect)}
	return s, l.Err()
}
