package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lpipe/internal/fault"
)

// knownVerb refuses an argument where a verb is expected.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	f := &fault.Error{Kind: fault.Usage, What: "there is no verb " + fault.Quote(args[0]), Fix: "lpipe help lists the verbs"}
	if len(known) == 0 { // as in "lpipe help build foo"
		verb := strings.TrimPrefix(cmd.CommandPath(), "lpipe ")
		f.What, f.Fix = "there is no verb "+fault.Quote(verb+" "+args[0]), "lpipe help "+verb+" is about "+cmd.CommandPath()
		return f
	}
	if cmd.HasParent() {
		f.What, f.Fix = fault.Quote(args[0])+" is no verb of "+cmd.CommandPath(), "write one of: "+strings.Join(known, ", ")
	}
	if instead := foreignVerbs[strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), "lpipe")+" "+args[0])]; instead != "" {
		f.Fix = instead
		return f
	}
	near := fault.Nearest(args[0], known)
	if longer := slices.DeleteFunc(known, func(name string) bool { return !strings.HasPrefix(name, args[0]) }); len(longer) == 1 {
		near = longer[0]
	}
	if near != "" {
		f.Fix = "did you mean \"" + cmd.CommandPath() + " " + near + "\"?"
	}
	return f
}

// foreignVerbs are verbs of cargo, cargo-lambda, SAM, docker and buildx, with what does the same here.
var foreignVerbs = map[string]string{
	"add":            "cargo add writes to a manifest; lpipe build takes what Cargo.lock says",
	"bench":          "cargo bench measures on this machine; lpipe size and smoke in lpipe.toml measure what Lambda would run",
	"check":          "lpipe build compiles, and lpipe plan says what it would build",
	"clean":          "lpipe cache prune removes what the engine keeps; the results are in target/lambda",
	"clippy":         "cargo clippy runs on this machine; lpipe build shows the compiler's warnings",
	"doc":            "cargo doc runs on this machine",
	"fetch":          "lpipe build downloads, and keeps what it downloaded",
	"fmt":            "cargo fmt runs on this machine",
	"images":         "lpipe cache usage tells what the engine keeps",
	"lambda":         "write it without that word, as in lpipe build",
	"local":          "lpipe invoke runs a lambda on this machine, and lpipe serve all of them",
	"login":          "lpipe takes the logins of docker: docker login",
	"package":        "lpipe build makes the zips, in target/lambda",
	"publish":        "lpipe deploy publishes versions",
	"pull":           "lpipe build pulls base images, and lpipe render --pin asks for newer ones",
	"push":           "lpipe build --push pushes images",
	"run":            "lpipe invoke runs a lambda on this machine, and lpipe serve all of them",
	"start":          "lpipe serve answers as Lambda does",
	"sync":           "lpipe deploy puts what was built into functions; lpipe serve builds again when sources change",
	"update":         "cargo update writes Cargo.lock, which lpipe build takes as it is",
	"validate":       "lpipe template check compares templates with what is built",
	"vendor":         "cargo vendor runs on this machine; what it makes is built from without the network",
	"cache clean":    "did you mean \"lpipe cache prune\"?",
	"cache clear":    "did you mean \"lpipe cache prune\"?",
	"cache df":       "did you mean \"lpipe cache usage\"?",
	"cache du":       "did you mean \"lpipe cache usage\"?",
	"cache list":     "did you mean \"lpipe cache usage\"?",
	"cache ls":       "did you mean \"lpipe cache usage\"?",
	"cache rm":       "did you mean \"lpipe cache prune\"?",
	"engine log":     "lpipe engine status tells where the log is",
	"engine logs":    "lpipe engine status tells where the log is",
	"engine ls":      "did you mean \"lpipe engine status\"?",
	"engine ps":      "did you mean \"lpipe engine status\"?",
	"engine rm":      "did you mean \"lpipe engine stop\"?",
	"engine start":   "any verb that needs the engine starts it; lpipe engine status tells whether it runs",
	"engine restart": "lpipe engine stop ends it, and any verb that needs it starts it again",
}

