package plan

import (
	"strings"
	"testing"
)

// beside is a workspace with a function and an extension, and a second function.
const beside = `
-- Cargo.toml --
[workspace]
members = ["orders", "users", "watcher"]
default-members = ["orders", "users"]
-- orders/Cargo.toml --
[package]
name = "orders"
version = "0.1.0"
-- orders/src/main.rs --
-- users/Cargo.toml --
[package]
name = "users"
version = "0.1.0"
-- users/src/main.rs --
-- watcher/Cargo.toml --
[package]
name = "watcher"
version = "0.1.0"
-- watcher/src/main.rs --
-- lpipe.toml --
[lambda.orders]
layers = ["watcher", "maths"]
[lambda.watcher]
kind = "extension"
[layer.maths]
include-from-image = ["libmpc.so.3", "/etc/x:y/"]
`

// TestExtensionsComeWithTheirFunctions: also from outside of the default members, and with what is kept of a plan.
func TestExtensionsComeWithTheirFunctions(t *testing.T) {
	p := mustPlan(t, beside, names("orders"))
	wantLambdas(t, p, "orders = orders/orders", "watcher = watcher/watcher")
	for _, l := range p.Lambdas() {
		if l.Extension != (l.Name == "watcher") {
			t.Errorf("%s is an extension: %t", l.Name, l.Extension)
		}
	}
	wantLambdas(t, mustPlan(t, beside, names("users")), "users = users/users")
	wantLambdas(t, mustPlan(t, beside, names("watcher")), "watcher = watcher/watcher")
	wantLambdas(t, mustPlan(t, beside, nil), "orders = orders/orders", "users = users/users", "watcher = watcher/watcher")
	all := mustPlan(t, beside, nil)
	for name, want := range map[string][]string{
		"orders": {"orders = orders/orders", "watcher = watcher/watcher"}, "watcher": {"orders = orders/orders", "watcher = watcher/watcher"},
		"users": {"users = users/users"},
	} {
		wantLambdas(t, all.Keep(func(l *Lambda) bool { return l.Name == name }), want...)
	}
	for _, v := range p.Variants {
		var want []ImageFile
		if v.Lambdas[0].Name == "orders" {
			want = []ImageFile{{"libmpc.so.3", "layers/maths", "lib/libmpc.so.3"}, {"/etc/x", "layers/maths", "y/x"}}
		}
		if len(v.ImageFiles) != len(want) || len(want) > 0 && (v.ImageFiles[0] != want[0] || v.ImageFiles[1] != want[1]) {
			t.Errorf("%v, want %v", v.ImageFiles, want)
		}
	}
}

func TestExtensionsThatCannotRunBesideAFunction(t *testing.T) {
	_, err := plan(t, strings.Replace(beside, "kind =", "arch = \"arm64\"\nkind =", 1), names("orders"))
	wantMistake(t, err, `error: lpipe.toml:2: the extension watcher is not built for x86_64, as orders is
fix:   add it to arch of the extension
`)
	_, err = plan(t, beside[:strings.Index(beside, "[lambda.orders]")]+"lambdas = [\"orders\"]\n"+beside[strings.Index(beside, "[lambda.orders]"):], names("orders"))
	wantMistake(t, err, `error: lpipe.toml:3: the extension watcher is no program of the project of orders
why:   what runs beside a function is built with it
fix:   move it into this workspace, and name it in lambdas where that is set, or take it out of layers
`)
}
