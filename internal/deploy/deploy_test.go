package deploy_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lpipe/internal/awsapi"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// packed is a zip with a program.
func packed(program string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("bootstrap")
	if err == nil {
		_, err = f.Write([]byte(program))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// account is an account of AWS's with functions f0, f1, ... that have the program "old".
type account struct {
	*testparts.AWS
	client *awsapi.Client
	t      testing.TB
	mu     sync.Mutex
	said   []string
}

func newAccount(t *testing.T, functions int) *account {
	t.Helper()
	a := &account{AWS: testparts.NewAWS(t), t: t}
	for name, value := range a.Env() {
		t.Setenv(name, value)
	}
	for i := range functions {
		a.function(fmt.Sprintf("f%d", i), map[string]any{})
	}
	client, err := awsapi.Open(t.Context(), awsapi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.client = client
	return a
}

// function makes one, with the fields of a request beside the usual ones.
func (a *account) function(name string, fields map[string]any) {
	a.t.Helper()
	request := map[string]any{
		"FunctionName": name, "Role": a.Role, "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": map[string]any{"ZipFile": packed("old")},
		"Environment": map[string]any{"Variables": map[string]string{"OF_OTHERS": "stays"}},
	}
	maps.Copy(request, fields)
	body, err := json.Marshal(request)
	if err != nil {
		a.t.Fatal(err)
	}
	post(a.t, a.Server+"/2015-03-31/functions", string(body))
}

// lambdas are f0, f1, ... with a program.
func lambdas(functions int, program string) (all []deploy.Wanted) {
	for i := range functions {
		all = append(all, one(fmt.Sprintf("f%d", i), program))
	}
	return all
}

func one(function, program string) deploy.Wanted {
	data := packed(program)
	return deploy.Wanted{
		Lambda: function, Function: function, Arch: "x86_64", Runtime: "provided.al2023", SHA256: deploy.Sum(data), Size: int64(len(data)),
		Zip: func() ([]byte, error) { return data, nil },
	}
}

func (a *account) plan(wanted []deploy.Wanted, o deploy.Options) (deploy.Plan, error) {
	a.t.Helper()
	found, err := deploy.Read(a.t.Context(), a.client, wanted, o)
	if err != nil {
		a.t.Fatal(err)
	}
	return deploy.Make(wanted, found, o)
}

func (a *account) deploy(wanted []deploy.Wanted, o deploy.Options) ([]deploy.Outcome, error) {
	a.t.Helper()
	plan, err := a.plan(wanted, o)
	if err != nil {
		a.t.Fatal(err)
	}
	return deploy.Apply(a.t.Context(), a.client, plan, a.log)
}

func (a *account) log(function, what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, function+": "+what)
}

// live is the code and the version that a function, or what an alias names, is.
func (a *account) live(function, alias string) deploy.Function {
	a.t.Helper()
	f, err := a.client.Function(a.t.Context(), function, alias)
	if err != nil {
		a.t.Fatal(err)
	}
	return f
}

func (a *account) runs(function, alias, program string) {
	a.t.Helper()
	if f := a.live(function, alias); f.CodeSHA256 != deploy.Sum(packed(program)) {
		a.t.Errorf("%s:%s, version %s, does not run %q", function, alias, f.Version, program)
	}
}

func states(all []deploy.Outcome) string {
	var words []string
	for _, o := range all {
		words = append(words, o.Function+" "+string(o.State))
	}
	return strings.Join(words, ", ")
}

func TestOneOfManyIsUploaded(t *testing.T) {
	a := newAccount(t, 3)
	o := deploy.Options{Alias: "live"}
	if all, err := a.deploy(lambdas(3, "new"), o); err != nil || states(all) != "f0 deployed, f1 deployed, f2 deployed" {
		t.Fatal(states(all), err)
	}
	a.Counts()
	wanted := lambdas(3, "new")
	wanted[1] = one("f1", "newer")
	all, err := a.deploy(wanted, o)
	if err != nil || states(all) != "f0 as built, f1 deployed, f2 as built" {
		t.Fatal(states(all), err)
	}
	counts := a.Counts()
	if n := testparts.Count(counts, "^(PUT|POST) "); testparts.Count(counts, "^PUT NAME/code") != 1 || n != 3 {
		t.Errorf("%d requests change something: %v", n, counts)
	}
	a.runs("f0", "live", "new")
	a.runs("f1", "live", "newer")
	if all, err := a.deploy(wanted, o); err != nil || states(all) != "f0 as built, f1 as built, f2 as built" {
		t.Fatal(states(all), err)
	}
	if n := testparts.Count(a.Counts(), "^(PUT|POST) "); n != 0 {
		t.Errorf("nothing differs, and %d requests change something", n)
	}
}

func TestASmokeThatFailsShiftsNothing(t *testing.T) {
	a := newAccount(t, 3)
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(3, "good"), o); err != nil {
		t.Fatal(err)
	}
	wanted := lambdas(3, "bad")
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
	}
	a.Fails("f1", `{"errorMessage":"no","errorType":"Error"}`)
	all, err := a.deploy(wanted, o)
	if err == nil || !strings.Contains(err.Error(), "version 2 of f1 failed its smoke event") || fault.Worst(err) != fault.Publish {
		t.Errorf("%s: %v", states(all), err)
	}
	for _, f := range []string{"f0", "f1", "f2"} {
		a.runs(f, "live", "good")
	}
	// The next one goes on where it ended: nothing is uploaded again.
	a.Fails("f1", "")
	a.Counts()
	if all, err = a.deploy(wanted, o); err != nil {
		t.Errorf("%s: %v", states(all), err)
	}
	if counts := a.Counts(); testparts.Count(counts, "^PUT NAME/code|^POST NAME/versions") != 0 || testparts.Count(counts, "^PUT NAME/aliases") != 3 {
		t.Errorf("%v", counts)
	}
	a.runs("f1", "live", "bad")
}

