package locale

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
)

// TestCatalogsAgree is the law of this package: every language has every text,
// and a text takes the same parameters in every language.
func TestCatalogsAgree(t *testing.T) {
	original := catalogs[0]
	for _, c := range catalogs[1:] {
		for _, key := range slices.Sorted(maps.Keys(original.messages)) {
			translated, ok := c.messages[key]
			if !ok {
				t.Errorf("%s: %q is missing", c.tag, key)
				continue
			}
			want := slices.Sorted(slices.Values(original.messages[key].params))
			got := slices.Sorted(slices.Values(translated.params))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %q has other parameters (-%s +%s):\n%s", c.tag, key, original.tag, c.tag, diff)
			}
		}
		for key := range c.messages {
			if !Has(key) {
				t.Errorf("%s: %q is not in %s", c.tag, key, original.tag)
			}
		}
	}
}

func TestTextsAreProse(t *testing.T) {
	for _, l := range Languages() {
		p, _ := Lookup(l.Tag)
		for key, m := range p.catalog.messages {
			text := prose(m)
			if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) || strings.Contains(text, "  ") {
				t.Errorf("%s: %q has a stray or no space: %q", l.Tag, key, text)
			}
			if strings.ContainsAny(text, "<>") {
				t.Errorf("%s: %q looks like HTML: %q", l.Tag, key, text)
			}
			sentence := strings.HasPrefix(key, "problem.") || strings.HasPrefix(key, "notice.") ||
				(strings.HasPrefix(key, "error.") && strings.HasSuffix(key, ".text"))
			if sentence && !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q is no sentence: %q", l.Tag, key, text)
			}
			for _, word := range []string{"please", "oops", "log in", "login ", "bitte geben", "hoppla"} {
				if strings.Contains(strings.ToLower(text), word) {
					t.Errorf("%s: %q says %q: %q", l.Tag, key, word, text)
				}
			}
		}
	}
}

// prose is the message with each parameter replaced by a letter.
func prose(m message) string {
	var b strings.Builder
	for _, p := range m.parts {
		b.WriteString(p.literal)
		if p.name != "" {
			b.WriteString("X")
		}
	}
	return b.String()
}

func TestErrorsHaveTitleAndText(t *testing.T) {
	for key := range catalogs[0].messages {
		stem, isTitle := strings.CutSuffix(key, ".title")
		if strings.HasPrefix(key, "error.") && isTitle && !Has(stem+".text") {
			t.Errorf("%q has no %s.text", key, stem)
		}
		stem, isText := strings.CutSuffix(key, ".text")
		if strings.HasPrefix(key, "error.") && isText && !Has(stem+".title") {
			t.Errorf("%q has no %s.title", key, stem)
		}
	}
}

func TestLanguages(t *testing.T) {
	want := []Language{{"en", "English"}, {"de", "Deutsch"}}
	if diff := cmp.Diff(want, Languages()); diff != "" {
		t.Errorf("Languages (-want +got):\n%s", diff)
	}
}

func TestParseCatalogRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"no_language": `{}`,
		"en":          `{"a": {"one": "nested"}}`,
		"de":          `{"a": "{open"}`,
	} {
		if _, err := parseCatalog(name, []byte(data)); err == nil {
			t.Errorf("parseCatalog(%s, %s) accepted it", name, data)
		}
	}
}

func TestNegotiate(t *testing.T) {
	for _, test := range []struct {
		name     string
		cookie   string
		locales  []string
		accept   string
		fallback string
		want     string
	}{
		{name: "nothing known", want: "en"},
		{name: "cookie wins over all", cookie: "de", locales: []string{"en"}, accept: "en", fallback: "en", want: "de"},
		{name: "unknown cookie is passed over", cookie: "xx", locales: []string{"de"}, want: "de"},
		{name: "cookie must be a tag of ours, not one like it", cookie: "de-AT", accept: "en", want: "en"},
		{name: "ui_locales before the browser", locales: []string{"de-CH"}, accept: "en-GB", want: "de"},
		{name: "ui_locales in their order", locales: []string{"ja", "de", "en"}, want: "de"},
		{name: "garbage in ui_locales", locales: []string{"\x00", "!!", strings.Repeat("de-", 1000)}, accept: "de", want: "de"},
		{name: "browser by quality", accept: "fr;q=0.9, en;q=0.3, de;q=0.5", want: "de"},
		{name: "browser refuses German", accept: "de;q=0, en", want: "en"},
		{name: "a region is no obstacle", accept: "de-AT", want: "de"},
		{name: "garbage from the browser", accept: ";;;q=x,", fallback: "de", want: "de"},
		{name: "endless Accept-Language", accept: "de," + strings.Repeat("en-US,", 10000), fallback: "de", want: "de"},
		{name: "a language that is not ours is no vote", accept: "ja", fallback: "de", want: "de"},
		{name: "organization's default", fallback: "de", want: "de"},
		{name: "organization's default is not ours", fallback: "pt", want: "en"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Negotiate(test.cookie, test.locales, test.accept, test.fallback).Tag(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	if p, ok := Lookup("de"); !ok || p.Tag() != "de" || p.Dir() != "ltr" {
		t.Errorf("Lookup(de) = %v, %v", p, ok)
	}
	for _, tag := range []string{"", "DE", "de-DE", "fr", "de\r\nSet-Cookie: x"} {
		if _, ok := Lookup(tag); ok {
			t.Errorf("Lookup(%q) found something", tag)
		}
	}
}

func TestDirection(t *testing.T) {
	for tag, want := range map[string]string{"en": "ltr", "ar": "rtl", "he": "rtl", "fa": "rtl", "az": "ltr", "az-Arab": "rtl", "ja": "ltr"} {
		if got := direction(language.MustParse(tag)); got != want {
			t.Errorf("direction(%s) = %s, want %s", tag, got, want)
		}
	}
}
