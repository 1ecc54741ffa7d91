package locale

import (
	"golang.org/x/text/language"
)

// Printer speaks one language. It is safe for use by many requests at once.
type Printer struct {
	catalog *catalog
}

// Default is the printer of the source language, English.
func Default() *Printer { return &Printer{catalog: catalogs[0]} }

// Lookup finds the printer for exactly this tag. It is how a "lang" parameter
// is checked before it becomes a cookie: only our own tags come back out.
func Lookup(tag string) (*Printer, bool) {
	for _, c := range catalogs {
		if c.tag.String() == tag {
			return &Printer{catalog: c}, true
		}
	}
	return nil, false
}

// Negotiate chooses the language of a request: what the visitor chose (cookie),
// what the application asked for (ui_locales, in its order), what the browser
// prefers (Accept-Language), the organization's default, English. A source that
// names no language of ours is passed over, and garbage counts as naming none.
func Negotiate(cookie string, uiLocales []string, acceptLanguage, fallback string) *Printer {
	if p, ok := Lookup(cookie); ok {
		return p
	}
	if p, ok := match(parseTags(uiLocales)); ok {
		return p
	}
	// Bounded: the cost of parsing grows with what a stranger sends.
	if accepted, _, err := language.ParseAcceptLanguage(clip(acceptLanguage, 256)); err == nil {
		if p, ok := match(accepted); ok {
			return p
		}
	}
	if p, ok := match(parseTags([]string{fallback})); ok {
		return p
	}
	return Default()
}

// maxLocales bounds how many tags of one source are looked at.
const maxLocales = 10

func parseTags(raw []string) []language.Tag {
	var all []language.Tag
	for _, s := range raw[:min(len(raw), maxLocales)] {
		if tag, err := language.Parse(clip(s, 64)); err == nil {
			all = append(all, tag)
		}
	}
	return all
}

// match finds the catalog that a speaker of one of the wanted languages would
// read with ease. The matcher's low-confidence matches are not used: it would
// answer with the first catalog for any language at all.
func match(wanted []language.Tag) (*Printer, bool) {
	if len(wanted) == 0 {
		return nil, false
	}
	_, i, confidence := matcher.Match(wanted[:min(len(wanted), maxLocales)]...)
	if confidence < language.High {
		return nil, false
	}
	return &Printer{catalog: catalogs[i]}, true
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

// Tag is the BCP 47 tag for the lang attribute.
func (p *Printer) Tag() string { return p.catalog.tag.String() }

// Dir is the writing direction for the dir attribute: "ltr" or "rtl".
func (p *Printer) Dir() string { return direction(p.catalog.tag) }

// direction goes by the script, not by a list of languages: Azerbaijani is
// written in Latin and in Arabic letters.
func direction(tag language.Tag) string {
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// T is the text of the key, with the parameters given either in the order of
// the English text or as name and value in turn. It is "" where Text would fail.
func (p *Printer) T(key string, args ...any) string {
	text, err := p.Text(key, args...)
	if err != nil {
		return ""
	}
	return text
}
