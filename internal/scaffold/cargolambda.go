package scaffold

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"lpipe/internal/fault"
)

// CargoLambda is what a project has for cargo-lambda: https://www.cargo-lambda.info/guide/configuration.html
type CargoLambda struct {
	File      []byte         // CargoLambda.toml
	Workspace map[string]any // [workspace.metadata.lambda]
	Lambdas   []CargoLambdaBin
}

// CargoLambdaBin is a lambda of it.
type CargoLambdaBin struct {
	Name, Bin, Package string         // Name is lpipe's
	Metadata           map[string]any // [package.metadata.lambda] of its package
}

// Config returns the lpipe.toml that has the same effect. isDir reports whether a path of an include is a folder, and check says what is
// wrong with an lpipe.toml. notes are the settings that lpipe has in another place, or not at all, and those whose values it does not take.
// The error says what is no TOML, or that there is nothing for cargo-lambda.
func (c CargoLambda) Config(isDir func(name string) bool, check func(text []byte) error) (text []byte, notes []string, err error) {
	v := conversion{isDir: isDir, check: check, sections: map[string]map[string]any{}, noted: map[string]bool{}}
	if len(c.Lambdas) == 1 {
		v.only = "lambda." + c.Lambdas[0].Name
	}
	var file map[string]any
	if err := toml.Unmarshal(c.File, &file); err != nil {
		return nil, nil, fmt.Errorf("CargoLambda.toml: %w", err)
	}
	v.layer("CargoLambda.toml", file, "")
	v.layer("workspace.metadata.lambda", c.Workspace, "")
	for _, l := range c.Lambdas {
		own := "lambda." + l.Name
		if len(c.Lambdas) == 1 {
			own = ""
		}
		v.bin("workspace.metadata.lambda", c.Workspace, l, own)
		v.layer("package.metadata.lambda", l.Metadata, own)
		v.bin("package.metadata.lambda", l.Metadata, l, own)
	}
	if len(v.sections) == 0 && len(v.notes) == 0 {
		return nil, nil, errors.New("there is no [package.metadata.lambda] or [workspace.metadata.lambda], and no CargoLambda.toml")
	}
	if text, err = v.text(); err != nil {
		return nil, nil, err
	}
	for _, f := range fault.Faults(check(text)) { // of keys that do not go together
		v.notes = append(v.notes, f.What+", because "+f.Reason()+"; "+f.Fix)
	}
	return text, v.notes, nil
}

// conversion are the keys of lpipe.toml by the name of their table.
type conversion struct {
	isDir    func(string) bool
	check    func([]byte) error
	refused  []string // why values that were set are none for lpipe
	only     string   // the table of the lambda, if there is one alone
	sections map[string]map[string]any
	notes    []string
	noted    map[string]bool
}

// set gives a key of [build] or [deploy], or those of a lambda, a value.
func (v *conversion) set(own, table, key string, value any) {
	switch {
	case own == "":
	case table == "build":
		table = own
	default:
		table = own + "." + table
	}
	if pairs, ok := value.(map[string]any); ok {
		maps.DeleteFunc(pairs, func(name string, one any) bool { return !v.takes(table, key, map[string]any{name: one}) })
		if len(pairs) == 0 {
			return
		}
	} else if !v.takes(table, key, value) {
		return
	}
	if v.sections[table] == nil {
		v.sections[table] = map[string]any{}
	}
	if old, ok := v.sections[table][key].(map[string]any); ok {
		more, _ := value.(map[string]any)
		maps.Copy(old, more)
		return
	}
	v.sections[table][key] = value
}

// takes reports whether lpipe takes a value of a key. If not, taken says so.
func (v *conversion) takes(table, key string, value any) bool {
	alone, err := section(table, map[string]any{key: value})
	if err == nil {
		err = v.check([]byte(strings.Join(alone, "")))
	}
	if err != nil {
		v.refused = append(v.refused, refusal(err))
	}
	return err == nil
}

// refusal is a mistake of an lpipe.toml in the words of a note.
func refusal(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	_, what, _ := strings.Cut(f.What, ": ") // after the place
	return strings.TrimSuffix(cmp.Or(what, f.What)+", because "+f.Reason(), ", because ")
}

