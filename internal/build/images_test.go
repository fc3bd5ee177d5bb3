package build

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lpipe/internal/cargo"
	"lpipe/internal/config"
	"lpipe/internal/fault"
	"lpipe/internal/plan"
	"lpipe/internal/project"
	"lpipe/internal/publish"
	"lpipe/internal/testparts"
)

func TestTemplates(t *testing.T) {
	for name, c := range map[string]struct {
		image string
		tags  []string
		want  []string
	}{
		"an image":                    {image: "r:5000/a/{{name}}", want: []string{"r:5000/a/{{name}}"}},
		"tags of it":                  {image: "r:5000/a", tags: []string{"v{{version}}", "latest"}, want: []string{"r:5000/a:v{{version}}", "r:5000/a:latest"}},
		"a tag beside one of its own": {image: "r/a:x", tags: []string{"y"}, want: []string{"r/a:y", "r/a:x"}},
		"another image":               {image: "r/a", tags: []string{"s/b:c"}, want: []string{"s/b:c", "r/a"}},
		"as docker buildx build -t":   {tags: []string{"s/b:c"}, want: []string{"s/b:c"}},
	} {
		p := &project.Project{Config: &config.Config{Image: c.image, Tags: c.tags}}
		if got := templates(p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFillImage(t *testing.T) {
	l := &plan.Lambda{Name: "Echo", Arch: "arm64", Package: &cargo.Package{Version: "1.2.0+x"}}
	at := project.Checkout{Branch: "feature/x", Commit: "abc"}
	for template, want := range map[string]string{
		"r.example.com/{{name}}":               "r.example.com/echo:latest",
		"r.example.com/{{ name }}:{{git-sha}}": "r.example.com/echo:abc",
		"r.example.com/a:{{arch}}":             "r.example.com/a:arm64",
		"r.example.com/a:{{branch}}":           "r.example.com/a:feature-x-217d2bf5",
	} {
		if got, err := fillImage(template, l, at); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", template, got, err, want)
		}
	}
	if got, err := fillImage("r/a:{{version}}", l, at); err != nil || strings.Contains(got, "+") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fillImage("r/a:{{branch}}", l, project.Checkout{}); fault.Worst(err) != fault.Usage {
		t.Errorf("a hole with nothing in it: %v", err)
	}
}

// TestWhatWasDeliveredIsPushed with the names that were filled before anything was built.
func TestWhatWasDeliveredIsPushed(t *testing.T) {
	registry := testparts.NewRegistry(t, testparts.RegistryOptions{})
	r, err := prepared(t, "-- lpipe.toml --\npush = true\nimage = '"+registry.Host+"/shop/{{name}}:{{version}}'\n", func(o *Options) { o.Images = true })
	if err != nil {
		t.Fatal(err)
	}
	target := r.Targets[0]
	if want := []string{registry.Host + "/shop/orders:1.0.0"}; !slices.Equal(target.Images, want) {
		t.Fatalf("the image is called %q, want %q", target.Images, want)
	}
	o, _ := solved(t, target, programOf(t, ""))
	out, err := Deliver(Built{target, o, "rust:1"}, nil, nil)
	if err != nil || len(out.Files) != 1 {
		t.Fatalf("%v, %d files", err, len(out.Files))
	}
	pusher := &publish.Pusher{Logins: r.Logins, Registries: Registries(target.Config), Log: func(string) {}}
	image, err := Publish(t.Context(), Built{target, o, "rust:1"}, out, nil, pusher)
	if err != nil || image.Error != "" || !slices.Equal(image.Names, target.Images) {
		t.Fatalf("%v, %+v", err, image)
	}
	response, err := http.Get("http://" + registry.Host + "/v2/shop/orders/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if tags, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(tags), `"1.0.0"`) {
		t.Errorf("%s, %v", tags, err)
	}

	gone := target
	gone.Images = []string{"127.0.0.1:1/shop/orders:1.0.0"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if image, err := Publish(ctx, Built{gone, o, "rust:1"}, out, nil, pusher); err == nil || image == nil || image.Error == "" {
		t.Errorf("a registry that is not there: %v, %+v", err, image)
	}
}