// helpCommand is cobra's, which knows no mistakes.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Short: "Print the help of a verb",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			verb, _, err := root.Find(args)
			if err == nil {
				for _, c := range verb.Commands() {
					if !c.IsAvailableCommand() {
						continue
					}
					names = append(names, c.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			verb, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				if verb == nil {
					verb, rest = root, args
				}
				return knownVerb(verb, rest)
			}
			return verb.Help()
		},
	}
}

// explainArgs makes faults of what cmd and its verbs say about arguments.
func explainArgs(cmd *cobra.Command) {
	check := cmd.Args
	if cmd.HasSubCommands() {
		check = knownVerb
		if !cmd.Runnable() {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		own := args
		if n := cmd.ArgsLenAtDash(); n >= 0 { // what follows is a command's, if any
			own = args[:n]
		}
		if slices.Contains(own, "") {
			return &fault.Error{
				Kind: fault.Usage, What: "an argument is empty", Why: "a variable of the shell that is not set gives one, and without arguments more would be done than you may want",
				Fix: "leave it out, or give it a value",
			}
		}
		if err := cmp.Or(emptyFlag(cmd), flagAsValue(cmd)); err != nil {
			return err
		}
		if check == nil {
			return nil
		}
		err := check(cmd, args)
		if err == nil || errors.As(err, new(*fault.Error)) {
			return err
		}
		if what, _, ok := strings.Cut(err.Error(), " for \"lpipe"); ok { // of a verb that takes no arguments
			err = errors.New(strings.Replace(what, "unknown command", "there is no argument", 1))
		}
		what := err.Error()
		switch n := allowed(cmd, check, args); {
		case n > 0 && n == len(args)-1:
			what = "there is one argument too many: " + fault.Quote(args[n])
		case n > 0:
			what = fmt.Sprintf("there are %d arguments too many, from %s on", len(args)-n, fault.Quote(args[n]))
		case len(args) == 0:
			what = cmd.CommandPath() + " needs an argument"
		}
		return &fault.Error{Kind: fault.Usage, What: what, Fix: "write it as: " + usageLine(cmd)}
	}
	for _, verb := range cmd.Commands() {
		explainArgs(verb)
	}
}

// allowed is how many of the arguments there may be; 0 where fewer would be wrong too.
func allowed(cmd *cobra.Command, check cobra.PositionalArgs, args []string) int {
	for n := len(args) - 1; n > 0; n-- {
		if check(cmd, args[:n]) == nil {
			return n
		}
	}
	return 0
}

// mayBeNone are the flags that take away what lpipe.toml says with an empty value.
var mayBeNone = []string{"features", "description", "layer", "alarm"}

// emptyFlag refuses a flag whose value is empty: it would be as if it was not given, and more would be done, or less written,
// than the user wants.
func emptyFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if l, ok := f.Value.(*list); ok && !slices.Contains(mayBeNone, f.Name) {
			empty = slices.Contains(*l, "")
		}
		if empty && err == nil {
			err = &fault.Error{
				Kind: fault.Usage, What: "--" + f.Name + " is empty", Why: "a variable of the shell that is not set gives such a value",
				Fix: "leave it out, or give it a value",
			}
		}
	})
	return err
}

// flagAsValue refuses the next flag as the value of one, as in "--junit --json", which would write a file of that name.
func flagAsValue(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if l, ok := f.Value.(*list); ok {
			values = *l
		}
		for _, v := range values {
			long, dashes := strings.CutPrefix(v, "--")
			long, _, _ = strings.Cut(long, "=")
			switch {
			case err != nil:
			case dashes && cmd.Flags().Lookup(long) != nil, len(v) == 2 && v[0] == '-' && cmd.Flags().ShorthandLookup(v[1:]) != nil:
				_, value, usage := flagWords(f)
				err = &fault.Error{Kind: fault.Usage, What: "--" + f.Name + " needs a value", Why: v + " is a flag", Fix: value + ": " + usage}
			}
		}
	})
	return err
}

// errTwice is of a flag that takes one value and was given two.
var errTwice = errors.New("it takes one value, and was given another before")

