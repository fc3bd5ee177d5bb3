package deploy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/deploy"
	"lpipe/internal/fault"
	"lpipe/internal/testparts"
)

// layered are lambdas that have a layer with that content.
func layered(functions int, program, content string) []deploy.Wanted {
	wanted := lambdas(functions, program)
	data := packed(content)
	for i := range wanted {
		wanted[i].Own = []deploy.Layer{{
			Label: "fonts", Name: "fonts", Arch: "x86_64", Runtime: "provided.al2023", SHA256: deploy.Sum(data), Size: int64(len(data)),
			Zip: func() ([]byte, error) { return data, nil },
		}}
	}
	return wanted
}

// foreign publishes a version of a layer of somebody else's, and returns its ARN.
func (a *account) foreign(name string) string {
	a.t.Helper()
	body, err := json.Marshal(map[string]any{"Content": map[string]any{"ZipFile": packed("of others")}})
	if err != nil {
		a.t.Fatal(err)
	}
	var made struct{ LayerVersionArn string }
	if err := json.Unmarshal(a.Post(a.t, "/2018-10-31/layers/"+name+"/versions", string(body)), &made); err != nil {
		a.t.Fatal(err)
	}
	return made.LayerVersionArn
}

func (a *account) has(function, alias string, want ...string) {
	a.t.Helper()
	if f := a.live(function, alias); !slices.Equal(f.Layers, want) {
		a.t.Errorf("%s:%s has the layers %q, want %q", function, alias, f.Layers, want)
	}
}

const fonts = "arn:aws:lambda:eu-west-1:123456789012:layer:fonts:"

