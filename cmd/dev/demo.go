package main

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
)

// files are the pages of the demo app, the mails and the gallery, with the one
// sheet and the one script they share.
//
//go:embed files
var files embed.FS

var pages = template.Must(template.ParseFS(files, "files/*.html"))

// demo is what the demo app has to know. It has no secret and no session of its
// own: that is the point of it.
type demo struct {
	Auth       string // torhaus's origin
	MailURL    string // "" where no mails are shown
	GalleryURL string
}

// handler serves the demo app.
func (d demo) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { render(w, "app.html", d) })
	mux.Handle("GET /", assets())
	// The script may talk to torhaus, by torhaus's own module, and to nobody else.
	return withPolicy(mux, "default-src 'none'; script-src 'self' "+d.Auth+"; style-src 'self'; connect-src "+d.Auth+"; form-action 'self' "+d.Auth)
}

// assets serves the sheet and the script.
func assets() http.Handler {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // the name is a constant
	}
	return http.FileServerFS(sub)
}

// render writes one of our pages. They are small and their data is ours, so
// what fails half way is a mistake in a template and may show.
func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// withPolicy sets the content security policy, and keeps the browser from
// remembering what the next edit changes.
func withPolicy(next http.Handler, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
