package runnable

import (
	"slices"
	"strings"

	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/report"
)

// Keep are the projects with the lambdas alone that this machine runs, of which there has to be one.
func (s Settings) Keep(projects []*project.Project) (kept []*project.Project, err error) {
	var others []string
	count := 0
	for _, p := range projects {
		one := *p
		one.Plan = p.Plan.Keep(func(l *plan.Lambda) bool {
			runs := s.Runs(l.Arch)
			if !runs {
				others = append(others, l.Label())
			}
			return runs
		})
		count += len(one.Plan.Lambdas())
		kept = append(kept, &one)
	}
	if count == 0 {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "no lambda here runs on this machine", Why: strings.Join(others, ", ") + ": built for another architecture or system", Fix: "add --arch with that of this machine: x86_64 or arm64; or --qemu, with QEMU's user emulation installed",
		}
	}
	return kept, nil
}

// Names are those of the functions of the projects, sorted, by which they can be served: there is one, and no two have the same.
func Names(projects []*project.Project) (names []string, err error) {
	for _, t := range project.Functions(projects) {
		names = append(names, t.Lambda.Name)
	}
	if len(names) == 0 {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "there is no function to serve", Why: "what is named are extensions, which take no events", Fix: "name a function that has them in layers",
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) < len(names) {
		return nil, &fault.Error{
			Kind: fault.Usage, What: "two lambdas have one name", Why: "they are " + strings.Join(names, ", ") + ", of several projects", Fix: "name those to serve by the path of their project",
		}
	}
	return names, nil
}

// Codes tell the functions of the projects that a build delivered, by their labels: one has another code where its zip, a layer or an
// extension became another.
func Codes(projects []*project.Project, built report.Summary) map[string]string {
	digests := map[string][]string{} // of the zip, and of the layers
	for _, l := range built.Lambdas {
		if l.CodeSHA256 == "" {
			continue
		}
		digests[l.Name] = []string{l.CodeSHA256}
		for _, layer := range l.Layers {
			digests[l.Name] = append(digests[l.Name], layer.CodeSHA256)
		}
	}
	codes := map[string]string{}
	for _, t := range project.Functions(projects) {
		all := digests[t.Lambda.Label()]
		if all == nil {
			continue
		}
		all = slices.Clone(all)
		for _, e := range t.Extensions() {
			all = append(all, digests[e.Lambda.Label()]...)
		}
		codes[t.Lambda.Label()] = strings.Join(all, " ")
	}
	return codes
}
