package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/fault"
)

// fakeHost is a machine with these files, this reason why it cannot embed, and these open docker sockets.
type fakeHost struct {
	files   map[string]string
	cannot  error
	sockets []string
}

func (h fakeHost) embeddable(Options) error { return h.cannot }

func (h fakeHost) accepts(address string) error {
	if slices.Contains(h.sockets, address) {
		return nil
	}
	return errors.New("connection refused")
}

func (h fakeHost) readFile(name string) ([]byte, error) {
	if text, ok := h.files[name]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

func (h fakeHost) listFiles(folder string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		if path.Dir(name) == folder {
			names = append(names, path.Base(name))
		}
	}
	return names
}

func contextID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

const dockerSocket = "unix:///var/run/docker.sock"

func TestChoose(t *testing.T) {
	noRunc := errors.New("runc is missing")
	meta := "/home/me/.docker/contexts/meta/"
	files := map[string]string{
		meta + contextID("far") + "/meta.json":                                 `{"Name":"far","Endpoints":{"docker":{"Host":"ssh://me@far"}}}`,
		meta + contextID("tls") + "/meta.json":                                 `{"Name":"tls","Endpoints":{"docker":{"Host":"tcp://tls:2376","SkipTLSVerify":true}}}`,
		"/home/me/.docker/contexts/tls/" + contextID("tls") + "/docker/ca.pem": "x",
		meta + contextID("kube") + "/meta.json":                                `{"Name":"kube","Endpoints":{"kubernetes":{}}}`,
		"/home/me/.docker/buildx/instances/box":                                `{"Name":"box","Driver":"docker-container","Nodes":[{"Name":"box0","Endpoint":"unix:///var/run/docker.sock"},{"Name":"box1"}]}`,
		"/home/me/.docker/buildx/instances/farbox":                             `{"Name":"farbox","Driver":"docker-container","Nodes":[{"Name":"farbox0","Endpoint":"far"}]}`,
		"/home/me/.docker/buildx/instances/tcpbox":                             `{"Name":"tcpbox","Driver":"docker-container","Nodes":[{"Name":"tcpbox0","Endpoint":"tcp://far:2375"}]}`,
		"/home/me/.docker/buildx/instances/remote":                             `{"Name":"remote","Driver":"remote","Nodes":[{"Name":"remote0","Endpoint":"tcp://fleet:1234","DriverOpts":{"servername":"buildkitd"}}]}`,
		"/home/me/.docker/buildx/instances/pods":                               `{"Name":"pods","Driver":"kubernetes","Nodes":[{"Name":"pods0"}]}`,
		"/home/me/.docker/buildx/instances/plain":                              `{"Name":"plain","Driver":"docker","Nodes":[{"Name":"plain","Endpoint":"far"}]}`,
		"/home/me/.docker/buildx/instances/empty":                              `{"Name":"empty","Driver":"docker-container"}`,
		"/home/me/.docker/buildx/instances/broken":                             `{"Name":`,
	}
	currentFar := maps.Clone(files)
	currentFar["/home/me/.docker/config.json"] = `{"currentContext":"far"}`
	currentDefault := maps.Clone(files)
	currentDefault["/home/me/.docker/config.json"] = `{"currentContext":"default"}`

	for name, c := range map[string]struct {
		options Options
		env     map[string]string
		host    fakeHost
		want    string // kind and address
		why     string
		fails   string // part of the error instead
	}{
		// The order, from its end to its beginning.
		"nothing works":                    {host: fakeHost{cannot: noRunc}, fails: "runc is missing"},
		"only docker's default socket":     {host: fakeHost{cannot: noRunc, sockets: []string{dockerSocket}}, want: "docker " + dockerSocket, why: "Docker's default socket"},
		"embedded before that":             {host: fakeHost{sockets: []string{dockerSocket}}, want: "embedded /state", why: "nothing else is configured"},
		"the default context is no choice": {host: fakeHost{files: currentDefault}, want: "embedded /state", why: "nothing else is configured"},
		"another context before that":      {host: fakeHost{files: currentFar}, want: "docker ssh://me@far", why: "the current docker context (far)"},
		"DOCKER_CONTEXT before that":       {env: map[string]string{"DOCKER_CONTEXT": "tls"}, host: fakeHost{files: currentFar}, want: "docker tcp://tls:2376", why: "DOCKER_CONTEXT (tls)"},
		"DOCKER_CONTEXT may be default":    {env: map[string]string{"DOCKER_CONTEXT": "default"}, host: fakeHost{files: currentFar}, want: "docker " + dockerSocket, why: "DOCKER_CONTEXT (default)"},
		"DOCKER_HOST before that":          {env: map[string]string{"DOCKER_HOST": "tcp://d:2375", "DOCKER_CONTEXT": "tls"}, host: fakeHost{files: currentFar}, want: "docker tcp://d:2375", why: "DOCKER_HOST"},
		"BUILDX_BUILDER before that":       {env: map[string]string{"DOCKER_HOST": "tcp://d:2375", "BUILDX_BUILDER": "box"}, host: fakeHost{files: files}, want: "address docker-container://buildx_buildkit_box0", why: "BUILDX_BUILDER"},
		"BUILDKIT_HOST before that":        {env: map[string]string{"BUILDKIT_HOST": "unix:///b", "BUILDX_BUILDER": "box", "DOCKER_HOST": "tcp://d:2375"}, want: "address unix:///b", why: "BUILDKIT_HOST"},
		"LPIPE_ENGINE before that":         {env: map[string]string{"LPIPE_ENGINE": "tcp://l:1", "BUILDKIT_HOST": "unix:///b"}, want: "address tcp://l:1", why: "LPIPE_ENGINE"},
		"--builder before that":            {options: Options{Builder: "box"}, env: map[string]string{"LPIPE_ENGINE": "tcp://l:1"}, host: fakeHost{files: files}, want: "address docker-container://buildx_buildkit_box0", why: "--builder box"},
		"--engine before that":             {options: Options{Engine: "embedded"}, env: map[string]string{"LPIPE_ENGINE": "tcp://l:1"}, want: "embedded /state", why: "--engine embedded"},
		"--engine and --builder":           {options: Options{Engine: "embedded", Builder: "box"}, fails: "both pick an engine"},

		// Names and addresses.
		"docker by name":              {options: Options{Engine: "docker"}, host: fakeHost{files: currentFar}, want: "docker ssh://me@far", why: "--engine docker, the current docker context (far)"},
		"embedded that cannot run":    {options: Options{Engine: "embedded"}, host: fakeHost{cannot: noRunc, sockets: []string{dockerSocket}}, fails: "runc is missing"},
		"a slip in the name":          {options: Options{Engine: "dokcer"}, fails: `unknown engine "dokcer"`},
		"a slip in the scheme":        {env: map[string]string{"BUILDKIT_HOST": "unxi:///b"}, fails: `"unxi:///b" is not the address`},
		"a scheme alone":              {env: map[string]string{"BUILDKIT_HOST": "tcp://"}, fails: `"tcp://" is not the address`},
		"an address without scheme":   {env: map[string]string{"BUILDKIT_HOST": "localhost:1234"}, fails: `"localhost:1234" is not the address`},
		"half a client certificate":   {options: Options{Engine: "tcp://h:1"}, env: map[string]string{"BUILDKIT_TLS_KEY": "/dev/null"}, fails: "half of the client certificate"},
		"TLS files twice":             {options: Options{Engine: "tcp://h:1"}, env: map[string]string{"BUILDKIT_TLS_KEY": "/k", "BUILDKIT_TLS_DIR": "/d"}, fails: "both set"},
		"a context that is not there": {env: map[string]string{"DOCKER_CONTEXT": "gone"}, fails: `docker context "gone"`},
		"a context without docker":    {env: map[string]string{"DOCKER_CONTEXT": "kube"}, host: fakeHost{files: files}, fails: "no docker endpoint"},

		// Builders of buildx.
		"a builder in another context": {options: Options{Builder: "farbox"}, host: fakeHost{files: files}, want: "address docker-container://buildx_buildkit_farbox0?context=far", why: "--builder farbox"},
		"a builder at another address": {options: Options{Builder: "tcpbox"}, host: fakeHost{files: files}, fails: "it is on tcp://far:2375"},
		"and with DOCKER_HOST there":   {options: Options{Builder: "tcpbox"}, env: map[string]string{"DOCKER_HOST": "tcp://far:2375"}, host: fakeHost{files: files}, want: "address docker-container://buildx_buildkit_tcpbox0", why: "--builder tcpbox"},
		"a remote builder":             {options: Options{Builder: "Remote"}, host: fakeHost{files: files}, want: "address tcp://fleet:1234", why: "--builder Remote"},
		"docker's own builder":         {options: Options{Builder: "default"}, want: "docker " + dockerSocket, why: "--builder default"},
		"docker's own, in a context":   {options: Options{Builder: "plain"}, host: fakeHost{files: files}, want: "docker ssh://me@far", why: "--builder plain"},
		"a Kubernetes builder":         {options: Options{Builder: "pods"}, host: fakeHost{files: files}, fails: `driver "kubernetes"`},
		"a builder that is not there":  {options: Options{Builder: "bix"}, host: fakeHost{files: files}, fails: "no such builder"},
		"a builder without nodes":      {options: Options{Builder: "empty"}, host: fakeHost{files: files}, fails: "no node"},
		"a broken builder file":        {options: Options{Builder: "broken"}, host: fakeHost{files: files}, fails: "unexpected end of JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.options
			o.Root = "/state"
			o.Getenv = func(name string) string {
				if name == "HOME" {
					return "/home/me"
				}
				return c.env[name]
			}
			got, err := choose(o.withDefaults(), c.host)
			switch {
			case c.fails != "" && err == nil:
				t.Errorf("chose %+v instead of failing", got)
			case c.fails != "":
				if !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error %q does not say %q", err, c.fails)
				}
			case err != nil:
				t.Error(err)
			case string(got.Kind)+" "+got.Address != c.want || got.Why != c.why:
				t.Errorf("chose %s %s because of %s", got.Kind, got.Address, got.Why)
			case got.Local != (got.Kind == Embedded): // the others may be of other people, and a context may be anywhere
				t.Errorf("%s counts as this user's own: %t", got.Address, got.Local)
			}
		})
	}
}