// takeOnce has flags that take one value refuse a second one, as settings of lpipe.toml do: one of the two would have no effect.
func takeOnce(f *pflag.FlagSet) {
	f.VisitAll(func(f *pflag.Flag) {
		if _, several := f.Value.(*list); !several && f.Value.Type() != "bool" {
			f.Value = &once{Value: f.Value}
		}
	})
}

type once struct {
	pflag.Value
	given *string
}

func (o *once) Set(v string) error {
	if o.given != nil && *o.given != v {
		return errTwice
	}
	o.given = &v
	return o.Value.Set(v)
}

const (
	otherSettings   = "lpipe deploy changes what lpipe deploy --help lists; aws lambda update-function-configuration changes the rest"
	noStack         = "lpipe deploy puts code into functions without a stack; for one, sam deploy or cdk deploy takes the zips in target/lambda"
	noDebugger      = "run the program in a debugger on this machine; lpipe symbolize reads the backtraces of a log"
	withNetworkFlag = "--network default gives build scripts and tests the network; no step is privileged"
)

const allTests = "it runs all tests of the packages of its lambdas, and prints what failed ones said"

// foreignHere are such flags of one verb, which mean something else than with others.
var foreignHere = map[string]string{
	"lpipe build r":                     "the profile is release unless --profile names another",
	"lpipe test r":                      "the profile is release unless --profile names another",
	"lpipe plan r":                      "the profile is release unless --profile names another",
	"lpipe test lib":                    allTests,
	"lpipe test bin":                    allTests,
	"lpipe test test":                   allTests,
	"lpipe test doc":                    allTests,
	"lpipe test no-run":                 "lpipe build --no-test compiles without the tests; lpipe test compiles and runs them",
	"lpipe test no-fail-fast":           allTests,
	"lpipe test nocapture":              allTests,
	"lpipe test show-output":            allTests,
	"lpipe build tests":                 "lpipe build runs the tests too; lpipe test runs them alone",
	"lpipe build no-run":                "lpipe plan says what would be built",
	"lpipe invoke release":              "it runs what lpipe build made, whose --profile says how that is compiled",
	"lpipe invoke output-format":        "the answer is printed as it is",
	"lpipe invoke retry":                "it fails where Lambda would; --repeat calls it several times",
	"lpipe serve release":               "lpipe.toml says how it is compiled: profile in [build]",
	"lpipe serve wait":                  "a request waits until its lambda is built and started",
	"lpipe deploy output-format":        "--json prints one JSON object",
	"lpipe deploy release":              "it takes what lpipe build made, whose --profile says how that is compiled",
	"lpipe deploy extension":            "an extension is a layer, which is published with the functions that name it in layers; kind = \"extension\" in [lambda.NAME] builds one",
	"lpipe deploy runtime":              "runtime = \"provided.al2023\" in [build] of lpipe.toml, and --change-runtime for a function that has another",
	"lpipe build i":                     "write it in lpipe.toml: include = [\"assets/**\"] in [build] or [lambda.NAME]",
	"lpipe build C":                     "give the project's folder without a flag: lpipe build FOLDER/",
	"lpipe build b":                     "write it as: --out-dir",
	"lpipe build H":                     "--engine is the address of BuildKit, as in tcp://HOST:1234",
	"lpipe build s":                     "give the project's folder without a flag: lpipe build FOLDER/",
	"lpipe build u":                     "a build is always in containers",
	"lpipe build c":                     "what was built before is always used; --no-cache builds all of it again",
	"lpipe build dry":                   "lpipe plan says what would be built",
	"lpipe build name":                  "name lambdas without a flag: lpipe build NAME",
	"lpipe build rm":                    "a build leaves no container behind",
	"lpipe build compress":              "what is sent is what the lambda needs of the project",
	"lpipe build doc":                   "cargo doc runs on this machine",
	"lpipe build bench":                 "benchmarks are no lambdas, and run with cargo",
	"lpipe test run":                    allTests,
	"lpipe test skip":                   allTests,
	"lpipe test exact":                  allTests,
	"lpipe test filter":                 allTests,
	"lpipe test ignored":                allTests,
	"lpipe test include-ignored":        allTests,
	"lpipe test no-capture":             allTests,
	"lpipe test test-threads":           "RUST_TEST_THREADS in test-env of [build] in lpipe.toml says how many tests run at a time",
	"lpipe invoke payload":              "write it as: --data JSON",
	"lpipe invoke body":                 "write it as: --data JSON",
	"lpipe invoke payload-file":         "write it as: --event FILE",
	"lpipe invoke input":                "write it as: --event FILE",
	"lpipe invoke no-event":             "without --event and --data the event is {}",
	"lpipe invoke n":                    "write it as: --env NAME=VALUE, or --env-file FILE",
	"lpipe invoke address":              "lpipe serve answers on an address; lpipe invoke starts the lambda itself",
	"lpipe invoke port":                 "lpipe serve answers on a port; lpipe invoke starts the lambda itself",
	"lpipe invoke invocation-type":      "it waits for the answer, as RequestResponse does",
	"lpipe invoke cli-binary-format":    "the event is taken as it is",
	"lpipe invoke debug-port":           noDebugger,
	"lpipe serve debug-port":            noDebugger,
	"lpipe serve i":                     "write it as: --watch=false",
	"lpipe serve w":                     "a request waits until its lambda is built and started",
	"lpipe serve reload":                "it builds again when sources change; --watch=false turns that off",
	"lpipe serve hot-reload":            "it builds again when sources change; --watch=false turns that off",
	"lpipe serve no-reload":             "write it as: --watch=false",
	"lpipe serve disable-cors":          "browsers of other origins are allowed by cors in [serve] of lpipe.toml alone",
	"lpipe serve router":                "the routes are those of a template: --template FILE",
	"lpipe serve print-traces":          "it prints what the lambdas log",
	"lpipe serve bind":                  "write it as: --invoke-address",
	"lpipe serve listen":                "write it as: --invoke-address",
	"lpipe serve address":               "write it as: --invoke-address",
	"lpipe serve ssl-cert-file":         "write it as: --tls-cert FILE",
	"lpipe serve ssl-key-file":          "write it as: --tls-key FILE",
	"lpipe deploy role-arn":             "write it as: --role ARN, with --create",
	"lpipe deploy memory-size":          "write it as: --memory MB",
	"lpipe deploy layers":               "write it as: --layer ARN",
	"lpipe deploy layer-arn":            "write it as: --layer ARN",
	"lpipe deploy tags":                 "write it as: --tag NAME=VALUE",
	"lpipe deploy environment":          "write it as: --env NAME=VALUE",
	"lpipe deploy zip-file":             "lpipe deploy takes the zips that lpipe build made, and checked, and no others",
	"lpipe deploy image-uri":            "lpipe deploy deploys zips; lpipe build --push pushes images",
	"lpipe deploy image-repository":     "lpipe deploy deploys zips; lpipe build --push pushes images",
	"lpipe deploy publish":              "a version is always published",
	"lpipe deploy architectures":        "write it as: --arch, with --change-arch for a function that has another",
	"lpipe deploy canary":               "write it as: --steps SHARES",
	"lpipe deploy traffic":              "write it as: --steps SHARES",
	"lpipe deploy weight":               "write it as: --steps SHARES",
	"lpipe deploy rollback":             "lpipe rollback makes the versions live that were before",
	"lpipe deploy wait":                 "it always waits until all that it deployed is live",
	"lpipe deploy no-wait":              "it always waits until all that it deployed is live",
	"lpipe deploy force":                "what differs is deployed, and what does not is left alone",
	"lpipe deploy force-upload":         "what differs is deployed, and what does not is left alone",
	"lpipe deploy yes":                  "it does not ask; --dry-run says what would be changed",
	"lpipe deploy y":                    "it does not ask; --dry-run says what would be changed",
	"lpipe deploy tracing":              otherSettings,
	"lpipe deploy tracing-config":       otherSettings,
	"lpipe deploy subnet-ids":           otherSettings,
	"lpipe deploy security-group-ids":   otherSettings,
	"lpipe deploy vpc":                  otherSettings,
	"lpipe deploy vpc-config":           otherSettings,
	"lpipe deploy kms-key-arn":          otherSettings,
	"lpipe deploy dead-letter-config":   otherSettings,
	"lpipe deploy handler":              otherSettings,
	"lpipe deploy log-retention":        "aws logs put-retention-policy says how long logs are kept",
	"lpipe deploy guided":               noStack,
	"lpipe deploy g":                    noStack,
	"lpipe deploy stack-name":           noStack,
	"lpipe deploy template-file":        noStack,
	"lpipe deploy t":                    noStack,
	"lpipe deploy capabilities":         noStack,
	"lpipe deploy resolve-s3":           noStack,
	"lpipe deploy confirm-changeset":    noStack,
	"lpipe deploy no-confirm-changeset": noStack,
	"lpipe logs name":                   "name it without a flag: lpipe logs NAME",
	"lpipe logs start-time":             "write it as: --since TIME",
	"lpipe logs s":                      "write it as: --since TIME",
	"lpipe logs lines":                  "--since says how far back the log begins",
	"lpipe new name":                    "name it without a flag: lpipe new NAME",
	"lpipe new y":                       "it does not ask",
	"lpipe new yes":                     "it does not ask",
	"lpipe cache prune y":               "it does not ask; --dry-run says what would be removed",
	"lpipe cache prune yes":             "it does not ask; --dry-run says what would be removed",
	"lpipe cache prune until":           "write it as: --keep-duration TIME",
	"lpipe cache prune reserved-space":  "write it as: --keep-storage",
	"lpipe logs tail":                   "--since says how far back the log begins, and -f goes on",
	"lpipe logs n":                      "--since says how far back the log begins",
	"lpipe cache prune a":               "without flags it removes everything that no build uses",
	"lpipe cache prune all":             "without flags it removes everything that no build uses",
	"lpipe cache prune f":               "it does not ask; --dry-run says what would be removed",
	"lpipe cache prune force":           "it does not ask; --dry-run says what would be removed",
	"lpipe cache prune filter":          "--keep-duration, --keep-storage and --mounts say what is kept",
	"lpipe cache prune keep-bytes":      "write it as: --keep-storage",
	"lpipe cache prune max-used-space":  "write it as: --keep-storage",
}

