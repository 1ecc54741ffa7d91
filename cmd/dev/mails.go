package main

import (
	"net/http"
	"slices"

	"torhaus/zitadelclient/zitadeltest"
)

// mails serves the outbox of the emulated ZITADEL, newest first.
func mails(zitadel *zitadeltest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		sent := zitadel.Mails()
		slices.Reverse(sent)
		render(w, "mails.html", sent)
	})
	mux.Handle("GET /", assets())
	return withPolicy(mux, "default-src 'none'; style-src 'self'")
}
