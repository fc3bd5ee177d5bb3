package project

import (
	"testing"

	"lpipe/internal/userkey"
)

func TestZipsAreVouchedForInTheirFolderAlone(t *testing.T) {
	dir := t.TempDir()
	key, err := userkey.Load(map[string]string{"HOME": t.TempDir()}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if zipKey(key, dir, "", "target/lambda/echo") == zipKey(key, dir, "", "target/lambda/other") || zipKey(key, dir, "", "echo") == zipKey(key, dir, "/out", "echo") {
		t.Error("one key is for several folders")
	}
	if got := zipKey(userkey.Key{}, dir, "", "target/lambda/echo"); got != "" {
		t.Errorf("without a lasting secret it is %q", got)
	}
}