// foreignFlags are flags of cargo, cargo-lambda and buildx, by name and by letter, with what does the same here.
var foreignFlags = map[string]string{
	"release":               "the profile is release unless --profile names another",
	"debug":                 "--profile dev compiles without optimizations",
	"package":               "name lambdas or packages without a flag: lpipe build NAME",
	"p":                     "name lambdas or packages without a flag: lpipe build NAME",
	"bin":                   "name lambdas without a flag: lpipe build NAME",
	"bins":                  "--all is every lambda of the workspace",
	"all-targets":           "--all is every lambda of the workspace",
	"workspace":             "--all is every lambda of the workspace",
	"manifest-path":         "give the project's folder without a flag: lpipe build FOLDER/",
	"data-file":             "lpipe invoke --event FILE reads the event from a file",
	"data-ascii":            "lpipe invoke --data JSON gives the event",
	"env-var":               "write it as: --env NAME=VALUE",
	"ignore-changes":        "lpipe serve --watch=false serves what one build made",
	"locked":                "a build always takes Cargo.lock as it is",
	"frozen":                "a build always takes Cargo.lock as it is",
	"offline":               "what was downloaded before is not downloaded again",
	"F":                     "write it as: --features",
	"all-features":          "name them: --features A,B",
	"j":                     "cargo takes all processors of the engine's machine",
	"jobs":                  "cargo takes all processors of the engine's machine",
	"target-dir":            "write it as: --out-dir; lpipe build compiles in the engine, and only the results are here",
	"arm64":                 "write it as: --arch arm64",
	"x86-64":                "write it as: --arch x86_64",
	"x86_64":                "write it as: --arch x86_64",
	"output-format":         "both are made: bootstrap and bootstrap.zip",
	"lambda-dir":            "write it as: --out-dir",
	"l":                     "write it as: --out-dir",
	"flatten":               "each lambda has a folder of its own in target/lambda, or in that of --out-dir",
	"include":               "write it in lpipe.toml: include = [\"assets/**\"] in [build] or [lambda.NAME]",
	"tag":                   "lpipe build --push --tag TAG pushes an image",
	"t":                     "write it as: --tag, with --push",
	"file":                  "the Dockerfile is lpipe's own; lpipe render prints it",
	"f":                     "the Dockerfile is lpipe's own; lpipe render prints it",
	"output":                "--out-dir is for the results; --push makes images",
	"o":                     "--out-dir is for the results; --push makes images",
	"load":                  "--push pushes an image to a registry, from which docker pulls it",
	"secret":                "keys and tokens are in [ssh] and [git] of lpipe.toml, and in CARGO_REGISTRIES_NAME_TOKEN",
	"dryrun":                "lpipe plan says what would be built",
	"skip-tests":            "write it as: --no-test",
	"test":                  "lpipe build runs the tests unless --no-test is given",
	"dry-run":               "lpipe plan says what would be built",
	"check":                 "lpipe plan says what would be built",
	"print":                 "lpipe render prints the Dockerfile",
	"lib":                   "a lambda is a program: lpipe build NAME",
	"example":               "examples are no lambdas: make it a binary of the package",
	"exclude":               "name the lambdas that you want, or write lambdas = [...] in lpipe.toml",
	"message-format":        "lpipe build --json prints one JSON object about the lambdas",
	"compiler":              "the image has the compiler: base in [build] of lpipe.toml",
	"build-context":         "what is sent is what the lambda needs of the project; lpipe render --contexts lists it",
	"pull":                  "lpipe render --pin asks the registry again, and writes the digest into lpipe.toml",
	"iam-role":              "write it as: lpipe deploy --create --role ARN",
	"merge-env":             "lpipe deploy always adds variables to those that the function has: --env NAME=VALUE",
	"env-vars":              "write it as: --env NAME=VALUE",
	"binary-path":           "lpipe deploy takes the zips that lpipe build made, and checked, and no others",
	"binary-name":           "name lambdas without a flag: lpipe deploy NAME; --function-name names the function on AWS",
	"cargo-profile":         "lpipe build --profile is cargo's profile; lpipe deploy takes what was built, and its --profile is AWS's",
	"enable-function-url":   "lpipe makes nothing public: aws lambda create-function-url-config does",
	"disable-function-url":  "lpipe makes nothing public: aws lambda delete-function-url-config removes one",
	"metadata":              "--metadata-file writes digests and zips",
	"iidfile":               "--metadata-file writes digests and zips",
	"extension":             "write it in lpipe.toml: kind = \"extension\" in [lambda.NAME]",
	"internal":              "an internal extension is part of the program; kind = \"extension\" in [lambda.NAME] builds one of its own",
	"disable-optimizations": "the program is compiled as its profile in Cargo.toml says; --profile names another",
	"skip-target-check":     "the targets are in the image, and not on this machine",
	"color":                 "colours are for terminals; NO_COLOR=1 turns them off",
	"arm":                   "write it as: --arch arm64",
	"tests":                 "lpipe test runs the tests",
	"examples":              "examples are no lambdas: make one a binary of the package",
	"benches":               "benchmarks are no lambdas, and run with cargo",
	"keep-going":            "one lambda that fails does not stop the others",
	"artifact-dir":          "write it as: --out-dir",
	"label":                 "an image has the labels title, version and revision, of which lpipe knows the values",
	"annotation":            "an image has the labels title, version and revision, of which lpipe knows the values",
	"call":                  "lpipe render prints the Dockerfile",
	"Z":                     "flags of a nightly cargo are in [unstable] of .cargo/config.toml; the channel is in rust-toolchain.toml",
	"ignore-rust-version":   "set channel in rust-toolchain.toml to a Rust that is new enough",
	"no-fail-fast":          "one lambda that fails does not stop the others",
	"lockfile-path":         "a build takes the Cargo.lock of the workspace",
	"zig":                   "the image has the compiler and the linker: base in [build] of lpipe.toml",
	"skip-test":             "write it as: --no-test",
	"amd64":                 "write it as: --arch x86_64",
	"x86":                   "write it as: --arch x86_64",
	"x64":                   "write it as: --arch x86_64",
	"aarch64":               "write it as: --arch arm64",
	"architecture":          "write it as: --arch",
	"architectures":         "write it as: --arch",
	"build-env":             "write it as: --build-arg NAME=VALUE",
	"out":                   "write it as: --out-dir",
	"output-dir":            "write it as: --out-dir",
	"build-dir":             "write it as: --out-dir",
	"host":                  "--engine is the address of BuildKit, as in tcp://HOST:1234",
	"allow":                 withNetworkFlag,
	"attest":                "write it as: --sbom or --provenance, with --push",
	"add-host":              "what builds reach is in [network] of lpipe.toml",
	"no-cache-filter":       "write it as: --no-cache",
	"squash":                "an image has a layer of the base and one of the program",
	"static":                "write it as: --link static",
	"musl":                  "write it as: --link static",
	"image":                 "write it in lpipe.toml: image = \"registry.example.com/{{name}}\"; --push pushes it",
	"zip":                   "both are made: bootstrap and bootstrap.zip",
	"strip":                 "write it in the profile in Cargo.toml, and debug in [build] of lpipe.toml",
	"lto":                   "write it in the profile in Cargo.toml",
	"log-level":             "write it as: --progress plain, or --quiet",
	"config-file":           "write it as: --config FILE",
	"cache-dir":             "lpipe keeps what it built in the engine; --cache-from and --cache-to are for a registry",
	"deploy":                "lpipe deploy puts what was built into functions",
	"sign":                  "write it as: --statements",
	"use-container":         "a build is always in containers",
	"base-dir":              "give the project's folder without a flag: lpipe build FOLDER/",
	"manifest":              "give the project's folder without a flag: lpipe build FOLDER/",
	"template-file":         "lpipe build finds lambdas in Cargo.toml; lpipe template check compares a template with them",
	"parallel":              "lambdas are always built side by side",
	"cached":                "what was built before is always used; --no-cache builds all of it again",
	"build-image":           "write it as: --base IMAGE",
	"container-env-var":     "write it as: --build-arg NAME=VALUE",
	"docker-network":        "write it as: --network",
	"no-color":              "colours are for terminals; NO_COLOR=1 turns them off",
	"plain":                 "write it as: --progress plain",
	"silent":                "write it as: --quiet",
	"lambda":                "name lambdas without a flag: lpipe build NAME",
	"rustflags":             "write it in lpipe.toml: rustflags in [build]",
	"toolchain":             "set channel in rust-toolchain.toml",
	"context":               "give the project's folder without a flag: lpipe build FOLDER/",
}

