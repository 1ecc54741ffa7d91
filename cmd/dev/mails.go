package main

import (
	"net/http"
	"slices"
	"time"

	"torhaus/zitadelclient/zitadeltest"
)

// message is a mail or an SMS that the emulated ZITADEL sent.
type message struct {
	To, Subject, Text, Code, Link string
	Time                          time.Time
}

// shownCode is what an authenticator app shows now.
type shownCode struct{ Owner, Code string }

// mails serves what reaches people beside the browser: the outbox of the
// emulated ZITADEL, newest first, and the codes of the apps on their phones.
func mails(zitadel *zitadeltest.Server, apps []authenticatorApp) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var page struct {
			Codes    []shownCode
			Messages []message
		}
		for _, app := range apps {
			page.Codes = append(page.Codes, shownCode{app.owner, zitadel.TOTPCode(app.secret)})
		}
		page.Messages = messages(zitadel)
		render(w, "mails.html", page)
	})
	mux.Handle("GET /", assets())
	return withPolicy(mux, "default-src 'none'; style-src 'self'")
}

// messages are all that were sent, newest first.
func messages(zitadel *zitadeltest.Server) (sent []message) {
	for _, m := range zitadel.Mails() {
		sent = append(sent, message{To: m.To, Subject: m.Subject, Text: m.Text, Code: m.Code, Link: m.Link, Time: m.Time})
	}
	for _, m := range zitadel.SMS() {
		sent = append(sent, message{To: m.To, Subject: "SMS", Text: m.Text, Code: m.Code, Link: m.Link, Time: m.Time})
	}
	slices.SortStableFunc(sent, func(a, b message) int { return b.Time.Compare(a.Time) })
	return sent
}
