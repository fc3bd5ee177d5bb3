package testparts

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"lpipe/internal/testparts/require"
)

// Channel serves the release channel of scripts/rust-channel, in LPIPE_TEST_CHANNEL or where the script puts it, and
// returns what RUSTUP_DIST_SERVER is set to.
func Channel(t testing.TB) string {
	t.Helper()
	dir := folder(t, "LPIPE_TEST_CHANNEL", "channel")
	_, err := os.Stat(filepath.Join(dir, "dist", "channel-rust-stable.toml"))
	require.Part(t, err == nil, "the channel of Rust in "+dir, "run scripts/rust-channel")
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}
