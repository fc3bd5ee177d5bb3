package config

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"lpipe/internal/disk"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// agree reports settings that are right alone and wrong together.
func (l *loader) agree(c *Config) {
	said := map[string]bool{}
	for _, lambda := range everyBuild(c) {
		target, arch, link := c.choose(lambda, "target"), c.choose(lambda, "arch"), c.choose(lambda, "link")
		triple := first(target)
		if !targetPattern().MatchString(triple) {
			continue
		}
		what := fmt.Sprintf("target %s (%s) contradicts ", triple, target.origin)
		if want := archOf(triple); arch.texts != nil && !slices.Equal(arch.texts, []string{want}) {
			what := what + fmt.Sprintf("arch %s (%s)", strings.Join(arch.texts, ", "), arch.origin)
			if !said[what] {
				l.mistakes.Addf(what, "it is a target of "+want, noTarget)
			}
			said[what] = true
		}
		if first(link) == "dynamic" && strings.HasSuffix(triple, "-musl") {
			what := what + fmt.Sprintf("link dynamic (%s)", link.origin)
			if !said[what] {
				l.mistakes.Addf(what, "no Lambda runtime has musl's libc to link with", noTarget)
			}
			said[what] = true
		}
	}
	l.agreeCPU(c)
	l.agreeLate(c)
	l.agreeSmoke(c)
	l.agreeLayers(c)
	whole := func(tag string) bool { return strings.ContainsAny(tag, "/:") }
	if c.Push && c.Image == "" && !slices.ContainsFunc(c.Tags, whole) {
		l.mistakes.Addf(c.Origin("push").exact()+": push is on and there is no image", "", `set image = "registry.example.com/{{name}}"`)
	}
}

// agreeCPU reports processors that are for no architecture of any lambda that has them, and several for one.
func (l *loader) agreeCPU(c *Config) {
	built := map[Origin][]string{} // by where the processors are set, for what is built with them
	for _, lambda := range everyBuild(c) {
		cpu, arch := c.choose(lambda, "cpu"), c.choose(lambda, "arch")
		all := arch.texts
		if arch.layer > cpu.layer { // a flag for once, with which the processors may stay as they are
			all = arches
		}
		built[cpu.origin] = append(built[cpu.origin], all...)
	}
	for _, lambda := range everyBuild(c) {
		cpu := c.choose(lambda, "cpu")
		all := built[cpu.origin]
		delete(built, cpu.origin)
		if all == nil {
			continue // said already
		}
		of := map[string]string{}
		for _, name := range cpu.texts {
			is := targetCPU[name].arch
			refuse := func(what, why, fix string) { l.mistakes.Addf(cpu.origin.exact()+": cpu "+what, why, fix) }
			switch {
			case is == "" && len(cpu.texts) > 1:
				refuse(fmt.Sprintf("has %q beside others", name), "it stands for the oldest of every architecture", "name one for each architecture, or this alone")
			case is != "" && !slices.Contains(all, is):
				refuse(fmt.Sprintf("%q is for %s", name, is), "no lambda that has it is built for that", "take it out, or build for "+is)
			case is != "" && of[is] != "" && of[is] != name:
				refuse(fmt.Sprintf("has both %q and %q", of[is], name), "both are for "+is, "leave one")
			}
			of[is] = name
		}
	}
}

