package cli

import "lpipe/internal/login"

// logins are the user's credentials for registries.
func (r *run) logins() *login.Logins {
	if r.known == nil {
		ca := map[string]string{}
		for host, registry := range r.cfg.Registry {
			if registry.CA != "" {
				ca[host] = registry.CA
			}
		}
		r.known = login.New(login.Options{Dir: login.Dir(r.getenv), CA: ca, Warn: r.lines.say})
	}
	return r.known
}
