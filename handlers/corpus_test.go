package handlers_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// corpus reads hostile inputs: one row a line, fields between tabs, each the
// body of a JSON string.
func corpus(t testing.TB, file string) [][]string {
	t.Helper()
	return corpusOf(t, file, 20)
}

// corpusOf is the same of a file that has at least so many rows.
func corpusOf(t testing.TB, file string, least int) (rows [][]string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var row []string
		for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			var text string
			if err := json.Unmarshal([]byte(`"`+field+`"`), &text); err != nil {
				t.Fatalf("%s: %q: %v", file, field, err)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	if len(rows) < least {
		t.Fatalf("%s has only %d rows", file, len(rows))
	}
	return rows
}
