package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README's configuration table anew")

const (
	readme      = "../../README.md"
	tableBegins = "<!-- configuration: go test ./cmd/torhaus -run Readme -update -->\n"
	tableEnds   = "<!-- end of configuration -->\n"
)

// TestReadmeTable: what the README tells operators is what load reads.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegins)
	written, after, closed := strings.Cut(rest, tableEnds)
	if !found || !closed {
		t.Fatalf("%s lacks the markers %q and %q", readme, tableBegins, tableEnds)
	}
	want := readmeTable()
	if *update {
		if err := os.WriteFile(readme, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("the README's table is not that of variables.go; run go test ./cmd/torhaus -run Readme -update (-want +got):\n%s", diff)
	}
}

func readmeTable() string {
	var table strings.Builder
	table.WriteString("| variable | default | secret | meaning |\n|---|---|---|---|\n")
	for _, v := range variables {
		fallback, isSecret := "", ""
		if v.fallback != "" {
			fallback = "`" + v.fallback + "`"
		}
		if v.secret {
			isSecret = "yes"
		}
		fmt.Fprintf(&table, "| `%s%s` | %s | %s | %s |\n", prefix, v.name, fallback, isSecret, v.meaning)
	}
	return table.String()
}
