package redact

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                                "",
		"no address, me@example.com":                      "no address, me@example.com",
		"https://host/path@v1":                            "https://host/path@v1",
		"https://host/@scope/pkg":                         "https://host/@scope/pkg",
		"ssh://git@github.com/o/r":                        "ssh://git@github.com/o/r",
		"git@github.com:o/r.git":                          "git@github.com:o/r.git",
		"git+ssh://git:s3cret@h/o/r?rev=1#abc":            "git+ssh://git:***@h/o/r?rev=1#abc",
		"https://me:s3cret@h/o":                           "https://***@h/o",
		"https://s3cret@h/o":                              "https://***@h/o",
		"https://me:s3@cret@h/o":                          "https://***@h/o",
		"git+https://me:s3cret@h/o@abc":                   "git+https://***@h/o@abc",
		"sparse+https://me:s3cret@[::1]:8/i/":             "sparse+https://***@[::1]:8/i/",
		"HTTPS://me:s3cret@h":                             "HTTPS://***@h",
		"//me:s3cret@h/x":                                 "//***@h/x",
		"tcp://me:s3cret@h:1234":                          "tcp://***@h:1234",
		"postgres://me:s3cret@h/db":                       "postgres://***@h/db",
		"`https://me:s3\"c'ret@h/o`, \"x\"":               "`https://***@h/o`, \"x\"",
		"a https://a:s3cret@h b https://b:s3cret@h/x@y c": "a https://***@h b https://***@h/x@y c",
		"https://me:s3/cret@h/o":                          "https://***@h/o",
		"https://me:s3?c#ret@h/o":                         "https://***@h/o",
		"https://me:/s3cret@h/o":                          "https://***@h/o",
		"https://me:?s3cret@h/o":                          "https://***@h/o",
		"https://h:8080/o@v1":                             "https://h:8080/o@v1",
		"https://[::1]:8080/o@v1":                         "https://[::1]:8080/o@v1",
		"login as git:s3cret@h":                           "login as git:***@h",
		"https://h/i?token=s3cret&x=1":                    "https://h/i?token=***&x=1",
		"https://h/i?x=1&X-Amz-Signature=s3cret":          "https://h/i?x=1&X-Amz-Signature=***",
		"https://h/i?sig=s3cret#f":                        "https://h/i?sig=***#f",
		"https://h/i?access_token=s3cret, and more":       "https://h/i?access_token=*** and more",
		"git+https://h/r?branch=main&rev=1#c":             "git+https://h/r?branch=main&rev=1#c",
		"line one\nhttps://me:s3cret@h\nline three":       "line one\nhttps://***@h\nline three",
	} {
		got := Text(in)
		if got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
		if again := Text(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	}
}

// TestLongTexts: a token may be long, and no text takes for ever.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("x", 1<<17)
	for in, want := range map[string]string{
		"https://me:" + long + "@h/o":          "https://***@h/o",
		"https://" + long + ":s3/cret@h":       "https://***@h",
		"https://me:/" + long + "@h/o " + long: "https://***@h/o " + long,
		strings.Repeat("//", 1<<16) + "@":      strings.Repeat("//", 1<<16) + "@",
		strings.Repeat("//h:1/", 1<<15) + "@":  strings.Repeat("//h:1/", 1<<15) + "@",
	} {
		if got := Text(in); got != want {
			t.Errorf("%.40s becomes %d bytes, want %d: %.80s", in, len(got), len(want), got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("see ", "me", "s3cret", "host/path")
	f.Add("see ", strings.Repeat("me", 3<<10), strings.Repeat("s3cret", 1<<10), "host/path")
	f.Fuzz(func(t *testing.T, before, user, password, after string) {
		const canary = "S3CRET"
		word := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r <= ' ' || strings.ContainsRune("/?#@\u0085\u00a0", r) {
					return -1
				}
				return r
			}, s)
		}
		text := before + " https://" + word(user) + ":" + word(password) + canary + "@" + after
		got := Text(text)
		if strings.Contains(got, canary) && !strings.Contains(before+after, canary) {
			t.Errorf("%q becomes %q", text, got)
		}
		if again := Text(got); again != got {
			t.Errorf("%q becomes %q the second time", got, again)
		}
	})
}
