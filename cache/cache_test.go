package cache

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

const ref = "registry.example.com/app/cache"

func attrs(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestParse(t *testing.T) {
	for option, c := range map[string]struct {
		direction direction
		want      Entry
	}{
		ref:                           {both, Entry{"registry", attrs("ref", ref)}},
		"localhost:5000/a_b/c--d:1.2": {both, Entry{"registry", attrs("ref", "localhost:5000/a_b/c--d:1.2")}},
		"alpine":                      {both, Entry{"registry", attrs("ref", "alpine")}},
		"type=registry,ref=" + ref + "@sha256:" + strings.Repeat("a", 64): {
			imports, Entry{"registry", attrs("ref", ref+"@sha256:"+strings.Repeat("a", 64))},
		},
		"type=registry,ref=[::1]:5000/x": {both, Entry{"registry", attrs("ref", "[::1]:5000/x")}},
		"ref=" + ref + ",TYPE=registry,Mode=max,compression=zstd,compression-level=22,image-manifest=true,oci-mediatypes=1,force-compression=,ignore-error=t,registry.insecure=false": {
			exports, Entry{"registry", attrs("ref", ref, "mode", "max", "compression", "zstd", "compression-level", "22", "image-manifest", "true",
				"oci-mediatypes", "1", "force-compression", "", "ignore-error", "t", "registry.insecure", "false")},
		},
		`type=local,"src=a,b=c",tag=x`:            {imports, Entry{"local", attrs("src", "a,b=c", "tag", "x")}},
		`type=local,"dest=say ""hi""",reset=true`: {exports, Entry{"local", attrs("dest", `say "hi"`, "reset", "true")}},
		"type=inline":                    {exports, Entry{"inline", attrs()}},
		"type=gha,scope=echo,timeout=5m": {both, Entry{"gha", attrs("scope", "echo", "timeout", "5m")}},
		"type=s3,bucket=b,region=eu-west-1,prefix=,name=a;b": {both, Entry{"s3", attrs("bucket", "b", "region", "eu-west-1", "prefix", "", "name", "a;b")}},
		"type=s3,touch_refresh=12h,upload_parallelism=8,retry_mode=adaptive,retry_max_attempts=5": {
			exports, Entry{"s3", attrs("touch_refresh", "12h", "upload_parallelism", "8", "retry_mode", "adaptive", "retry_max_attempts", "5")},
		},
		"type=azblob,account_url=https://a.blob.core.windows.net,container=c,mode=min": {
			exports, Entry{"azblob", attrs("account_url", "https://a.blob.core.windows.net", "container", "c", "mode", "min")},
		},
	} {
		for _, w := range []direction{imports, exports} {
			if c.direction&w == 0 {
				continue
			}
			got, err := parse(option, w)
			if err != nil || got.Type != c.want.Type || !maps.Equal(got.Attrs, c.want.Attrs) {
				t.Errorf("%s: got %+v (%v), want %+v", option, got, err, c.want)
			}
			again, err := parse(got.CSV(), w)
			if err != nil || again.Type != got.Type || !maps.Equal(again.Attrs, got.Attrs) {
				t.Errorf("%s: %s reads as %+v (%v)", option, got.CSV(), again, err)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for option, c := range map[string]struct {
		direction direction
		want      []string
	}{
		"":                           {both, []string{"it is empty"}},
		`type=local,dest="x"`:        {exports, []string{"its quotes do not match"}},
		`type=local,"dest=x`:         {exports, []string{"its quotes do not match"}},
		"type=local,dest=a\nb":       {exports, []string{"line breaks"}},
		"ref=" + ref:                 {both, []string{"it has no type"}},
		"type=,ref=" + ref:           {both, []string{"it has no type"}},
		"type=regsitry,ref=" + ref:   {both, []string{`the type is unknown (did you mean "registry"?)`}},
		"type=memcached":             {both, []string{"it can be azblob, gha, inline, local, registry, s3"}},
		"type=inline,type=inline":    {exports, []string{`"type" is given twice`}},
		"inline":                     {both, []string{"write type=inline"}},
		"type=inline":                {imports, []string{"inline cache can only be exported (import it with type=registry,ref=IMAGE)"}},
		"type=inline,mode=max":       {exports, []string{"mode must be min"}},
		"type=registry":              {both, []string{`"ref" is missing`}},
		"type=registry,ref=":         {both, []string{"ref must be an image name"}},
		"Registry.example.com/App":   {both, []string{"ref must be an image name"}},
		"registry.example.com//x":    {both, []string{"ref must be an image name"}},
		"registry.example.com/x:":    {both, []string{"ref must be an image name"}},
		"registry.example.com:y/x":   {both, []string{"ref must be an image name"}},
		"https://example.com/x":      {both, []string{"ref must be an image name"}},
		ref + "@sha256:12":           {both, []string{"ref must be an image name"}},
		ref + ",other":               {both, []string{"field 1 is not", "field 2 is not", "it has no type"}},
		"type=local":                 {imports, []string{`"src" is missing`}},
		"type=local,tag=x":           {exports, []string{`"dest" is missing`}},
		"type=local,src=x":           {exports, []string{`"src" is an attribute for import (--cache-from) only`, `"dest" is missing`}},
		"type=local,src=x,mode=max":  {imports, []string{`"mode" is an attribute for export (--cache-to) only`}},
		"type=local,src=x,digest=ab": {imports, []string{"digest must be sha256:"}},
		"type=local,src=x,tag=-":     {imports, []string{"tag must be a tag"}},
		"type=gha,scop=x":            {both, []string{`unknown attribute "scop" (did you mean "scope"?)`}},
		"type=gha,timeout=10":        {both, []string{"timeout must be a time"}},
		"type=gha,version=3":         {both, []string{"version must be 1, 2"}},
		"type=s3,endpoint_url=minio": {both, []string{"endpoint_url must be a URL"}},
		"type=s3,retry_mode=fast,retry_max_attempts=0":                           {both, []string{"retry_max_attempts must be a whole number", "retry_mode must be standard, adaptive"}},
		"type=registry,ref=" + ref + ",ref=" + ref:                               {both, []string{`"ref" is given twice`}},
		"type=registry,ref=" + ref + ",mode=all,ignore-error=maybe":              {exports, []string{"ignore-error must be true or false", "mode must be min, max"}},
		"type=registry,ref=" + ref + ",compression=lz4":                          {exports, []string{"compression must be uncompressed, gzip, estargz, zstd"}},
		"type=registry,ref=" + ref + ",compression-level=10":                     {exports, []string{"above 9 needs compression=zstd"}},
		"type=registry,ref=" + ref + ",compression-level=23":                     {exports, []string{"from 0 to 22", "above 9"}},
		"type=registry,ref=" + ref + "@sha256:" + strings.Repeat("a", 64):        {exports, []string{"a ref with a digest cannot be written to"}},
		"type=registry,ref=" + ref + ",image-manifest=true,oci-mediatypes=false": {exports, []string{"image-manifest=true needs oci-mediatypes=true"}},
		"type=registry,rfe=" + ref + ",moed=max,x":                               {exports, []string{"field 4 is not of the form", `"moed" (did you mean "mode"?)`, `"rfe" (did you mean "ref"?)`, `"ref" is missing`}},
	} {
		for _, w := range []direction{imports, exports} {
			if c.direction&w == 0 {
				continue
			}
			got, err := parse(option, w)
			if err == nil {
				t.Errorf("%q was accepted as %+v", option, got)
				continue
			}
			var typed *Error
			if !errors.As(err, &typed) || got.Type != "" {
				t.Errorf("%q: %T, %+v", option, err, got)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Errorf("%q: got %d errors, want %d:\n%v", option, len(lines), len(c.want), err)
				continue
			}
			for i, want := range c.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("%q: got %q, want %q in it", option, lines[i], want)
				}
			}
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	const canary = "c4n4ry"
	for _, option := range []string{
		"type=s3,access_key_id=AKIA,secret_access_key=" + canary + ",session_token=" + canary,
		"type=azblob,secret_access_key=" + canary + ",account_url=https://a.blob.core.windows.net/?sig=" + canary,
		"type=gha,token=" + canary + ",ghtoken=" + canary + ",url=https://u:" + canary + "@example.com/,url_v2=https://" + canary + "@example.com/",
	} {
		e, err := ParseExport(option)
		if err != nil {
			t.Fatal(err)
		}
		if shown := e.String(); strings.Contains(shown, canary) || !strings.Contains(shown, "***") {
			t.Errorf("shown as %s", shown)
		}
		if !strings.Contains(e.CSV(), canary) {
			t.Errorf("%s lost its secret", e.CSV())
		}
	}
	for _, option := range []string{
		"type=s3,secret_access_key=x," + canary, `type=gha,token="` + canary, "type=gha,mode=x,token=" + canary,
		"secret_access_key=" + canary, "type=s4,secret_access_key=" + canary, "type=gha,token=" + canary + ",token=" + canary,
	} {
		if _, err := ParseExport(option); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

func TestDefaultsStayUnderTheUsersOwn(t *testing.T) {
	for option, want := range map[string]string{
		ref: "type=registry,ref=" + ref + ",compression=zstd,compression-level=3,ignore-error=true,mode=max,oci-mediatypes=true",
		"type=registry,ref=" + ref + ",mode=min,ignore-error=false,compression-level=9,compression=gzip": "type=registry,ref=" + ref +
			",compression=gzip,compression-level=9,ignore-error=false,mode=min,oci-mediatypes=true",
		"type=local,dest=d,compression=gzip":       "type=local,dest=d,compression=gzip,ignore-error=true,mode=max,oci-mediatypes=true",
		"type=local,dest=d,compression=zstd":       "type=local,dest=d,compression=zstd,compression-level=3,ignore-error=true,mode=max,oci-mediatypes=true",
		"type=local,dest=d,oci-mediatypes=false":   "type=local,dest=d,ignore-error=true,mode=max,oci-mediatypes=false",
		"type=local,dest=d,force-compression=true": "type=local,dest=d,compression=zstd,compression-level=3,force-compression=true,ignore-error=true,mode=max,oci-mediatypes=true",
		"type=inline":             "type=inline,ignore-error=true",
		"type=gha":                "type=gha,ignore-error=true,mode=max",
		"type=s3,bucket=b":        "type=s3,bucket=b,ignore-error=true,mode=max",
		"type=azblob,container=c": "type=azblob,container=c,ignore-error=true,mode=max",
	} {
		e, err := ParseExport(option)
		if err != nil {
			t.Fatal(err)
		}
		before := e.CSV()
		got := Defaults(e)
		if got.CSV() != want {
			t.Errorf("%s became\n%s, want\n%s", option, got.CSV(), want)
		}
		if e.CSV() != before {
			t.Errorf("%s was changed in place", option)
		}
		if _, err := ParseExport(got.CSV()); err != nil {
			t.Errorf("the defaults are not valid: %v", err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for option, want := range map[string]string{
		ref: "",
		"type=registry,ref=" + ref + ",force-compression=false":               "",
		"type=registry,ref=" + ref + ",force-compression=true":                "base image again",
		"type=registry,ref=" + ref + ",force-compression=":                    "base image again",
		"type=registry,ref=" + ref + ",compression=zstd,oci-mediatypes=false": "compression=zstd needs oci-mediatypes=true",
	} {
		e, err := ParseExport(option)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(e.Warnings(), "\n"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", option, got, want)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		option string
		env    map[string]string
		want   string // "" for an error
	}{
		"gha, version 1": {"type=gha", attrs("ACTIONS_CACHE_URL", "https://c/", "ACTIONS_RESULTS_URL", "https://r/", "ACTIONS_RUNTIME_TOKEN", "t"), "type=gha,token=t,url=https://c/"},
		"gha, version 2": {
			"type=gha", attrs("ACTIONS_CACHE_SERVICE_V2", "True", "ACTIONS_RESULTS_URL", "https://r/", "ACTIONS_RUNTIME_TOKEN", "t"),
			"type=gha,token=t,url=https://r/,url_v2=https://r/",
		},
		"gha, given":      {"type=gha,url=https://x/,token=u", attrs("ACTIONS_CACHE_URL", "https://c/", "ACTIONS_RUNTIME_TOKEN", "t"), "type=gha,token=u,url=https://x/"},
		"gha, no token":   {"type=gha", attrs("ACTIONS_CACHE_URL", "https://c/"), ""},
		"gha, no service": {"type=gha", attrs("ACTIONS_RUNTIME_TOKEN", "t"), ""},
		"s3":              {"type=s3", attrs("AWS_ACCESS_KEY_ID", "i", "AWS_SECRET_ACCESS_KEY", "s", "AWS_SESSION_TOKEN", "t"), "type=s3,access_key_id=i,secret_access_key=s,session_token=t"},
		"s3, given":       {"type=s3,access_key_id=x,secret_access_key=y", attrs("AWS_ACCESS_KEY_ID", "i", "AWS_SESSION_TOKEN", "t"), "type=s3,access_key_id=x,secret_access_key=y"},
		"registry":        {ref, attrs("AWS_ACCESS_KEY_ID", "i"), "type=registry,ref=" + ref},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseImport(c.option)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.FromEnvironment(func(key string) (string, bool) { v, ok := c.env[key]; return v, ok })
			if (err != nil) != (c.want == "") || err == nil && got.CSV() != c.want {
				t.Errorf("got %s (%v), want %s", got.CSV(), err, c.want)
			}
		})
	}
}

func TestFamily(t *testing.T) {
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct {
		ref, branch, main string
		export            string
		imports           []string
	}{
		"a branch":         {ref, "fix", "main", ref + ":fix", []string{ref + ":fix", ref + ":main"}},
		"the main branch":  {ref, "main", "main", ref + ":main", []string{ref + ":main"}},
		"detached":         {ref, "", "main", "", []string{ref + ":main"}},
		"no main branch":   {ref, "fix", "", ref + ":fix", []string{ref + ":fix"}},
		"a tag":            {ref + ":echo", "fix", "main", ref + ":echo-fix", []string{ref + ":echo-fix", ref + ":echo-main"}},
		"a port":           {"localhost:5000/x", "fix", "main", "localhost:5000/x:fix", []string{"localhost:5000/x:fix", "localhost:5000/x:main"}},
		"slashes":          {ref, "feature/ä", "v1.0", ref + ":feature-4bfcef34", []string{ref + ":feature-4bfcef34", ref + ":v1.0"}},
		"nothing tag-safe": {ref, "日本", "main", "", nil},
		"a leading hyphen": {ref, "-x", "main", "", nil},
		"a long name":      {ref, long, "main", "", nil},
		"a long tag":       {ref + ":" + long[:128], "fix", "main", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Family(c.ref, c.branch, c.main)
			if err != nil {
				t.Fatal(err)
			}
			if c.imports != nil && (got.Export != c.export || !slices.Equal(got.Import, c.imports)) {
				t.Errorf("got %+v, want %s %s", got, c.export, c.imports)
			}
			for _, r := range got.Import {
				if err := isRef(r); err != nil {
					t.Errorf("%s: %v", r, err)
				}
			}
		})
	}
	a, _ := Family(ref, "feature/x", "main")
	b, _ := Family(ref, "feature-x", "main")
	c, _ := Family(ref, "feature:x", "main")
	if a.Export == b.Export || a.Export == c.Export {
		t.Errorf("branches share a ref: %s %s %s", a.Export, b.Export, c.Export)
	}
	for _, bad := range []string{"", "UPPER/x y", ref + "@sha256:" + strings.Repeat("a", 64)} {
		var typed *Error
		if _, err := Family(bad, "a", "b"); !errors.As(err, &typed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(ref)
	f.Add("type=registry,ref=" + ref + ",mode=max,compression=zstd,compression-level=3")
	f.Add(`type=local,"src=a,b",dest=x,tag=""`)
	f.Add("type=s3,secret_access_key=x,bucket= b ,name=a;b")
	f.Add("type=gha,url=https://u:p@h/?q,token=t")
	f.Fuzz(func(t *testing.T, option string) {
		for _, w := range []direction{imports, exports} {
			e, err := parse(option, w)
			if err != nil {
				var typed *Error
				if !errors.As(err, &typed) {
					t.Errorf("%q: %T", option, err)
				}
				continue
			}
			again, err := parse(e.CSV(), w)
			if err != nil || again.Type != e.Type || !maps.Equal(again.Attrs, e.Attrs) {
				t.Errorf("%q: %q reads as %+v, want %+v (%v)", option, e.CSV(), again, e, err)
			}
			_ = e.String()
			if w == exports {
				if _, err := ParseExport(Defaults(e).CSV()); err != nil {
					t.Errorf("%q with defaults: %v", option, err)
				}
			}
		}
	})
}

func FuzzFamily(f *testing.F) {
	f.Add(ref, "feature/x", "main")
	f.Add("localhost:5000/x:tag", "", "-.-")
	f.Fuzz(func(t *testing.T, ref, branch, main string) {
		refs, err := Family(ref, branch, main)
		if err != nil {
			return
		}
		for _, r := range refs.Import {
			if isRef(r) != nil {
				t.Errorf("Family(%q, %q, %q) has %q", ref, branch, main, r)
			}
		}
	})
}

func TestScopesKeepWritersApart(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	long := "type=registry,ref=r.example.com/c:" + strings.Repeat("x", 128)
	for _, c := range []struct{ from, want string }{
		{"type=registry,ref=r.example.com/c:main", "type=registry,ref=r.example.com/c:main-p1"},
		{"type=registry,ref=r.example.com:5000/c", "type=registry,ref=r.example.com:5000/c:latest-p1"},
		{"type=registry,ref=r.example.com/c" + digest, "type=registry,ref=r.example.com/c" + digest},
		{"type=local,src=/tmp/c", "type=local,src=/tmp/c/p1"},
		{"type=gha,url=http://h/,token=t", "type=gha,scope=buildkit-p1,token=t,url=http://h/"},
		{"type=gha,url=http://h/,token=t,scope=x", "type=gha,scope=x-p1,token=t,url=http://h/"},
		{"type=s3,bucket=b,region=r", "type=s3,bucket=b,name=buildkit-p1,region=r"},
		{"type=s3,name=a;b", "type=s3,name=a-p1;b-p1"},
		{"type=azblob,account_url=https://a.example.com/,name=n", "type=azblob,account_url=https://a.example.com/,name=n-p1"},
	} {
		e, err := ParseImport(c.from)
		if err != nil {
			t.Fatal(err)
		}
		before := e.CSV()
		got := e.Scope("p1")
		if got.CSV() != c.want || e.CSV() != before {
			t.Errorf("%s: %s, want %s", before, got.CSV(), c.want)
		}
	}
	e, err := ParseImport(long)
	if err != nil {
		t.Fatal(err)
	}
	one, two := e.Scope("p1"), e.Scope("p2")
	if _, err := ParseImport(one.CSV()); err != nil || one.CSV() == two.CSV() {
		t.Errorf("%s and %s: %v", one, two, err)
	}
}