// taken notes that a value was left out, if it was.
func (v *conversion) taken(from, key string) {
	slices.Sort(v.refused) // those of variables are in no order
	for _, why := range v.refused {
		v.note(from, key, "it is left out: "+why)
	}
	v.refused = nil
}

func (v *conversion) note(from, key, why string) {
	if text := from + "." + key + ": " + why; !v.noted[text] {
		v.noted[text] = true
		v.notes = append(v.notes, text)
	}
}

// bin converts what a layer has for one program, by the name of its target or its package.
func (v *conversion) bin(from string, layer map[string]any, l CargoLambdaBin, own string) {
	bins, _ := layer["bin"].(map[string]any)
	for _, name := range []string{l.Bin, l.Package} {
		if one, ok := bins[name].(map[string]any); ok {
			v.layer(from+".bin."+name, one, own)
			return
		}
	}
}

// layer converts the tables of one layer, each of which goes over those before.
func (v *conversion) layer(from string, layer map[string]any, own string) {
	for _, table := range slices.Sorted(maps.Keys(layer)) {
		values, _ := layer[table].(map[string]any)
		switch table {
		case "bin":
		case "env":
			v.set(own, "deploy", "env", pairs(values))
			v.taken(from, table)
		case "build", "deploy":
			for _, key := range slices.Sorted(maps.Keys(values)) {
				if why := v.key(own, table, key, values[key]); why != "" {
					v.note(from, table+"."+key, why)
				}
				v.taken(from, table+"."+key)
			}
		case "watch":
			v.note(from, table, "[serve] and the flags of lpipe serve have what lpipe has of it")
		default:
			v.note(from, table, "lpipe has nothing like it")
		}
	}
}

// key converts one key. It returns what to say of one that is not taken as it is.
func (v *conversion) key(own, table, key string, value any) string {
	text, _ := value.(string)
	on, _ := value.(bool)
	switch table + "." + key {
	case "build.include", "deploy.include":
		v.set(own, "build", "include", v.globs(texts(value)))
	case "build.extension", "deploy.extension":
		of := cmp.Or(own, v.only)
		if !on {
			return ""
		}
		if of == "" {
			return "kind = \"extension\" in [lambda.NAME] makes a lambda an extension"
		}
		v.set(of, "build", "kind", "extension")
		return "lpipe build makes the zip of the layer; lpipe deploy publishes it with a function that names it in layers"
	case "build.arm64", "build.x86_64":
		if arch := strings.TrimPrefix(key, "build."); on {
			v.set(own, "build", "arch", arch)
		}
	case "build.target":
		arch := "x86_64"
		if strings.HasPrefix(text, "aarch64-") {
			arch = "arm64"
		}
		v.set(own, "build", "arch", arch)
		if !strings.Contains(text, "-musl") {
			return "lpipe links libc in, for musl; link = \"dynamic\" in [build] makes a program for gnu"
		}
	case "build.features":
		v.set(own, "build", "features", texts(value))
	case "build.no_default_features":
		v.set(own, "build", "default-features", !on)
	case "build.profile":
		v.set(own, "build", "profile", text)
	case "build.env", "build.env_var":
		v.set(own, "build", "env", pairs(value))
	case "build.compiler", "build.skip_target_check", "build.output_format", "build.release":
		return "lpipe compiles in the base image, in the profile release unless profile in [build] says otherwise, and makes the program and the zip"
	case "build.lambda_dir", "deploy.lambda_dir", "build.flatten":
		return "lpipe build --out-dir says where the results go"
	case "deploy.memory":
		v.set(own, "deploy", "memory", value)
	case "deploy.timeout":
		v.set(own, "deploy", "timeout", fmt.Sprintf("%vs", value))
	case "deploy.description":
		v.set(own, "deploy", key, text)
	case "deploy.layer", "deploy.layers":
		v.set(own, "deploy", "layers", texts(value))
	case "deploy.env", "deploy.env_var":
		v.set(own, "deploy", "env", pairs(value))
	case "deploy.tag", "deploy.tags":
		v.set(own, "deploy", "tags", pairs(value))
	case "deploy.name":
		v.set(own, "deploy", "function", text)
	case "deploy.runtime":
		v.set(own, "build", "runtime", text)
	case "deploy.alias", "deploy.s3_bucket":
		v.set("", "deploy", strings.ReplaceAll(key, "_", "-"), text) // one for all lambdas
	case "deploy.s3_key":
		return "s3-key in [deploy] is that of all lambdas, with {{name}} and {{sha256}} in it"
	case "deploy.profile", "deploy.region", "deploy.endpoint_url":
		return "lpipe deploy finds the account as AWS's tools do, or by --profile, --region and --endpoint-url"
	case "deploy.retry_attempts":
		return "lpipe deploy sends again what AWS throttles"
	case "deploy.binary_name", "deploy.binary_path":
		return "function in [lambda.NAME.deploy] names the function that a lambda is for"
	case "deploy.dry", "deploy.output_format":
		return "lpipe deploy has it by --dry-run and --json"
	case "build.manifest_path", "deploy.manifest_path", "build.package", "build.packages", "build.bin", "build.bins":
		return "lpipe build and lpipe deploy take names of lambdas and paths of projects"
	case "deploy.env_file":
		return "lpipe deploy --env-file reads it"
	case "deploy.role", "deploy.iam_role":
		return "lpipe deploy --create --role makes a function with it, and leaves that of one that is there"
	case "deploy.merge_env":
		if !on {
			return "lpipe deploy leaves variables that are on AWS, and adds its own"
		}
	default:
		if table == "deploy" {
			return "lpipe deploy leaves this as it is on AWS; the template that makes the function has it"
		}
		return "lpipe has nothing like it"
	}
	return ""
}