// afterVerbs is the argument after those that name a verb, "" where it is a flag or there is none.
func afterVerbs(cmd *cobra.Command, args []string) string {
	if n := len(strings.Fields(cmd.CommandPath())) - 1; len(args) > n && !strings.HasPrefix(args[n], "-") {
		return args[n]
	}
	return ""
}

// flagError is the fault for a flag that a verb does not have, or that has a bad value. args are all that lpipe was called with.
func flagError(cmd *cobra.Command, args []string, err error) error {
	f := &fault.Error{Kind: fault.Usage, What: err.Error(), Fix: cmd.CommandPath() + " --help lists the flags"}
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		_, value, usage := flagWords(missing.GetFlag())
		f.What, f.Fix = "--"+missing.GetFlag().Name+" needs a value", value+": "+usage
		return f
	case errors.As(err, &invalid):
		_, value, usage := flagWords(invalid.GetFlag())
		f.What = "--" + invalid.GetFlag().Name + " cannot be " + fault.Quote(invalid.GetValue())
		f.Why, f.Fix = errors.Unwrap(invalid).Error(), strings.TrimPrefix(value+": "+usage, ": ")
		if errors.Is(invalid, errTwice) {
			f.What, f.Why, f.Fix = "--"+invalid.GetFlag().Name+" is given twice", errTwice.Error(), "give it once"
			return f
		}
		switch invalid.GetFlag().Value.Type() { // the words of package strconv are for programmers
		case "bool":
			f.Why, f.Fix = "it is a switch, which takes no value but true and false", "write it as: --"+invalid.GetFlag().Name
		case "int", "int32", "int64", "uint", "uint16":
			f.Why = "it is no whole number that fits"
		case "float64":
			f.Why = "it is no number"
		case "duration":
			f.Why = "it is no time, such as 90s, 5m or 1h30m"
		}
		return f
	}
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if letter, _, short := strings.Cut(strings.TrimPrefix(err.Error(), "unknown shorthand flag: '"), "' in "); short && !ok {
		name, ok = letter, true
		f.What = "unknown flag: -" + letter
	}
	if !ok {
		return f
	}
	if name == "version" || name == "V" {
		f.Fix = "lpipe --version prints it"
		return f
	}
	if verb := afterVerbs(cmd, args); verb != "" && cmd.HasAvailableSubCommands() {
		return knownVerb(cmd, []string{verb})
	}
	if _, word, short := strings.Cut(err.Error(), "' in -"); short { // one dash before a long name, as Go's own flags have it
		if word, _, _ = strings.Cut(word, "="); slices.Contains(flagNames(cmd), word) {
			f.What, f.Fix = "unknown flag: -"+word, "write it as: --"+word
			return f
		}
	}
	dashed := strings.ReplaceAll(name, "_", "-")
	if cmd.Flags().Lookup(dashed) != nil {
		f.Fix = "write it as: --" + dashed
	} else if many := cmd.Flags().Lookup(dashed + "s"); many != nil && !many.Hidden {
		f.Fix = "did you mean --" + many.Name + "?"
	} else if instead := cmp.Or(foreignHere[cmd.CommandPath()+" "+name], foreignFlags[name], foreignFlags[dashed]); instead != "" {
		f.Fix = instead
	} else if verbs := verbsWith(cmd.Root(), name); len(verbs) > 0 {
		f.Fix = "it is a flag of " + strings.Join(verbs, ", ")
	} else if near := cmp.Or(fault.Nearest(name, flagNames(cmd)), abbreviated(name, flagNames(cmd))); near != "" {
		f.Fix = "did you mean --" + near + "?"
	}
	return f
}