// agreeSmoke reports what is set for smoke tests of lambdas that have none, and what is about events that are not sent.
func (l *loader) agreeSmoke(c *Config) {
	if l.mistakes.Err() != nil { // an event that was refused would be missed here
		return
	}
	smoke, used := map[string]bool{}, map[string]bool{} // by what is said of a key, whether some lambda has a smoke test, or the event
	var order []string
	note := func(set map[string]bool, what string, has bool) {
		if _, known := set[what]; !known {
			order = append(order, what)
		}
		set[what] = set[what] || has
	}
	for _, lambda := range everyBuild(c) {
		b := c.For(lambda)
		at := func(key ...string) string { return c.choose(lambda, Key(key...)).origin.exact() + ": " + Key(key...) }
		var alone []string
		for _, key := range []string{"smoke-timeout", "budget.init", "budget.memory"} {
			if c.choose(lambda, key).layer > byDefault {
				alone = append(alone, c.choose(lambda, key).origin.exact()+": "+key)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(b.SmokeEnv)) {
			alone = append(alone, at("smoke-env", name))
		}
		for _, event := range slices.Sorted(maps.Keys(b.SmokeExpect)) {
			alone = append(alone, at("smoke-expect", event))
			note(used, at("smoke-expect", event), slices.Contains(b.Smoke, event))
		}
		for _, what := range alone {
			note(smoke, what, len(b.Smoke) > 0)
		}
	}
	slices.Sort(order)
	for _, what := range slices.Compact(order) {
		if has, known := smoke[what]; known && !has {
			l.mistakes.Addf(what+" has no effect without smoke", "it is about the program that answers events before there is a zip", `name an event, smoke = "events/ping.json", or take it out`)
		} else if has, known := used[what]; known && !has {
			l.mistakes.Addf(what+" is about no event of smoke", "the answers to those alone are looked at", "write the event as smoke has it")
		}
	}
}

// agreeLayers reports layers that there are not, that no lambda has, or that are empty, and what is set for extensions that have no
// use for it.
func (l *loader) agreeLayers(c *Config) {
	if l.mistakes.Err() != nil { // what was refused would be missed here
		return
	}
	known, used, said := []string{}, map[string]bool{}, map[string]bool{}
	for name := range c.Layer {
		known = append(known, name)
	}
	for name, lambda := range c.Lambda {
		if lambda.Kind == KindExtension {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	for _, lambda := range everyBuild(c) {
		layers := c.choose(lambda, "layers")
		if n := len(layers.texts); n > limits.MostLayers && !said[layers.origin.exact()] {
			said[layers.origin.exact()] = true
			l.mistakes.Addf(fmt.Sprintf("%s: layers names %d of them", layers.origin.exact(), n), fmt.Sprintf("Lambda gives a function at most %d", limits.MostLayers),
				"put the files of several into one, as include of [layer.NAME] takes them")
		}
		for i, name := range layers.texts {
			if what := fmt.Sprintf("%s: layers names %s twice", layers.origin.exact(), show(name)); slices.Contains(layers.texts[:i], name) && !said[what] {
				said[what] = true
				l.mistakes.Addf(what, "Lambda takes a layer once", "take one of them out")
			}
			what := fmt.Sprintf("%s: layers names %s, and there is no such layer", layers.origin.exact(), show(name))
			if used[name] = true; !slices.Contains(known, name) && !said[what] {
				said[what] = true
				fix := "add [layer." + name + "], or take it out"
				if near := fault.Nearest(name, known); near != "" {
					fix = fmt.Sprintf("did you mean %q?", near)
				}
				l.mistakes.Addf(what, `a layer is a table [layer.NAME], or a lambda with kind = "extension"`, fix)
			}
		}
		if c.Lambda[lambda].Kind != KindExtension {
			continue
		}
		for _, key := range []string{"layers", "smoke", "smoke-timeout"} {
			if own, ok := c.values[Key("lambda", lambda)+"."+key]; ok {
				l.mistakes.Addf(fmt.Sprintf("%s: %s has no effect for the extension %s", own.origin.exact(), key, lambda), "it is for functions", "take it out")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Layer)) {
		at := c.Origin(Key("layer", name)).exact()
		switch layer := c.Layer[name]; {
		case c.Lambda[name] != Lambda{} || c.Origin(Key("lambda", name)) != Origin{}:
			l.mistakes.Addf(fmt.Sprintf("%s: the layer %s is called as a lambda is", at, name), "layers = [...] could mean either", "give it another name")
		case len(layer.Include)+len(layer.IncludeFromImage) == 0:
			l.mistakes.Addf(fmt.Sprintf("%s: the layer %s has no files", at, name), "", `name some: include = ["lib/*"]`)
		case !used[name]:
			l.mistakes.Addf(fmt.Sprintf("%s: no lambda has the layer %s", at, name), "a layer is built with the lambdas that have it", fmt.Sprintf("add layers = [%q] to [build] or to a lambda, or take it out", name))
		}
	}
}

const pathFix = "a path in lpipe.toml starts at its folder, one in a flag or a variable at the current folder"

// exist reports files that are to be read in a build and are not there.
func (l *loader) exist(c *Config) {
	seen := map[string]bool{}
	for _, lambda := range everyBuild(c) {
		base := c.choose(lambda, "base")
		layout, ok := ParseLayout(first(base))
		if ok && !seen[layout.Dir] && !l.readable(path.Join(layout.Dir, "index.json")) {
			l.mistakes.Addf(fmt.Sprintf("%s: base %s has no index.json", base.origin.exact(), show(layout.Dir)),
				"a folder in the OCI image layout has one", pathFix)
		}
		seen[layout.Dir] = true
	}
	for _, host := range slices.Sorted(maps.Keys(c.Registry)) {
		l.needs(c, Key("registry", host, "ca"), c.Registry[host].CA)
	}
	for _, name := range l.values[allowOutside].texts {
		if !l.readable(name) {
			l.mistakes.Addf(fmt.Sprintf("%s: %s names %s, which does not exist", c.Origin(allowOutside).exact(), allowOutside, show(name)), "", pathFix)
		}
	}
	for _, file := range c.SSH.KnownHosts {
		l.needs(c, "ssh.known-hosts", file)
	}
}

func (l *loader) needs(c *Config, key, file string) {
	if file == "" {
		return
	}
	switch info, err := fs.Stat(l.in.FS, inFS(file)); {
	case err != nil:
		l.mistakes.Addf(fmt.Sprintf("%s: %s names %s, which does not exist", c.Origin(key).exact(), key, show(file)), "", pathFix)
	case !info.Mode().IsRegular():
		l.mistakes.Addf(fmt.Sprintf("%s: %s names %s, which is %s", c.Origin(key).exact(), key, show(file), disk.Kind(info.Mode())),
			"only a regular file is read", "give the path of a regular file")
	}
}

func (l *loader) readable(name string) bool {
	_, err := fs.Stat(l.in.FS, inFS(name))
	return err == nil
}

// everyBuild returns "" for [build] and the names of the lambdas with a table.
func everyBuild(c *Config) []string {
	return append([]string{""}, slices.Sorted(maps.Keys(c.Lambda))...)
}
