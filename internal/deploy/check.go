package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
	"lpipe/internal/pattern"
)

// rolePattern is the ARN of a role: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
var rolePattern = pattern.Of(`^arn:aws[a-zA-Z-]*:iam::\d{12}:role/.+$`)

// check says why an item cannot be deployed.
func (i Item) check(o Options) error {
	var l fault.List
	const runtimeFix = `set runtime = "provided.al2023" in lpipe.toml, run lpipe build, and deploy with --change-runtime`
	if why := artifact.Ended(i.Runtime); why != "" {
		l.Addf(fmt.Sprintf("%s is built for the runtime %s", i.Lambda, i.Runtime), why, `set runtime = "provided.al2023" in lpipe.toml and run lpipe build `+i.Lambda)
	}
	l.Add(checkSize(i.Lambda, i.Size, o))
	at := i.Latest
	switch {
	case at == nil && !o.Create:
		in := ""
		if o.Region != "" {
			in = " in the region " + o.Region
		}
		l.Addf("there is no function "+i.Function+in, i.Lambda+" is to be put into it",
			`--create --role ARN makes it; --region names another region, and function = "..." in [lambda.NAME.deploy] of lpipe.toml another function`)
	case at == nil && o.Role == "":
		l.Addf("the function "+i.Function+" cannot be made without a role", "", "--role ARN names the role that it runs as")
	case at == nil && !rolePattern().MatchString(o.Role):
		l.Addf("--role cannot be "+fault.Quote(o.Role), "it is no ARN of a role", "write it as arn:aws:iam::ACCOUNT:role/NAME; aws iam list-roles lists them")
	case at == nil:
	case at.Image:
		l.Addf("the function "+i.Function+" is made of a container image", "a function keeps the kind of its code, and a zip is no image",
			"lpipe build --push makes an image of "+i.Lambda+"; or deploy to another function")
	case artifact.Ended(at.Runtime) != "" && !(o.ChangeRuntime && artifact.Ended(i.Runtime) == ""):
		l.Addf(fmt.Sprintf("the function %s has the runtime %s", i.Function, at.Runtime), artifact.Ended(at.Runtime), runtimeFix)
	case at.Runtime != "provided.al2023" && !o.ChangeRuntime:
		l.Addf(fmt.Sprintf("the function %s has the runtime %s", i.Function, at.Runtime), "it does not start the bootstrap of "+i.Lambda,
			"deploy to another function; or, if this one is to become the program, with --change-runtime")
	}
	if at != nil && !at.Image && at.Arch != i.Arch && !o.ChangeArch {
		l.Addf(fmt.Sprintf("the function %s is for %s, and %s is built for %s", i.Function, at.Arch, i.Lambda, i.Arch), "such a program does not start there",
			fmt.Sprintf("lpipe build --arch %s %s; or deploy with --change-arch", at.Arch, i.Lambda))
	}
	if at != nil && len(i.Env) > 0 && at.EnvError != "" {
		l.Addf("AWS does not tell the variables of "+i.Function, at.EnvError, "without them those that are there would be lost; get the right to decrypt them with their KMS key, or name no env")
	}
	l.Add(i.checkNames())
	return l.Err()
}

// checkSize refuses a zip that Lambda does not take in a request.
func checkSize(of string, size int64, o Options) error {
	if size <= limits.DirectUpload || o.Bucket != "" {
		return nil
	}
	return &fault.Error{
		Kind: fault.Usage, What: fmt.Sprintf("the zip of %s takes %.1f MiB", of, float64(size)/(1<<20)), Why: "Lambda takes at most 50 MiB in a request",
		Fix: "--s3-bucket BUCKET sends it through S3",
	}
}

// variableName is what Lambda takes for the name of a variable:
// https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
var variableName = pattern.Of(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// ownVariables are those that Lambda sets itself and lets nobody set:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
var ownVariables = strings.Fields(`
	_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE
	AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY
	AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR`)

// checkNames refuses variables and tags that Lambda would refuse.
func (i Item) checkNames() error {
	var l fault.List
	size := 0
	env := i.Env
	if i.Latest != nil {
		env = merged(i.Latest.Env, env)
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		size += len(name) + len(env[name])
		if _, named := i.Env[name]; !named {
			continue
		}
		switch {
		case slices.Contains(ownVariables, name):
			l.Addf("the variable "+name+" cannot be set for "+i.Function, "Lambda sets it itself", "leave it out of env and --env")
		case !variableName().MatchString(name):
			l.Addf("a variable of "+i.Function+" cannot be called "+fault.Quote(name), "Lambda takes a letter, and then letters, digits and _, of which there is one at least", "rename it")
		}
	}
	if len(i.Env) > 0 && size > limits.Environment {
		l.Addf(fmt.Sprintf("the variables of %s take %d bytes", i.Function, size), fmt.Sprintf("Lambda takes %d, of names and values together", limits.Environment),
			"keep what is large in Parameter Store, Secrets Manager or a file of the zip")
	}
	for _, name := range slices.Sorted(maps.Keys(i.Tags)) {
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			l.Addf("a tag of "+i.Function+" cannot be called "+fault.Quote(name), "those that begin with aws: are AWS's own", "rename it")
		}
	}
	return l.Err()
}
