package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"torhaus/locale"
	"torhaus/static"
	"torhaus/templates"
)

// shelf is the gallery's list of one language.
type shelf struct {
	Language string
	Stories  []storyLink
}

type storyLink struct{ Name, Path string }

// gallery shows every page in every state and language without a sign-in: to
// look at, to restyle, to take screenshots of. Forms lead nowhere.
func gallery(renderer *templates.Renderer, assetsDir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, "gallery.html", shelves()) })
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
	mux.Handle("GET /static/", static.Handler(static.Config{Dir: assetsDir}))
	mux.Handle("GET /", assets())
	return withPolicy(mux, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'")
}

func shelves() []shelf {
	var all []shelf
	for _, language := range locale.Languages() {
		text, _ := locale.Lookup(language.Tag)
		s := shelf{Language: language.Name}
		for i, story := range templates.Stories(text) {
			s.Stories = append(s.Stories, storyLink{story.Name, fmt.Sprintf("/story/%s/%d", language.Tag, i)})
		}
		all = append(all, s)
	}
	return all
}
