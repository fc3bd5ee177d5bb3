package deploy_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lpipe/internal/awsapi"
	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
	"lpipe/internal/testparts/require"
)

// TestAnUnkindAWS: throttled, refused while updates take time, and told what was, a deployment ends as any other.
func TestAnUnkindAWS(t *testing.T) {
	a := newAccount(t, 4)
	a.Slow(300*time.Millisecond, 200*time.Millisecond)
	a.Throttle(5)
	wanted := lambdas(4, "new")
	for i := range wanted {
		wanted[i].Memory = 512
		wanted[i].Env = map[string]string{"MINE": "1"}
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{"a":1}`), Expect: []byte(`{"a":1}`)}
	}
	all, err := a.deploy(wanted, deploy.Options{Alias: "live"})
	if err != nil {
		t.Fatal(states(all), err)
	}
	a.Slow(0, 0)
	a.Throttle(0)
	for _, w := range wanted {
		a.runs(w.Function, "live", "new")
		if f := a.live(w.Function, "live"); f.Memory != 512 || !maps.Equal(f.Env, map[string]string{"OF_OTHERS": "stays", "MINE": "1"}) {
			t.Errorf("%s has %d MB and %v", w.Function, f.Memory, f.Env)
		}
	}
	if counts := a.Counts(); testparts.Count(counts, "^PUT NAME/code") > 4*3 {
		t.Errorf("%v", counts)
	}
}

func TestWithoutPermissionNothingIsShifted(t *testing.T) {
	a := newAccount(t, 3)
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(3, "good"), o); err != nil {
		t.Fatal(err)
	}
	a.Deny("^PUT .*/f1/code")
	_, err := a.deploy(lambdas(3, "better"), o)
	var f *fault.Error
	if !errors.As(err, &f) || !strings.Contains(f.What, "AWS does not allow UpdateFunctionCode of f1") || !strings.Contains(f.Fix, "lambda:UpdateFunctionCode") {
		t.Errorf("%v", err)
	}
	// One that may not be moved has all others moved back.
	a.Deny("^PUT .*/f2/aliases")
	all, err := a.deploy(lambdas(3, "better"), o)
	if err == nil || !strings.Contains(err.Error(), "UpdateAlias of f2") {
		t.Errorf("%s: %v", states(all), err)
	}
	for _, name := range []string{"f0", "f1", "f2"} {
		a.runs(name, "live", "good")
	}
	a.Deny("")
	if all, err := a.deploy(lambdas(3, "better"), o); err != nil {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f2", "live", "better")
}

// TestKilledAtEachRequest kills a process that deploys at each of the requests that it sends, and has the next one finish it.
func TestKilledAtEachRequest(t *testing.T) {
	a := newAccount(t, 2)
	step := 3
	if require.Slow(t) {
		step = 1
	}
	for _, alias := range []string{"live", ""} {
		for at := 1; ; at += step {
			program := fmt.Sprintf("program %d of alias %q", at, alias)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), programVariable+"="+program, aliasVariable+"="+alias)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var sent atomic.Int32
			a.Before(func(string) {
				if sent.Add(1) == int32(at) {
					_ = cmd.Process.Kill()
				}
			})
			err := cmd.Wait()
			a.Before(nil)
			if err == nil {
				if at < 10 {
					t.Errorf("a deployment sends %d requests", sent.Load())
				}
				break
			}
			wanted := smoked(program)
			if all, err := a.deploy(wanted, deploy.Options{Alias: alias}); err != nil {
				t.Fatalf("after request %d: %s: %v", at, states(all), err)
			}
			for _, w := range wanted {
				a.runs(w.Function, alias, program)
				if f := a.live(w.Function, alias); !maps.Equal(f.Env, map[string]string{"OF_OTHERS": "stays", "MINE": program}) {
					t.Errorf("after request %d %s has %v", at, w.Function, f.Env)
				}
			}
		}
	}
}

// Variables that make a process of this test deploy a program and end.
const (
	programVariable = "LPIPE_TEST_DEPLOY_PROGRAM"
	aliasVariable   = "LPIPE_TEST_DEPLOY_ALIAS"
)

func TestMain(m *testing.M) {
	program := os.Getenv(programVariable)
	if program == "" {
		os.Exit(m.Run())
	}
	ctx, o, wanted := context.Background(), deploy.Options{Alias: os.Getenv(aliasVariable)}, smoked(program)
	client, err := awsapi.Open(ctx, awsapi.Options{})
	if err == nil {
		var found []deploy.Found
		if found, err = deploy.Read(ctx, client, wanted, o); err == nil {
			var plan deploy.Plan
			if plan, err = deploy.Make(wanted, found, o); err == nil {
				_, err = deploy.Apply(ctx, client, plan, func(string, string) {})
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// smoked are two functions with a program, a variable and a smoke event.
func smoked(program string) []deploy.Wanted {
	wanted := lambdas(2, program)
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
		wanted[i].Env = map[string]string{"MINE": program}
	}
	return wanted
}

func TestSharesAndAlarms(t *testing.T) {
	a := newAccount(t, 2)
	o := deploy.Options{Alias: "live", Steps: []int{10, 50}, Alarms: []string{"errors"}}
	_, err := a.deploy(lambdas(2, "one"), o)
	if err == nil || !strings.Contains(err.Error(), "no alarm errors") {
		t.Errorf("%v", err)
	}
	a.alarm("OK")
	if _, err := a.deploy(lambdas(2, "one"), o); err != nil {
		t.Fatal(err)
	}
	a.Counts()
	if _, err := a.deploy(lambdas(2, "two"), o); err != nil {
		t.Fatal(err)
	}
	if counts := a.Counts(); testparts.Count(counts, "^PUT NAME/aliases") != 2*3 {
		t.Errorf("%v", counts)
	}
	a.runs("f0", "live", "two")
	// What an interrupted run left is no share of anybody's.
	if _, err := a.client.UpdateAlias(t.Context(), "f0", deploy.Alias{Name: "live", Version: a.live("f0", "live").Version, Other: "1", Weight: 0.1}); err != nil {
		t.Fatal(err)
	}
	if all, err := a.deploy(lambdas(2, "two"), o); err != nil || states(all) != "f0 deployed, f1 as built" {
		t.Errorf("%s: %v", states(all), err)
	}
	if alias, err := a.client.Alias(t.Context(), "f0", "live"); err != nil || alias.Other != "" {
		t.Errorf("%+v %v", alias, err)
	}
	// It comes on when the first shares are given.
	var once sync.Once
	a.Before(func(request string) {
		if strings.HasPrefix(request, "PUT") && strings.Contains(request, "/aliases/") {
			once.Do(func() { a.alarm("ALARM") })
		}
	})
	all, err := a.deploy(lambdas(2, "three"), o)
	if err == nil || !strings.Contains(err.Error(), "the alarm errors is on") || states(all) != "f0 rolled back, f1 rolled back" {
		t.Errorf("%s: %v", states(all), err)
	}
	for _, name := range []string{"f0", "f1"} {
		a.runs(name, "live", "two")
		if alias, err := a.client.Alias(t.Context(), name, "live"); err != nil || alias.Other != "" {
			t.Errorf("%+v %v", alias, err)
		}
	}
	// While it is on, nothing begins.
	a.Counts()
	if _, err := a.deploy(lambdas(2, "three"), o); err == nil {
		t.Error("deployed while the alarm is on")
	}
	if n := testparts.Count(a.Counts(), "^(PUT|POST) "); n != 0 {
		t.Errorf("%d requests change something", n)
	}
}

// alarm makes the alarm "errors" be in a state.
func (a *account) alarm(state string) {
	a.t.Helper()
	a.Query(a.t, "monitoring", url.Values{
		"Action": {"PutMetricAlarm"}, "Version": {"2010-08-01"}, "AlarmName": {"errors"}, "ComparisonOperator": {"GreaterThanThreshold"}, "EvaluationPeriods": {"1"},
		"MetricName": {"Errors"}, "Namespace": {"AWS/Lambda"}, "Period": {"60"}, "Statistic": {"Sum"}, "Threshold": {"1"},
	})
	a.Query(a.t, "monitoring", url.Values{"Action": {"SetAlarmState"}, "Version": {"2010-08-01"}, "AlarmName": {"errors"}, "StateValue": {state}, "StateReason": {"test"}})
}

// TestAnInterruptMovesBack: of aliases that are moved when somebody interrupts, none stays moved.
func TestAnInterruptMovesBack(t *testing.T) {
	a := newAccount(t, 2)
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(2, "one"), o); err != nil {
		t.Fatal(err)
	}
	plan, err := a.plan(lambdas(2, "two"), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var moved atomic.Int32
	a.Before(func(request string) {
		if strings.HasPrefix(request, "PUT") && strings.Contains(request, "/aliases/") && moved.Add(1) == 2 {
			cancel()
		}
	})
	all, err := deploy.Apply(ctx, a.client, plan, a.log)
	if !errors.Is(err, context.Canceled) || strings.Contains(states(all), "deployed") {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f0", "live", "one")
	a.runs("f1", "live", "one")
}

// TestTwoDeploymentsAtOnce: an alias that another deployment moves meanwhile is left as that made it, and all others go back.
func TestTwoDeploymentsAtOnce(t *testing.T) {
	a := newAccount(t, 3)
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(3, "one"), o); err != nil {
		t.Fatal(err)
	}
	plan, err := a.plan(lambdas(3, "two"), o)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := a.deploy([]deploy.Wanted{one("f1", "of another")}, o); err != nil {
		t.Fatal(states(all), err)
	}
	all, err := deploy.Apply(t.Context(), a.client, plan, a.log)
	if err == nil || !strings.Contains(err.Error(), "the alias live of f1 was moved by somebody else") || !strings.Contains(err.Error(), "it was version 1, and is version 2 now") {
		t.Errorf("%s: %v", states(all), err)
	}
	if s := all[1].State; s != deploy.Published {
		t.Errorf("f1 is %s", s)
	}
	a.runs("f0", "live", "one")
	a.runs("f1", "live", "of another")
	a.runs("f2", "live", "one")
	// The next run reads what is there, and goes on from it.
	if all, err := a.deploy(lambdas(3, "two"), o); err != nil {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f1", "live", "two")
	// A new alias that is there by now is nobody's to move either.
	a.function("new", map[string]any{})
	first, second := one("new", "first"), one("new", "second")
	if plan, err = a.plan([]deploy.Wanted{first}, o); err != nil {
		t.Fatal(err)
	}
	if _, err := a.deploy([]deploy.Wanted{second}, o); err != nil {
		t.Fatal(err)
	}
	if _, err = deploy.Apply(t.Context(), a.client, plan, a.log); err == nil || !strings.Contains(err.Error(), "there was none, and is version 1 now") {
		t.Error(err)
	}
	a.runs("new", "live", "second")
	// And so with a rollback.
	back, err := deploy.Before(t.Context(), a.client, lambdas(3, ""), "live", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.client.UpdateAlias(t.Context(), "f2", deploy.Alias{Name: "live", Version: "1", Other: "2", Weight: 0.5}); err != nil {
		t.Fatal(err)
	}
	err = deploy.Rollback(t.Context(), a.client, back, o, a.log)
	if err == nil || !strings.Contains(err.Error(), "and is version 1, of which 2 gets 50% now") {
		t.Error(err)
	}
	a.runs("f0", "live", "two")
	a.runs("f1", "live", "two")
}

// TestAnAliasThatIsOnlyDescribedAnew: what somebody changed of an alias beside its versions keeps nothing from going on, and
// neither does an answer that is lost.
func TestAnAliasThatIsOnlyDescribedAnew(t *testing.T) {
	a := newAccount(t, 1)
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(1, "one"), o); err != nil {
		t.Fatal(err)
	}
	for program, change := range map[string]string{"two": `{"Description":"new"}`, "three": ""} {
		plan, err := a.plan(lambdas(1, program), o)
		if err != nil {
			t.Fatal(err)
		}
		var moved atomic.Bool
		a.Before(func(request string) {
			if strings.HasPrefix(request, "PUT") && strings.Contains(request, "/aliases/") && moved.CompareAndSwap(false, true) {
				if program == "three" {
					change = fmt.Sprintf(`{"FunctionVersion":%q}`, a.newest("f0"))
				}
				put(t, a.Server+"/2015-03-31/functions/f0/aliases/live", change)
			}
		})
		if all, err := deploy.Apply(t.Context(), a.client, plan, a.log); err != nil || states(all) != "f0 deployed" {
			t.Errorf("%s: %v", states(all), err)
		}
		a.Before(nil)
		a.runs("f0", "live", program)
	}
}

// newest is the newest version of a function.
func (a *account) newest(function string) string {
	all, err := a.client.Versions(a.t.Context(), function)
	if err != nil || len(all) == 0 {
		a.t.Error(function, err)
		return ""
	}
	return all[len(all)-1].Version
}

func TestRollback(t *testing.T) {
	a := newAccount(t, 2)
	for _, o := range []deploy.Options{{Alias: "live"}, {}} {
		for _, program := range []string{"one", "two", "three"} {
			if _, err := a.deploy(lambdas(2, program), o); err != nil {
				t.Fatal(err)
			}
		}
		back, err := deploy.Before(t.Context(), a.client, lambdas(2, ""), o.Alias, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := deploy.Rollback(t.Context(), a.client, back, o, a.log); err != nil {
			t.Fatal(err)
		}
		a.runs("f0", o.Alias, "two")
		a.runs("f1", o.Alias, "two")
		conditions, err := deploy.Status(t.Context(), a.client, lambdas(2, "two"), o.Alias)
		if err != nil || conditions[0].Words() != "as built" {
			t.Errorf("%+v %v", conditions, err)
		}
	}
	// A failed version between two that were live is not gone back to.
	wanted := lambdas(1, "bad")
	wanted[0].Smoke = &deploy.Smoke{Event: []byte(`{}`), Expect: []byte(`{"never":1}`)}
	o := deploy.Options{Alias: "live"}
	if _, err := a.deploy(lambdas(1, "good"), o); err != nil {
		t.Fatal(err)
	}
	if _, err := a.deploy(wanted, o); err == nil {
		t.Fatal("its smoke event passed")
	}
	if _, err := a.deploy(lambdas(1, "better"), o); err != nil {
		t.Fatal(err)
	}
	back, err := deploy.Before(t.Context(), a.client, wanted, "live", "")
	if err != nil || back[0].To.CodeSHA256 != one("f0", "good").SHA256 {
		t.Errorf("%+v %v", back, err)
	}
	// A version of others says nothing.
	a.function("other", map[string]any{})
	post(t, a.Server+"/2015-03-31/functions/other/versions", `{}`)
	post(t, a.Server+"/2015-03-31/functions/other/aliases", `{"Name":"live","FunctionVersion":"1"}`)
	_, err = deploy.Before(t.Context(), a.client, []deploy.Wanted{{Lambda: "other", Function: "other"}}, "live", "")
	if err == nil || !strings.Contains(err.Error(), "nothing says which version of other was live before") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeDeployed(t *testing.T) {
	a := newAccount(t, 1)
	a.function("arm", map[string]any{"Architectures": []string{"arm64"}})
	a.function("node", map[string]any{"Runtime": "nodejs24.x"})
	a.function("al2", map[string]any{"Runtime": "provided.al2"})
	a.function("go", map[string]any{"Runtime": "go1.x"})
	wanted := []deploy.Wanted{one("arm", "x"), one("node", "x"), one("al2", "x"), one("go", "x"), one("none", "x"), one("f0", "x"), one("f0", "y")}
	wanted[5].Size = 60 << 20
	a.Counts()
	_, err := a.plan(wanted, deploy.Options{})
	for _, want := range []string{
		"the function arm is for arm64, and arm is built for x86_64", "the function node has the runtime nodejs24.x", "the function al2 has the runtime provided.al2", "2026-08-31",
		"the function go has the runtime go1.x", "there is no function none", "f0 and f0 are both for the function f0", "the zip of f0 takes 60.0 MiB",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if fault.Worst(err) != fault.Usage || testparts.Count(a.Counts(), "^(PUT|POST) ") != 0 {
		t.Error("something was changed")
	}
	plan, err := a.plan(wanted[:4], deploy.Options{ChangeArch: true, ChangeRuntime: true, Alias: "live"})
	if err != nil {
		t.Fatal(err)
	}
	if words := plan.Items[1].Words("live"); !strings.Contains(words, "runtime nodejs24.x -> provided.al2023") {
		t.Error(words)
	}
	if all, err := deploy.Apply(t.Context(), a.client, plan, a.log); err != nil {
		t.Errorf("%s: %v", states(all), err)
	}
	if f := a.live("arm", ""); f.Arch != "x86_64" && f.CodeSHA256 != wanted[0].SHA256 {
		t.Errorf("%+v", f)
	}
}

// TestAHundredFunctions deploys to an AWS that is slow, throttles and tells what was.
func TestAHundredFunctions(t *testing.T) {
	if !require.Slow(t) {
		return
	}
	const count = 100
	a := newAccount(t, count)
	a.Slow(500*time.Millisecond, 300*time.Millisecond)
	a.Throttle(20)
	o := deploy.Options{Alias: "live"}
	wanted := lambdas(count, "new")
	timed := func(what string) func() {
		start := time.Now()
		return func() { t.Logf("%s: %s", what, time.Since(start).Round(100*time.Millisecond)) }
	}
	done := timed("a hundred that differ")
	if _, err := a.deploy(wanted, o); err != nil {
		t.Fatal(err)
	}
	done()
	a.Counts()
	wanted[42] = one("f42", "newer")
	done = timed("one that differs")
	if _, err := a.deploy(wanted, o); err != nil {
		t.Fatal(err)
	}
	done()
	if counts := a.Counts(); testparts.Count(counts, "^PUT NAME/code") > 3 {
		t.Errorf("%v", counts)
	}
	a.runs("f42", "live", "newer")
	// One of them fails: none is moved.
	wanted = lambdas(count, "bad")
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
	}
	a.Fails("f7", `{"errorMessage":"no"}`)
	if all, err := a.deploy(wanted, o); err == nil {
		t.Error(states(all))
	}
	if n := testparts.Count(a.Counts(), "^PUT NAME/aliases"); n != 0 {
		t.Errorf("%d aliases are moved", n)
	}
	a.runs("f0", "live", "new")
	a.runs("f42", "live", "newer")
}

// TestCodeThroughS3: a zip is stored once, by its digest, and Lambda is told which object, and which version of it.
func TestCodeThroughS3(t *testing.T) {
	a := newAccount(t, 2)
	a.bucket("plain", false)
	a.bucket("versions", true)
	o := deploy.Options{Alias: "live", Bucket: "plain", Key: "zips/{{name}}/{{sha256}}.zip", Reference: true}
	if _, err := a.deploy(lambdas(2, "new"), o); err == nil || !strings.Contains(err.Error(), "it keeps no versions") {
		t.Errorf("%v", err)
	}
	var mu sync.Mutex
	var sent []string
	a.BodyOf("/code$", func(body string) {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, body)
	})
	o.Bucket = "versions"
	if all, err := a.deploy(lambdas(2, "new"), o); err != nil {
		t.Fatal(states(all), err)
	}
	a.runs("f0", "live", "new")
	for _, body := range sent {
		if !strings.Contains(body, `"S3Bucket":"versions"`) || !strings.Contains(body, `"S3ObjectStorageMode":"REFERENCE"`) || !strings.Contains(body, `"S3ObjectVersion":"`) {
			t.Error(body)
		}
	}
	if len(sent) != 2 {
		t.Errorf("%d uploads", len(sent))
	}
	// What is there is not stored again: it keeps its version.
	sum := sha256.Sum256(packed("new"))
	data := packed("new")
	key := fmt.Sprintf("zips/f0/%x.zip", sum)
	first, err := a.client.Put(t.Context(), "versions", key, data)
	if err != nil || first == "" {
		t.Fatal(err)
	}
	if second, err := a.client.Put(t.Context(), "versions", key, data); err != nil || second != first {
		t.Errorf("%s and %s: %v", first, second, err)
	}
	o.Bucket = "none"
	if _, err := a.deploy(lambdas(1, "newer"), o); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("%v", err)
	}
}

// bucket makes one in S3.
func (a *account) bucket(name string, versions bool) {
	a.t.Helper()
	a.S3(a.t, "/"+name, `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
	if versions {
		a.S3(a.t, "/"+name+"?versioning", `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`)
	}
}
