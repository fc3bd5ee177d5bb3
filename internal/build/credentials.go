package build

import (
	"cmp"
	"slices"

	"lpipe/internal/access"
	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/login"
	"lpipe/internal/network"
	"lpipe/internal/plan"
	"lpipe/internal/project"
)

// CredentialOptions are what [Credentials] needs beside the projects.
type CredentialOptions struct {
	Network network.Joined
	SSH     []string          // values of --ssh
	Secrets map[string][]byte // further ones for steps, by id
	Log     func(line string) // takes what the agent does; may be nil
}

// Credentials are what the fetch steps of the projects may fetch, and with what: a run has one agent and one list of
// repositories. They serve the other secrets as well. The notes are for the report.
func Credentials(here *project.Here, projects []*project.Project, o CredentialOptions) (granted *access.Access, notes []string, err error) {
	cfg, err := here.Common(projects)
	if err != nil {
		return nil, nil, err
	}
	var repositories []plan.Repository
	var registries []plan.Registry
	crates := cargo.NewCrates()
	for _, p := range projects {
		repositories = append(repositories, p.Plan.Repositories...)
		registries = append(registries, p.Plan.Registries...)
		crates.Add(o.Network.Home, p.Plan.Workspace)
	}
	slices.SortFunc(repositories, func(a, b plan.Repository) int { return cmp.Compare(a.String(), b.String()) })
	repositories = slices.Compact(repositories)
	for name, index := range crates.Registries {
		registries = append(registries, plan.Registry{Index: plan.IndexURL(index), Name: name})
	}
	for _, s := range crates.Sources {
		if s.Registry != "" {
			registries = append(registries, plan.Registry{Index: plan.IndexURL(s.Registry)})
		}
	}
	granted, err = access.New(access.Options{
		Config: cfg, Repositories: repositories, Registries: registries, Network: o.Network.Network, Crates: crates.TOML(),
		Env: o.Network.Env, Cwd: here.Dir, SSH: o.SSH, Secrets: o.Secrets, Log: o.Log,
	})
	return granted, crates.Notes, err
}

// Logins are the user's credentials for registries, by the environment. warn takes a line on what of them cannot be used.
func Logins(cfg *config.Config, env map[string]string, warn func(line string)) *login.Logins {
	ca := map[string]string{}
	for host, registry := range cfg.Registry {
		if registry.CA != "" {
			ca[host] = registry.CA
		}
	}
	getenv := func(name string) string { return env[name] }
	return login.New(login.Options{Dir: login.Dir(getenv), CA: ca, Warn: warn})
}
