// Package templates turns typed page structs into HTML.
//
// (Package comment to come with the rendering.)
package templates

import (
	"io"
)

// Config says where the templates come from.
type Config struct {
	Dev bool   // parse anew for every render, from Dir
	Dir string // the folder templates/ on disk; used with Dev
}

// Renderer renders pages. It is safe for use by many requests at once.
type Renderer struct{ cfg Config }

// New parses all templates.
func New(cfg Config) (*Renderer, error) { return &Renderer{cfg}, nil }

// Render writes the page. Give it a buffer: what fails half way must not have
// reached the browser with a status of 200.
func (r *Renderer) Render(w io.Writer, page Page) error { return nil }
