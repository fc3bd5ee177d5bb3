package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// agree reports settings that are right alone and wrong together.
func (l *loader) agree(c *Config) {
	l.agreeBuild(c, "")
	for _, name := range slices.Sorted(maps.Keys(c.Lambda)) {
		for _, key := range []string{"arch", "target", "link"} {
			if _, own := l.values[Key("lambda", name, key)]; own {
				l.agreeBuild(c, name)
				break
			}
		}
	}
	if whole := slices.ContainsFunc(c.Tags, func(t string) bool { return strings.ContainsAny(t, "/:") }); c.Push && c.Image == "" && !whole {
		l.mistakes.Addf(fmt.Sprintf("%s: push is on and there is no image", c.Origin("push")), "", `set image = "registry.example.com/{{name}}"`)
	}
}

func (l *loader) agreeBuild(c *Config, lambda string) {
	target, arch, link := c.choose(lambda, "target"), c.choose(lambda, "arch"), c.choose(lambda, "link")
	triple := first(target)
	if triple == "" || !targetPattern.MatchString(triple) {
		return
	}
	if want := []string{archOf(triple)}; arch.layer != byDefault && len(arch.texts) > 0 && !slices.Equal(arch.texts, want) {
		l.mistakes.Addf(
			fmt.Sprintf("target %q of %s contradicts arch %s of %s", triple, target.origin, strings.Join(arch.texts, ", "), arch.origin),
			fmt.Sprintf("it is a target of %s", want[0]),
			"leave target out: it follows from arch and link")
	}
	if first(link) == "dynamic" && strings.HasSuffix(triple, "-musl") {
		l.mistakes.Addf(
			fmt.Sprintf("target %q of %s contradicts link dynamic of %s", triple, target.origin, link.origin),
			"no Lambda runtime has musl's libc to link with", "leave target out: it follows from arch and link")
	}
}
