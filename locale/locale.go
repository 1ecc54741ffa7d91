// Package locale holds the words of the pages: one flat JSON catalog a
// language, the choice between them, plurals, and the writing direction.
//
//	text := locale.Negotiate(cookie, []string{"de-CH"}, r.Header.Get("Accept-Language"), "en")
//	text.T("password.title")                        // "Passwort eingeben"
//	text.T("problem.attempts", "n", 2, "max", 5)    // named
//	text.T("problem.attempts", 2, 5)                // in the order of the English text
//
// A message holds {name} for a value and {name, plural, one {…} other {…}} for
// a choice by number, in which # is the number; {name, duration} says a
// time.Duration or a number of seconds in words. Messages are text, never HTML:
// templates escape what comes from here like anything else.
//
// The package refuses half a translation: all catalogs have the same keys with
// the same parameters, and a test says where they do not. A key that exists
// nowhere is a mistake of ours, so it is an error from Text and an empty string
// from T, but never shown to a visitor as a key.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed catalog/*.json
var files embed.FS

// source is the language in which texts are written first. It defines which
// keys exist, and the order of their parameters.
var source = language.English

// catalog is one language: its messages, parsed once.
type catalog struct {
	tag      language.Tag
	messages map[string]message
}

// catalogs are all languages, the source first, then by tag; matcher chooses
// among them in that order.
var (
	catalogs = mustLoad()
	matcher  = language.NewMatcher(tags())
)

// mustLoad reads the embedded catalogs. They are part of the program, so one
// that does not parse stops it at once, as a template that does not parse does.
func mustLoad() []*catalog {
	entries, err := files.ReadDir("catalog")
	if err != nil {
		panic(err)
	}
	var all []*catalog
	for _, entry := range entries {
		data, err := files.ReadFile(path.Join("catalog", entry.Name()))
		if err != nil {
			panic(err)
		}
		c, err := parseCatalog(strings.TrimSuffix(entry.Name(), ".json"), data)
		if err != nil {
			panic(err)
		}
		if c.tag == source {
			all = slices.Insert(all, 0, c)
		} else {
			all = append(all, c)
		}
	}
	return all
}

func parseCatalog(name string, data []byte) (*catalog, error) {
	tag, err := language.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", name, err)
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("catalog %s: %w", name, err)
	}
	c := &catalog{tag: tag, messages: make(map[string]message, len(texts))}
	for key, text := range texts {
		m, err := parseMessage(text)
		if err != nil {
			return nil, fmt.Errorf("catalog %s: %s: %w", name, key, err)
		}
		c.messages[key] = m
	}
	return c, nil
}

func tags() []language.Tag {
	all := make([]language.Tag, len(catalogs))
	for i, c := range catalogs {
		all[i] = c.tag
	}
	return all
}

// Has says whether the key exists. Packages that name keys in Go test theirs with it.
func Has(key string) bool {
	_, ok := catalogs[0].messages[key]
	return ok
}

// Language is one choice of the language select.
type Language struct {
	Tag  string // BCP 47, as the cookie and the lang parameter carry it
	Name string // in the language itself: "Deutsch", not "German"
}

// Languages are those that we speak, the source language first.
func Languages() []Language {
	all := make([]Language, len(catalogs))
	for i, c := range catalogs {
		all[i] = Language{Tag: c.tag.String(), Name: (&Printer{catalog: c}).T("language.name")}
	}
	return all
}
