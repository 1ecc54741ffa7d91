package handlers_test

import (
	"context"
	"net/http"

	"torhaus/session/redistest"
)

// proveEvents: an app's page hears of what happens when it happens, and gives its
// place back when it goes. A proxy that kept the stream for itself would say nothing
// before its end, in a quarter of an hour.
func (d *deployed) proveEvents() {
	b := newBrowser(d.t)
	d.signIn(b)
	ctx, leave := context.WithTimeout(d.t.Context(), minute) // where it is kept
	defer leave()
	s := d.listenUntil(ctx, b)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Content-Encoding": "", "Access-Control-Allow-Origin": d.app, "Access-Control-Allow-Credentials": "true",
	} {
		if got := s.header.Get(name); got != want {
			d.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !s.lines.Scan() || s.lines.Text() != "retry: 3000" {
		d.t.Errorf("before anything has happened: %q", s.lines.Text())
	}
	d.proveEventsGone(b)
	d.zitadel.Advance(minute)
	if got := d.script(b, "POST", "/session/refresh"); got.status != http.StatusOK {
		d.t.Fatalf("POST /session/refresh: %d", got.status)
	}
	if name := s.next(); name != "refreshed" {
		d.t.Errorf("after a refresh: told %q", name)
	}
	b.open(d.auth + "/logout").fill(nil).at("/logout/done") // in another tab
	s.ends("signed out in another tab")
}

// proveEventsGone: a session has eight streams, one of which is open.
func (d *deployed) proveEventsGone(b *browser) {
	d.t.Helper()
	ctx, leave := context.WithCancel(d.t.Context())
	for range 7 {
		d.listenUntil(ctx, b)
	}
	another := func() int { return d.script(b, "HEAD", "/session/events").status }
	if status := another(); status != http.StatusTooManyRequests {
		d.t.Errorf("a ninth stream: %d", status)
	}
	leave()
	redistest.Until(d.t, "the proxy to say that they are gone", func() bool { return another() == http.StatusOK })
}
