package config

import (
	"slices"
	"testing"

	"lpipe/internal/route"
)

func TestRoutesHaveTheirAPI(t *testing.T) {
	for text, want := range map[string]route.API{
		"":                               {Service: route.HTTP, Stage: route.DefaultStage},
		"api = \"http-1.0\"":             {Service: route.HTTP1, Stage: route.DefaultStage},
		"api = \"rest\"":                 {Service: route.REST, Stage: "Prod"},
		"api = \"rest\"\nstage = \"v1\"": {Service: route.REST, Stage: "v1"},
		"api = \"alb\"":                  {Service: route.ALB},
		"cors = [\"https://a.example\"]": {Service: route.HTTP, Stage: route.DefaultStage, CORS: &route.CORS{Origins: []string{"https://a.example"}}},
	} {
		c, err := Load(input("[serve]\nroutes = [\"get /a orders\", \"* /b users\"]\n" + text + "\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r := c.Serve.Routes
		if got := []string{r[0].String(), r[1].String()}; !slices.Equal(got, []string{"GET /a orders", "ANY /b users"}) || r[0].Origin != "lpipe.toml:2" {
			t.Errorf("%q of %s", got, r[0].Origin)
		}
		api := r[0].API
		if api.Service != want.Service || api.Stage != want.Stage || (api.CORS == nil) != (want.CORS == nil) || want.CORS != nil && !slices.Equal(api.CORS.Origins, want.CORS.Origins) {
			t.Errorf("%s: %+v, want %+v", text, api, want)
		}
	}
}
