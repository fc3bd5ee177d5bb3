package scaffold

import (
	"strings"
	"testing"
)

func TestAMemberIsAddedToAManifest(t *testing.T) {
	for before, after := range map[string]string{
		"[workspace]\nmembers = [\"a\"]\n":                               "[workspace]\nmembers = [\"a\", \"new\"]\n",
		"[workspace]\nmembers = []\nresolver = \"3\"\n":                  "[workspace]\nmembers = [\"new\"]\nresolver = \"3\"\n",
		"[workspace]\nmembers = [\n    \"a\", # first\n    \"b\"\n]\n":   "[workspace]\nmembers = [\n    \"a\", # first\n    \"b\",\n    \"new\",\n]\n",
		"[workspace]\nmembers = [\n    \"a\",\n]\n\n[profile.release]\n": "[workspace]\nmembers = [\n    \"a\",\n    \"new\",\n]\n\n[profile.release]\n",
		"[workspace]\r\nmembers = [\r\n  \"a\",\r\n]\r\n":                "[workspace]\r\nmembers = [\r\n  \"a\",\r\n    \"new\",\r\n]\r\n",
		"[workspace]\r\nresolver = \"3\"\r\n":                            "[workspace]\r\nmembers = [\"new\"]\r\nresolver = \"3\"\r\n",
		"[workspace]\nmembers = [\n    \"a\" # last\n]\n":                "[workspace]\nmembers = [\n    \"new\",\n    \"a\" # last\n]\n",
		"[workspace]\nmembers = [\"a\" # ]\n, \"b\"]\n":                  "[workspace]\nmembers = [\n    \"new\",\"a\" # ]\n, \"b\"]\n",
		"[package]\nname = \"x\"\n\n[workspace]\n":                       "[package]\nname = \"x\"\n\n[workspace]\nmembers = [\"new\"]\n",
		"[workspace]\nmembers = [\"*\"]\n":                               "[workspace]\nmembers = [\"*\"]\n",
		"[workspace]\nexclude = [\"b\"]\nmembers = [\"a\"]\n":            "[workspace]\nexclude = [\"b\"]\nmembers = [\"a\", \"new\"]\n",
	} {
		got, err := AddMember([]byte(before), "new")
		if err != nil || string(got) != after {
			t.Errorf("%q becomes %q (%v), want %q", before, got, err, after)
		}
	}
	for manifest, why := range map[string]string{
		"[package]\nname = \"x\"\n":           "it has no [workspace]",
		"workspace = { members = [\"a\"] }\n": "its members are not written as a list that lpipe can add to",
		"[workspace\n":                        "",
	} {
		if _, err := AddMember([]byte(manifest), "new"); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q is taken: %v", manifest, err)
		}
	}
}

// FuzzAddMember: whatever the manifest is, what comes out has all its members and the new one.
func FuzzAddMember(f *testing.F) {
	f.Add([]byte("[workspace]\nmembers = [\"a\"]\n"))
	f.Add([]byte("#[workspace]\n[workspace]\nmembers = [\n\"a\" # ]\n]\n"))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		after, err := AddMember(manifest, "new")
		if err != nil {
			return
		}
		was, _ := members(manifest)
		is, err := members(after)
		if err != nil || len(is) < len(was) {
			t.Errorf("%q became %q: %v", manifest, after, err)
		}
	})
}

func TestNames(t *testing.T) {
	for name, fix := range map[string]string{
		"orders": "", "my-orders": "", "_x": "", "A1": "",
		"9x": "lambda-9x", "my orders": "my-orders", "größe": "gr--e", "": "lambda", "a/b": "a-b", "fn": "fn-lambda", "test": "test-lambda", "_": "-lambda",
		"gen": "gen-lambda", "Con": "Con-lambda", "serde": "serde-lambda", "lambda-runtime": "lambda-runtime-lambda", strings.Repeat("x", 65): "shorten it",
	} {
		err := Answers{Name: name, Runtime: "crate", EventType: "json"}.CheckName()
		if (err == nil) != (fix == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if id := (Function{Name: "my-orders_2x"}).ID(); id != "MyOrders2x" {
		t.Errorf("the logical name is %s", id)
	}
	if id := (Function{Name: "_1"}).ID(); id != "Lambda1" {
		t.Errorf("the logical name is %s", id)
	}
	files, err := Project(Answers{Template: "cloudformation", CI: "none"}, []Function{{"a-b", "x"}, {"a_b", "y"}, {"aB", "z"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, id := range []string{"ABFunction", "AB2Function", "AB3Function"} {
			if n := strings.Count(string(f.Data), "\n  "+id+":\n    Type"); f.Name == "template.yaml" && n != 1 {
				t.Errorf("%d functions are called %s", n, id)
			}
		}
	}
}
