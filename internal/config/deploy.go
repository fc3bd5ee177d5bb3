package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lpipe/internal/limits"
	"lpipe/internal/pattern"
)

// Deploy is how one lambda is deployed. What is empty is left as it is on AWS.
type Deploy struct {
	Function    string // the name of the function on AWS
	Memory      int    // in MB
	Timeout     int    // in seconds
	Description string
	Layers      []string // versions; nil for those that the function has, with the layers that were built for it
	LayerName   string   // of a layer on AWS, a template
	Env         map[string]string
	Tags        map[string]string
	Smoke       string // path of an event
	SmokeExpect string // path of what its answer must hold

	Alias    string
	Bucket   string
	Key      string // of objects in the bucket, a template
	Steps    []int  // percentages
	StepTime int    // in seconds
	Alarms   []string
}

// Placeholders of function and s3-key.
const (
	namePlaceholder = "{{name}}"
	archPlaceholder = "{{arch}}"
	sumPlaceholder  = "{{sha256}}"
)

// deployKeys are the keys of [deploy] that each lambda may have, deployRun those of a run.
var (
	deployEach = []key{
		{name: "function", defaults: []string{namePlaceholder}, check: checkFunction, doc: "the function on AWS: its name, with the placeholders `{{name}}` of the lambda and `{{arch}}`"},
		{name: "memory", kind: number, check: checkMemory, derived: "as it is on AWS", doc: "the function's memory in MB"},
		{name: "timeout", check: checkTimeout, derived: "as it is on AWS", doc: "the time that an invocation may take, such as `30s` or `5m`"},
		{name: "description", check: checkPlain, derived: "as it is on AWS", doc: "the function's description"},
		{name: "layers", kind: list, check: checkLayer, derived: "as they are on AWS", doc: "ARNs of versions of layers, all that the function is to have; without it, the layers that were built for it are published and take their place among those that it has"},
		{name: "layer-name", defaults: []string{namePlaceholder}, check: checkLayerName, doc: "the layer on AWS that a layer of the lambda is published as: its name, with the placeholders `{{name}}` of the layer and `{{arch}}`"},
		{name: "env.*", check: checkDeployEnv, private: true, doc: "variables of the function, added to those that it has on AWS, which stay; no secrets: `--env-file` takes those"},
		{name: "tags.*", check: checkPlain, doc: "tags of the function, added to those that it has on AWS, which stay"},
		{name: "smoke", check: checkPlain, paths: filePath, doc: "a file with an event that a new version must answer without an error before it becomes live"},
		{name: "smoke-expect", check: checkPlain, paths: filePath, doc: "a file with JSON that the answer to it must hold: of an object these members, at any depth, and everything else equal: a list as a whole, numbers as they are written"},
	}
	deployRun = []key{
		{name: "alias", check: checkAlias, doc: "the alias that is moved to the new versions, of all functions together; without one `$LATEST` is live as soon as it is uploaded"},
		{name: "s3-bucket", check: checkPlain, doc: "a bucket to send the zips through, as those above 50 MiB need it"},
		{name: "s3-key", defaults: []string{"lpipe/{{name}}/{{sha256}}.zip"}, check: checkObjectKey, doc: "the key of a zip in it, with the placeholders `{{name}}` and `{{sha256}}`"},
		{name: "steps", kind: list, check: checkStep, sep: ",", doc: "shares of the invocations that the new versions get one after the other before they get all, such as `[\"10%\", \"50%\"]`"},
		{name: "step-time", defaults: []string{"5m"}, check: checkDuration, doc: "how long each of these steps lasts, and how long alarms are looked at after the last one"},
		{name: "alarms", kind: list, check: checkPlain, sep: ",", doc: "alarms of CloudWatch: while one is on nothing becomes live, and one that comes on during the steps rolls all back"},
	}
	deployKeys = slices.Concat(deployEach, deployRun)
)

// deployOverrides are the keys of [lambda.NAME.deploy], which default to those of [deploy].
func deployOverrides() []key {
	all := overrides(deployEach)
	for i := range all {
		all[i].derived = "as in `[deploy]`"
	}
	return all
}

// Deploy returns [deploy] with the lambda's own keys laid over it, for one architecture of it.
func (c *Config) Deploy(lambda, arch string) Deploy {
	of := func(key string) value { return c.over("deploy."+key, Key("lambda", lambda, "deploy")+"."+key) }
	text := func(key string) string { return first(of(key)) }
	pairs := func(key string) map[string]string {
		m := map[string]string{}
		for _, dir := range []string{"deploy", Key("lambda", lambda, "deploy")} {
			for _, name := range children(c.values, dir+"."+key+".") {
				m[name] = first(of(key + "." + Key(name)))
			}
		}
		return m
	}
	d := Deploy{
		Function:    strings.NewReplacer(namePlaceholder, lambda, archPlaceholder, arch).Replace(text("function")),
		Description: text("description"), Layers: slices.Clone(of("layers").texts), Env: pairs("env"), Tags: pairs("tags"),
		LayerName: strings.ReplaceAll(text("layer-name"), archPlaceholder, arch), Smoke: text("smoke"), SmokeExpect: text("smoke-expect"),
		Alias: text("alias"), Bucket: text("s3-bucket"), Key: text("s3-key"), Alarms: slices.Clone(of("alarms").texts),
	}
	// Numbers and times were checked when they were read.
	d.Memory, _ = strconv.Atoi(text("memory"))
	d.Timeout, _ = seconds(text("timeout"))
	d.StepTime, _ = seconds(text("step-time"))
	for _, step := range of("steps").texts {
		percent, _ := strconv.Atoi(strings.TrimSuffix(step, "%"))
		d.Steps = append(d.Steps, percent)
	}
	return d
}

