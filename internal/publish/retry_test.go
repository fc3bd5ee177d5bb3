package publish

import (
	"testing"
	"time"
	"unicode"
)

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Fri, 31 Dec 1999 23:59:59 GMT": 0,
	} {
		if got := retryAfter(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	if got := retryAfter(time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")); got < 59*time.Minute {
		t.Errorf("an hour ahead: %s", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, header := range []string{"", "7", "-1", "Fri, 31 Dec 1999 23:59:59 GMT", "1e9", "9223372036854775807"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if retryAfter(header) < 0 {
			t.Errorf("%q is in the past", header)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a\x1b[31m\nb\xff\u009b"))
	f.Fuzz(func(t *testing.T, words []byte) {
		for _, r := range clean(words) {
			if unicode.IsControl(r) {
				t.Errorf("%q reaches the terminal", r)
			}
		}
	})
}
