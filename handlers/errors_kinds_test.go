package handlers

import (
	"os"
	"regexp"
	"testing"

	"torhaus/zitadelclient"
)

// Every kind of error that the client knows has a page: none is a fault of ours
// by default.
func TestEveryKindHasAPage(t *testing.T) {
	source, err := os.ReadFile("../zitadelclient/error.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\t[A-Z][A-Za-z]+ +Kind = "([^"]+)"`).FindAllSubmatch(source, -1)
	if len(found) < 20 {
		t.Fatalf("only %d kinds found: this test looks in the wrong place", len(found))
	}
	for _, match := range found {
		shown, ok := kinds[zitadelclient.Kind(match[1])]
		if !ok || shown.Key == "" || shown.Status < 400 || shown.Status == 500 {
			t.Errorf("%q: %+v", match[1], shown)
		}
	}
}
