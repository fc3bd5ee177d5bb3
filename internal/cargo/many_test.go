package cargo

import (
	"fmt"
	"strings"
	"testing"

	"lpipe/internal/testparts"
)

// TestMistakesOfManyMembers: the manifests are read beside one another, and what is wrong with them is said in the members' order.
func TestMistakesOfManyMembers(t *testing.T) {
	archive := lock + "-- Cargo.toml --\n[workspace]\nmembers = [\"m/*\"]\nexclude = [\"m/07\"]\n"
	for i := range 4 * fewManifests {
		manifest := fmt.Sprintf("[package]\nname = \"m%02d\"\nedition = \"2021\"\n", i)
		switch i {
		case 3, 20:
			manifest = "[package]\nname == 3\n"
		case 7: // which nobody reads
			manifest = "[package\n"
		case 11:
			manifest = "[package]\nversion = \"1.0.0\"\n"
		case 25:
			manifest = "[profile]\n"
		}
		archive += fmt.Sprintf("-- m/%02d/Cargo.toml --\n%s-- m/%02d/src/main.rs --\n", i, manifest, i)
	}
	_, err := Load(testparts.Files("p", archive), "p")
	if err == nil {
		t.Fatal("no mistakes")
	}
	at := 0
	for _, want := range []string{"m/03/Cargo.toml:2:7", "m/20/Cargo.toml:2:7", "m/25/Cargo.toml describes neither", "m/11/Cargo.toml"} {
		found := strings.Index(err.Error()[at:], want)
		if found < 0 {
			t.Fatalf("no %q after byte %d of:\n%v", want, at, err)
		}
		at += found
	}
	if strings.Contains(err.Error(), "m/07") {
		t.Errorf("a folder that is excluded was read:\n%v", err)
	}
}
