package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// corpusNames translates the corpus, which is written for no product in
// particular, into our variables.
var corpusNames = map[string]string{
	"AUTH":              "PUBLIC_URL",
	"APP":               "APP_ORIGINS",
	"ALLOWED_REDIRECTS": "APP_ORIGINS",
	"ISSUER":            "ZITADEL_ISSUER",
	"COOKIE_KEY":        "COOKIE_KEYS",
}

// corpusProse are the rows that describe a value instead of giving it.
var corpusProse = map[string]map[string]string{
	"COOKIE_KEY= 31 bytes":                                       {"COOKIE_KEYS": base64.StdEncoding.EncodeToString(someBytes[:31])},
	"COOKIE_KEY= 32 zero bytes":                                  {"COOKIE_KEYS": base64.StdEncoding.EncodeToString(make([]byte, 32))},
	"COOKIE_KEY=changeme…":                                       {"COOKIE_KEYS": strings.Repeat("changeme", 8)},
	"ISSUER with path or trailing slash":                         {"ZITADEL_ISSUER": "https://id.example.com/"},
	"REDIS_URL=redis://host without TLS/password ENV=production": {"REDIS_URL": "redis://redis.example.com:6379"},
	"unknown env var AUTH_COOKIE_DOMIAN":                         {"AUTH_COOKIE_DOMIAN": "example.com"},
}

// TestStartupCorpus holds every row of the corpus of bad configurations.
func TestStartupCorpus(t *testing.T) {
	rows := corpusRows(t, "testdata/startup_config.tsv")
	if len(rows) < 30 {
		t.Fatalf("only %d rows: is the corpus complete?", len(rows))
	}
	for _, row := range rows {
		t.Run(row.env, func(t *testing.T) {
			changes := corpusChanges(row.env)
			_, warnings, refused := loadWith(t, changes)
			switch {
			case row.expected == "ok":
				if len(refused) > 0 {
					t.Errorf("refused %v", refused)
				}
			case strings.HasPrefix(row.expected, "warn"):
				if len(refused) > 0 || len(warnings) == 0 {
					t.Errorf("refused %v, warned %v; want a warning alone", refused, warnings)
				}
			default: // "refuse", and every "refuse or …": torhaus takes the strict reading
				if !aboutOneOf(refused, changes) {
					t.Errorf("refused %v, want a problem about one of %v (%s)", refused, changes, row.why)
				}
			}
		})
	}
}

// aboutOneOf is true when a problem names a variable that the row sets, so that
// a row cannot pass for an unrelated reason.
func aboutOneOf(refused problems, changes map[string]string) bool {
	return slices.ContainsFunc(names(refused), func(name string) bool {
		_, set := changes[name]
		return set
	})
}

// corpusChanges reads "NAME=value NAME=value". Hosts that a row leaves open are
// put under its cookie domain: the row is about the domain alone.
func corpusChanges(env string) map[string]string {
	if changes, ok := corpusProse[env]; ok {
		return changes
	}
	changes := map[string]string{}
	for _, setting := range strings.Fields(env) {
		name, value, _ := strings.Cut(setting, "=")
		if ours, ok := corpusNames[name]; ok {
			name = ours
		}
		changes[name] = value
	}
	if domain := strings.ToLower(strings.TrimPrefix(changes["COOKIE_DOMAIN"], ".")); domain != "" {
		if domain == "bücher.example" {
			domain = "xn--bcher-kva.example"
		}
		if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" {
			setDefault(changes, "PUBLIC_URL", "https://auth."+domain)
			setDefault(changes, "APP_ORIGINS", "https://app."+domain)
		}
	}
	return changes
}

func setDefault(settings map[string]string, name, value string) {
	if _, set := settings[name]; !set {
		settings[name] = value
	}
}

type corpusRow struct{ env, expected, why string }

// corpusRows decodes the file: every field is the body of a JSON string.
func corpusRows(t *testing.T, path string) []corpusRow {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rows []corpusRow
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		for i := range fields {
			if err := json.Unmarshal([]byte(`"`+fields[i]+`"`), &fields[i]); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
		}
		fields = append(fields, "", "")
		rows = append(rows, corpusRow{fields[0], fields[1], fields[2]})
	}
	return rows
}