func TestChooseTellsWhatItPassedOver(t *testing.T) {
	h := fakeHost{cannot: errors.New("runc is missing"), sockets: []string{dockerSocket}}
	c, err := choose(Options{}.withDefaults(), h)
	if err != nil || !slices.Equal(c.Skipped, []string{"embedded: runc is missing"}) {
		t.Errorf("skipped %q, %v", c.Skipped, err)
	}
}

func TestNoEngineNamesAllWaysOut(t *testing.T) {
	cannot := &fault.Error{Kind: fault.Engine, What: "runc is missing", Fix: `run "apt-get install runc"`}
	_, err := choose(Options{}.withDefaults(), fakeHost{cannot: cannot})
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Engine {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{"apt-get install runc", "start Docker", "--engine"} {
		if !strings.Contains(f.Fix, part) {
			t.Errorf("the fix %q lacks %q", f.Fix, part)
		}
	}
}

func TestContextsAndBuildersBringTheirCertificates(t *testing.T) {
	id := contextID("tls")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := fakeHost{files: map[string]string{
		"/d/contexts/meta/" + id + "/meta.json":      `{"Endpoints":{"docker":{"Host":"tcp://tls:2376","SkipTLSVerify":true}}}`,
		"/d/contexts/tls/" + id + "/docker/ca.pem":   "",
		"/d/contexts/tls/" + id + "/docker/cert.pem": "",
		"/d/contexts/tls/" + id + "/docker/key.pem":  "",
		"/d/buildx/instances/remote":                 `{"Driver":"remote","Nodes":[{"Endpoint":"tcp://fleet:1","DriverOpts":{"cacert":"` + ca + `","servername":"s"}}]}`,
	}}
	env := map[string]string{"DOCKER_CONFIG": "/d", "DOCKER_CONTEXT": "tls"}
	o := Options{Getenv: func(n string) string { return env[n] }}.withDefaults()
	c, err := choose(o, h)
	dir := "/d/contexts/tls/" + id + "/docker/"
	if want := (tlsFiles{ca: dir + "ca.pem", cert: dir + "cert.pem", key: dir + "key.pem", skipVerify: true}); err != nil || c.tls != want {
		t.Errorf("the context has %+v, %v", c.tls, err)
	}
	o.Builder = "remote"
	c, err = choose(o, h)
	if want := (tlsFiles{ca: ca, serverName: "s"}); err != nil || c.tls != want {
		t.Errorf("the builder has %+v, %v", c.tls, err)
	}
	env = map[string]string{"DOCKER_HOST": "tcp://d:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
	o.Builder = ""
	c, err = choose(o, h)
	if want := (tlsFiles{ca: "/certs/ca.pem", cert: "/certs/cert.pem", key: "/certs/key.pem"}); err != nil || c.tls != want {
		t.Errorf("DOCKER_HOST has %+v, %v", c.tls, err)
	}
}

// What docker and buildx keep is theirs to write, so nothing in it may break lpipe.
func FuzzDockerFiles(f *testing.F) {
	f.Add(`{"Driver":"docker-container","Nodes":[{"Name":"box0","Endpoint":"far"}]}`)
	f.Add(`{"Driver":"remote","Nodes":[{"Endpoint":"tcp://h:1","DriverOpts":{"cacert":"/dev/null"}}]}`)
	f.Add(`{"Driver":"docker","Nodes":[{"Endpoint":"far"}],"Endpoints":{"docker":{"Host":"unix:///d"}}}`)
	f.Add(`{"Endpoints":{"docker":{"Host":""}},"currentContext":"b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		h := fakeHost{files: map[string]string{
			"/d/config.json": text, "/d/contexts/meta/" + contextID("far") + "/meta.json": text, "/d/buildx/instances/b": text,
		}}
		getenv := func(n string) string { return map[string]string{"DOCKER_CONFIG": "/d"}[n] }
		for _, o := range []Options{{Getenv: getenv}, {Getenv: getenv, Builder: "b"}} {
			c, err := choose(o.withDefaults(), h)
			if err == nil && (c.Kind == "" || c.Address == "" && c.Kind != Embedded) {
				t.Errorf("chose %+v", c)
			}
		}
	})
}

// An address comes from flags, the environment and lpipe.toml.
func FuzzAddresses(f *testing.F) {
	for _, name := range []string{
		"unix:///run/buildkit/buildkitd.sock", "tcp://host:1234", "tcp://", "://", "docker", "embeded", "dokcer", "kube-pod://p?namespace=n",
		"ssh://-oProxyCommand=x", "TCP://h", "tcp://[::1", "a,b", "unix://\x00", "docker-container://%zz",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := choose(Options{Engine: name}.withDefaults(), fakeHost{})
		switch {
		case err != nil:
			if fault.Worst(err) != fault.Usage && fault.Worst(err) != fault.Engine {
				t.Errorf("%q: %v", name, err)
			}
		case name != "" && c.Kind == Address:
			scheme, rest, _ := strings.Cut(c.Address, "://")
			if c.Address != name || !slices.Contains(schemes, scheme) || rest == "" {
				t.Errorf("%q is %+v", name, c)
			}
			if err := unreachable(c, errSilent); fault.Worst(err) != fault.Engine {
				t.Errorf("%q is reported as %v", name, err)
			}
		}
	})
}
