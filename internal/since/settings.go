package since

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"lpipe/internal/cargo"
)

// settings names the settings of a lambda that differ; none when it is built in the same way.
// toolchain gives the toolchain file its name.
func settings(was, is built, toolchain func(text string) string) []string {
	names := fields(was.Build, is.Build, kebab)
	for _, differs := range []bool{was.Kind != is.Kind, was.Bin != is.Bin} {
		if differs {
			names = append(names, "its cargo target")
		}
	}
	if was.Arch != is.Arch {
		names = append(names, "arch")
	}
	if len(names) > 0 || bytes.Equal(was.text, is.text) {
		return names
	}
	names = fields(*was.variant, *is.variant, func(field string) string { return toolchain(variantFields[field]) })
	if len(names) == 0 {
		names = []string{"the steps of the build"}
	}
	return names
}

// variantFields are the fields of a variant that no setting of the lambda alone decides, in words; others are left out.
var variantFields = map[string]string{
	"Channel": "rust-toolchain.toml", "Components": "rust-toolchain.toml", "Targets": "rust-toolchain.toml", "InstallProfile": "rust-toolchain.toml",
	"Dir": "the folder of the workspace", "Features": "features of lambdas of the workspace", "SeparatePackages": "features-per-lambda",
	"NoDefaultFeatures": "default-features", "Env": "rustflags of .cargo/config.toml", "Git": "git repositories in Cargo.lock", "SSH": "git repositories in Cargo.lock",
}

// fields are the names of fields that differ between two structs of one type; "" is none.
func fields(was, is any, name func(field string) string) []string {
	var all []string
	before, after := reflect.ValueOf(was), reflect.ValueOf(is)
	for i := range before.NumField() {
		if called := name(before.Type().Field(i).Name); called != "" && !reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			all = append(all, called)
		}
	}
	return all
}

// kebab is the name of a field as lpipe.toml has it: test-env.
func kebab(field string) string {
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// rootKeys are the keys of the root's manifest that differ and that concern every package. What [patch] and [replace] come
// to is in the lock file, and members are told by their folders.
func rootKeys(was, is *cargo.Manifest) []string {
	var all []string
	add := func(prefix string, before, after any, except ...string) {
		for _, key := range differ(before, after) {
			if !slices.Contains(except, key) {
				all = append(all, prefix+key+" of Cargo.toml")
			}
		}
	}
	add("profile.", was.Tree["profile"], is.Tree["profile"])
	add("workspace.", was.Tree["workspace"], is.Tree["workspace"], "members", "exclude", "default-members", "metadata", "dependencies", "package", "lints")
	for _, key := range []string{"edition", "resolver"} {
		if !reflect.DeepEqual(was.Package()[key], is.Package()[key]) {
			all = append(all, "package."+key+" of Cargo.toml")
		}
	}
	if !reflect.DeepEqual(was.Tree["cargo-features"], is.Tree["cargo-features"]) {
		all = append(all, "cargo-features of Cargo.toml")
	}
	return all
}

// differ are the keys of two tables with other values, or of one that is no table: then there are none in it.
func differ(was, is any) []string {
	before, _ := was.(map[string]any)
	after, _ := is.(map[string]any)
	var all []string
	for key := range after {
		if !reflect.DeepEqual(before[key], after[key]) {
			all = append(all, key)
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// inherited are the keys of the root's manifest that differ and that a package in view inherits.
func (c *comparison) inherited(v view) []string {
	before, after := c.old.ws.Manifest.Workspace(), c.now.ws.Manifest.Workspace()
	pkg, deps := differ(before["package"], after["package"]), differ(before["dependencies"], after["dependencies"])
	lints := !reflect.DeepEqual(before["lints"], after["lints"])
	if len(pkg) == 0 && len(deps) == 0 && !lints {
		return nil
	}
	takes := func(t any) bool {
		spec, _ := t.(map[string]any)
		return spec["workspace"] == true
	}
	var all []string
	for dir := range v.dirs {
		m := c.now.packages[dir].Manifest
		for _, key := range pkg {
			if takes(m.Package()[key]) {
				all = append(all, "workspace.package."+key+" of Cargo.toml")
			}
		}
		for _, d := range m.Dependencies() {
			if slices.Contains(deps, d.Name) && d.Spec["workspace"] == true {
				all = append(all, "workspace.dependencies."+d.Name+" of Cargo.toml")
			}
		}
		if lints && takes(m.Tree["lints"]) {
			all = append(all, "workspace.lints of Cargo.toml")
		}
	}
	return all
}

// features are those that the local packages ask for of each crate: cargo compiles it once for all of them.
func features(ws *cargo.Workspace) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	shared, _ := ws.Manifest.Workspace()["dependencies"].(map[string]any)
	for _, p := range ws.Packages {
		for _, d := range p.Manifest.Dependencies() {
			specs := []map[string]any{d.Spec}
			if d.Spec["workspace"] == true {
				from, _ := shared[d.Name].(map[string]any)
				specs = append(specs, from)
			}
			crate, byDefault := d.Name, true
			for _, spec := range specs {
				if name, ok := spec["package"].(string); ok {
					crate = name
				}
				if spec["default-features"] == false || spec["default_features"] == false {
					byDefault = false
				}
			}
			if all[crate] == nil {
				all[crate] = map[string]bool{}
			}
			if byDefault {
				all[crate]["default"] = true
			}
			for _, spec := range specs {
				list, _ := spec["features"].([]any)
				for _, f := range list {
					if name, ok := f.(string); ok {
						all[crate][name] = true
					}
				}
			}
		}
	}
	return all
}

// versions are those of locked crates, in words.
func versions(locked []string) string {
	all := map[string]bool{}
	for _, one := range locked {
		version, _, _ := strings.Cut(one, " ")
		all[version] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), " and ")
}
