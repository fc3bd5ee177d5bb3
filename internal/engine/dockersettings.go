package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	docker "github.com/docker/docker/client"

	"lpipe/internal/fault"
)

// dockerSettings reads what the user told the docker command: its variables and the files below ~/.docker.
type dockerSettings struct {
	getenv func(string) string
	files  files
}

// defaultContext is the docker context that stands for the default socket and has no file.
const defaultContext = "default"

// engine returns Docker Engine as the docker command would pick it. It is explicit when the user picked it, and
// not merely the default socket.
func (d dockerSettings) engine() (c Choice, explicit bool, err error) {
	if addr := d.getenv("DOCKER_HOST"); addr != "" {
		c := Choice{Kind: Docker, Address: addr, Why: "DOCKER_HOST", open: openDocker}
		verify, dir := d.getenv("DOCKER_TLS_VERIFY") != "", d.getenv("DOCKER_CERT_PATH")
		if verify && dir == "" {
			dir = d.folder()
		}
		if dir != "" && strings.HasPrefix(addr, "tcp://") {
			c.tls = tlsFiles{
				ca:         filepath.Join(dir, "ca.pem"),
				cert:       filepath.Join(dir, "cert.pem"),
				key:        filepath.Join(dir, "key.pem"),
				skipVerify: !verify,
			}
		}
		return c, true, nil
	}
	if name := d.getenv("DOCKER_CONTEXT"); name != "" {
		c, err := d.context(name, "DOCKER_CONTEXT")
		return c, true, err
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	// Without a readable file docker uses its defaults.
	if text, err := d.files.readFile(filepath.Join(d.folder(), "config.json")); err == nil && json.Unmarshal(text, &config) == nil {
		if name := config.CurrentContext; name != "" && name != defaultContext {
			c, err := d.context(name, "the current docker context")
			return c, true, err
		}
	}
	return Choice{Kind: Docker, Address: docker.DefaultDockerHost, Why: "Docker's default socket", open: openDocker}, false, nil
}

// context looks a docker context up in docker's store: a folder named by the hash of the context's name.
func (d dockerSettings) context(name, why string) (Choice, error) {
	c := Choice{Kind: Docker, Address: docker.DefaultDockerHost, Why: fmt.Sprintf("%s (%s)", why, name), open: openDocker}
	if name == defaultContext {
		return c, nil
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	text, err := d.files.readFile(filepath.Join(d.folder(), "contexts/meta", id, "meta.json"))
	if err == nil {
		err = json.Unmarshal(text, &meta)
	}
	end, ok := meta.Endpoints["docker"]
	if err == nil && (!ok || end.Host == "") {
		err = fmt.Errorf("it has no docker endpoint")
	}
	if err != nil {
		return c, &fault.Error{
			Kind: fault.Engine,
			What: fmt.Sprintf("cannot use the docker context %q (from %s)", name, why),
			Fix:  `see "docker context ls", or pick an engine with --engine`,
			Err:  err,
		}
	}
	c.Address, c.tls.skipVerify = end.Host, end.SkipTLSVerify
	tls := filepath.Join(d.folder(), "contexts/tls", id, "docker")
	for _, file := range d.files.listFiles(tls) {
		switch path := filepath.Join(tls, file); file {
		case "ca.pem":
			c.tls.ca = path
		case "cert.pem":
			c.tls.cert = path
		case "key.pem":
			c.tls.key = path
		}
	}
	return c, nil
}

// builder resolves a buildx builder by the file that buildx keeps of it. Of several nodes the first is used.
func (d dockerSettings) builder(name, why string) (Choice, error) {
	refuse := func(reason, fix string, err error) (Choice, error) {
		return Choice{}, &fault.Error{
			Kind: fault.Engine, What: fmt.Sprintf("cannot use the buildx builder %q (from %s)", name, why), Why: reason, Fix: fix, Err: err,
		}
	}
	if name == defaultContext {
		c, _, err := d.engine()
		c.Why = why
		return c, err
	}
	folder := d.getenv("BUILDX_CONFIG")
	if folder == "" {
		folder = filepath.Join(d.folder(), "buildx")
	}
	instances := filepath.Join(folder, "instances")
	known := d.files.listFiles(instances)
	file := ""
	for _, k := range known {
		if k == strings.ToLower(name) {
			file = k
		}
	}
	if file == "" {
		fix := `see "docker buildx ls"`
		if near := fault.Nearest(name, known); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		return refuse("there is no such builder in "+instances, fix, nil)
	}
	var b struct {
		Driver string
		Nodes  []struct {
			Name, Endpoint string
			DriverOpts     map[string]string
		}
	}
	text, err := d.files.readFile(filepath.Join(instances, file))
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return refuse("", `see "docker buildx ls"`, err)
	}
	if len(b.Nodes) == 0 {
		return refuse("it has no node", `see "docker buildx ls"`, nil)
	}
	n := b.Nodes[0]
	switch b.Driver {
	case "docker":
		c, err := d.context(n.Endpoint, why)
		c.Why = why
		return c, err
	case "remote":
		c, err := address(Options{Getenv: func(string) string { return "" }}, n.Endpoint, why)
		c.tls = tlsFiles{
			ca: n.DriverOpts["cacert"], cert: n.DriverOpts["cert"], key: n.DriverOpts["key"], serverName: n.DriverOpts["servername"],
		}
		if err == nil {
			err = c.tls.check("cert", "key")
		}
		return c, err
	case "docker-container":
		addr := "docker-container://buildx_buildkit_" + n.Name
		switch {
		case n.Endpoint == "" || n.Endpoint == docker.DefaultDockerHost || n.Endpoint == d.getenv("DOCKER_HOST"):
		case strings.Contains(n.Endpoint, "://"):
			return refuse("it is on "+n.Endpoint, "set DOCKER_HOST="+n.Endpoint, nil)
		default:
			addr += "?context=" + url.QueryEscape(n.Endpoint)
		}
		return Choice{Kind: Address, Address: addr, Why: why, open: openAddress}, nil
	}
	return refuse(fmt.Sprintf("lpipe does not know its driver %q", b.Driver),
		"give the address of its buildkitd with --engine, such as kube-pod://POD?namespace=NAMESPACE", nil)
}

func (d dockerSettings) folder() string {
	if dir := d.getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(d.getenv("HOME"), ".docker")
}
