package config

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"500": 500e6, "500MB": 500e6, "500 mb": 500e6, "2GiB": 2 << 30, "1.5GB": 15e8, "0": 0, "10B": 10, "1kB": 1000, "1KiB": 1024, "1TiB": 1 << 40,
		"": -1, "MB": -1, "-1": -1, "1XB": -1, "1G": -1, "NaN": -1, "inf": -1, "1e30": -1, "1MBMB": -1, "five": -1,
	} {
		got, err := ParseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("1.5GiB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := ParseSize(text); n < 0 || err != nil && n != 0 {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	})
}
