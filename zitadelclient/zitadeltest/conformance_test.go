package zitadeltest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The agreement that is asked for, of all recordings and of each area.
const (
	wantAgreement     = 0.97
	wantAreaAgreement = 0.90
)

// wantFromDocumentation is how many error ids and routes no recording shows.
// They stand on documentation alone: a debt that may shrink, but not grow
// without somebody raising this number. 13 of them are refusals and removals of
// factors, and recovery codes, which the recorded server did not have.
const wantFromDocumentation = 21

// scenario is a part of the recorder's script, replayed here. Each step of it
// names a recording.
type scenario struct {
	name string
	play func(*replay)
}

// scenarios are all; the files of the areas add theirs in init.
var scenarios []scenario

// TestConformance replays every recording and holds the answers against it.
func TestConformance(t *testing.T) {
	recordings := loadRecordings(t)
	results, hit := map[string]string{}, map[string]bool{}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			r := newReplay(t, recordings)
			s.play(r)
			maps.Copy(results, r.results)
			maps.Copy(hit, r.hit)
		})
	}
	judge(t, recordings, results)
	documentation := slices.Concat(unrecordedErrors(t), unrecordedRoutes(hit))
	t.Logf("from documentation, not from a recording: %d\n%s", len(documentation), strings.Join(documentation, "\n"))
	if len(documentation) > wantFromDocumentation {
		t.Errorf("%d things from documentation, want at most %d", len(documentation), wantFromDocumentation)
	}
}

// judge prints the table and fails for what is missing or disagrees too much.
func judge(t *testing.T, recordings map[string]recording, results map[string]string) {
	t.Helper()
	type count struct{ agreed, all int }
	areas, total := map[string]*count{}, count{}
	for _, topic := range slices.Sorted(maps.Keys(recordings)) {
		area, _, _ := strings.Cut(topic, "-")
		if areas[area] == nil {
			areas[area] = &count{}
		}
		areas[area].all++
		total.all++
		switch reason, ok := results[topic]; {
		case !ok:
			t.Errorf("%s: no scenario replays it", topic)
		case reason != "":
			t.Logf("%s: %s", topic, reason)
		default:
			areas[area].agreed++
			total.agreed++
		}
	}
	table := &strings.Builder{}
	for _, area := range slices.Sorted(maps.Keys(areas)) {
		c := areas[area]
		fmt.Fprintf(table, "%-16s %4d / %d\n", area, c.agreed, c.all)
		if float64(c.agreed) < wantAreaAgreement*float64(c.all) {
			t.Errorf("%s: %d of %d agree, want %.0f %%", area, c.agreed, c.all, 100*wantAreaAgreement)
		}
	}
	share := float64(total.agreed) / float64(total.all)
	t.Logf("\n%s%d of %d recordings agree (%.1f %%)", table, total.agreed, total.all, 100*share)
	if share < wantAgreement {
		t.Errorf("%.1f %% agree, want %.0f %%", 100*share, 100*wantAgreement)
	}
}

// errorIDs finds the ids of ZITADEL's errors in Go source.
var errorIDs = regexp.MustCompile(`"([A-Z0-9]{2,}-[A-Za-z0-9]{4,})"`)

// unrecordedErrors are the error ids of the emulator that the real server was
// never seen to answer with.
func unrecordedErrors(t *testing.T) []string {
	t.Helper()
	seen, err := os.ReadFile("testdata/errors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	unseen := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range errorIDs.FindAllStringSubmatch(string(source), -1) {
			if match[1] != "WWW-Authenticate" && !strings.HasSuffix(file, "_test.go") && !strings.Contains(string(seen), match[1]) {
				unseen["error "+match[1]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(unseen))
}

// unrecordedRoutes are the routes that no step reached. Those of the fixtures
// serve the recorder alone and do not count.
func unrecordedRoutes(hit map[string]bool) []string {
	var unseen []string
	for _, row := range New(Config{}).routes() {
		if !hit[row.pattern] {
			unseen = append(unseen, "route "+row.pattern)
		}
	}
	slices.Sort(unseen)
	return unseen
}
