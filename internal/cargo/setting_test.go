package cargo

import "testing"

func TestApplies(t *testing.T) {
	const target = "aarch64-unknown-linux-musl"
	for name, want := range map[string]bool{
		target:                      true,
		"x86_64-unknown-linux-musl": false,
		"cfg(unix)":                 true,
		"cfg(windows)":              false,
		"cfg(not(windows))":         true,
		"cfg(not(unix))":            false,
		`cfg(target_os = "macos")`:  false,
		`cfg( target_os="linux" )`:  true,
		`cfg(target_arch = "arm")`:  false,
		`cfg(target_env = "musl")`:  true,
		`cfg(feature = "x")`:        true,
		`cfg(not(feature = "x"))`:   true,
		"cfg(debug_assertions)":     true,
		"cfg(all())":                true,
		"cfg(any())":                false,
		`cfg(all(unix, windows))`:   false,
		`cfg(any(windows, all(unix, not(target_arch = "x86_64"))))`:                            true,
		`cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"),))`: true,
		`cfg(all(target_os = "linux", target_arch = "x86_64"))`:                                false,
		"cfg(": true, "cfg(all(": true, "cfg()": true,
	} {
		if got := Applies(name, target); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func FuzzApplies(f *testing.F) {
	f.Add(`cfg(any(windows, all(unix, not(target_arch = "x86_64"))))`)
	f.Add("cfg(all(,),")
	f.Fuzz(func(_ *testing.T, name string) { Applies(name, "x86_64-unknown-linux-musl") })
}