// TestWithoutAnAliasCodeIsPutBack: what was live before a failure is downloaded from AWS, and uploaded.
func TestWithoutAnAliasCodeIsPutBack(t *testing.T) {
	a := newAccount(t, 3)
	wanted := lambdas(3, "bad")
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
		wanted[i].Memory = 256
		wanted[i].Env = map[string]string{"ADDED": "x", "OF_OTHERS": "changed"}
	}
	a.Fails("f2", `{"errorMessage":"no"}`)
	all, err := a.deploy(wanted, deploy.Options{})
	if err == nil || states(all) != "f0 rolled back, f1 rolled back, f2 rolled back" {
		t.Errorf("%s: %v", states(all), err)
	}
	for _, name := range []string{"f0", "f1", "f2"} {
		a.runs(name, "", "old")
		if f := a.live(name, ""); f.Memory != 128 || !maps.Equal(f.Env, map[string]string{"OF_OTHERS": "stays"}) {
			t.Errorf("%s has %d MB and %v", name, f.Memory, f.Env)
		}
	}
}

// TestWhatIsNamedAloneIsPutBack: a description where there was none goes again, and what others set meanwhile stays.
func TestWhatIsNamedAloneIsPutBack(t *testing.T) {
	a := newAccount(t, 1)
	wanted := lambdas(1, "bad")
	wanted[0].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
	wanted[0].Description, wanted[0].Timeout = "new", 20*time.Second
	a.Fails("f0", `{"errorMessage":"no"}`)
	plan, err := a.plan(wanted, deploy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, a.Server+"/2015-03-31/functions/f0/configuration", `{"MemorySize":1024}`)
	if all, err := deploy.Apply(t.Context(), a.client, plan, a.log); err == nil || states(all) != "f0 rolled back" {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f0", "", "old")
	if f := a.live("f0", ""); f.Description != "" || f.Timeout != 3*time.Second || f.Memory != 1024 {
		t.Errorf("%+v", f.Settings)
	}
}

// TestAnAliasOfLatest: what is uploaded is not live by an alias that names $LATEST, which first becomes a version of it.
func TestAnAliasOfLatest(t *testing.T) {
	a := newAccount(t, 2)
	for _, name := range []string{"f0", "f1"} {
		post(t, a.Server+"/2015-03-31/functions/"+name+"/aliases", `{"Name":"live","FunctionVersion":"$LATEST"}`)
	}
	o := deploy.Options{Alias: "live", Steps: []int{50}}
	wanted := lambdas(2, "bad")
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
	}
	a.Fails("f1", `{"errorMessage":"no"}`)
	if all, err := a.deploy(wanted, o); err == nil {
		t.Error(states(all))
	}
	a.runs("f0", "live", "old")
	a.runs("f1", "live", "old")
	a.Fails("f1", "")
	if all, err := a.deploy(lambdas(2, "good"), o); err != nil || states(all) != "f0 deployed, f1 deployed" {
		t.Error(states(all), err)
	}
	a.runs("f1", "live", "good")
	back, err := deploy.Before(t.Context(), a.client, lambdas(2, ""), "live", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := deploy.Rollback(t.Context(), a.client, back, o, a.log); err != nil {
		t.Error(err)
	}
	a.runs("f1", "live", "old")
	// Where $LATEST is what was built, the alias names a version of it.
	a.function("same", map[string]any{})
	post(t, a.Server+"/2015-03-31/functions/same/aliases", `{"Name":"live","FunctionVersion":"$LATEST"}`)
	if all, err := a.deploy([]deploy.Wanted{one("same", "old")}, o); err != nil || states(all) != "same deployed" || a.live("same", "live").Version != "1" {
		t.Error(states(all), err, a.live("same", "live").Version)
	}
}

// TestAnAliasThatSharesOut: an alias of what was built that gives a share to another version is moved, also without steps.
func TestAnAliasThatSharesOut(t *testing.T) {
	a := newAccount(t, 1)
	o := deploy.Options{Alias: "live"}
	for _, program := range []string{"one", "two"} {
		if _, err := a.deploy(lambdas(1, program), o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.client.UpdateAlias(t.Context(), "f0", deploy.Alias{Name: "live", Version: "2", Other: "1", Weight: 0.1}); err != nil {
		t.Fatal(err)
	}
	if all, err := a.deploy(lambdas(1, "two"), o); err != nil || states(all) != "f0 deployed" {
		t.Error(states(all), err)
	}
	if alias, err := a.client.Alias(t.Context(), "f0", "live"); err != nil || alias.Version != "2" || alias.Other != "" {
		t.Errorf("%+v %v", alias, err)
	}
}

func TestVariablesOfOthersStay(t *testing.T) {
	a := newAccount(t, 1)
	wanted := lambdas(1, "new")
	wanted[0].Env = map[string]string{"MINE": "1"}
	plan, err := a.plan(wanted, deploy.Options{Alias: "live"})
	if err != nil {
		t.Fatal(err)
	}
	if words := plan.Items[0].Words("live"); words != "code, env +MINE, alias live (new) -> version" {
		t.Error(words)
	}
	// Somebody sets one after the plan was made.
	put(t, a.Server+"/2015-03-31/functions/f0/configuration", `{"Environment":{"Variables":{"OF_OTHERS":"stays","LATE":"stays too"}}}`)
	if _, err := deploy.Apply(t.Context(), a.client, plan, a.log); err != nil {
		t.Fatal(err)
	}
	if f := a.live("f0", "live"); !maps.Equal(f.Env, map[string]string{"OF_OTHERS": "stays", "LATE": "stays too", "MINE": "1"}) {
		t.Errorf("%v", f.Env)
	}
}

// TestAFunctionIsMadeOnce: where the answer of AWS is lost, the function is there when it is made again; where it is somebody
// else's by then, it is left as it is.
func TestAFunctionIsMadeOnce(t *testing.T) {
	a := newAccount(t, 0)
	o := deploy.Options{Alias: "live", Create: true, Role: a.Role}
	once := true
	a.After(func(request string) {
		if once && strings.HasPrefix(request, "POST") && strings.HasSuffix(request, "/functions") {
			once = false
			panic(http.ErrAbortHandler)
		}
	})
	if all, err := a.deploy(lambdas(1, "new"), o); err != nil || once {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f0", "live", "new")
	plan, err := a.plan([]deploy.Wanted{one("f1", "new")}, o)
	if err != nil {
		t.Fatal(err)
	}
	a.function("f1", map[string]any{})
	if _, err := deploy.Apply(t.Context(), a.client, plan, a.log); err == nil || !strings.Contains(err.Error(), "the function f1 was made by somebody else at the same time") {
		t.Error(err)
	}
	a.runs("f1", "", "old")
	a.Deny("^POST .*/functions$")
	all, err := a.deploy([]deploy.Wanted{one("f2", "new")}, o)
	if err == nil || states(all) != "f2 untouched" {
		t.Errorf("%s: %v", states(all), err)
	}
}

// TestWhatLambdaWouldNotTake is refused before anything is changed.
func TestWhatLambdaWouldNotTake(t *testing.T) {
	a := newAccount(t, 1)
	w := one("f0", "new")
	w.Env = map[string]string{"AWS_REGION": "x", "no name": "x", "A": "x", "GOOD": strings.Repeat("x", 4096)}
	w.Tags = map[string]string{"Aws:x": "y"}
	a.Counts()
	_, err := a.plan([]deploy.Wanted{w, one("none", "x"), one("new", "x")}, deploy.Options{Region: "eu-west-1"})
	for _, want := range []string{
		"the variable AWS_REGION cannot be set for f0", `cannot be called "no name"`, `cannot be called "A"`, "the variables of f0 take 4135 bytes", `a tag of f0 cannot be called "Aws:x"`,
		"there is no function none in the region eu-west-1",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if _, err := a.plan([]deploy.Wanted{one("none", "x")}, deploy.Options{Create: true, Role: "lambda"}); err == nil || !strings.Contains(err.Error(), `--role cannot be "lambda"`) {
		t.Error(err)
	}
	if n := testparts.Count(a.Counts(), "^(PUT|POST) "); n != 0 {
		t.Errorf("%d requests change something", n)
	}
}
