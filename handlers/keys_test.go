package handlers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"torhaus/locale"
)

// Every text that a handler asks for is in the catalogs. A missing one would
// show first to whoever is in trouble already.
func TestEveryTextExists(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	text := regexp.MustCompile(`"((?:problem|notice|error)\.[a-z_.]+)"`)
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range text.FindAllSubmatch(source, -1) {
			found++
			key := string(match[1])
			if !locale.Has(key) && !(locale.Has(key+".title") && locale.Has(key+".text")) {
				t.Errorf("%s: no text %q", file, key)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d keys found: this test looks in the wrong place", found)
	}
}