// functionPattern is a name, or an ARN or a part of one without a qualifier, with placeholders filled in:
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
var functionPattern = pattern.Of(`^[a-zA-Z0-9_-]{1,64}$`)

func checkFunction(_, v string) (why, fix string) {
	if !functionPattern().MatchString(strings.NewReplacer(namePlaceholder, "x", archPlaceholder, "x").Replace(v)) {
		return "the name of a function has letters, digits, - and _, and at most 64 of them", "write such a name; " + namePlaceholder + " and " + archPlaceholder + " stand for those of the lambda"
	}
	return "", ""
}

func checkMemory(_, v string) (why, fix string) {
	if n, err := strconv.Atoi(v); err != nil || n < limits.LeastMemory || n > limits.MostMemory {
		return fmt.Sprintf("Lambda has %d to %d MB", limits.LeastMemory, limits.MostMemory), "write the number of MB"
	}
	return "", ""
}

var timePattern = pattern.Of(`^(\d{1,6})([smh]?)$`)

// seconds reads a time in seconds, minutes or hours; a number alone is in seconds, as for AWS's own tools.
func seconds(v string) (n int, ok bool) {
	m := timePattern().FindStringSubmatch(v)
	if m == nil {
		return 0, false
	}
	n, _ = strconv.Atoi(m[1])
	return n * map[string]int{"": 1, "s": 1, "m": 60, "h": 3600}[m[2]], true
}

func checkTimeout(_, v string) (why, fix string) {
	if n, ok := seconds(v); !ok || n < limits.LeastTimeout || n > limits.MostTimeout {
		return "Lambda has whole seconds from 1 to 900", "write it as 30s or 5m"
	}
	return "", ""
}

func checkDuration(_, v string) (why, fix string) {
	if _, ok := seconds(v); !ok {
		return "it is no time", "write it as 30s or 5m"
	}
	return "", ""
}

var layerPattern = pattern.Of(`^arn:[a-z0-9-]+:lambda:[a-z0-9-]+:\d{12}:layer:[a-zA-Z0-9_-]+:\d+$`)

func checkLayer(_, v string) (why, fix string) {
	if !layerPattern().MatchString(v) {
		return "it is no ARN of a version of a layer", "write it as arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION"
	}
	return "", ""
}

// layerNamePattern: https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html
var layerNamePattern = pattern.Of(`^[a-zA-Z0-9_-]{1,140}$`)

func checkLayerName(_, v string) (why, fix string) {
	if !layerNamePattern().MatchString(strings.NewReplacer(namePlaceholder, "x", archPlaceholder, "x").Replace(v)) {
		return "the name of a layer has letters, digits, - and _, and at most 140 of them", "write such a name; " + namePlaceholder + " and " + archPlaceholder + " stand for those of the layer"
	}
	return "", ""
}

// Layer is the name on AWS of a layer of the lambda.
func (d Deploy) Layer(name string) string {
	return strings.ReplaceAll(d.LayerName, namePlaceholder, name)
}

// aliasPattern: https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
var aliasPattern = pattern.Of(`^[a-zA-Z0-9_-]{1,128}$`)

func checkAlias(_, v string) (why, fix string) {
	if _, err := strconv.Atoi(v); err == nil || !aliasPattern().MatchString(v) {
		return "an alias has letters, digits, - and _, and is no number", "write such a name, as in live"
	}
	return "", ""
}

func checkObjectKey(_, v string) (why, fix string) {
	if why, fix := checkPlain("", v); why != "" {
		return why, fix
	}
	if strings.Contains(strings.NewReplacer(namePlaceholder, "", sumPlaceholder, "").Replace(v), "{{") {
		return "it has a placeholder that there is not", "there are " + namePlaceholder + " and " + sumPlaceholder
	}
	return "", ""
}

func checkStep(_, v string) (why, fix string) {
	if n, err := strconv.Atoi(strings.TrimSuffix(v, "%")); err != nil || n < 1 || n > 99 {
		return "a step is a share from 1% to 99%", `write it as "10%"`
	}
	return "", ""
}

func checkDeployEnv(name, v string) (why, fix string) {
	const secret = "lpipe.toml is for everybody who has the project"
	switch {
	case SecretName(name) && !harmless(v):
		return "the name looks like that of a secret, and " + secret, "have the function read it from Secrets Manager or Parameter Store; or give it by --env-file"
	case secretValue(v):
		return "the value looks like a secret, and " + secret, "have the function read it from Secrets Manager or Parameter Store; or give it by --env-file"
	case strings.Contains(v, "\x00"):
		return "the value holds NUL", "take it out"
	}
	return "", ""
}
