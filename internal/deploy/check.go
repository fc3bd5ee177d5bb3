package deploy

import (
	"fmt"

	"lpipe/internal/artifact"
	"lpipe/internal/fault"
	"lpipe/internal/limits"
)

// check says why an item cannot be deployed.
func (i Item) check(o Options) error {
	var l fault.List
	const runtimeFix = `set runtime = "provided.al2023" in lpipe.toml, run lpipe build, and deploy with --change-runtime`
	if why := artifact.Ended(i.Runtime); why != "" {
		l.Addf(fmt.Sprintf("%s is built for the runtime %s", i.Lambda, i.Runtime), why, `set runtime = "provided.al2023" in lpipe.toml and run lpipe build `+i.Lambda)
	}
	if i.Size > limits.DirectUpload && o.Bucket == "" {
		l.Addf(fmt.Sprintf("the zip of %s takes %.1f MiB", i.Lambda, float64(i.Size)/(1<<20)), "Lambda takes at most 50 MiB in a request",
			"--s3-bucket BUCKET sends it through S3")
	}
	at := i.Latest
	switch {
	case at == nil && !o.Create:
		l.Addf("there is no function "+i.Function, "it is the function of "+i.Lambda, `--create --role ARN makes it; function = "..." in [lambda.NAME.deploy] of lpipe.toml names another`)
	case at == nil && o.Role == "":
		l.Addf("the function "+i.Function+" cannot be made without a role", "", "--role ARN names the role that it runs as")
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
	return l.Err()
}