// abbreviated is the one flag that begins with a word, or with what is most like it, such as function-name for functoin; "" for none.
func abbreviated(word string, flags []string) string {
	const shortest = 3 // below, too many begin alike
	if len(word) < shortest {
		return ""
	}
	var begins, firsts []string
	for _, flag := range flags {
		if first, _, more := strings.Cut(flag, "-"); more {
			firsts = append(firsts, first)
		}
		if strings.HasPrefix(flag, word) {
			begins = append(begins, flag)
		}
	}
	if first := fault.Nearest(word, firsts); len(begins) == 0 && first != "" {
		begins = slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !strings.HasPrefix(flag, first+"-") })
	}
	if len(begins) != 1 {
		return ""
	}
	return begins[0]
}

// wantsJSON reports whether the arguments ask for JSON, also where they cannot be read otherwise.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	wants := false
	for _, arg := range args {
		if arg == "--json" {
			wants = true
		} else if value, ok := strings.CutPrefix(arg, "--json="); ok {
			on, err := strconv.ParseBool(value)
			wants = on || err != nil && wants
		}
	}
	return wants
}

// verbsWith are the verbs that list a flag of this name, or letter.
func verbsWith(cmd *cobra.Command, name string) (verbs []string) {
	for _, c := range cmd.Commands() {
		f := c.LocalFlags().Lookup(name)
		if len(name) == 1 {
			f = c.LocalFlags().ShorthandLookup(name)
		}
		if f != nil && !f.Hidden && c.IsAvailableCommand() {
			verbs = append(verbs, c.CommandPath())
		}
		verbs = append(verbs, verbsWith(c, name)...)
	}
	return verbs
}

// checkedWriter is standard output, which remembers what could not be written: a script would take an empty answer for one.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}

// fault is nil where all was written.
func (w *checkedWriter) fault() error {
	if w.err == nil {
		return nil
	}
	first, _, _ := strings.Cut(w.err.Error(), "\n")
	return &fault.Error{Kind: fault.Build, What: "standard output could not be written", Why: first, Fix: "write it to a place with room for it"}
}