// globs are the patterns for what cargo-lambda includes: files, and folders with all in them.
func (v *conversion) globs(names []string) (all []string) {
	for _, name := range names {
		if name = path.Clean(name); v.isDir(name) {
			name += "/**"
		}
		all = append(all, name)
	}
	return all
}

// texts reads a list, which may be one text with commas.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		for one := range strings.SplitSeq(value, ",") {
			all = append(all, strings.TrimSpace(one))
		}
	case []any:
		for _, one := range value {
			all = append(all, fmt.Sprint(one))
		}
	}
	return all
}

// pairs reads a table, or a list of NAME=VALUE.
func pairs(value any) map[string]any {
	all := map[string]any{}
	if table, ok := value.(map[string]any); ok {
		for name, v := range table {
			all[name] = fmt.Sprint(v)
		}
		return all
	}
	for _, pair := range texts(value) {
		name, v, _ := strings.Cut(pair, "=")
		all[name] = v
	}
	return all
}

// text is the file: the tables of all lambdas before those of one.
func (v *conversion) text() ([]byte, error) {
	var b strings.Builder
	b.WriteString("# What lpipe init --from cargo-lambda made of the settings of cargo-lambda.\n")
	names := slices.Sorted(maps.Keys(v.sections))
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Count(a, ".") - strings.Count(b, ".")
	})
	for _, name := range names {
		lines, err := section(name, v.sections[name])
		if err != nil {
			return nil, err
		}
		b.WriteString("\n" + strings.Join(lines, ""))
	}
	return []byte(b.String()), nil
}

// section are the lines of a table.
func section(name string, values map[string]any) (lines []string, err error) {
	parts := []string{name}
	if rest, ok := strings.CutPrefix(name, "lambda."); ok {
		rest, deploy := strings.CutSuffix(rest, ".deploy")
		if parts = []string{"lambda", rest}; deploy {
			parts = append(parts, "deploy")
		}
	}
	tree := any(values)
	for _, part := range slices.Backward(parts) {
		tree = map[string]any{part: tree}
	}
	table, err := toml.Marshal(tree)
	// The tables above it are implied.
	for line := range strings.Lines(string(table)) {
		if line != "[lambda]\n" && (len(parts) < 3 || line != "["+strings.Join(parts[:2], ".")+"]\n") && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines, err
}
