package locale

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"
)

// printer speaks a catalog made for the test, with the real English one as source.
func printer(t *testing.T, tag, text string) *Printer {
	t.Helper()
	m, err := parseMessage(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Printer{&catalog{tag: language.MustParse(tag), messages: map[string]message{"x": m}}}
}

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		name, tag, text string
		values          map[string]any
		want            string
	}{
		{"plain", "en", "Sign in", nil, "Sign in"},
		{"value", "en", "to {app}!", map[string]any{"app": "a.example"}, "to a.example!"},
		{"value is never a message", "en", "to {app}", map[string]any{"app": "{app} #"}, "to {app} #"},
		{"one", "en", "{n, plural, one {# try} other {# tries}}", map[string]any{"n": 1}, "1 try"},
		{"other", "en", "{n, plural, one {# try} other {# tries}}", map[string]any{"n": 0}, "0 tries"},
		{"through JSON", "en", "{n, plural, one {# try} other {# tries}}", map[string]any{"n": float64(2)}, "2 tries"},
		{"Polish few", "pl", "{n, plural, one {#a} few {#b} many {#c} other {#d}}", map[string]any{"n": 3}, "3b"},
		{"Polish many", "pl", "{n, plural, one {#a} few {#b} many {#c} other {#d}}", map[string]any{"n": 5}, "5c"},
		{"form left out", "pl", "{n, plural, one {#a} other {#d}}", map[string]any{"n": 3}, "3d"},
		{"value within a form", "en", "{n, plural, one {# of {all}} other {# of {all}}}", map[string]any{"n": 2, "all": 5}, "2 of 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := printer(t, test.tag, test.text)
			var b strings.Builder
			if err := p.write(&b, p.catalog.messages["x"], test.values); err != nil {
				t.Fatal(err)
			}
			if b.String() != test.want {
				t.Errorf("got %q, want %q", b.String(), test.want)
			}
		})
	}
}

func TestParseMessageRefuses(t *testing.T) {
	for _, text := range []string{
		"{", "}", "a } b", "{}", "{ }", "{a b}", "{n, plural}", "{n, plural, one {x}}",
		"{n, plural, lots {x} other {y}}", "{n, plural, other x}", "{n, select, a {x} other {y}}", "{n, plural, other {{}}}",
	} {
		if m, err := parseMessage(text); err == nil {
			t.Errorf("parseMessage(%q) = %v, want an error", text, m)
		}
	}
}

func TestText(t *testing.T) {
	en, de := Default(), mustLookup(t, "de")
	for _, test := range []struct {
		p    *Printer
		key  string
		args []any
		want string
	}{
		{en, "problem.attempts", []any{3, 5}, "You have used 3 of 5 attempts."},
		{en, "problem.attempts", []any{"max", 1, "n", 1}, "You have used 1 of 1 attempt."},
		{de, "problem.attempts", []any{3, 5}, "3 von 5 Versuchen"},
		{de, "page.context", []any{"app.example.com"}, "app.example.com"},
		{en, "problem.too_many", []any{90}, "in 2 minutes."},
		{en, "problem.too_many", []any{float64(90)}, "in 2 minutes."},
		{en, "problem.too_many", []any{time.Second}, "in 1 second."},
		{en, "problem.too_many", []any{time.Duration(0)}, "in 1 second."},
		{en, "problem.too_many", []any{1500 * time.Millisecond}, "in 2 seconds."},
		{en, "problem.too_many", []any{time.Minute}, "in 60 seconds."},
		{en, "problem.too_many", []any{time.Hour}, "in 60 minutes."},
		{de, "problem.too_many", []any{61 * time.Minute}, "in 2 Stunden"},
	} {
		got, err := test.p.Text(test.key, test.args...)
		if err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s %s %v = %q, %v; want …%q…", test.p.Tag(), test.key, test.args, got, err, test.want)
		}
		if again := test.p.T(test.key, test.args...); again != got {
			t.Errorf("T = %q, Text = %q", again, got)
		}
	}
}

func TestTextRefuses(t *testing.T) {
	for name, call := range map[string][]any{
		"unknown key":       {"no.such.key"},
		"missing parameter": {"page.context"},
		"spare parameter":   {"action.continue", "x"},
		"unknown name":      {"page.context", "application", "x"},
		"name is no string": {"page.context", 1, "x"},
		"not a number":      {"rules.length", "many"},
		"not a whole one":   {"rules.length", 1.5},
	} {
		key, args := call[0].(string), call[1:]
		if text, err := Default().Text(key, args...); err == nil {
			t.Errorf("%s: got %q, want an error", name, text)
		}
		if got := Default().T(key, args...); got != "" {
			t.Errorf("%s: T = %q, want nothing", name, got)
		}
	}
}

func mustLookup(t *testing.T, tag string) *Printer {
	t.Helper()
	p, ok := Lookup(tag)
	if !ok {
		t.Fatalf("no catalog for %s", tag)
	}
	return p
}