// TestLayersArePublishedWhereTheyDiffer: one version for all functions that have it, and none where the content is there.
func TestLayersArePublishedWhereTheyDiffer(t *testing.T) {
	a := newAccount(t, 2)
	theirs := a.foreign("theirs")
	put(t, a.Server+"/2015-03-31/functions/f0/configuration", `{"Layers":["`+theirs+`"]}`)
	o := deploy.Options{Alias: "live"}
	plan, err := a.plan(layered(2, "old", "one"), o)
	if err != nil {
		t.Fatal(err)
	}
	if words := plan.Items[0].Words("live"); words != "layers "+theirs+" -> "+theirs+" fonts:new, alias live (new) -> version" || !plan.Layers[0].Publish {
		t.Errorf("%s; %+v", words, plan.Layers)
	}
	if n := testparts.Count(a.Counts(), "^POST LAYER"); n != 0 {
		t.Errorf("a plan publishes %d layers", n)
	}
	all, err := deploy.Apply(t.Context(), a.client, plan, a.log)
	if err != nil || states(all) != "f0 deployed, f1 deployed" {
		t.Fatal(states(all), err)
	}
	if all[1].Changes[0].To != fonts+"1" || plan.Layers[0].ARN != fonts+"1" {
		t.Errorf("%+v; %+v", all[1].Changes, plan.Layers)
	}
	a.has("f0", "live", theirs, fonts+"1")
	a.has("f1", "live", fonts+"1")
	counts := a.Counts()
	if testparts.Count(counts, "^POST LAYER") != 1 || testparts.Count(counts, "^PUT NAME/code") != 0 {
		t.Errorf("%v", counts)
	}

	all, err = a.deploy(layered(2, "old", "one"), o)
	if err != nil || states(all) != "f0 as built, f1 as built" {
		t.Fatal(states(all), err)
	}
	if n := testparts.Count(a.Counts(), "^(PUT|POST) "); n != 0 {
		t.Errorf("nothing differs, and %d requests change something", n)
	}

	all, err = a.deploy(layered(2, "old", "two"), o)
	if err != nil || states(all) != "f0 deployed, f1 deployed" {
		t.Fatal(states(all), err)
	}
	a.has("f0", "live", theirs, fonts+"2")
	a.has("f1", "live", fonts+"2")

	back, err := deploy.Before(t.Context(), a.client, layered(2, "old", "two"), "live", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := deploy.Rollback(t.Context(), a.client, back, o, a.log); err != nil {
		t.Fatal(err)
	}
	a.has("f0", "live", theirs, fonts+"1")

	// What went back is content that is there no more as the newest.
	if _, err := a.deploy(layered(1, "old", "one"), o); err != nil {
		t.Fatal(err)
	}
	a.has("f0", "live", theirs, fonts+"3")
}

// TestALayerForEachArchitecture: one name, of which each has versions of its own.
func TestALayerForEachArchitecture(t *testing.T) {
	a := newAccount(t, 1)
	a.function("g", map[string]any{"Architectures": []string{"arm64"}})
	wanted := layered(1, "old", "x86")
	arm := layered(1, "old", "arm")[0]
	arm.Function, arm.Lambda, arm.Arch, arm.Own[0].Arch = "g", "g", "arm64", "arm64"
	wanted = append(wanted, arm)
	for range 2 {
		if _, err := a.deploy(wanted, deploy.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := testparts.Count(a.Counts(), "^POST LAYER"); n != 2 {
		t.Errorf("%d versions", n)
	}
	if x, y := a.live("f0", "").Layers, a.live("g", "").Layers; len(x) != 1 || len(y) != 1 || x[0] == y[0] {
		t.Errorf("%q, %q", x, y)
	}
}

// TestLayersGoBack: without an alias too, to what there was, also to none.
func TestLayersGoBack(t *testing.T) {
	a := newAccount(t, 2)
	wanted := layered(2, "old", "one")
	for i := range wanted {
		wanted[i].Smoke = &deploy.Smoke{Event: []byte(`{}`)}
	}
	a.Fails("f1", `{"errorMessage":"no"}`)
	all, err := a.deploy(wanted, deploy.Options{})
	if err == nil || states(all) != "f0 rolled back, f1 rolled back" {
		t.Errorf("%s: %v", states(all), err)
	}
	a.has("f0", "")
	a.has("f1", "")

	a.Fails("f1", "")
	if _, err := a.deploy(wanted, deploy.Options{}); err != nil {
		t.Fatal(err)
	}
	a.has("f0", "", fonts+"1")
	if _, err := a.deploy(layered(2, "new", "two"), deploy.Options{}); err != nil {
		t.Fatal(err)
	}
	theirs := a.foreign("theirs")
	put(t, a.Server+"/2015-03-31/functions/f0/configuration", `{"Layers":["`+fonts+`2","`+theirs+`"]}`)
	for _, c := range []struct {
		version string
		layers  []string
	}{{"", []string{fonts + "1", theirs}}, {"1", []string{theirs}}} { // version 1 is what there was before any deployment
		back, err := deploy.Before(t.Context(), a.client, layered(1, "", ""), "", c.version)
		if err != nil {
			t.Fatal(err)
		}
		if err := deploy.Rollback(t.Context(), a.client, back, deploy.Options{}, a.log); err != nil {
			t.Fatal(err)
		}
		a.has("f0", "", c.layers...)
	}
}

// TestLayersThatCannotBePublished: nothing is changed.
func TestLayersThatCannotBePublished(t *testing.T) {
	a := newAccount(t, 1)
	wanted := layered(1, "new", "one")
	a.Deny("^POST .*/layers/")
	all, err := a.deploy(wanted, deploy.Options{})
	if err == nil || !strings.Contains(err.Error(), "AWS does not allow PublishLayerVersion of fonts") || states(all) != "f0 untouched" {
		t.Errorf("%s: %v", states(all), err)
	}
	a.runs("f0", "", "old")
	a.Deny("")

	other := layered(1, "new", "other")[0]
	other.Function = "f1"
	if _, err := deploy.Read(t.Context(), a.client, append(wanted, other), deploy.Options{}); err == nil || !strings.Contains(err.Error(), "two layers would be the layer fonts on AWS") {
		t.Error(err)
	}
	wanted[0].Own[0].Size = 50<<20 + 1
	_, err = a.plan(wanted, deploy.Options{})
	if err == nil || !strings.Contains(err.Error(), "the zip of the layer fonts takes 50.0 MiB") || fault.Worst(err) != fault.Usage {
		t.Error(err)
	}
}

// TestALayerWithANewFunction is there before it.
func TestALayerWithANewFunction(t *testing.T) {
	a := newAccount(t, 0)
	if _, err := a.deploy(layered(1, "new", "one"), deploy.Options{Alias: "live", Create: true, Role: a.Role}); err != nil {
		t.Fatal(err)
	}
	a.has("f0", "live", fonts+"1")
}
