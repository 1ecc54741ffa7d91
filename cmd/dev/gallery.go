package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"torhaus/locale"
	"torhaus/static"
	"torhaus/templates"
)

// index is the gallery's list of all stories in one language.
type index struct {
	Language  string
	Languages []locale.Language
	Shelves   []shelf
}

// shelf has the states of one page.
type shelf struct {
	Page    string
	Stories []storyLink
}

type storyLink struct{ State, Path string }

// gallery shows every page in every state and language without a sign-in: to
// look at, to restyle, to take screenshots of. Forms lead nowhere.
func gallery(renderer *templates.Renderer, assetsDir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		render(w, "gallery.html", newIndex(locale.Default()))
	})
	mux.HandleFunc("GET /in/{language}", func(w http.ResponseWriter, r *http.Request) {
		text, known := locale.Lookup(r.PathValue("language"))
		if !known {
			http.NotFound(w, r)
			return
		}
		render(w, "gallery.html", newIndex(text))
	})
	mux.HandleFunc("GET /story/{language}/{number}", func(w http.ResponseWriter, r *http.Request) {
		text, known := locale.Lookup(r.PathValue("language"))
		number, err := strconv.Atoi(r.PathValue("number"))
		if !known || err != nil || number < 0 || number >= len(templates.Stories(text)) {
			http.NotFound(w, r)
			return
		}
		var page bytes.Buffer
		if err := renderer.Render(&page, templates.Stories(text)[number].Page); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.WriteTo(w) // an error here is the browser going away
	})
	ours := static.Handler(static.Config{Dir: assetsDir})
	mux.Handle("GET /static/", ours)
	mux.Handle("GET /ui/v2/login/static/", ours) // of the story with a base path
	mux.HandleFunc("GET /theme/{image}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "files/logo.svg") // every organization's, light and dark
	})
	mux.Handle("GET /", assets())
	return withPolicy(mux, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'")
}

// newIndex groups the stories, which are named page/state.
func newIndex(text *locale.Printer) index {
	in := index{Language: text.Tag(), Languages: locale.Languages()}
	for i, story := range templates.Stories(text) {
		page, state, _ := strings.Cut(story.Name, "/")
		if last := len(in.Shelves) - 1; last < 0 || in.Shelves[last].Page != page {
			in.Shelves = append(in.Shelves, shelf{Page: page})
		}
		s := &in.Shelves[len(in.Shelves)-1]
		s.Stories = append(s.Stories, storyLink{state, fmt.Sprintf("/story/%s/%d", in.Language, i)})
	}
	return in
}
