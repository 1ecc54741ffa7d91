package templates

import "torhaus/locale"

// Story is one state of one page, ready to be looked at.
type Story struct {
	Name string
	Page Page
}

// Stories are all states of all pages, in the language of text.
func Stories(text *locale.Printer) []Story { return nil }
