package templates

import (
	"bytes"
	"testing"

	"torhaus/locale"
)

func TestStoriesRender(t *testing.T) {
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range locale.Languages() {
		text, _ := locale.Lookup(l.Tag)
		for _, s := range Stories(text) {
			var b bytes.Buffer
			if err := r.Render(&b, s.Page); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
}
